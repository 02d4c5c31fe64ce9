"""What the live page shows first: pictures made without torch, which are those that torch makes, and what waits for them."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from rotonodes.errors import RotoError
from rotonodes.io.exr import write_layers
from rotonodes.io.pictures import write_image
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes
from rotonodes.page import first_pictures
from rotonodes.page.encoding import png_of_value
from rotonodes.page.first_pictures import FirstLook, glanced_png
from rotonodes.page.graph_state import read_state
from rotonodes.page.preview import Places, Previews, Wish
from rotonodes.values.pixels import Box, Image, Layers

ROOT = Path(__file__).parent.parent
FILES = {
    "rgb8.png": (3, {}),
    "rgba8.png": (4, {}),
    "rgba16.png": (4, {"depth": "16"}),
    "grey.png": (1, {}),
    "grey_alpha.png": (2, {}),
    "linear.png": (3, {"colorspace": "linear"}),
    "picture.jpg": (3, {}),
    "picture.webp": (4, {}),
    "whole.tif": (4, {"depth": "16"}),
    "float.tif": (4, {"depth": "float"}),
    "half.exr": (4, {}),
    "float.exr": (3, {"depth": "float"}),
    "grey.exr": (1, {}),
}


def soft(count: int) -> Image:
    """Colours from below 0 to above 1, not a number and infinite in one pixel each, and soft alpha, overscan at its left."""
    data = torch.rand(count, 20, 30, generator=torch.Generator().manual_seed(3)) * 1.4 - 0.1
    if count in (2, 4):
        data[-1].clamp_(0, 1)
        data[:-1] *= data[-1:]
    if count > 1:
        data[0, 4, 5], data[1, 5, 5] = float("nan"), float("inf")
    else:
        data.clamp_(0, 1)
    return Image(data)


def previews_of(folder: Path, nodes: str) -> Previews:
    found = Previews(Places(root=str(folder), device="cpu"))
    found.show(read_state(f"rotonodes: 1\nframes: 1-2\nnodes:\n{nodes}", str(folder / "graph.yaml"), {}, {}))
    return found


def glanced(previews: Previews, node: str, width: int = 0, scale: int = 1, frame: int = 1) -> tuple[bytes, tuple[int, int]] | None:
    wish = Wish(node, "", frame, scale)
    assert previews._state is not None
    return glanced_png(previews._state.graph, previews.plan(wish).plan, previews.link_of(node, ""), frame, width)


def pixels(png: bytes) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(png)) as picture:
        return np.array(picture).astype(int)


def assert_as_torch_does(previews: Previews, node: str) -> None:
    found = glanced(previews, node)
    assert found is not None
    made = previews.value(Wish(node, "", 1))
    assert found[1] == made.size
    one, other = pixels(found[0]), pixels(png_of_value(made))
    assert one.shape == other.shape and np.abs(one - other).max() <= 1 and (one != other).mean() < 0.01


@pytest.mark.parametrize("name", FILES)
def test_pictures_without_torch_are_those_of_torch(tmp_path: Path, name: str) -> None:
    count, options = FILES[name]
    write_image(tmp_path / name, soft(count), **options)
    assert_as_torch_does(previews_of(tmp_path, f"  load: {{type: LoadFrames, path: {name}}}\n"), "load")


@pytest.mark.parametrize("box", [Box(0, 0, 30, 20), Box(-4, -3, 33, 21), Box(5, 6, 20, 18)], ids=["frame", "overscan", "region"])
def test_passes_without_torch_are_those_of_torch(tmp_path: Path, box: Box) -> None:
    random = np.random.default_rng(3)
    names = [*(f"View.Combined.{channel}" for channel in "RGBA"), *(f"View.DiffDir.{channel}" for channel in "RGB"), "View.Depth.Z"]
    planes = {name: random.random((box.height, box.width)).astype(np.float16) for name in names}
    write_layers(tmp_path / "in.exr", Layers(planes, box, (30, 20)))
    nodes = "  load: {type: LoadFrames, path: in.exr}\n"
    nodes += "".join(
        f"  {name}: {{type: MultipassDecode, in: load.layers, passes: [{name}]}}\n" for name in ("Combined", "DiffDir", "Depth", "Normal")
    )
    previews = previews_of(tmp_path, nodes)
    for node in ("load", "Combined", "DiffDir"):
        assert_as_torch_does(previews, node)
    assert glanced(previews, "Depth") is None  # no colours: their range is torch's
    assert glanced(previews, "Normal") is None  # not there: whoever makes it says so


def test_what_cannot_be_made_without_torch_is_left_to_it(tmp_path: Path) -> None:
    write_image(tmp_path / "in.0001.png", soft(3))
    (tmp_path / "in.0002.png").write_bytes(b"no picture")
    nodes = '  load: {type: LoadFrames, path: "in.####.png"}\n  grade: {type: Grade, in: load, gain: 2}\n'
    nodes += '  empty: {type: LoadFrames, path: "in.####.png", missing: black}\n'
    previews = previews_of(tmp_path, nodes)
    assert glanced(previews, "load") is not None
    assert glanced(previews, "load", frame=2) is None
    assert glanced(previews, "grade") is None
    with pytest.raises(RotoError):
        previews.value(Wish("load", "", 2))


def test_a_small_picture_is_as_wide_as_asked_at_every_scale(tmp_path: Path) -> None:
    write_image(tmp_path / "in.exr", soft(4))
    previews = previews_of(tmp_path, "  load: {type: LoadFrames, path: in.exr}\n")
    for scale in (1, 2, 4):
        found = glanced(previews, "load", width=15, scale=scale)
        assert found is not None and found[1] == (30, 20)
        assert np.abs(pixels(found[0]) - pixels(png_of_value(previews.value(Wish("load", "", 1)), width=15))).max() <= 1


def test_every_node_with_a_glance_is_tested_here() -> None:
    assert {cls.type_name for cls in all_nodes().values() if cls.glance is not Node.glance} == {"LoadFrames", "MultipassDecode"}


def test_a_disabled_node_shows_what_it_lets_through(tmp_path: Path) -> None:
    write_image(tmp_path / "in.exr", soft(4))
    previews = previews_of(tmp_path, "  load: {type: LoadFrames, path: in.exr}\n  grade: {type: Grade, in: load, gain: 2, disable: true}\n")
    assert glanced(previews, "grade") == glanced(previews, "load")


SERVED = """
import sys
from pathlib import Path
from page_browser import open_page
from rotonodes.page import first_pictures, server
server.IDLE = first_pictures.PATIENCE = 1e6
folder = Path(sys.argv[1])
with open_page(folder / "graph.yaml", folder, cache="none") as page:
    answers = [page.ask("/api/picture", node=node, frame=1, width=8, scale=4) for node in ("load", "passes")]
    assert [answer.status for answer in answers] == [200, 200], answers
    assert [answer.headers["x-size"] for answer in answers] == ["30,20", "30,20"]
    assert page.ask("/api/types").status == page.ask("/api/graph").status == 200
    assert "torch" not in sys.modules, "a picture of files needed torch"
    assert page.ask("/api/picture", node="grade", frame=1, width=8).status == 200
    assert "torch" in sys.modules
