"""How the camera looks: noted by the renderer, or solved from Position, or normals, and Depth."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytraced import ball, looking, unit
from rotonodes.errors import FrameError
from rotonodes.imaging.passes.camera import camera_rotation, find_lens, header_camera, solve_camera, turn
from rotonodes.imaging.passes.names import Passes
from rotonodes.values.pixels import Box, Layers


def rotation(seed: int) -> np.ndarray:
    """Any rotation: its rows are the camera's right, up, and towards the viewer."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def rendered(
    rows: np.ndarray,
    seed: int = 0,
    size: tuple[int, int] = (24, 17),
    width: float = 0.7,
    shift: tuple[float, float] = (0, 0),
    aspect: float = 1,
    orthographic: bool = False,
    jitter: float = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """World positions and planar depths of a bumpy surface before a camera; a third of the pixels sees nothing.

    `width` is the width of the picture at depth 1, `jitter` how far samples lie beside the middles of their pixels.
    """
    random = np.random.default_rng(seed)
    columns, lines = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    columns, lines = (plane + random.uniform(-jitter, jitter, plane.shape) for plane in (columns, lines))
    x = (columns / size[0] - 0.5 + shift[0]) * width
    y = (0.5 - lines / size[1] + shift[1]) * width * aspect * size[1] / size[0]
    depth = random.uniform(2, 9, x.shape)
    spread = 3 if orthographic else depth
    seen = np.stack([x * spread, y * spread, -depth])
    position = np.einsum("ji,jhw->ihw", rows, seen) + random.uniform(-20, 20, 3)[:, None, None]
    nothing = random.uniform(size=depth.shape) < 0.33
    depth[nothing], position[:, nothing] = 1e10, 0
    return position.astype(np.float32), depth.astype(np.float32)


def degrees(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip((np.trace(one.T @ other) - 1) / 2, -1, 1))))


