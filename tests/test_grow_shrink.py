"""GrowShrink: edges that move by exactly as much as is asked, in any direction, and stay as sharp or soft as they were."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes.imaging.mattes import grow as distance
from rotonodes.imaging.mattes.box_means import gaussian
from rotonodes.imaging.mattes.nearest import SLACK, block_distances, nearest_of, whole
from rotonodes.nodes import GrowShrink
from rotonodes.values.pixels import Matte

_FINE = 16  # samples of a pixel's side, for true coverage


def true(size: int, inside: object) -> np.ndarray:
    """How much of each pixel a shape covers: `inside(y, x)` on a fine grid, pixels counted from their middles."""
    at = (np.arange(size * _FINE) + 0.5) / _FINE - 0.5
    fine = inside(at[:, None], at[None])  # type: ignore[operator]
    return fine.reshape(size, _FINE, size, _FINE).mean((1, 3)).astype(np.float32)


def disc(radius: float, size: int = 120) -> np.ndarray:
    return true(size, lambda y, x: np.hypot(y - size / 2 - 0.2, x - size / 2 + 0.3) <= radius)


def half_plane(degrees: float, offset: float, size: int = 48) -> np.ndarray:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return true(size, lambda y, x: (y - size / 2) * sine + (x - size / 2) * cosine <= offset)


def grown(plane: np.ndarray, radius: float) -> np.ndarray:
    return GrowShrink(radius=radius)(Matte(torch.from_numpy(plane)[None])).data[0].numpy()


@pytest.mark.parametrize("radius", [0.3, 1, 2.5, 7.7, 20.4, -0.5, -2.5, -9.3])
@pytest.mark.parametrize("size", [15.3, 30])
def test_a_disc_becomes_the_disc_of_the_other_radius(size: float, radius: float) -> None:
    found, wanted = grown(disc(size), radius), disc(size + radius)
    assert found.sum() == pytest.approx(wanted.sum(), abs=0.04 * 2 * math.pi * (size + radius))  # 0.04 px all around
    assert np.abs(found - wanted).max() < 0.2
    assert np.abs(found - wanted).mean() < 0.003


@pytest.mark.parametrize("degrees", [0, 3, 17, 30, 45, 63, 90, 135, 200])
@pytest.mark.parametrize("radius", [0.5, 3.3, 12.2, -4.7])
def test_a_straight_edge_moves_by_the_radius(degrees: float, radius: float) -> None:
    found, wanted = grown(half_plane(degrees, 0.3), radius), half_plane(degrees, 0.3 + radius)
    inner = np.s_[14:-14, 14:-14]  # nothing grows in from beyond the frame
    assert np.abs(found - wanted)[inner].max() < 0.12


def test_a_row_by_hand() -> None:
    row = np.array([[1, 1, 1, 0.3, 0, 0, 0]] * 3, np.float32)
    for radius, wanted in [(0.5, [1, 1, 1, 0.8, 0, 0, 0]), (2, [1, 1, 1, 1, 1, 0.3, 0]), (-1.5, [1, 0.8, 0, 0, 0, 0, 0])]:
        assert grown(row, radius)[1].tolist() == pytest.approx(wanted, abs=1e-6)


def test_columns_grow_as_rows_do() -> None:
    for count in (1, 2, 3):
        row = np.array([[0, 0, 0, 0.4, 1, 1, 1, 0.2, 0, 0, 0, 0]] * count, np.float32)
        for radius in (1.5, -0.8):
            assert np.allclose(grown(row.T.copy(), radius).T, grown(row, radius), atol=1e-6)
            assert not np.array_equal(grown(row, radius), row)


@pytest.mark.parametrize("radius", [0.5, 3, 8.25])
def test_growing_then_shrinking_gives_a_convex_shape_back(radius: float) -> None:
    for plane in (disc(24.6), true(90, lambda y, x: (np.abs(y - 44.3) <= 18.2) & (np.abs(x - 45) <= 24.7))):
        back = grown(grown(plane, radius), -radius)
        assert np.abs(back - plane).max() < 0.26
        assert back.sum() == pytest.approx(plane.sum(), rel=0.004)


def test_corners_grow_round() -> None:
    """A convex shape grown has the area A + P r + pi r^2 (Steiner)."""
    square = np.zeros((80, 80), np.float32)
    square[25:55, 20:60] = 1
    assert grown(square, 10.5).sum() == pytest.approx(30 * 40 + 140 * 10.5 + math.pi * 10.5**2, rel=0.002)


def test_a_hard_edge_moved_by_whole_pixels_stays_hard() -> None:
    plane = np.zeros((20, 20), np.float32)
    plane[:, :8] = 1
    wanted = np.zeros((20, 20), np.float32)
    wanted[:, :11] = 1
    assert np.array_equal(grown(plane, 3), wanted)
    assert np.array_equal(grown(wanted, -3), plane)


def test_an_edge_stays_as_soft_as_it_was() -> None:
    ramp = np.clip(0.5 + (20 - np.arange(60, dtype=np.float32)) / 10, 0, 1)
    wanted = np.clip(0.5 + (25.5 - np.arange(60, dtype=np.float32)) / 10, 0, 1)
    found = grown(np.tile(ramp, (5, 1)), 5.5)[2]
    assert np.abs(found - wanted).max() < 0.02


def test_glass_inside_stays_and_smoke_outside_too() -> None:
    plane = disc(30)
    plane[50:70, 50:70] = 0.8
    plane[2:6, 2:6] = 0.3
    for radius in (2.5, -2.5):
        found = grown(plane, radius)
        assert (found[52:68, 52:68] == np.float32(0.8)).all()
        assert np.allclose(found[2:6, 2:6], 0.3)
    glass = disc(20) * np.float32(0.8)
    assert grown(glass, 4).max() == np.float32(0.8)  # what it grows by is no more solid than it is


def test_borders_of_the_frame_neither_grow_nor_shrink() -> None:
    plane = np.ones((16, 16), np.float32)
    assert np.array_equal(grown(plane, -5), plane)
    plane[:, 8:] = 0
    assert grown(plane, -3)[:, 0].min() == 1


def test_thin_parts_go_and_gaps_close() -> None:
    plane = np.zeros((60, 60), np.float32)
    plane[10:50, 10:30] = 1
    plane[10:50, 32:50] = 1  # a crack of 2 px
    plane[29:31, 50:58] = 1  # a whisker of 2 px
    closed = grown(grown(plane, 1.5), -1.5)
    assert closed[12:48, 30:32].min() > 0.99
    opened = grown(grown(plane, -1.5), 1.5)
    assert opened[:, 52:].max() == 0
    assert opened[14:46, 14:28].min() == 1


def test_what_is_no_number_stays_and_spoils_nothing() -> None:
    plane = disc(20)
    wanted = grown(plane, 3.0)
    for y, x in ((60, 60), (2, 2)):
        wanted[y, x] = plane[y, x] = np.nan
    found = grown(plane, 3.0)
    assert np.isnan(found).sum() == 2
    assert np.isnan(found[60, 60]) and np.isnan(found[2, 2])


@pytest.mark.parametrize("shape", [(50, 70), (70, 5), (3, 90)])
@pytest.mark.parametrize("reach", [3, 12, 45, 1000])
def test_the_nearest_pixel_is_found_wherever_it_is_looked_for(shape: tuple[int, int], reach: int) -> None:
    height, width = shape
    random = np.random.default_rng(3)
    pixels = np.sort(random.choice(height * width, 10, replace=False))
    y, x = np.mgrid[:height, :width]
    squares = (y[..., None] - pixels // width) ** 2 + (x[..., None] - pixels % width) ** 2
    least = squares.min(axis=-1)
    away = block_distances(pixels, shape, 2000)
    middle = whole(away, shape)
    assert (np.abs(np.sqrt(least) - middle) <= SLACK).all()
    look = np.where(random.random(away.shape) < 0.5, away + SLACK, -1)
    for asked in (None, look):
        found, square = (each.reshape(shape) for each in nearest_of(pixels, shape, reach, asked).of(np.arange(height * width)))
        there = np.full(shape, True) if asked is None else whole(asked, shape) >= 0
        near = there & (least <= reach**2)
        assert np.array_equal(found[there] >= 0, near[there])
        assert np.array_equal(square[near], least[near])
        assert np.array_equal(np.take_along_axis(squares, np.maximum(found, 0)[..., None], -1)[..., 0][near], least[near])


@pytest.mark.parametrize("value", [0.55, 1.0])
def test_dots_and_lines_of_one_pixel_grow_as_far_as_others(value: float) -> None:
    """They have no side to grow to; what they become is as wide as they were, and twice the radius."""
    plane = np.zeros((60, 60), np.float32)
    plane[30, 30] = value
    found = grown(plane, 8)
    y, x = np.nonzero(found > 0.01)
    assert 7.5 < np.hypot(y - 30, x - 30).max() <= 9.5
    assert found[30, 23:38].min() == found[23:38, 30].min() == np.float32(value)
    plane[30] = value
    rows = grown(plane, 8)[:, 30]
    assert rows.sum() == pytest.approx(17 * value, rel=0.03)


@pytest.mark.parametrize("radius", [0.7, 6.0, 24.5, -3.3, -18.0])
def test_what_is_left_out_changes_nothing(radius: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sharp, soft and semi-transparent parts beside each other: blocks are left out or filled, and the matte is as if none were."""
    noise = np.random.default_rng(5).standard_normal((150, 170)).astype(np.float32)
    plane = np.clip(0.5 + 40 * gaussian(noise, 6), 0, 1)
    plane[:, 110:] = disc(22, 150)[:, 40:100] * np.float32(0.8)
    plane[90:, :80] = np.clip(0.5 + 8 * gaussian(noise, 9)[90:, :80], 0, 1)
    found, plainly = grown(plane, radius), distance._area
    monkeypatch.setattr(distance, "_area", lambda *given: everything(plainly(*given)))
    wanted = grown(plane, radius)
    assert (np.abs(wanted - plane) > 0.01).mean() > 0.02
    assert (np.abs(found - wanted) > 1e-5).mean() < 1e-3
    assert np.abs(found - wanted).max() < 0.1


