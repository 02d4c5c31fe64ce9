"""`--sandbox`: nothing is read or written outside of the root, through `..`, absolute paths or links; farm tasks run in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from conftest import Call
from rotonodes import Graph
from rotonodes.errors import PlanFault, UsageError
from rotonodes.io.png import write_png
from rotonodes.page.preview import Places
from rotonodes.page.session_state import PageSession
from rotonodes.plan.make_plan import make_plan

GRAPH = """rotonodes: 1
frames: 1-2
nodes:
  plate: {{type: LoadFrames, path: "{read}"}}
  write: {{type: WriteFrames, in: plate, path: "{write}"}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shot folder with pictures, and a folder beside it that is none of its business."""
    for folder in ("shot/in", "outside"):
        (tmp_path / folder).mkdir(parents=True)
        for frame in (1, 2):
            write_png(tmp_path / folder / f"a.{frame:04d}.png", np.full((4, 4, 3), 9 * frame, np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def graph(place: Path, read: str = "in/a.####.png", write: str = "out/a.####.png") -> str:
    (place / "shot/g.yaml").write_text(GRAPH.format(read=read, write=write))
    return "shot/g.yaml"


def everything(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted((place / "outside").rglob("*")) if path.is_file()}


@pytest.mark.parametrize("write", ["../outside/b.####.png", "in/../../outside/b.####.png", "{place}/outside/b.####.png", "link/b.####.png",
                                   "deep/link2/b.####.png", "~/b.####.png", "f####/b.png"])  # fmt: skip
def test_an_output_outside_is_refused_before_anything_is_written(
    call: Call, place: Path, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place / "outside"))
    (place / "shot/link").symlink_to(place / "outside")
    (place / "shot/deep").mkdir()
    (place / "shot/deep/link2").symlink_to("../link")
    (place / "shot/f0002").symlink_to("../outside")  # only the second frame's folder
    before = everything(place)
    path = graph(place, write=write.format(place=place))
    ended = call("run", path, "--root", "shot", "--sandbox")
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert f"{path}:5:" in ended.err and "write: --sandbox: " in ended.err and "lies outside of --root shot" in ended.err
    assert everything(place) == before and not (place / "shot/f0001").exists()
    assert call("run", path, "--root", "shot").code == 0  # the default trusts the graph
    assert everything(place) != before


@pytest.mark.parametrize("read", ["../outside/a.####.png", "{place}/outside/a.####.png", "link/a.####.png", "one/a.####.png"])
def test_an_input_outside_is_refused_or_allowed(call: Call, place: Path, read: str) -> None:
    (place / "shot/link").symlink_to(place / "outside")
    (place / "shot/one").mkdir()
    (place / "shot/one/a.0001.png").symlink_to(place / "shot/in/a.0001.png")
    (place / "shot/one/a.0002.png").symlink_to("../../outside/a.0002.png")
    path = graph(place, read=read.format(place=place))
    refused = call("run", path, "--root", "shot", "--sandbox")
    assert refused.code == 2 and "plate: --sandbox: " in refused.err and "--allow DIR lets its folder be read" in refused.err
    assert not (place / "shot/out").exists()
    assert call("plan", path, "--root", "shot", "--sandbox").code == call("check", path, "--root", "shot", "--sandbox").code == 2
    assert call("run", path, "--root", "shot", "--sandbox", "--allow", "../outside").code == 0
    assert call("run", path, "--root", "shot", "--sandbox", "--allow", str(place), "--force").code == 0
    assert call("run", path, "--root", "shot", "--sandbox", "--allow", "../out", "--force").code == 2


def test_what_lies_inside_runs(call: Call, place: Path) -> None:
    (place / "alias").symlink_to("shot")  # the root itself may be a link
    (place / "shot/hop").symlink_to("in")
    path = graph(place, read="hop/../in/./a.####.png", write="out/new/a.####.png")
    for root in ("shot", "alias", str(place / "alias"), "outside/../shot"):
        assert call("run", path, "--root", root, "--sandbox", "--force").code == 0
    assert len(list((place / "shot/out/new").glob("a.*.png"))) == 2


def test_links_in_a_folder_that_is_written_and_the_cache(place: Path) -> None:
    text = "rotonodes: 1\nframes: 1-2\nnodes:\n  plate: {type: LoadFrames, path: in/a.####.png}\n"
    text += "  train: {type: TrainUNet, in: {image: plate, labels: truth}, steps: 1, checkpoints: out/training}\n"
    text += "  truth: {type: LoadLabels, path: in/a.####.png, classes: [a, b]}\n"
    (place / "shot/g.yaml").write_text(text)
    loaded = Graph.load(str(place / "shot/g.yaml"))
    (place / "shot/out/training").mkdir(parents=True)
    make_plan(loaded, root="shot", sandbox=())
    (place / "shot/out/training/log.jsonl").symlink_to(place / "outside/notes.txt")
    with pytest.raises(PlanFault, match=r"train: --sandbox: shot/out/training/log.jsonl lies outside of --root shot \(it leads to .*notes"):
        make_plan(loaded, root="shot", sandbox=())
    (place / "shot/out/training/log.jsonl").unlink()
    (place / "shot/.rotonodes").symlink_to(place / "outside")
    with pytest.raises(UsageError, match="the cache: --sandbox: "):
        make_plan(loaded, root="shot", sandbox=())
    make_plan(loaded, root="shot", sandbox=(), cache="elsewhere")  # the caller says so


def test_a_path_map_names_what_is_inside(call: Call, place: Path) -> None:
    (place / "map.json").write_text(
        json.dumps(
            {"version": "pathmapping-1.0", "path_mapping_rules": [{"source_path": "/studio", "destination_path": str(place / "outside")}]}
        )
    )
    path = graph(place, read="/studio/a.####.png", write="/studio/b.####.png")
    assert call("run", path, "--root", "shot", "--sandbox", "--path-map", "map.json").code == 0
    assert (place / "outside/b.0002.png").exists()


def test_weights_that_ship_are_read(place: Path) -> None:
    text = "rotonodes: 1\nframes: 1-2\nnodes:\n  plate: {type: LoadFrames, path: in/a.####.png}\n"
    text += "  roto: {type: UNetSegment, in: plate, weights: weights/tones.safetensors}\n"
    text += "  write: {type: WriteFrames, in: roto.labels, path: out/a.####.png}\n"
    (place / "shot/g.yaml").write_text(text)
    assert make_plan(Graph.load(str(place / "shot/g.yaml")), root="shot", sandbox=()).stages


def test_allow_without_a_sandbox_is_a_mistake(call: Call, place: Path) -> None:
    ended = call("plan", graph(place), "--root", "shot", "--allow", "outside")
    assert (ended.code, ended.err) == (2, "error: --allow outside: only --sandbox refuses to read it; give both, or none\n")


def test_farm_tasks_run_in_it(call: Call, place: Path) -> None:
    (place / "shot/link").symlink_to(place / "outside")
    path = graph(place, read="link/a.####.png")
    assert call("submit", path, "--to", "openjd", "--root", "shot", "-o", "job").code == 0
    options = json.loads((place / "job/rotonodes.json").read_text())["options"]
    assert options[-2:] == ["--sandbox", f"--allow={os.path.realpath(place / 'outside')}"]
    assert call("run", path, "--root", "shot", *options).code == 0
    (place / "shot/out/a.0001.png").unlink()
    (place / "shot/link").unlink()
    (place / "secret").mkdir()
    for frame in (1, 2):
        os.link(place / f"outside/a.{frame:04d}.png", place / f"secret/a.{frame:04d}.png")
    (place / "shot/link").symlink_to(place / "secret")  # what was not there when the job was submitted is refused
    assert call("run", path, "--root", "shot", *options).code == 2


INNER = "rotonodes: 1\noutputs: {image: flat}\nnodes:\n  flat: {type: Constant, size: [4, 4]}\n"
OUTER = 'rotonodes: 1\nframes: 1\nnodes:\n  part: {type: "%s"}\n  write: {type: WriteFrames, in: part, path: "out/a.####.png"}\n'
USED = ["../outside/inner.yaml", "{place}/outside/inner.yaml", "link/inner.yaml", "../outside/missing.yaml"]


@pytest.mark.parametrize("used", USED)
def test_a_graph_outside_is_refused_before_it_is_read(call: Call, place: Path, used: str) -> None:
    """Not even whether it is there, or what is wrong in it, is told."""
    (place / "outside/inner.yaml").write_text("secret: [")
    (place / "shot/link").symlink_to(place / "outside")
    (place / "shot/g.yaml").write_text(OUTER % used.format(place=place))
    for words in (["run"], ["check"], ["plan"]):
        ended = call(*words, "shot/g.yaml", "--root", "shot", "--sandbox")
        assert ended.code == 2 and "g.yaml:4:16: part: --sandbox: " in ended.err and "--allow DIR lets its folder be read" in ended.err, (
            ended
        )
        assert "secret" not in ended.err and "no graph file" not in ended.err
    session = PageSession("shot/g.yaml", Places(root="shot", sandbox=()), {}, {})
    assert [fault.message.partition(":")[0] for fault in session.state().faults] == ["--sandbox"]
    session.close()


def test_a_graph_inside_or_allowed_is_read(call: Call, place: Path) -> None:
    for folder in ("outside", "shot"):
        (place / folder / "inner.yaml").write_text(INNER)
    (place / "shot/g.yaml").write_text(OUTER % "inner.yaml")
    assert call("run", "shot/g.yaml", "--root", "shot", "--sandbox", "--cache", "none").code == 0
    (place / "shot/g.yaml").write_text(OUTER % "../outside/inner.yaml")
    allowed = ["--sandbox", "--allow", str(place / "outside")]
    assert call("run", "shot/g.yaml", "--root", "shot", *allowed, "--cache", "none", "--force").code == 0


def test_farm_tasks_may_read_the_graphs_that_the_graph_uses(call: Call, place: Path) -> None:
    (place / "outside/inner.yaml").write_text(INNER)
    (place / "shot/g.yaml").write_text(OUTER % "../outside/inner.yaml")
    assert call("submit", "shot/g.yaml", "--to", "openjd", "--root", "shot", "-o", "job").code == 0
    options = json.loads((place / "job/rotonodes.json").read_text())["options"]
    assert options[-2:] == ["--sandbox", f"--allow={os.path.realpath(place / 'outside')}"]
    assert call("run", "shot/g.yaml", "--root", "shot", *options).code == 0