@given(
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    width=st.floats(0.2, 2.5),
    shift=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    aspect=st.floats(0.5, 2),
    orthographic=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_camera_is_found_again(seed, size, width, shift, aspect, orthographic):
    rows = rotation(seed)
    found = solve_camera(*rendered(rows, seed, size, width, shift, aspect, orthographic))
    assert degrees(found, rows) < 0.05
    assert np.allclose(found @ found.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(found) > 0


@given(seed=st.integers(0, 10_000), orthographic=st.booleans())
@settings(max_examples=20, deadline=None)
def test_samples_beside_the_middle_of_their_pixels_do_little(seed, orthographic):
    rows = rotation(seed)
    assert degrees(solve_camera(*rendered(rows, seed, (96, 64), orthographic=orthographic, jitter=0.75)), rows) < 1


def test_mixed_pixels_at_edges_are_left_out():
    rows = rotation(4)
    position, depth = rendered(rows)
    there = np.argwhere(depth < 1e9)[::9]
    position[:, there[:, 0], there[:, 1]] *= 0.5
    assert degrees(solve_camera(position, depth), rows) < 0.05


def test_a_wall_before_the_camera_is_enough():
    rows = rotation(5)
    columns, lines = np.meshgrid(np.arange(20) - 9.5, 7.5 - np.arange(16))
    seen = np.stack([columns, lines, np.full(columns.shape, -30.0)])
    position = np.einsum("ji,jhw->ihw", rows, seen).astype(np.float32)
    assert degrees(solve_camera(position, np.full(columns.shape, 30, np.float32)), rows) < 0.05


def test_strange_pixels_are_passed_over():
    rows = rotation(6)
    position, depth = rendered(rows)
    depth[0, :5] = [np.nan, np.inf, -np.inf, -1, 0]
    depth[1, :3], position[:, 1, :3] = 5, [np.nan, np.inf, -np.inf]
    assert degrees(solve_camera(position, depth), rows) < 0.05


def test_too_little_to_go_by_is_said():
    position, depth = rendered(rotation(7))
    with pytest.raises(ValueError, match=r"0 pixels have a depth: show more of the scene"):
        solve_camera(position, np.full_like(depth, 1e10))
    full, _ = rendered(rotation(7), size=(24, 60))
    line = np.full(full.shape[1:], 1e10)
    line[:, 3] = np.random.default_rng(1).uniform(2, 9, 60)
    with pytest.raises(ValueError, match=r"lie in a line: show more of the scene"):
        solve_camera(full, line)


def test_passes_that_fit_no_camera_are_refused():
    position, depth = rendered(rotation(8), size=(64, 48), width=2.5)
    with pytest.raises(ValueError, match=r"px beside any picture: the position must be in world space and the depth planar"):
        solve_camera(np.random.default_rng(2).normal(size=position.shape), depth)
    columns, lines = np.meshgrid(np.arange(64) - 31.5, 23.5 - np.arange(48))
    ray = depth * np.sqrt(1 + (columns**2 + lines**2) * (2.5 / 64) ** 2)
    with pytest.raises(ValueError, match=r"px beside any picture"):
        solve_camera(position, np.where(depth < 1e9, ray, 1e10))


def layers_of(position: np.ndarray, depth: np.ndarray, **header: object) -> Layers:
    planes = {f"L.Position.{axis}": plane for axis, plane in zip("XYZ", position, strict=True)} | {"L.Depth.Z": depth}
    height, width = depth.shape
    return Layers(planes, Box(0, 0, width, height), (width, height), header, path="shot.0001.exr")


def test_the_header_goes_before_the_passes():
    noted, rows = rotation(9), rotation(10)
    layers = layers_of(*rendered(rows), Note=json.dumps({"seed": 3, "camera": noted.tolist()}))
    assert np.allclose(camera_rotation(layers, Passes.of(layers)), noted)
    plain = layers_of(*rendered(rows))
    assert header_camera(plain) is None
    assert degrees(camera_rotation(plain, Passes.of(plain)), rows) < 0.05


@pytest.mark.parametrize(
    "camera", ["Camera.001", [[1, 0], [0, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, -1]], [[2, 0, 0], [0, 2, 0], [0, 0, 2]], None]
)
def test_what_is_no_rotation_is_no_camera(camera):
    layers = layers_of(*rendered(rotation(11)), Camera="Camera", Note=json.dumps({"camera": camera}), Broken='{"camera": [')
    assert header_camera(layers) is None


def test_faults_name_the_file_and_what_to_render():
    layers = layers_of(*rendered(rotation(12)))
    for absent, words in (
        ("Position", "no pass Normal to"),
        ("Depth", "no pass Depth to"),
        (".", "no pass Normal and no pass Depth to"),
    ):
        fewer = Layers({n: p for n, p in layers.planes.items() if absent not in n}, layers.box, layers.size, path="shot.0001.exr")
        with pytest.raises(
            FrameError,
            match=rf"^shot.0001.exr: the header notes no camera, and there is {words} solve it from: render Normal and Depth too",
        ):
            camera_rotation(fewer, Passes.of(fewer))
    empty = layers_of(np.zeros((3, 5, 7)), np.full((5, 7), 1e10))
    with pytest.raises(
        FrameError, match=re.escape("Position and Depth: 0 pixels have a depth: show more of the scene, or note the camera in the header")
    ):
        camera_rotation(empty, Passes.of(empty))
    two = Layers({n: p for n, p in layers.planes.items() if n != "L.Position.Z"}, layers.box, layers.size)
    with pytest.raises(FrameError, match="Position needs three channels and Depth one"):
        camera_rotation(two, Passes.of(two))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), around=st.floats(-3, 3), elevation=st.floats(0.1, 0.9), lens=st.floats(0.7, 3))
def test_normals_and_depth_tell_the_camera_too(seed, around, elevation, lens):
    scene = ball(looking(around, elevation), unit(1, -1, 1), lens, size=(96, 72))
    other = rotation(seed)  # any world: the floor need not be level
    normals = np.einsum("ij,jhw->ihw", other, scene.normals)
    assert degrees(turn(normals, scene.depth), scene.rows @ other.T) < 2
    assert find_lens(scene.depth, np.einsum("ij,jhw->ihw", scene.rows, scene.normals)) == pytest.approx(lens, rel=0.1)


