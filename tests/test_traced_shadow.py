"""Rays through the depth buffer: lamps near and far, what stands in a ray's way, grids of large frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.imaging.passes import traced_shadow as traced
from rotonodes.imaging.passes.surface import Surface
from rotonodes.imaging.passes.traced_shadow import Lamp, trace, trace_all, traced_shadow

SUN = np.array([0.6, 0, 0.8], np.float32)


def wall(width: int = 60, height: int = 40, block: tuple[int, int] = (25, 32), depth: float = 9.0) -> Surface:
    """A wall 10 away that faces the camera, with a block before it in some columns; one frame width is one focal length."""
    ones = np.ones((height, width), np.float32)
    plane = ones * 10
    plane[:, block[0] : block[1]] = depth
    return Surface(ones, ones, np.stack([0 * ones, 0 * ones, ones]), plane, ones > 0, lens=1.0)


def test_a_sun_is_the_same_everywhere_and_a_lamp_falls_with_the_square() -> None:
    points = np.array([[0, 0, 0], [0, 0, 4], [3, 0, 0], [0, 0, 0.001]], np.float32).T
    sun = Lamp.near(SUN, np.zeros(3), np.inf)
    towards, far = sun.way(points)
    assert (towards.T == SUN).all() and (far == 1e6).all() and sun.place is None
    up = np.repeat(np.array([[0.0], [0], [1]], np.float32), 4, axis=1)
    assert sun.arriving(points, up) == pytest.approx([0.8] * 4) and sun.arriving(points, -up).tolist() == [0] * 4
    lamp = Lamp.near(np.array([0, 0, 1.0]), np.array([0, 0, 0.0]), 5.0)
    assert lamp.place is not None and lamp.place.tolist() == [0, 0, 5]
    towards, far = lamp.way(points)
    assert far == pytest.approx([5, 1, np.sqrt(34), 4.999], rel=1e-4) and towards[:, 2] == pytest.approx(
        [-3 / np.sqrt(34), 0, 5 / np.sqrt(34)]
    )
    arriving = lamp.arriving(points, up)
    assert arriving[[0, 2]] == pytest.approx([1, 25 / 34 * 5 / np.sqrt(34)]) and arriving[1] == 4, "at most fourfold"


@given(st.floats(-20, 20), st.floats(-20, 20), st.integers(1, 50))
def test_a_way_ends_where_it_leaves_the_frame(start: float, way: float, size: int) -> None:
    start = min(max(start, 0), size)
    part = float(traced._until_edge(np.array([start]), np.array([way]), size)[0])
    assert 0 <= part <= 1 and -1e-3 <= start + part * way <= size + 1e-3
    if part < 1:
        assert min(abs(start + part * way), abs(start + part * way - size)) < 1e-3


def test_points_are_projected_to_the_pixels_that_they_come_from() -> None:
    surface = wall()
    places = surface.places.reshape(3, -1)
    x, y = traced._projected(places, surface)
    assert x.reshape(40, 60)[7, 11] == pytest.approx(11.5, abs=1e-3) and y.reshape(40, 60)[7, 11] == pytest.approx(7.5, abs=1e-3)


@pytest.mark.parametrize(("side", "columns"), [(1, range(21, 25)), (-1, range(32, 36))])
def test_a_block_keeps_the_sun_from_the_wall_beside_it(side: int, columns: range) -> None:
    """It stands 1 before the wall: at 45 degrees its shadow is 1 wide, which is 6 of the wall's pixels less what the lift takes."""
    surface = wall()
    sun = Lamp(np.array([side, 0, 1], np.float32) / np.sqrt(np.float32(2)))
    row = np.arange(20 * 60, 21 * 60)
    hits = trace(surface, row, sun, thickness=1.0)
    assert set(columns) <= {*np.flatnonzero(hits >= 0).tolist()} <= set(range(columns.start - 3, columns.stop + 3))
    assert all(25 <= hit % 60 < 32 and hit // 60 == 20 for hit in hits[hits >= 0])
    share = traced_shadow(surface, sun, np.ones((40, 60), bool), thickness=1.0)
    assert share.dtype == np.float32 and (share[20] > 0).tolist() == (hits >= 0).tolist() and set(np.unique(share)) == {0, 1}
    half = np.zeros((40, 60), bool)
    half[:10] = True
    assert not traced_shadow(surface, sun, half, thickness=1.0)[10:].any()
    shaped = replace(surface, shape=np.zeros((40, 60), bool))
    assert not traced_shadow(shaped, sun, ~half, thickness=1.0, of_shape=True).any(), "only what is shape throws a shadow then"
    shaped.shape[:, 25:32] = True
    assert (traced_shadow(shaped, sun, ~half, thickness=1.0, of_shape=True)[20] == share[20]).all()
    assert not traced_shadow(shaped, sun, ~half, thickness=0.0).any(), "surfaces without thickness stop no ray"


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 3))
def test_many_lamps_at_once_meet_what_each_meets_alone(seed: int, lamps: int, stride: int) -> None:
    """Step by step, too: the first step that lies behind a surface, but not far, ends a ray."""
    random = np.random.default_rng(seed)
    surface = wall(depth=float(random.uniform(6, 9.5)))
    asked = []
    for _ in range(lamps):
        direction = random.normal(size=3).astype(np.float32)
        lamp = Lamp.near(direction / np.linalg.norm(direction), np.array([0, 0, -9.5]), float(random.choice([np.inf, 4.0, 12.0])))
        asked.append((random.choice(2400, random.integers(0, 40), replace=False), lamp))
    together = trace_all(surface, asked, 0.3, stride)
    assert [found.tolist() for found in together] == [trace(surface, *one, 0.3, stride).tolist() for one in asked]
    for (pixels, lamp), found in zip(asked, together, strict=True):
        rays = traced._rays(surface, pixels, lamp, stride)
        for index, met in enumerate(found):
            steps = np.arange(1, int(rays.steps[index]) + 1, dtype=np.float32)
            at = rays.part[index] * steps / rays.steps[index]
            places = (rays.start[:, index, None] + rays.way[:, index, None] * at).astype(int)
            x, y = (axis.clip(0, size - 1) for axis, size in zip(places, (60, 40), strict=True))
            here = 1 / (rays.nearness[index] + rays.nearer[index] * at)
            gap = here - surface.depth[y, x]
            hits = np.flatnonzero((gap > traced._BIAS * here) & (gap < 0.3 * surface.bounds[1]))
            assert met == (y[hits[0]] * 60 + x[hits[0]] if len(hits) else -1)


