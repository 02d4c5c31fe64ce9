"""GrowShrink: edges that move by exactly as much as is asked, in any direction, and stay as sharp or soft as they were."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes.cleaning import distance
from rotonodes.nodes import GrowShrink
from rotonodes.pixels import Matte

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


def test_both_ways_to_the_nearest_pixel_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    pixels = np.sort(random.choice(50 * 70, 25, replace=False))
    y, x = np.mgrid[:50, :70]
    square = (y[..., None] - pixels // 70) ** 2 + (x[..., None] - pixels % 70) ** 2
    for banded in (100, 0):
        monkeypatch.setattr(distance, "_BANDED", banded)
        for reach in (3, 12):
            found, squares = distance.nearest_of(pixels, (50, 70), reach)
            near = square.min(axis=-1) <= reach**2
            assert np.array_equal(found >= 0, near)
            chosen = np.take_along_axis(square, np.maximum(found, 0)[..., None], -1)[..., 0]
            assert np.array_equal(chosen[near], square.min(axis=-1)[near])
            assert np.array_equal(squares[near], chosen[near])


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
