"""Cubic Bezier curves through chains of points, within a tolerance (Schneider, An Algorithm for Automatically Fitting Digitized Curves,
Graphics Gems 1990); all chains of a frame are fitted at once. Chains are smoothed first without shrinking (Taubin 1995), corners kept.

Each point lies on a gate, the line between the centres of the two pixels on both sides of the border. A curve that passes through all
gates has every pixel on its own side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_WINDOW = 5  # edges over which a direction is measured
_CORNER, _SPREAD = 0.75, 0.35  # radians: the turn of a corner, and how much more turns a little further away
_SMOOTHING = 120  # rounds
_SHRINK, _GROW = 0.6, -0.6 / (1 - 0.6 * 0.02)  # waves longer than some 30 points stay
_GATE, _SPARE = 0.5, 0.1  # px from the middle of a gate to its ends, and what smoothing leaves of them for the curves
_FLOOR = 0.75  # the least sine of the angle at which a gate is met that counts
_ALONG = 2  # points to each side that a direction is taken from
_REPARAMETRISED = 3
_MOST_MERGES = 12


class Chains(NamedTuple):
    """Chains of points, one after the other: `points` `[n, 2]`, `gates` the unit directions of their gates (0 at ends that stay).

    `off` is how far each point lies from the middle of its gate. Chain i is `begins[i]` to `ends[i]`, both in it; `closed` ones end
    with their first point again.
    """

    points: np.ndarray
    gates: np.ndarray
    off: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    closed: np.ndarray

    @classmethod
    def of(cls, chains: Sequence[np.ndarray], gates: Sequence[np.ndarray], off: Sequence[np.ndarray], closed: Sequence[bool]) -> Chains:
        sizes = np.array([len(chain) for chain in chains])
        ends = np.cumsum(sizes) - 1
        return cls(np.concatenate(chains), np.concatenate(gates), np.concatenate(off), ends - sizes + 1, ends, np.array(closed, bool))


def corners(points: np.ndarray, middles: np.ndarray, closed: bool) -> np.ndarray:
    """Indices of the lattice points `[n + 1, 2]` where a chain turns sharply; `middles` `[n, 2]` are the middles of its edges.

    A corner turns at one place; a tight curve turns as much again a little further away.
    """
    count = len(middles)
    if count < 4 * _WINDOW:
        return np.empty(0, np.int64)
    at = np.arange(0 if closed else 3, count if closed else count - 2)
    near, far = (_turn(points, middles, at, window, closed) for window in (_WINDOW, 2 * _WINDOW))
    sharp = (np.abs(near) > _CORNER) & (np.abs(far) - np.abs(near) < _SPREAD)
    found: list[int] = []
    for index in at[sharp][np.argsort(-np.abs(near[sharp]), kind="stable")].tolist():
        apart = [abs(index - other) for other in found]
        if all(min(step, count - step) > _WINDOW if closed else step > _WINDOW for step in apart):
            found.append(index)
    return np.array(sorted(found), np.int64)


def _turn(points: np.ndarray, middles: np.ndarray, at: np.ndarray, window: int, closed: bool) -> np.ndarray:
    """The angle between the directions to and from lattice points, radians."""
    count = len(middles)
    before, after = at - window, at + window - 1
    before, after = (before % count, after % count) if closed else (before.clip(0), after.clip(max=count - 1))
    one, other = points[at] - middles[before], middles[after] - points[at]
    return np.arctan2(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0], (one * other).sum(1))


def smooth(chains: Chains, tolerance: float, slack: float | None = None) -> Chains:
    """The chains without the stairs of pixels: points slide along their gates.

    They stay on them; with a `tolerance` above half a pixel they may leave them by that much. `slack` is how far a point may
    move where its place is known within the pixel.
    """
    points, gates, off, begins, ends, closed = chains
    count = len(points)
    previous, following = (np.arange(count) - 1).clip(0), (np.arange(count) + 1).clip(max=count - 1)
    previous[begins[closed]], following[ends[closed]] = ends[closed] - 1, begins[closed] + 1
    reach = max(_GATE, tolerance) - _SPARE
    low, high = (np.full(count, -reach), np.full(count, reach)) if slack is None else (off - slack, off + slack)
    place, middles = off.copy(), points - off[:, None] * gates
    moved = points.copy()
    for _ in range(_SMOOTHING):
        for factor in (_SHRINK, _GROW):
            step = (moved[previous] + moved[following]) * 0.5 - moved
            place += factor * (step * gates).sum(1)
            np.clip(place, low, high, out=place)
            moved = middles + place[:, None] * gates
    return chains._replace(points=moved, off=place)


def fit(chains: Chains, tolerance: float) -> list[np.ndarray]:
    """For each chain its curves `[m, 4, 2]`: joined, with common tangents, at most `tolerance` px from its points, through all gates."""
    points, begins, ends = chains.points, chains.begins, chains.ends
    tangents = _tangents(points, begins, ends, chains.closed)
    length = np.concatenate([[0.0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
    first, last = begins.copy(), ends.copy()
    done_first: list[np.ndarray] = []
    done_curves: list[np.ndarray] = []
    while len(first):
        curves, worst, place = _fitted(chains, tangents, length, first, last, tolerance)
        good = (worst <= 1) | (last - first < 2)
        done_first.append(first[good])
        done_curves.append(curves[good])
        first, place, last = first[~good], place[~good], last[~good]
        first, last = np.concatenate([first, place]), np.concatenate([place, last])
    starts = np.concatenate(done_first)
    order = np.argsort(starts, kind="stable")
    starts, found = _merged(chains, tangents, length, starts[order], np.concatenate(done_curves)[order], tolerance)
    return np.split(found, np.searchsorted(starts, begins[1:]))


def _merged(
    chains: Chains, tangents: np.ndarray, length: np.ndarray, first: np.ndarray, curves: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring curves as one wherever one does: halving chains leaves more curves than are needed."""
    last = np.append(first[1:], chains.ends[-1])
    last = np.where(np.isin(last, chains.begins), last - 1, last)
    for turn in range(_MOST_MERGES):
        at = np.arange(turn % 2, len(first) - 1, 2)
        at = at[last[at] == first[at + 1]]
        if not len(at):
            continue
        made, worst, _ = _fitted(chains, tangents, length, first[at], last[at + 1], tolerance)
        at, made = at[worst <= 1], made[worst <= 1]
        curves[at], last[at] = made, last[at + 1]
        first, last, curves = (np.delete(values, at + 1, axis=0) for values in (first, last, curves))
    return first, curves