def test_light_from_the_camera_or_without_a_focal_length_meets_nothing() -> None:
    surface, all_pixels = wall(), np.arange(60 * 40)
    assert (trace(surface, all_pixels, Lamp(np.array([0, 0, 1.0], np.float32)), 1.0) == -1).all()
    assert (trace(replace(surface, lens=None), all_pixels, Lamp(SUN), 1.0) == -1).all()
    assert trace(surface, np.zeros(0, int), Lamp(SUN), 1.0).shape == (0,)


def test_a_flat_wall_keeps_no_light_from_itself() -> None:
    ones = np.ones((40, 60), np.float32)
    surface = Surface(ones, ones, np.stack([0 * ones, 0 * ones, ones]), ones * 10, ones > 0, lens=1.0)
    for direction in ([0.9, 0, 0.44], [-0.3, 0.9, 0.31], [0, -0.7, 0.71]):
        assert (trace(surface, np.arange(2400), Lamp(np.array(direction, np.float32)), 1.0) == -1).all()


def test_a_near_lamp_lights_what_lies_behind_it() -> None:
    """A lamp between block and wall: nothing stands between it and the wall."""
    surface = wall()
    row = np.arange(20 * 60, 20 * 60 + 25)
    far = trace(surface, row, Lamp(np.array([1, 0, 1], np.float32) / np.sqrt(np.float32(2))), 1.0)
    between = Lamp(np.array([0, 0, 1], np.float32), np.array([-0.95, 0, -9.6], np.float32), 1.0)
    assert (far >= 0).any() and (trace(surface, row, between, 1.0) == -1).all()


@given(st.integers(1, 40), st.integers(1, 7))
def test_grid_points_lie_around_each_place(length: int, step: int) -> None:
    """Bilinear: the places come back as means of the grid's points, between its first and its last one."""
    places = np.arange(length)
    grid = places[step // 2 :: step]
    if not len(grid):
        return
    (before, one), (after, other) = (traced._grid_point(places, step, number) for number in (0, 1))
    assert {*before.tolist(), *after.tolist()} <= {*grid.tolist()}
    inside = (places >= grid[0]) & (places <= grid[-1])
    mean = (before * one + after * other) / np.maximum(one + other, 1e-9)
    assert mean[inside] == pytest.approx(places[inside].astype(float))
    assert (one + other)[inside] == pytest.approx(1.0) or step == 1


@given(st.integers(1, 4), st.integers(6, 11), st.integers(6, 11))
def test_a_mask_is_grown_to_all_sides(by: int, row: int, column: int) -> None:
    mask = np.zeros((18, 18), bool)
    mask[row, column] = True
    grown = traced._grown(mask, by)
    reach = 0 if by == 1 else by
    wanted = np.zeros((18, 18), bool)
    wanted[row - reach : row + reach + 1, column - reach : column + reach + 1] = True
    assert (grown == wanted).all()


def test_a_large_frame_is_traced_on_a_grid_along_its_surfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the pixels in each direction: the same shadow within the grid's width, and none on the block itself."""
    surface = wall(120, 60, (50, 64))
    sun = Lamp(np.array([1, 0, 1], np.float32) / np.sqrt(np.float32(2)))
    every = np.ones((60, 120), bool)
    fine = traced_shadow(surface, sun, every, thickness=1.0)
    monkeypatch.setattr(traced, "_WIDEST", 40)
    coarse = traced_shadow(surface, sun, every, thickness=1.0)
    assert np.abs(coarse - fine).mean() < 0.02 and coarse[:, 50:64].max() < 0.01 and coarse.max() <= 1
    assert coarse[30, 45:50] == pytest.approx(1, abs=0.01), "up to the block's edge"


def test_a_ray_of_a_single_pixel_is_followed() -> None:
    """To a lamp one and a half pixels away, behind a block that is a pixel wide."""
    surface = wall(block=(30, 31), depth=9.3)
    lamp = Lamp(np.array([1, 0, 0], np.float32), np.array([0.161, -0.083, -9.75], np.float32), 1.0)
    assert trace(surface, np.array([20 * 60 + 29]), lamp, 1.0).tolist() == [20 * 60 + 30]