def everything(area: distance.Area) -> distance.Area:
    """An area in which every pixel is looked at."""
    blocks = np.ones(area.look.shape, bool)
    return area._replace(look=np.full(blocks.shape, np.inf), deep=~blocks, special=blocks)


def test_no_library_is_needed_however_far_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("scipy", "scipy.ndimage"):
        monkeypatch.setitem(sys.modules, library, None)
    assert grown(disc(5), 45).sum() == pytest.approx(math.pi * 50**2, rel=0.002)


def test_coverage_tells_where_a_straight_edge_runs() -> None:
    for degrees in range(0, 91, 9):
        n = np.array([[math.sin(math.radians(degrees))], [math.cos(math.radians(degrees))]])
        for offset in (-0.45, -0.2, 0.0, 0.15, 0.4):
            covered = half_plane(degrees, offset, 4)[2, 2]
            assert distance.coverage_offset(np.array([covered]), *n)[0] == pytest.approx(offset, abs=0.04)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0, 0, 0.2, 0.5, 0.7, 1, 1, 1]))
    ),
    st.sampled_from([0, 0.25, 1, 2.5, 45, 1000]),
)
def test_laws(plane: np.ndarray, radius: float) -> None:
    before = plane.copy()
    larger, smaller = grown(plane, radius), grown(plane, -radius)
    assert np.array_equal(plane, before)
    assert (larger >= plane).all() and (smaller <= plane + 1e-6).all()
    assert larger.max() <= 1 and smaller.min() >= 0
    assert larger.max() <= plane.max() and smaller.min() >= plane.min() - 1e-6
    if radius == 0:
        assert np.array_equal(larger, plane)
    if plane.max() == plane.min():
        assert np.array_equal(larger, plane)


def test_a_shape_that_moves_by_a_pixel_keeps_its_outline() -> None:
    blob = (gaussian(np.random.default_rng(5).random((40, 41)).astype(np.float32), 3) > 0.5).astype(np.float32)
    there = np.pad(blob, 12)
    for radius in (1, 3.3, 7):
        for down, right in ((0, 1), (1, 0), (1, 1)):
            moved = np.roll(there, (down, right), (0, 1))
            back = np.roll(grown(moved, radius), (-down, -right), (0, 1))
            np.testing.assert_allclose(back, grown(there, radius), atol=1e-4)