def test_position_goes_before_normals_which_do_without():
    scene = ball(looking(0.4, 0.3), unit(1, -1, 1), size=(96, 72))
    layers = scene.layers({})
    assert degrees(camera_rotation(layers, Passes.of(layers)), scene.rows) < 2
    with pytest.raises(FrameError, match="no camera can be solved from Normal and Depth: all of its normals point one way: show more"):
        level = {n: p * 0 + (n.endswith("Z")) if "Normal" in n else p for n, p in layers.planes.items()}
        flat = Layers(level, layers.box, layers.size)
        camera_rotation(flat, Passes.of(flat))
    with pytest.raises(ValueError, match="the normals are not those of the depths: the normals must be in world space"):
        turn(np.random.default_rng(0).permuted(scene.normals, axis=2), scene.depth)
    with pytest.raises(ValueError, match="0 pixels have a smooth depth and a normal: show more of the scene"):
        turn(scene.normals, np.full_like(scene.depth, 1e10))
    assert find_lens(np.full_like(scene.depth, 1e10), scene.normals) is None


def faceted(rows: np.ndarray, faces: int, lens: float = 1.4, size: tuple[int, int] = (160, 120)) -> tuple[np.ndarray, np.ndarray]:
    """A ball of few flat faces that are shaded as if it were round: world-space normals `[3, H, W]` and planar depth."""
    width, height = size
    number = np.arange(faces) + 0.5
    polar, around = np.arccos(1 - 2 * number / faces), np.pi * (1 + 5**0.5) * number
    planes = np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], axis=1)
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / width / lens, (height / 2 - np.arange(height) - 0.5) / width / lens)
    rays = np.einsum("ij,jhw->ihw", rows.T, np.stack([x, y, -np.ones_like(x)]))
    eye = 4 * rows[2]
    falling = np.einsum("ij,jhw->ihw", planes, rays)
    reached = (1 - planes @ eye)[:, None, None] / falling
    enter, leave = np.where(falling < 0, reached, -np.inf).max(0), np.where(falling > 0, reached, np.inf).min(0)
    hit = enter < leave
    points = eye[:, None, None] + rays * np.where(hit, enter, 0)
    return np.where(hit, points / np.linalg.norm(points, axis=0), 0), np.where(hit, enter, 1e10)


@pytest.mark.parametrize(("faces", "most"), [(10, 15), (12, 12), (20, 6), (60, 4)])
def test_smooth_shading_of_few_faces(faces: int, most: float) -> None:
    """Ordinary low-poly models: normals and depth differ by the facets, which says nothing against the camera."""
    for azimuth in (0.4, 1.9):
        rows = looking(azimuth, 0.5)
        normals, depth = faceted(rows, faces)
        assert degrees(turn(normals, depth), rows) < most


@pytest.mark.parametrize("wrong", ["mirrored", "negated", "axes swapped", "upside down"])
def test_normals_of_another_space_are_refused(wrong: str) -> None:
    scene = ball(looking(0.7, 0.5), unit(1, -1, 1), size=(96, 72))
    normals = {
        "mirrored": scene.normals * np.array([-1, 1, 1])[:, None, None],
        "negated": -scene.normals,
        "axes swapped": scene.normals[[0, 2, 1]],
        "upside down": scene.normals[:, ::-1],
    }[wrong]
    with pytest.raises(ValueError, match="the normals are not those of the depths"):
        turn(normals, scene.depth)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e8, 1e30])
@pytest.mark.parametrize("name", ["Position", "Normal", "Depth"])
def test_one_bad_pixel_does_not_move_the_camera(name: str, value: float) -> None:
    scene = ball(looking(0.7, 0.5), unit(1, -1, 1), size=(96, 72))
    ray = scene.views / (scene.views * scene.rows[2][:, None, None]).sum(0)  # of planar length 1
    points = 4 * scene.rows[2][:, None, None] - ray * np.where(scene.depth < 1e9, scene.depth, 0)
    planes = {"Position": points.copy(), "Normal": scene.normals.copy(), "Depth": scene.depth.copy()}
    planes[name][..., 40, 48] = value
    with np.errstate(all="raise"):
        assert degrees(turn(planes["Normal"], planes["Depth"]), scene.rows) < 2
        assert degrees(solve_camera(planes["Position"], planes["Depth"]), scene.rows) < 0.5