"""


def test_the_server_shows_files_before_it_imports_torch(tmp_path: Path) -> None:
    write_image(tmp_path / "in.exr", soft(4))
    nodes = "  load: {type: LoadFrames, path: in.exr}\n  passes: {type: MultipassDecode, in: load.layers, passes: [Combined]}\n"
    (tmp_path / "graph.yaml").write_text(f"rotonodes: 1\nframes: 1\nnodes:\n{nodes}  grade: {{type: Grade, in: load, gain: 2}}\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    words = [sys.executable, "-c", SERVED, str(tmp_path)]
    made = subprocess.run(words, cwd=ROOT / "tests", env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


def test_what_needs_torch_waits_for_the_first_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_pictures, "torch_is_here", lambda: False)
    look, waited = FirstLook(patience=1e6, pause=0), threading.Event()
    thread = threading.Thread(target=lambda: (look.wait(), waited.set()))
    with look.asked():
        with look.asked():
            thread.start()
        assert not waited.is_set()
    thread.join(300)
    assert waited.is_set()
    FirstLook(patience=0, pause=1e6).wait()  # no picture comes: it does not wait for ever


def test_nothing_waits_where_torch_is_here() -> None:
    look = FirstLook(patience=1e6)
    with look.asked():
        look.wait()


def test_graphs_without_nodes_of_files_have_none(tmp_path: Path) -> None:
    previews = previews_of(tmp_path, "  flat: {type: Constant, size: [8, 8]}\n")
    assert glanced(previews, "flat") is None
