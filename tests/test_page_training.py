"""The training loop on one's own shot, closed on the page: segment, paint what is wrong, train with the loss live, segment again."""

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from page_browser import open_page
from rotonodes.io.pictures import write_image
from rotonodes.values.pixels import Image

GRAPH = """rotonodes: 1
frames: 1-3
nodes:
  load:   {type: LoadFrames, path: "in.####.png"}
  labels: {type: LoadLabels, path: "labels/l.####.png"}
  train:
    type: TrainUNet
    in: {image: load.image, labels: labels}
    frames: 1-2
    steps: 4
    every: 2
    batch: 1
    crop: 16
    widths: [4, 8]
    checkpoints: ckpt
  roto: {type: UNetSegment, in: {image: load.image, model: train}}
  png:  {type: WriteFrames, in: roto.labels, path: "out/l.####.png"}
"""


def test_the_loop_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.page.preview.FRESH", float("inf"))  # a plan from before the run, or the labels, serves no longer
    graph = tmp_path / "graph.yaml"
    graph.write_text(GRAPH)
    for frame in (1, 2, 3):
        write_image(tmp_path / f"in.{frame:04d}.png", Image(torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(frame))))
    painted = PIL.Image.fromarray((np.arange(256, dtype=np.uint8).reshape(16, 16) // 64) % 4, "P")
    painted.putpalette(bytes(range(15)))
    file = io.BytesIO()
    painted.save(file, "PNG")
    with open_page(graph, tmp_path) as page, page.socket() as socket:
        socket.hear("graph")
        refused = page.ask("/api/picture", node="roto", frame=3)
        assert refused.status == 409 and refused.json() == {"message": "it is not trained yet: run the graph", "node": "train"}
        for frame in (1, 2):
            assert page.ask("/api/labels", "PUT", file.getvalue(), path="labels/l.####.png", frame=frame).status == 200
        socket.send("run", outputs=["png"], frames=None)
        first = socket.hear("loss")
        assert first["node"] == "train" and first["reset"] is True and first["loss"] > 0
        ended = socket.hear("run", fits=lambda event: event["state"] != "running")
        assert ended["state"] == "done", ended
        assert socket.last["loss"]["step"] == 4
        assert page.ask("/api/picture", node="roto", frame=3).status == 200, "trained: a look finds the network in the cache"
        worst = page.ask("/api/worst", node="roto").json()["frames"]
        assert sorted(one["frame"] for one in worst) == [1, 2, 3]
        assert [one["uncertain"] for one in worst] == sorted((one["uncertain"] for one in worst), reverse=True)
        found = page.ask("/api/labels", node="roto", output="labels", frame=worst[0]["frame"])
        assert found.status == 200 and "cast_shadow" in found.headers["x-classes"]
        with PIL.Image.open(io.BytesIO(found.body)) as shown:
            assert shown.mode == "P" and shown.size == (16, 16)
        assert page.ask("/api/labels", node="load", output="image", frame=1).status == 400
        assert page.ask("/api/worst", node="load").status == 400
