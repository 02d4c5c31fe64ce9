"""GroundShadow and ShadowOnPlate: the ground's shadow where the geometry has it, flat or soft, and multiplied onto any background."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from raytraced import Ball, ball, looking, unit
from rotonodes.errors import FrameError
from rotonodes.imaging.passes.shadow_share import _unshadowed
from rotonodes.nodes import GroundShadow, ShadowOnPlate
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Image, Labels, Layers, Matte
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
