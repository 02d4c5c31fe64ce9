"""Curves through chains of points: as few as are needed, wherever a chain stands in the list; smoothing that knows no first point."""

from __future__ import annotations

import numpy as np
import pytest

from rotonodes.imaging.vector.curve_fitting import Chains, _at, _nearer, fit, smooth

CURVE = np.array([[2.0, 3.0], [30.0, -4.0], [44.0, 40.0], [70.0, 21.0]])


def along(curve: np.ndarray, count: int = 60) -> np.ndarray:
    u = np.linspace(0, 1, count)[:, None]
    return (1 - u) ** 3 * curve[0] + 3 * u * (1 - u) ** 2 * curve[1] + 3 * u**2 * (1 - u) * curve[2] + u**3 * curve[3]


def free(*lines: np.ndarray, closed: bool = False) -> Chains:
    """Chains without gates."""
    return Chains.of(lines, [np.zeros_like(line) for line in lines], [np.zeros(len(line)) for line in lines], [closed] * len(lines))


def test_points_of_one_curve_become_that_curve_in_every_place() -> None:
    straight = np.stack([np.arange(40.0), np.full(40, 9.0)], 1)
    for lines in ([along(CURVE)], [straight, along(CURVE)], [along(CURVE)[::-1], straight, along(CURVE) + 100]):
        found = fit(free(*lines), 0.5)
        assert [len(curves) for curves in found] == [1] * len(lines)
        for line, curves in zip(lines, found, strict=True):
            np.testing.assert_allclose(curves[0, [0, 3]], line[[0, -1]])
            far = np.linalg.norm(along(curves[0], 600)[:, None] - line[None], axis=2).min(0)
            assert far.max() <= 0.51  # between two of the points looked at


@pytest.mark.parametrize("tolerance", [0.05, 0.5])
def test_curves_join_and_stay_within_the_tolerance(tolerance: float) -> None:
    turn = np.linspace(0, 3 * np.pi, 400)
    wave = np.stack([20 * turn, 30 * np.sin(turn)], 1)
    curves = fit(free(along(CURVE), wave), tolerance)[1]
    assert 3 <= len(curves) <= 12
    np.testing.assert_allclose(curves[1:, 0], curves[:-1, 3])
    np.testing.assert_allclose(curves[[0, -1], [0, 3]], wave[[0, -1]])
    drawn = np.concatenate([along(curve, 2000) for curve in curves])
    assert np.linalg.norm(drawn[:, None] - wave[None], axis=2).min(0).max() <= tolerance + 0.005
    arriving, leaving = curves[:-1, 3] - curves[:-1, 2], curves[1:, 1] - curves[1:, 0]
    cosine = (arriving * leaving).sum(1) / np.linalg.norm(arriving, axis=1) / np.linalg.norm(leaving, axis=1)
    assert (cosine > 0.999).all(), "curves that follow each other have one tangent"


def ring(start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A wavy ring whose points slide outwards and inwards, from one of its points on, which is also its last."""
    turn = np.linspace(0, 2 * np.pi, 81)[:-1]
    gates = np.stack([np.cos(turn), np.sin(turn)], 1)
    off = 0.3 * np.sin(13 * turn)
    order = np.append(np.roll(np.arange(80), -start), start)
    return (gates * (20 + off[:, None]))[order], gates[order], off[order]


@pytest.mark.parametrize("slack", [None, 0.2])
def test_a_ring_is_smoothed_alike_wherever_it_begins(slack: float | None) -> None:
    made = []
    for start in (0, 7, 40):
        points, gates, off = ring(start)
        line = along(CURVE)  # before it, so that the ring does not begin at the first point of all
        chains = Chains.of([line, points], [np.zeros_like(line), gates], [np.zeros(len(line)), off], [False, True])
        found = smooth(chains, 0.5, slack)
        np.testing.assert_allclose(found.points[:60], line)  # points without a gate stay
        whole = found.points[60:]
        np.testing.assert_allclose(whole[0], whole[-1], atol=1e-9)
        made.append(np.roll(whole[:-1], start, axis=0))
        assert np.abs(found.off[60:] - off).max() <= (0.2 + 1e-9 if slack else 1)
        np.testing.assert_allclose(found.points[60:] - points, (found.off[60:] - off)[:, None] * gates, atol=1e-9)
    np.testing.assert_allclose(made[1], made[0], atol=1e-6)
    np.testing.assert_allclose(made[2], made[0], atol=1e-6)
    radii = np.linalg.norm(made[0], axis=1)
    assert np.ptp(radii) < (0.3 if slack else 0.1), "the waves of six points are gone, or as far as they may be"
    assert radii.mean() == pytest.approx(20, abs=0.06), "and the ring has not shrunk"


@pytest.mark.parametrize(("tolerance", "reach"), [(0.1, 0.4), (0.5, 0.4), (0.6, 0.5), (1.0, 0.9)])
def test_smoothing_leaves_a_tenth_of_a_pixel_for_the_curves(tolerance: float, reach: float) -> None:
    """Points stay within half a pixel of their gates' middles, or within the tolerance where that is more, less a tenth."""
    count = 60
    high = np.where(np.arange(count) // 6 % 2, 3.0, -3.0)  # a square wave that wants to become a line half way between
    middles = np.stack([np.arange(count, dtype=float), high], 1)
    gates = np.tile([0.0, 1.0], (count, 1))
    gates[[0, -1]] = 0
    made = smooth(Chains.of([middles], [gates], [np.zeros(count)], [False]), tolerance)
    assert np.abs(made.off).max() == pytest.approx(reach) and made.points[:, 0].tolist() == middles[:, 0].tolist()
    assert made.points[:, 1] == pytest.approx(high + made.off) and made.off[[0, -1]].tolist() == [0, 0]
    near = smooth(Chains.of([middles], [gates], [np.zeros(count)], [False]), tolerance, slack=0.05)
    assert np.abs(near.off).max() == pytest.approx(0.05), "a known place moves by its slack"


@pytest.mark.parametrize("place", [0.2, 0.5, 0.75])
@pytest.mark.parametrize("away", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("error", [-0.02, 0.01])
def test_one_step_finds_the_nearest_point_of_a_curve(place: float, away: float, error: float) -> None:
    """Newton's method: of a small error next to nothing is left, also for points that lie beside the curve."""
    before, point, after = (_at(CURVE[None], np.array([place + by]))[0] for by in (-1e-5, 0, 1e-5))
    along_it = (after - before) / np.linalg.norm(after - before)
    target = point + away * np.array([-along_it[1], along_it[0]])
    found = _nearer(CURVE[None], np.array([place + error]), target[None])[0]
    assert abs(found - place) < 0.08 * abs(error)
