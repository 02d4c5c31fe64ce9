"""InkLines: lines where the geometry has them, in the width and colour asked for, steady in noise and while the camera moves."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.lines.line_graph import components
from rotonodes.imaging.lines.strokes import draw
from rotonodes.nodes import InkLines
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Box, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS
from traced_desk import Desk, desk, distances, drawn

EVEN = {"material": 1.0, "depth": 1.0, "normal": 1.0, "tone": 1.0}  # all lines of one width
HAIR = {"width": 1.4, "widths": EVEN}


@pytest.fixture(scope="module")
def frame() -> Desk:
    return desk()


def ink(layers: Layers, **parameters: object) -> np.ndarray:
    return InkLines(**{**HAIR, **parameters})(layers).matte.data[0].numpy()


def without(layers: Layers, *words: str) -> Layers:
    return replace(layers, planes={name: plane for name, plane in layers.planes.items() if not any(word in name for word in words)})


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_lines_are_where_the_geometry_has_them(noise: float) -> None:
    seen = desk(noise=noise)
    lines = drawn(ink(seen.layers))
    assert (distances(seen.lines, lines) <= 1).mean() > 0.985
    assert (distances(lines, seen.lines) <= 1).mean() > 0.985


def test_lines_lie_within_a_fraction_of_a_pixel(frame: Desk) -> None:
    """The middle of a line, from its coverage across, against the true place."""
    cover = ink(frame.layers, depth=False, normal=False, width=3.0)
    flat = [place for place in frame.lines if 142 < place[0] < 152 and 50 < place[1] < 60]  # the ball's upper edge
    errors = []
    for x, y in flat:
        column = cover[round(y) - 4 : round(y) + 5, round(x)]
        errors.append((column * np.arange(round(y) - 4, round(y) + 5)).sum() / column.sum() - y)
    assert len(errors) > 30 and abs(np.mean(errors)) < 0.1 and np.std(errors) < 0.2


def test_a_moving_camera_does_not_make_lines_flicker() -> None:
    frames = [desk(azimuth=0.3 + 0.004 * step) for step in range(4)]
    states = []
    for seen in frames:
        places, depth = seen.project(frames[0].points)
        x, y = places.round().astype(int).T
        visible = np.abs(seen.layers.planes["L.Depth.Z"][y.clip(0, 143), x.clip(0, 191)] - depth) < 0.05
        states.append(np.where(visible, distances(places, drawn(ink(seen.layers))) <= 1, -1))
    changed = [((a != b) & (a >= 0) & (b >= 0)).sum() / ((a >= 0) & (b >= 0)).sum() for a, b in pairwise(states)]
    assert max(changed) < 0.02


def test_each_kind_has_its_own_switch(frame: Desk) -> None:
    outlines = ink(frame.layers, depth=False, normal=False)
    creases = ink(frame.layers, object=False, depth=False)
    both = ink(frame.layers)
    assert outlines.sum() > 300 and 50 < creases.sum() < outlines.sum()
    assert (np.maximum(outlines, creases) - both).max() < 0.6 and both.sum() > outlines.sum() + 50
    assert drawn(ink(frame.layers, normal=False, material=False)).size  # depth alone finds the ball before the other of one object


def test_materials_are_drawn_where_they_are_wanted(frame: Desk) -> None:
    """An index pass that divides one object into two materials: by itself, when asked for, not when it is not wanted."""
    index = np.zeros((frame.layers.height, frame.layers.width), np.float32)
    index[:, index.shape[1] // 2 :] = 3
    layers = replace(frame.layers, planes={**frame.layers.planes, "L.IndexMA.X": index})
    middle = index.shape[1] // 2
    others = {"object": False, "depth": False, "normal": False}
    for wish in ({}, {"material": True}):
        made = ink(layers, **others, **wish)[:, middle - 2 : middle + 2].sum(1)
        assert (made[5:-5] > 0.9).all(), wish
    assert not ink(layers, depth=False, normal=False, material=False)[:10, middle - 2 : middle + 2].any()
    with pytest.raises(FrameError, match="material"):
        ink(without(frame.layers, "Material", "MatColor"), **others, material=True)


def test_the_angle_of_a_crease_decides(frame: Desk) -> None:
    """The faces of the box meet at 90 degrees."""
    assert drawn(ink(frame.layers, object=False, depth=False, crease=80)).size
    assert not drawn(ink(frame.layers, object=False, depth=False, crease=100)).size


def test_depth_alone_draws_outlines(frame: Desk) -> None:
    """A render without cryptomatte and normals."""
    lines = drawn(ink(without(frame.layers, "Crypto", "Normal")))
    assert (distances(lines, frame.lines) <= 1).mean() > 0.95
    assert (distances(frame.lines, lines) <= 1).mean() > 0.6  # where things stand on the floor there is no step


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0, 5.0])
def test_a_line_is_as_wide_as_asked(width: float) -> None:
    cover = draw(np.array([[2.0, 9.3]]), np.array([[37.0, 9.3]]), np.array([[width, width]]), (20, 40))
    assert cover[:, 20].sum() == pytest.approx(width, abs=1e-5)


def test_a_width_in_percent_grows_with_the_frame() -> None:
    small, large = desk(size=(96, 72)), desk(size=(192, 144))
    thin, thick = (ink(seen.layers, normal=False, depth=False, width=2.0, unit="%").sum() for seen in (small, large))
    assert thick / thin == pytest.approx(4, rel=0.1)  # twice as long, twice as wide


def test_lines_inside_and_outside(frame: Desk) -> None:
    """Seen from the object in front, the ball's outline is inside of its coverage, or outside."""
    from rotonodes.imaging.lines.identities import find_identity
    from rotonodes.imaging.passes.cryptomatte import name_id
    from rotonodes.imaging.passes.names import Passes

    found = find_identity(frame.layers, Passes.of(frame.layers), "object")
    assert found is not None
    ball = found.ids == name_id("ball")
    share = {
        side: ink(frame.layers, objects="ball", normal=False, depth=False, width=4.0, side=side)
        for side in ("inside", "centred", "outside")
    }
    within = {side: float(plane[ball].sum() / plane.sum()) for side, plane in share.items()}
    assert within["inside"] > 0.85 and 0.4 < within["centred"] < 0.6 and within["outside"] < 0.15


