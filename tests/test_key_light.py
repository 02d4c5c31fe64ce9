"""The key light that is found in a frame is the one that shone there."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from raytraced import Ball, ball, degrees_between, looking, unit
from rotonodes.errors import FrameError
from rotonodes.imaging.passes import key_shading
from rotonodes.imaging.passes.camera import find_lens
from rotonodes.imaging.passes.key_light import find_key_light
from rotonodes.imaging.passes.key_shading import SHADING as CHANNELS
from rotonodes.imaging.passes.key_shading import KeyShading, glossy_light
from rotonodes.imaging.passes.light_search import find_lamp
from rotonodes.imaging.passes.lit_share import fit_light
from rotonodes.imaging.passes.surface import Surface, views_of
from rotonodes.imaging.passes.tone_labels import header_light
from rotonodes.io.exr import read_layers
from rotonodes.nodes import FindKeyLight, StackPasses, TonesFromPasses
from rotonodes.values.pixels import Box, Image, Layers, Matte


def surface_of(scene: Ball, light: np.ndarray | None = None) -> Surface:
    turned = np.einsum("ij,jhw->ihw", scene.rows, scene.normals)
    white = np.ones_like(scene.light)
    return Surface.of(scene.light if light is None else light, turned, scene.depth, white)


SHOT = Path(__file__).parent.parent / "examples/shots/torus/render.0001.exr"


@settings(max_examples=25, deadline=None, derandomize=True)  # a fit to noise has no sharp limit that every draw must keep
@given(
    around=st.floats(-1.2, 1.2),
    height=st.floats(0.3, 1.3),
    elevation=st.floats(0.05, 0.8),
    lens=st.floats(0.8, 2.5),
    fill=st.floats(0, 1),
    noise=st.floats(0, 0.1),
)
@example(0.0, 0.375, 0.5, 0.875, 0.25, 0.0)  # two starts of the fit end at the same terms, one of them later
def test_the_sun_is_found_and_what_it_does(around, height, elevation, lens, fill, noise):
    sun = unit(np.sin(around) * np.cos(height), -np.cos(around) * np.cos(height), np.sin(height))
    scene = ball(looking(0.3, elevation), sun, lens, fill=fill, noise=noise)
    key = find_key_light(scene.light, scene.normals)
    assert key is not None
    assert degrees_between(key.direction, sun) < 12
    if fill <= 0.5 and noise <= 0.05:  # beyond, a few thousand pixels tell the strength less well than what it is needed for
        assert key.strength == pytest.approx(3, rel=0.25)
        assert degrees_between(key.direction, sun) < 10
    surface = surface_of(scene)
    found = find_lamp(surface, scene.rows @ key.direction)
    assert degrees_between(scene.rows.T @ found.lamp.direction, sun) < 12
    shading = KeyShading(surface, found, 0.35)
    cosine, lit = shading.cosine, shading.lit
    wanted = np.einsum("ihw,i->hw", scene.normals, sun).clip(0)
    assert abs(cosine - wanted).mean() < 0.1
    clear = wanted > 0.3
    assert (lit[clear & ~scene.shadowed] > 0.5).mean() > 0.95
    if (shadow := clear & scene.shadowed).any():
        assert (lit[shadow] < 0.5).mean() > 0.9


def test_surfaces_without_diffuse_light_are_as_lit_as_those_around_them_in_the_open(monkeypatch):
    """What lies in a shadow beside them says nothing of them: rays tell which of them it reaches."""
    height, width = 40, 60
    left, right = np.zeros((2, height, width), bool)
    left[:, :20], right[:, 40:] = True, True
    normals = np.zeros((3, height, width), np.float32)
    normals[2] = 1
    light = np.where(right, 1, 0).astype(np.float32)
    surface = Surface(light, light, normals, np.full((height, width), 5, np.float32), left | right, 1.5)
    fit = SimpleNamespace(chance=lambda *given: light, lit_open=0.9, lit_blocked=0.1)
    found = SimpleNamespace(lamp=SimpleNamespace(direction=np.array([0, 0, 1], np.float32)), fit=fit)
    for reached in (False, True):  # by the shadow
        blocked = (left | (reached & ~right)).astype(np.float32)
        monkeypatch.setattr(key_shading, "traced_shadow", lambda *given, blocked=blocked: blocked)
        lit = KeyShading(surface, found, 0.35).lit
        assert (lit[left] == 0).all() and (lit[right] > 0.99).all()
        between = lit[:, 20:40]
        assert (between == pytest.approx(0.1)) if reached else (between.min() >= 0.9)


def test_the_same_frame_gives_the_same_light():
    scene = ball(looking(0, 0.4), unit(1, -1, 1), noise=0.1)
    one, two = (find_key_light(scene.light, scene.normals) for _ in range(2))
    assert one is not None and two is not None
    assert (one.direction == two.direction).all() and one.strength == two.strength


def test_nothing_is_found_where_there_is_nothing():
    scene = ball(looking(0, 0.4), unit(1, -1, 1))
    assert find_key_light(scene.light, scene.normals * 0) is None
    assert find_key_light(scene.light * 0, scene.normals) is None
    assert find_key_light(scene.light * np.nan, scene.normals) is None
    assert find_key_light(scene.light[:, :5, :5], scene.normals[:, :5, :5]) is None


@pytest.mark.parametrize("lens", [0.8, 1.4, 2.5])
def test_the_view_is_found_from_depth_and_normals(lens):
    scene = ball(looking(0.7, 0.5), unit(1, -1, 1), lens, size=(96, 72))
    turned = np.einsum("ij,jhw->ihw", scene.rows, scene.normals)
    views = views_of(scene.depth.shape, find_lens(scene.depth, turned))
    wanted = np.einsum("ij,jhw->ihw", scene.rows, scene.views)
    assert np.degrees(np.arccos((views * wanted).sum(0).clip(-1, 1))).max() < 4


def test_without_smooth_depth_the_view_is_straight():
    views = views_of((3, 4), find_lens(np.full((3, 4), 1e10), np.zeros((3, 3, 4))))
    assert (views == np.array([0, 0, 1])[:, None, None]).all()


def test_gloss_is_what_a_mirror_of_that_roughness_gives():
    """Against the microfacet formula, written once more for one pixel in another form (Heitz 2014, separable in lambda)."""
    sun, view, normal, roughness = unit(0.3, 0.2, 1), unit(-0.4, 0.1, 1), unit(0, 0.1, 1), 0.5
    gloss = glossy_light(sun, normal[:, None, None], view[:, None, None], roughness)[0, 0]
    alpha, half = roughness**2, unit(*(sun + view))

    def lam(direction):
        tangent = 1 / (normal @ direction) ** 2 - 1
        return (np.sqrt(1 + alpha**2 * tangent) - 1) / 2

    tangent = 1 / (normal @ half) ** 2 - 1
    spread = 1 / (np.pi * alpha**2 * (normal @ half) ** 4 * (1 + tangent / alpha**2) ** 2)
    masking = 1 / ((1 + lam(sun)) * (1 + lam(view)))
    assert gloss == pytest.approx(np.pi * spread * masking / (4 * (normal @ view)), rel=1e-5)


def test_the_node_finds_the_key_light_of_a_blender_render():
    layers = read_layers(SHOT)
    image = FindKeyLight()(layers)
    assert image.channels == CHANNELS and image.size == layers.size
    cosine, lit, gloss = image.data
    label = layers.image([f"Label.DiffDir.{c}" for c in "RGB"]).data[0]  # cosine times visibility under the key light alone
    shape = label > 0.05
    error = (cosine * lit - label)[shape].abs()
    assert error.median() < 0.05 and error.mean() < 0.08
    normal = layers.image([f"Beauty.Normal.{a}" for a in "XYZ"]).data
    wanted = torch.einsum("ihw,i->hw", normal, torch.tensor(header_light(layers)))
    assert (cosine - wanted.clamp(min=0)).abs().mean() < 0.05
    bright = layers.image([f"Label.GlossDir.{c}" for c in "RGB"]).data[0] > 0.3
    found = (gloss * lit > 0.3) & (label > 0)  # the floor mirrors it too, but is not in the labels
    assert (bright & found).sum() / (bright | found).sum() > 0.6


def test_a_frame_without_light_is_black_and_a_cut_pass_is_an_error():
    scene = ball(looking(0.2, 0.4), unit(1, -1, 1))
    layers = scene.layers({})
    dark = {name: plane * (0 if "DiffDir" in name else 1) for name, plane in layers.planes.items()}
    assert not FindKeyLight()(Layers(dark, layers.box, layers.size, {})).data.any()
    fewer = {name: plane for name, plane in layers.planes.items() if not name.endswith("Normal.Z")}
    with pytest.raises(FrameError, match=r"ball\.0001\.exr: Normal has 2 channels, not 3"):
        FindKeyLight()(Layers(fewer, layers.box, layers.size, {}, path=layers.path))


def test_its_channels_go_on_top_of_the_stack():
    scene = ball(looking(0.2, 0.4), unit(1, -1, 1))
    layers = scene.layers({"Note": json.dumps({"camera": scene.rows.tolist()})})
    key = FindKeyLight()(layers)
    stack = StackPasses(passes=["DiffDir", "Normal"], normals="camera")
    picture = stack(layers, key)
    assert picture.channels[-3:] == CHANNELS and torch.equal(picture.data[-3:], key.data)
    assert torch.equal(picture.data[:-3], stack(layers).data)
    with pytest.raises(FrameError, match=r"more is 2x2, the passes are 64x48: link one of the same frame"):
        stack(layers, Image(torch.zeros(1, 2, 2), ("K",)))
    with pytest.raises(FrameError, match=r"channel Normal.X is in the passes and in more"):
        stack(layers, Image(torch.zeros(1, 48, 64), ("Normal.X",)))


def test_normals_in_camera_space_need_no_camera():
    """Of a frame whose camera nobody tells, where renderers write normals as the camera sees them."""
    scene = ball(looking(0.7, 0.4), unit(1, -1, 1))
    world, noted = scene.layers({}), scene.layers({"Note": json.dumps({"camera": scene.rows.tolist()})})
    turned = np.einsum("ij,jhw->ihw", scene.rows, scene.normals).astype(np.float32)
    planes = dict(world.planes) | {f"L.Normal.{axis}": plane for axis, plane in zip("XYZ", turned, strict=True)}
    seen = Layers(planes, world.box, world.size, {}, path=world.path)
    found, wanted = FindKeyLight(normals="camera")(seen), FindKeyLight()(noted)
    assert (found.data - wanted.data).abs().mean() < 0.03
    flat = {name: np.full_like(plane, float(name.endswith("Normal.Z"))) if "Normal" in name else plane for name, plane in planes.items()}
    with pytest.raises(FrameError, match="or set normals: camera where they are rendered in camera space"):
        FindKeyLight()(Layers(flat, world.box, world.size, {}))


def test_the_terminator_is_neither_lit_nor_in_cast_shadow():
    """Where a surface turns away from the light, the quotient of measured and expected light is noise: it fades to 0."""
    scene = ball(looking(0, 0.4), unit(1, -1, 0.3), size=(160, 120), fill=0.1)
    noisy = scene.light + 0.02 * np.random.default_rng(1).normal(size=scene.light.shape)
    surface = surface_of(scene, noisy)
    key = find_key_light(noisy, scene.normals)
    assert key is not None
    found = find_lamp(surface, scene.rows @ key.direction)
    shading = KeyShading(surface, found, 0.35)
    cosine, lit, gloss = shading.cosine, shading.lit, shading.gloss
    away = np.einsum("ihw,i->hw", surface.normals, found.lamp.direction) <= 0
    assert away.any() and not lit[away].any() and not cosine[away].any() and not gloss[away].any()
    grazing = (cosine > 0) & (cosine < 0.05) & scene.on_ball
    clear = (cosine > 0.3) & ~scene.shadowed & scene.on_ball
    assert grazing.sum() > 20 and np.median(lit[grazing]) < 0.5 < np.median(lit[clear])
    assert lit[clear].min() > 0.5
    steps = [np.median(lit[(cosine > low) & (cosine <= low + 0.02) & scene.on_ball]) for low in (0.0, 0.04, 0.08)]
    assert steps == sorted(steps), "the light fades in from the terminator"


def turned(layers: Layers, rows: np.ndarray) -> Layers:
    """The same frame with its normals in camera space."""
    names = [f"L.Normal.{axis}" for axis in "XYZ"]
    seen = np.einsum("ij,jhw->ihw", rows, np.stack([layers.planes[name] for name in names])).astype(np.float32)
    return Layers(dict(layers.planes) | dict(zip(names, seen, strict=True)), layers.box, layers.size, {}, path=layers.path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("name", ["DiffDir", "Normal", "Depth"])
def test_one_bad_pixel_stays_one_pixel(name, value):
    scene = ball(looking(0.2, 0.4), unit(1, -1, 1))
    layers = scene.layers({})
    planes = {full: plane.copy() for full, plane in layers.planes.items()}
    for full in planes:
        if f".{name}." in full:
            planes[full][20, 30] = value
    bad = Layers(planes, layers.box, layers.size, {}, path=layers.path)
    for node in (FindKeyLight(), FindKeyLight(normals="camera")):
        if node.normals == "camera":
            layers, bad = (turned(one, scene.rows) for one in (layers, bad))
        before, after = node(layers).data, node(bad).data
        differs = ((before - after).abs().nan_to_num(9) > 0.02).any(0)
        assert differs.sum() <= 1 and not differs[:20].any()


def test_the_ground_shadow_is_what_the_shape_throws() -> None:
    """A ball on a floor: its shadow, but neither the ball's own dark side nor a dark corner of the floor that it does not shade."""
    scene = ball(looking(0.2, 0.5), unit(1.0, -0.3, 1.0), size=(96, 72))
    dark = scene.light.copy()
    dark[:, -10:, -14:] = 0.02
    planes = {f"DiffDir.{channel}": dark[0].astype(np.float32) for channel in "RGB"}
    planes |= {f"Normal.{axis}": np.asarray(plane, np.float32) for axis, plane in zip("XYZ", scene.normals, strict=True)}
    planes["Depth.Z"] = scene.depth.astype(np.float32)
    frame = Layers(planes, Box(0, 0, 96, 72), (96, 72), {"note": json.dumps({"camera": scene.rows.tolist()})})
    found = TonesFromPasses(recipe="key", ground=True)(frame, matte=Matte(torch.from_numpy(scene.on_ball).float()[None])).data.numpy() == 5
    assert (found & scene.shadowed).sum() > 0.85 * (found | scene.shadowed).sum()
    assert not found[-9:, -12:].any()


