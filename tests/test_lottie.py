"""WriteLottie: what the specification asks for, layers a held frame, exact colours, the rendering of another program, the key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conftest import Call
from rotonodes.errors import FrameError, UsageError
from rotonodes.io.pictures import is_as_written, read_key
from rotonodes.nodes import LoadFrames, TonesFromPasses, WriteLottie
from rotonodes.values.pixels import Image, Matte
from rotonodes.values.tones import CLASSES
from test_vector import iou, labelled, with_objects

ROOT = Path(__file__).parents[1]
PURE = dict(zip(CLASSES, ("#000000", "#ff0000", "#00ff00", "#0000ff", "#ffffff"), strict=True))  # whose mixtures are none of them
REQUIRED = {
    "gr": {"it"},
    "sh": {"ks"},
    "rc": {"p", "s"},
    "fl": {"c", "o"},
    "st": {"c", "o", "w"},
    "tr": {"a", "p", "s", "r", "o"},
}  # by type of item, of the specification's JSON schemas


def square(at: int) -> np.ndarray:
    classes = np.zeros((40, 60), int)
    classes[10:30, at : at + 30] = 3
    classes[15:25, at + 5 : at + 20] = 4
    return classes


def items(shapes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in shapes:
        yield one
        yield from items(one.get("it", []))


def written(path: Path, frames: list[np.ndarray], **parameters: Any) -> dict[str, Any]:
    WriteLottie(path=str(path), palette=PURE, **parameters)([labelled(one) for one in frames], key="k1")
    return json.loads(path.read_text(encoding="utf-8"))


def test_it_has_what_the_specification_asks_for(tmp_path: Path) -> None:
    made = written(tmp_path / "a.json", [square(5), square(6)], fps="24000/1001")
    assert {"w": 60, "h": 40, "ip": 0, "op": 2}.items() <= made.items() and made["fr"] == pytest.approx(24000 / 1001)
    assert made["ver"] >= 10000 and made["meta"]["g"] == "rotonodes"
    assert [(layer["ip"], layer["op"]) for layer in made["layers"]] == [(1, 2), (0, 1)]
    for layer in made["layers"]:
        assert layer["ty"] == 4 and {"st", "ks", "shapes"} <= layer.keys()
        for one in items(layer["shapes"]):
            assert REQUIRED[one["ty"]] <= one.keys(), one["ty"]
            if one["ty"] == "gr":
                assert one["it"][-1]["ty"] == "tr" and one["it"][-2]["ty"] in ("fl", "st", "gr"), "styles come behind what they paint"
            if one["ty"] == "sh":
                path = one["ks"]["k"]
                assert one["ks"]["a"] == 0 and len(path["i"]) == len(path["o"]) == len(path["v"]) > 1


def test_paths_are_the_curves_of_the_svg(tmp_path: Path) -> None:
    """A closed path: every vertex once, tangents relative to it."""
    made = written(tmp_path / "a.json", [square(5)], overlap=0)
    highlight = next(one for one in made["layers"][0]["shapes"] if one["nm"] == "highlight")
    path = highlight["it"][0]["ks"]["k"]
    vertices, coming, leaving = (np.array(path[name]) for name in ("v", "i", "o"))
    assert path["c"] is True and len({tuple(point) for point in path["v"]}) == len(vertices)
    assert (vertices.min(0) >= [9, 14]).all() and (vertices.max(0) <= [26, 26]).all()
    assert (np.abs(coming).max() < 20) and (np.abs(leaving).max() < 20)
    steps = np.roll(vertices, -1, 0) - vertices
    assert ((leaving * steps).sum(1) >= -1e-6).all() and ((np.roll(coming, -1, 0) * steps).sum(1) <= 1e-6).all()


def test_held_frames_are_one_layer_and_what_is_painted_last_comes_first(tmp_path: Path) -> None:
    made = written(tmp_path / "a.json", [square(5), square(5), square(9), square(9), square(5)])
    assert [(layer["ip"], layer["op"]) for layer in made["layers"]] == [(4, 5), (2, 4), (0, 2)], "later frames lie on top"
    assert [one["nm"] for one in made["layers"][0]["shapes"]] == ["highlight", "midtone", "midtone border", "background"]


def test_there_is_a_group_for_each_object(tmp_path: Path) -> None:
    ink = Matte(torch.zeros(1, 40, 60))
    ink.data[:, 10:12] = 1
    file = tmp_path / "a.json"
    WriteLottie(path=str(file), palette=PURE)([labelled(square(25))], layers=[with_objects(40, 60)], ink=[ink])
    groups = json.loads(file.read_text())["layers"][0]["shapes"]
    assert [one["nm"] for one in groups] == ["ink", "right", "left & co", "background"]
    assert [one["nm"] for one in groups[1]["it"] if "nm" in one][:1] == ["highlight"]


@pytest.mark.parametrize("code", [0, 1, 51, 127, 128, 200, 254, 255])
def test_colours_reach_their_code_rounded_or_cut_off(tmp_path: Path, code: int) -> None:
    file = tmp_path / "a.json"
    picture = Image(torch.ones(4, 40, 60))
    WriteLottie(path=str(file), palette={"midtone": f"#{code:02x}0000"})([labelled(square(5))], image=[picture])
    fills = [one for one in items(json.loads(file.read_text())["layers"][0]["shapes"]) if one["ty"] == "fl"]
    colors = [one["c"]["k"] for one in fills]
    red = next(color[0] for color in colors if color[1] == 0)
    assert int(red * 255) == round(red * 255) == code or (code == 255 and red == 1)


def test_another_program_shows_the_classes_as_they_are(tmp_path: Path) -> None:
    """Drawn five times as large by rlottie, each pixel by what is at its centre."""
    player = pytest.importorskip("rlottie_python")
    tones = [
        TonesFromPasses()(LoadFrames(path=str(ROOT / "examples/shots/torus/render.####.exr"))(frame=frame).layers) for frame in (3, 12)
    ]
    file = tmp_path / "a.json"
    WriteLottie(path=str(file), palette=PURE, tolerance=0.5)(tones)
    animation = player.LottieAnimation.from_file(str(file))
    table = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in PURE.values()])
    for number, frame in enumerate(tones):
        shown = animation.render_pillow_frame(number, width=5 * frame.width, height=5 * frame.height)
        codes = np.asarray(shown.convert("RGB")).astype(int)[2::5, 2::5]
        found, wanted = ((codes[:, :, None] - table) ** 2).sum(-1).argmin(-1), frame.data.numpy()
        for index in np.unique(wanted):
            assert iou(found == index, wanted == index) >= 0.995, CLASSES[index]


def test_the_key_is_in_the_file_and_a_run_skips_it(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    written(file, [square(5), square(6)])
    assert read_key(file) == "k1" and is_as_written(file)
    file.write_bytes(file.read_bytes()[:-9])
    assert read_key(file) is None
    render = f"{{type: LoadFrames, path: '{ROOT}/examples/shots/torus/render.####.exr'}}"
    nodes = (
        f"render: {render}\n  tones: {{type: TonesFromPasses, in: render.layers}}\n  l: {{type: WriteLottie, in: tones, path: o/l.json}}"
    )
    (tmp_path / "g.yaml").write_text(f"rotonodes: 1\nframes: 1-2\nnodes:\n  {nodes}\n")
    assert call("run", "g.yaml").code == 0 and not list(tmp_path.glob(".l*"))
    assert "nothing to do" in call("run", "g.yaml").err
    assert "nothing to do" not in call("run", "g.yaml", "--set", "l.fps=12").err


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    node = WriteLottie(path=str(tmp_path / "a.json"))
    with pytest.raises(UsageError, match="there are no frames to write to"):
        node([])
    with pytest.raises(FrameError, match="a frame is 20 x 10, the first is 60 x 40: reformat it"):
        node([labelled(square(5)), labelled(np.zeros((10, 20), int))])
    with pytest.raises(UsageError, match="path"):
        WriteLottie(path="a.svg")
    assert not list(tmp_path.iterdir())