def test_colours_by_kind_and_by_object(frame: Desk) -> None:
    node = InkLines(width=3, color="#000000", colors={"normal": "#ff0000"}, object_colors={"bal?": "#00ff00", "*": "#0000ff"})
    made = node(frame.layers).image.data
    solid = made[:, made[3] > 0.99].T
    kinds = {tuple(color) for color in solid[:, :3].round(decimals=3).tolist()}
    assert (0.0, 1.0, 0.0) in kinds and (0.0, 0.0, 1.0) in kinds and (1.0, 0.0, 0.0) not in kinds
    red = InkLines(width=3, color="#000000", colors={"normal": "#ff0000"})(frame.layers).image.data
    assert any(tuple(color) == (1.0, 0.0, 0.0) for color in red[:3, red[3] > 0.99].T.tolist())
    assert (made[:3] <= made[3:] + 1e-6).all()  # premultiplied


def test_a_colour_is_exact_where_a_line_covers_all(frame: Desk) -> None:
    made = InkLines(width=4, color="#123456")(frame.layers).image.data
    solid = made[:3, made[3] == 1]
    assert solid.shape[1] > 50
    assert torch.allclose(solid, torch.tensor(hex_to_linear("#123456")[:3]).view(3, 1).expand_as(solid))


def test_taper_thins_free_ends_only(frame: Desk) -> None:
    closed = {"object": True, "normal": False, "depth": False}
    assert np.allclose(ink(frame.layers, **closed), ink(frame.layers, **closed, taper=8.0), atol=0.02)  # outlines have no ends
    open_ended = {"object": False, "normal": True, "depth": False, "width": 3.0}
    sums = [ink(frame.layers, **open_ended, taper=taper).sum() for taper in (0.0, 0.5, 1.0, 4.0, 12.0)]
    assert sums[-1] < 0.9 * sums[0]
    assert all(longer < shorter for shorter, longer in pairwise(sums)), "the longer the taper, the less ink; a pixel's, too"


def test_tones_of_labels_and_the_matte(frame: Desk) -> None:
    plane = torch.zeros(144, 192, dtype=torch.uint8)
    plane[:, 60:] = 2
    plane[:, 120:] = 3
    labels = Labels(plane, CLASSES, COLORS)
    bare = without(frame.layers, "Crypto", "Normal", "Depth")
    found = InkLines(**HAIR)(bare, labels).matte.data[0].numpy()
    columns = np.flatnonzero(found[70] > 0.4)
    assert set(columns) == {59, 60, 119, 120}
    matte = Matte((torch.arange(192).view(1, 1, 192).expand(1, 144, 192) >= 30).float())
    only = InkLines(**HAIR, depth=False, normal=False)(frame.layers, matte=matte).matte.data[0].numpy()
    assert set(np.flatnonzero(only[70] > 0.4)) == {29, 30}