def test_the_ground_shadow_ends_where_the_light_does() -> None:
    """Its edge is not ragged in a noisy render whose rays are traced on a grid: no longer than the true one, and in its place."""
    size = (512, 384)
    scene = ball(looking(0.2, 0.5), unit(1.0, -0.3, 1.0), size=size, noise=0.25)
    planes = {f"DiffDir.{channel}": scene.light[0].astype(np.float32) for channel in "RGB"}
    planes |= {f"Normal.{axis}": np.asarray(plane, np.float32) for axis, plane in zip("XYZ", scene.normals, strict=True)}
    planes["Depth.Z"] = scene.depth.astype(np.float32)
    frame = Layers(planes, Box(0, 0, *size), size, {"note": json.dumps({"camera": scene.rows.tolist()})})
    found = TonesFromPasses(recipe="key", ground=True)(frame, matte=Matte(torch.from_numpy(scene.on_ball).float()[None])).data.numpy() == 5
    assert (found & scene.shadowed).sum() > 0.998 * (found | scene.shadowed).sum()
    border, true = ((one[1:] != one[:-1]).sum() + (one[:, 1:] != one[:, :-1]).sum() for one in (found, scene.shadowed))
    assert border < 1.03 * true


@pytest.mark.parametrize("reach", [1, 4, 30])
def test_how_lit_the_surroundings_are_is_a_mean_of_means_with_darkness_outside(reach: int) -> None:
    """As pooling gives it, whose time grows with the square of the reach: at 1080p that took minutes a frame."""
    from rotonodes.imaging.passes.key_shading import _blurred

    plane = torch.rand(23, 31, generator=torch.Generator().manual_seed(reach))
    pooled = plane[None, None]
    for _ in range(2):
        pooled = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(pooled, (reach,) * 4), 2 * reach + 1, 1)
    np.testing.assert_allclose(_blurred(plane.numpy(), reach), pooled[0, 0].numpy(), atol=2e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("painted", [0, 1, 2, 7])
def test_a_frame_with_hardly_any_diffuse_colour_is_shaded_by_what_light_there_is(painted: int) -> None:
    """All metal and black, as a car in the dark: no colour that lets diffuse light be seen, or a few pixels of it."""
    sun = unit(1, -1, 1)
    scene = ball(looking(0.2, 0.4), sun)
    layers = scene.layers({"camera": scene.rows.tolist()})
    color = np.zeros(scene.depth.shape, np.float32)
    color.ravel()[np.flatnonzero(scene.light.sum(axis=0) > 0)[:painted]] = 0.5
    planes = dict(layers.planes) | {f"L.DiffCol.{channel}": color for channel in "RGB"}
    found = FindKeyLight()(Layers(planes, layers.box, layers.size, layers.metadata, path=layers.path))
    assert torch.isfinite(found.data).all() and found.data[0].max() > 0.5
    if not painted:
        wanted = np.einsum("ihw,i->hw", scene.normals, sun).clip(0)
        assert abs(found.data[0].numpy() - wanted).mean() < 0.1


@pytest.mark.filterwarnings("error")
def test_lit_pixels_that_stand_alone_are_no_light() -> None:
    scene = ball(looking(0.2, 0.4), unit(1, -1, 1))
    layers = scene.layers({"camera": scene.rows.tolist()})
    dots = np.zeros(scene.depth.shape, np.float32)
    dots[::3, ::3] = 1
    planes = {name: plane * dots if ".DiffDir." in name else plane for name, plane in layers.planes.items()}
    assert not FindKeyLight()(Layers(planes, layers.box, layers.size, layers.metadata, path=layers.path)).data.any()


@pytest.mark.parametrize("flat", [0.76, 0.8])
@pytest.mark.parametrize("share", [0.1, 0.25])
@pytest.mark.parametrize("final", [False, True])
def test_the_shadow_on_a_floor_tells_fill_from_light(flat, share, final):
    """A sunny floor with a small shadow, and things as bright on all sides: all of it could be fill, but for the shadow."""
    count, random = 800, np.random.default_rng(0)
    things = int(share * count)
    normals = np.tile([0.0, 0.0, 1.0], (count, 1))
    normals[:things] = random.normal(size=(things, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    arriving = (normals @ unit(0.5, 0.3, 0.81)).clip(0)
    place = np.arange(count)
    shadow, lit = (place >= things) & (place < things + 42), place >= things + 42
    blocked = random.random(count) < np.where(shadow, 0.8, 0.2)
    light = (0.35 + 0.8 * arriving * ~shadow) * (1 + 0.03 * random.normal(size=count))
    light[:things] = flat * (1 + 0.1 * random.normal(size=things))
    fit = fit_light(light, normals.T, arriving, blocked, final)
    rows = [one[None] for one in (light, arriving, blocked.astype(float), np.ones(count, bool))]
    chance = fit.chance(rows[0], normals.T[:, None], rows[1], rows[2], rows[3])[0]
    assert fit.strength > 0.5
    assert (chance[shadow] < 0.5).mean() > 0.95 and (chance[lit] > 0.5).mean() > 0.95


@pytest.mark.parametrize("share", [0.15, 0.2, 0.3])
def test_what_little_is_lit_is_not_taken_for_noise(share):
    """Most of a frame in the shadow of something that it does not show, in the uneven light of a room; a few things in the sun."""
    count, random = 800, np.random.default_rng(1)
    normals = random.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    arriving = (normals @ unit(0.5, 0.3, 0.81)).clip(0)
    sunny = np.arange(count) < share * count
    light = (0.06 + 0.05 * random.random(count) + sunny * arriving) * (1 + 0.05 * random.normal(size=count))
    blocked = random.random(count) < 0.2
    fit = fit_light(light, normals.T, arriving, blocked, final=True)
    rows = [one[None] for one in (light, arriving, blocked.astype(float), np.ones(count, bool))]
    chance = fit.chance(rows[0], normals.T[:, None], rows[1], rows[2], rows[3])[0]
    facing = arriving > 0.3
    assert (chance[sunny & facing] > 0.5).mean() > 0.95 and (chance[~sunny & facing] < 0.5).mean() > 0.95