def _tangents(points: np.ndarray, begins: np.ndarray, ends: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """Unit directions at all points, from `_ALONG` points before to as many after, as far as the chain goes."""
    at = np.arange(len(points))
    size = ends - begins + 1
    low, high = np.repeat(begins, size), np.repeat(ends, size)
    ring = np.repeat(closed & (size > 2 * _ALONG), size)
    before, after = at - _ALONG, at + _ALONG
    turn = high - low  # the last point of a closed chain is its first
    before = np.where(ring & (before < low), before + turn, np.maximum(before, low))
    after = np.where(ring & (after > high), after - turn, np.minimum(after, high))
    along = points[after] - points[before]
    norm = np.hypot(along[:, 0], along[:, 1])[:, None]
    return np.divide(along, norm, out=np.tile([1.0, 0.0], (len(along), 1)), where=norm > 1e-9)


def _fitted(
    chains: Chains, tangents: np.ndarray, length: np.ndarray, first: np.ndarray, last: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best curve of each segment from point `first` to `last`: `[segments, 4, 2]`, its largest fault, and at which point.

    A fault above 1 is a point further away than the tolerance, or a gate that is missed.
    """
    points = chains.points
    size = last - first + 1
    starts = np.cumsum(size) - size
    owner = np.repeat(np.arange(len(first)), size)
    at = np.arange(size.sum()) - starts[owner] + first[owner]
    span = np.maximum(length[last] - length[first], 1e-12)
    u = (length[at] - length[first][owner]) / span[owner]
    target = points[at]
    curves = _least_squares(points[first], points[last], tangents[first], -tangents[last], u, target, owner, starts, span)
    for _ in range(_REPARAMETRISED):
        u = _nearer(curves[owner], u, target)
        curves = _least_squares(points[first], points[last], tangents[first], -tangents[last], u, target, owner, starts, span)
    apart = _faults(_at(curves[owner], u) - target, chains.gates[at], chains.off[at], tolerance)
    worst = np.maximum.reduceat(apart, starts)
    place = np.minimum.reduceat(np.where(apart >= worst[owner], at, len(points)), starts)
    return curves, worst, place.clip(first + 1, np.maximum(last - 1, first + 1))


def _faults(away: np.ndarray, gates: np.ndarray, off: np.ndarray, tolerance: float) -> np.ndarray:
    """How badly curves miss points: `away` is from each point to the nearest point of its curve."""
    distance = np.hypot(away[:, 0], away[:, 1])
    along = (away * gates).sum(1)
    # A curve that passes at an angle meets the gate further away than at its nearest point.
    steep = np.maximum(np.abs(along), _FLOOR * distance)
    shift = np.divide(distance**2, steep, out=np.zeros(len(away)), where=steep > 1e-9) * np.sign(along)
    missed = np.where(gates.any(1), np.abs(off + shift) / max(_GATE, tolerance), 0)
    return np.maximum(distance / tolerance, missed)


def _least_squares(
    begin: np.ndarray,
    end: np.ndarray,
    leaving: np.ndarray,
    arriving: np.ndarray,
    u: np.ndarray,
    target: np.ndarray,
    owner: np.ndarray,
    starts: np.ndarray,
    span: np.ndarray,
) -> np.ndarray:
    """Curves with given ends and tangents, the lengths of the tangents by least squares; a third of the length where that fails."""
    v = 1 - u
    weights = v**3, 3 * v * v * u, 3 * v * u * u, u**3
    rest = target - begin[owner] * (weights[0] + weights[1])[:, None] - end[owner] * (weights[2] + weights[3])[:, None]
    one, other = leaving[owner] * weights[1][:, None], arriving[owner] * weights[2][:, None]

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts)

    c00, c11, c01 = total((one**2).sum(1)), total((other**2).sum(1)), total((one * other).sum(1))
    x0, x1 = total((one * rest).sum(1)), total((other * rest).sum(1))
    det = c00 * c11 - c01**2
    safe = np.abs(det) > 1e-9
    det = np.where(safe, det, 1)
    a, b = (x0 * c11 - x1 * c01) / det, (c00 * x1 - c01 * x0) / det
    bad = ~safe | (a < 0.05 * span) | (b < 0.05 * span) | (a > 2 * span) | (b > 2 * span)
    a, b = np.where(bad, span / 3, a), np.where(bad, span / 3, b)
    return np.stack([begin, begin + leaving * a[:, None], end + arriving * b[:, None], end], 1)


def _at(curves: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Points of curves `[n, 4, 2]` at parameters `[n]`."""
    v = 1 - u
    weights = np.stack([v**3, 3 * v * v * u, 3 * v * u * u, u**3], 1)
    return np.einsum("nk,nkd->nd", weights, curves)


def _nearer(curves: np.ndarray, u: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One step of Newton's method towards the parameters of the nearest points."""
    v = (1 - u)[:, None]
    w = u[:, None]
    step = np.diff(curves, axis=1) * 3
    bend = np.diff(step, axis=1) * 2
    off = _at(curves, u) - target
    slope = step[:, 0] * v * v + step[:, 1] * 2 * v * w + step[:, 2] * w * w
    curve = bend[:, 0] * v + bend[:, 1] * w
    below = (slope**2).sum(1) + (off * curve).sum(1)
    change = np.divide((off * slope).sum(1), below, out=np.zeros(len(u)), where=np.abs(below) > 1e-9)
    return (u - change).clip(0, 1)