def test_the_lines_of_freestyle_are_taken_over(frame: Desk) -> None:
    cover = np.zeros((144, 192), np.float32)
    cover[10] = 0.7
    layers = replace(frame.layers, planes=frame.layers.planes | {f"L.Freestyle.{c}": cover for c in "RGBA"})
    off = {"object": False, "depth": False, "normal": False, "material": False}
    made = InkLines(freestyle=True, colors={"freestyle": "#ff0000"}, **off)(layers).image.data
    assert torch.allclose(made[:, 10, 5], torch.tensor([0.7, 0, 0, 0.7]))


def test_short_inner_lines_are_left_out(frame: Desk) -> None:
    rough = desk(noise=0.6).layers
    inner = {"object": False, "depth": False}
    assert ink(rough, **inner, shortest=20.0).sum() < 0.7 * ink(rough, **inner, shortest=0.0).sum()


def test_components_are_found_along_a_chain() -> None:
    order = np.random.default_rng(0).permutation(200)
    edges = np.stack([order[:-1], order[1:]], axis=1)[np.arange(199) != 80]
    label = components(200, edges)
    assert set(label[order[:81]]) == {order[:81].min()} and set(label[order[81:]]) == {order[81:].min()}


@pytest.mark.parametrize(
    "parameters, gone, text",
    [
        ({"normal": True}, ("Normal",), "normal lines need Normal; it has "),
        ({"freestyle": True}, (), "freestyle lines need Freestyle; it has "),
        ({}, ("Normal", "Depth", "Crypto"), "there is nothing to draw lines from: render "),
        ({"objects": "bal"}, (), "nothing in L.CryptoObject is called 'bal' (did you mean 'ball'?); it has "),
        ({"object_colors": {"bax": "#ff0000"}}, (), "nothing in L.CryptoObject is called 'bax' (did you mean 'box'?)"),
        ({"objects": "ball"}, ("Crypto",), "there is no cryptomatte with names"),
    ],
)
def test_what_is_missing_is_said_with_what_is_there(frame: Desk, parameters: dict[str, object], gone: tuple[str, ...], text: str) -> None:
    layers = without(frame.layers, *gone) if gone else frame.layers
    layers = replace(layers, planes=layers.planes | {"L.Emit.R": np.zeros((144, 192), np.float32)})
    with pytest.raises(FrameError, match=r"^desk\.0001\.exr: ") as error:
        InkLines(**parameters)(layers)
    assert text in str(error.value) and "\n" not in str(error.value)


def test_a_wrong_colour_is_refused() -> None:
    with pytest.raises(UsageError, match=r"normal: 'red' is not a colour"):
        InkLines(colors={"normal": "red"})


def test_lines_of_thin_shapes_are_thinner() -> None:
    """A wedge from 24 px down to nothing: its outline keeps its width where the shape is thick, and leaves room where it is thin."""
    height, width, limit = 64, 160, 0.2
    rows, columns = np.mgrid[:height, :width]
    inside = (abs(rows - 31.5) < (150 - columns) * 12 / 140) & (columns >= 10)
    planes = {"v.IndexOB.X": inside.astype(np.float32), "v.Depth.Z": np.where(inside, 4.0, 9.0).astype(np.float32)}
    layers = Layers(planes, Box(0, 0, width, height), (width, height))
    kept, thin = ink(layers, width=3.0), ink(layers, width=3.0, thin=limit)
    per_column = thin.sum(axis=0) / kept.sum(axis=0).clip(1e-6)
    assert (per_column[20:60] > 0.97).all(), "15 px and more are as thick as five lines"
    assert per_column[110:120].max() < 0.75 and per_column[130:140].max() < 0.6
    assert thin[:, 135:140].sum() > 0, "a line is left"
    thickness = 24 * (150 - np.arange(100, 130)) / 140
    assert (thin[:, 100:130].sum(axis=0) < 2 * np.maximum(limit * thickness, 0.35 * 3.0) + 0.5).all(), "two lines of that width each"
    assert (thin[:, 130:136].sum(axis=0) > 0.85 * 2 * 0.35 * 3.0).all(), "about a third of a line's width is left on the thinnest"
