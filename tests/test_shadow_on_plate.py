"""GroundShadow and ShadowOnPlate: the ground's shadow where the geometry has it, flat or soft, and multiplied onto any background."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from raytraced import Ball, ball, looking, unit
from rotonodes.errors import FrameError
from rotonodes.imaging.passes.shadow_share import _between, _continued, _surfaces, _unshadowed, flattened
from rotonodes.nodes import GroundShadow, ShadowOnPlate
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS, SIX_CLASSES, SIX_COLORS


def seen(noise: float = 0.0, falloff: bool = False) -> tuple[Ball, Layers, Matte]:
    """A ball on a floor from above, under a sun; with `falloff` the light gets weaker to the right, as near a lamp."""
    frame = ball(looking(0.4, 0.7), unit(-0.7, -0.4, 0.6), size=(128, 96), noise=noise)
    if falloff:
        frame = replace(frame, light=frame.light * np.linspace(1.5, 0.7, 128)[None, None, :])
    return frame, frame.layers({}), Matte(torch.from_numpy(frame.on_ball.astype(np.float32))[None])


@pytest.mark.parametrize("noise, falloff", [(0.0, False), (0.05, False), (0.0, True)])
def test_the_shadow_is_where_the_geometry_has_it(noise: float, falloff: bool) -> None:
    frame, layers, matte = seen(noise, falloff)
    for style in ("flat", "soft"):
        share = GroundShadow(style=style)(layers, matte).data[0].numpy()
        ground = ~frame.on_ball
        found, true = (share > 0.3) & ground, frame.shadowed & ground
        assert (found & true).sum() / (found | true).sum() > 0.93, style


def test_the_density_is_that_of_the_render() -> None:
    """The fill is 0.2 (1 + 0.5) of a floor that gets 3 n . l beside it: the shadow keeps their quotient of the light."""
    frame, layers, matte = seen()
    deep = GroundShadow(style="soft")(layers, matte).data[0].numpy()[frame.shadowed & ~frame.on_ball]
    full, fill = 3 * 0.6 / np.linalg.norm([0.7, 0.4, 0.6]) + 0.3, 0.3
    assert np.median(deep) == pytest.approx((1 - fill / full - 0.06) / 0.94, abs=0.02)


def test_flat_has_one_density_and_soft_has_many() -> None:
    _, layers, matte = seen()
    flat, soft = (GroundShadow(style=style)(layers, matte).data for style in ("flat", "soft"))
    inside = flat[flat > 0.98 * flat.max()]
    assert len(inside) > 0.8 * (flat > 0).sum() and inside.std() < 1e-3 and len(soft[soft > 0].unique()) > 50


def test_it_goes_on_below_the_shape() -> None:
    frame, layers, matte = seen()
    share = GroundShadow(style="soft")(layers, matte).data[0].numpy()
    near = np.zeros_like(frame.on_ball)
    near[1:] |= frame.shadowed[:-1] & ~frame.on_ball[:-1]
    near[:-1] |= frame.shadowed[1:] & ~frame.on_ball[1:]
    assert (share[near & frame.on_ball] > 0.3).mean() > 0.9


def test_a_shadow_catcher_is_taken_as_it_is() -> None:
    frame, layers, matte = seen()
    factor = np.where(frame.shadowed, 0.4, 1.0).astype(np.float32)
    caught = replace(layers, planes=layers.planes | {f"L.Shadow Catcher.{c}": factor for c in "RGB"})
    share = GroundShadow(style="soft", median=1)(caught, matte).data[0].numpy()
    ground = ~frame.on_ball
    assert np.allclose(share[ground], 1 - factor[ground])


def test_label_layers_tell_exactly() -> None:
    frame, layers, matte = seen()
    bare = np.ones_like(frame.depth, np.float32)
    lit = np.where(frame.shadowed, 0.0, 1.0).astype(np.float32)
    planes = {f"Ground.DiffDir.{c}": lit for c in "RGB"} | {f"Bare.DiffDir.{c}": bare for c in "RGB"}
    share = GroundShadow(style="soft", median=1)(replace(layers, planes=layers.planes | planes), matte).data[0].numpy()
    assert np.allclose(share[~frame.on_ball], frame.shadowed[~frame.on_ball])


def test_the_class_of_labels() -> None:
    plane = torch.zeros(30, 40, dtype=torch.uint8)
    plane[10:20, 5:30] = 5
    share = GroundShadow(smoothness=0)(labels=Labels(plane, SIX_CLASSES, SIX_COLORS)).data[0]
    assert share[15, 15] == 1 and share[2, 2] == 0 and share.sum() == pytest.approx(250, abs=8)  # its corners are rounded
    with pytest.raises(FrameError, match=r"the labels have no class 'ground_shadow'.*; they have background"):
        GroundShadow()(labels=Labels(plane.clamp(max=4), CLASSES, COLORS))


def test_arnolds_light_is_divided_by_the_colour() -> None:
    frame, layers, matte = seen()
    checks = np.where((np.indices(frame.depth.shape) // 8).sum(0) % 2, 0.2, 0.8).astype(np.float32)
    planes = dict(layers.planes)
    for c in "RGB":
        planes[f"L.DiffDir.{c}"] = planes[f"L.DiffDir.{c}"] * checks
        planes[f"L.DiffCol.{c}"] = checks
    plain = GroundShadow(style="soft")(layers, matte).data
    assert torch.allclose(GroundShadow(style="soft", albedo=True)(replace(layers, planes=planes), matte).data, plain, atol=2e-3)


def test_a_lamps_light_is_fitted_below_its_shadows() -> None:
    y, x = (plane.ravel() for plane in np.indices((60, 80)))
    full = 2.0 + 0.01 * x - 0.00015 * (y - 20) ** 2
    light = np.where((x > 20) & (x < 45) & (y > 15), 0.25 * full, full).reshape(60, 80)
    assert np.abs(_unshadowed(light, y, x) / full - 1).max() < 0.03


def test_missing_passes_are_said_with_what_is_there() -> None:
    _, layers, matte = seen()
    bare = replace(layers, planes={name: plane for name, plane in layers.planes.items() if "DiffDir" not in name})
    with pytest.raises(FrameError, match=r"a ground shadow needs the pass 'Shadow Catcher', .*, or DiffDir; it has Normal, Depth"):
        GroundShadow()(bare, matte)
    with pytest.raises(FrameError, match="a ground shadow needs "):
        GroundShadow(source="light")(bare, matte)


def test_a_background_is_multiplied_and_nothing_else() -> None:
    plate = Image(torch.rand(5, 6, 7) + 0.2, ("R", "G", "B", "A", "depth"))
    share = torch.zeros(1, 6, 7)
    share[:, 3:] = 0.5
    made = ShadowOnPlate(color="#4060a0")(plate, Matte(share)).data
    assert torch.equal(made[:, :3], plate.data[:, :3]) and torch.equal(made[3:], plate.data[3:])
    color = torch.tensor(hex_to_linear("#4060a0")[:3]).view(3, 1, 1)
    assert torch.allclose(made[:3, 3:], plate.data[:3, 3:] * (0.5 + 0.5 * color))
    twice = ShadowOnPlate(color="#4060a0", density=2)(plate, Matte(share)).data
    assert torch.allclose(twice[:3, 3:], plate.data[:3, 3:] * color)


def test_light_beside_the_shape_is_what_the_shape_leaves_of_it() -> None:
    """1 - lit / ((1 - cover) bare); of a bare ground without light there is no shadow, and cover counts as 0.95 at most."""
    bare = np.array([2.0, 2.0, 2.0, 0.001, 0.0011, 0.0, 2.0, 2.0])
    lit = np.array([2.0, 0.5, 0.5, 0.0, 0.0, 1.0, 0.05, 0.1])
    cover = np.array([0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.96, 0.95])
    assert _between(lit, bare, cover) == pytest.approx([0, 0.75, 0.5, 0, 1, 0, 0.5, 0])


def test_pixels_that_face_alike_are_one_surface() -> None:
    """Normals are told apart in steps of a quarter; less than 200 pixels are no surface, and without normals all are one."""
    normal = np.zeros((3, 30, 20))
    normal[2], normal[2, 10:], normal[2, 20:] = 1, 0.88, 0.76
    normal[0, :, :] = 0.12
    ground = np.ones((30, 20), bool)
    sizes = {tuple(np.unique(rows)) for rows, _ in _surfaces(ground, normal)}
    assert sizes == {tuple(range(20)), tuple(range(20, 30))}
    normal[1, 20:] = np.where(np.arange(20) < 5, 0.2, -0.2)
    assert [len(rows) for rows, _ in _surfaces(ground, normal)] == [400], "the rest is two surfaces of 50 and of 150 pixels"
    ground[0, :] = False
    rows, columns = _surfaces(ground, None)[0]
    assert len(rows) == len(columns) == 580 and rows.min() == 1
    assert _surfaces(np.zeros((30, 20), bool), None) == [] == _surfaces(np.zeros((30, 20), bool), normal)
    few = np.zeros((30, 20), bool)
    few.flat[:200] = True
    assert [len(rows) for rows, _ in _surfaces(few, normal)] == [200]
    few.flat[0] = False
    assert _surfaces(few, normal) == []


def test_every_direction_is_a_surface_of_its_own() -> None:
    """Along each axis, both ways."""
    axes = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1), (1, 1, 0), (1, 0, 1)], float)
    normal = np.repeat(axes.T[:, :, None], 200, axis=2)
    found = _surfaces(np.ones((8, 200), bool), normal)
    assert sorted(int(rows[0]) for rows, _ in found) == list(range(8)) and all(len({*rows}) == 1 for rows, _ in found)


def test_the_shadow_goes_on_for_six_pixels_as_the_mean_of_its_neighbours() -> None:
    known = torch.zeros(3, 12, dtype=torch.bool)
    known[:, :2] = True
    share = torch.zeros(3, 12)
    share[:, :2], share[:, 5] = 0.5, 9.0
    assert _continued(share, known)[1].tolist() == [0.5] * 8 + [0] * 4
    known[0, :2], share[2, 1] = False, 0.8
    mixed = _continued(share, known)
    assert mixed[1, 2].item() == pytest.approx(0.65) and mixed[2, 2].item() == pytest.approx(0.65)
    assert mixed[0, 0].item() == pytest.approx(0.5) and mixed[0, 1].item() == pytest.approx(0.5)


def test_a_flat_shadow_is_where_half_its_depth_is_reached_and_as_deep() -> None:
    share = torch.zeros(20, 40)
    share[:, 10:30] = 0.6
    share[:, 28:30] = 0.2
    # A border lies where the line between two pixels' shares reaches the threshold: what a pixel has of it is its antialiasing.
    for threshold, edges in ((0.5, {9: 0.0, 27: 1, 28: 0.25}), (0.3, {9: 0.2, 28: 1, 29: 0.6, 30: 0.0})):
        flat = flattened(share, threshold, 0.0)[10] / 0.6
        assert flat.tolist() == pytest.approx([edges.get(x, float(10 <= x < 28)) for x in range(40)], abs=1e-5)
    assert flattened(torch.full((8, 8), 0.12), 0.5, 0.0).count_nonzero() == 0, "0.12 is no shadow"
    assert flattened(torch.full((8, 8), 0.13), 0.5, 0.0).tolist() == [[pytest.approx(0.13)] * 8] * 8
    little = torch.zeros(8, 8)
    little[0, :3] = 0.5
    assert flattened(little, 0.5, 0.0).count_nonzero() == 0, "of three pixels no depth can be told"
    little[0, 3] = 0.5
    assert flattened(little, 0.5, 0.0).count_nonzero() > 0
    depths = torch.linspace(0.2, 1.0, 400).reshape(20, 20)
    assert flattened(depths, 0.1, 0.0).max() == pytest.approx(0.96, abs=1e-3), "the depth is the 95 % quantile"


def test_only_bare_ground_with_usable_light_and_a_normal_is_judged() -> None:
    """Not what the shape covers by 2 % or more, light below 0 or from a million on, normals shorter than 0.7."""
    side = 40

    def share(**changed: object) -> float:
        planes = {f"L.DiffDir.{c}": np.full((side, side), 1.0, np.float32) for c in "RGB"}
        planes |= {f"L.Normal.{c}": np.full((side, side), float(c == "Z"), np.float32) for c in "XYZ"}
        cover = torch.zeros(1, side, side)
        for c in "RGB":
            planes[f"L.DiffDir.{c}"][:8, :8] = changed.get("light", 0.2)
        planes["L.Normal.Z"][:8, :8] = changed.get("normal", 1.0)
        cover[:, :8, :8] = changed.get("cover", 0.0)
        layers = Layers(planes, Box(0, 0, side, side), (side, side), {})
        return float(GroundShadow(style="soft", median=1)(layers, Matte(cover)).data[0, 3, 3])

    deep = (0.8 - 0.06) / 0.94
    assert share() == pytest.approx(deep, abs=0.02)
    assert share(cover=0.019) == pytest.approx(deep, abs=0.02) and share(cover=0.021) == 0
    assert share(normal=0.8) == 0, "a direction that has too few pixels for a surface"
    assert share(light=-0.1) == 0 and share(light=0.0) > 0.95
