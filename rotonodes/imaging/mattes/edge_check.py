"""The quality of a matte's edge: its width, roughness, corners, and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotonodes.extras import load_library
from rotonodes.imaging.mattes.bounded import bounded
from rotonodes.imaging.mattes.edge_report import FrameEdges, Limits, Place
from rotonodes.imaging.mattes.outline import contours
from rotonodes.imaging.mattes.regions import regions

Plane = NDArray[Any]

LOW, HIGH = 0.1, 0.9  # a matte is soft between these
WAVE = 16.0  # px along the edge: shorter waves are roughness, longer ones shape
_SIGMA = 0.1874 * WAVE  # of the Gaussian filter of ISO 16610-21, whose cut-off is a wavelength: 0.4697 / sqrt(2 pi)
_ARM = 4  # px before and after a point over which its turn is measured
_APART = 12.0  # px, least distance between reported places of one kind
_MOST = 8  # reported places per kind and frame


class EdgeLine(NamedTuple):
    """A line of the edge: points `[n, 2]` (y, x) `step` px apart (about 1), `closed` or running from border to border."""

    points: Plane
    step: float
    closed: bool


def check(frame: int, matte: Plane, limits: Limits) -> FrameEdges:
    """Measure the edge of one matte `[H, W]`; the node CheckEdges has the definitions."""
    known = bounded(matte)
    lines = [line for line in map(resampled, contours(known)) if line is not None]
    holes = gaps(known >= 0.5, limits.gap)
    if not lines:
        return FrameEdges(frame, 0.0, None, None, len(holes), sum(int(hole.value) for hole in holes), {}, tuple(holes[:_MOST]))
    points = np.concatenate([line.points for line in lines])
    steps = np.concatenate([np.full(len(line.points), line.step) for line in lines])
    widths, width = edge_widths(known, points, steps, limits.thick)
    rough = np.concatenate([residual(line) for line in lines])
    turns = np.concatenate([turning(line) for line in lines])
    length = float(steps.sum())
    measured = ~np.isnan(rough)
    roughness = float(np.sqrt(np.average(rough[measured] ** 2, weights=steps[measured]))) if measured.any() else None
    beyond = {
        "thick": (widths, widths > limits.thick),
        "thin": (-widths, widths < limits.thin),
        "sharp": (turns, turns > limits.turn),
        "rough": (rough, np.nan_to_num(rough) > limits.rough),
    }
    shares = {kind: float(steps[bad].sum()) / length for kind, (_, bad) in beyond.items()}
    places = [place for kind, (values, bad) in beyond.items() for place in worst(kind, values, bad, points)]
    area = sum(int(hole.value) for hole in holes)
    return FrameEdges(frame, length, width, roughness, len(holes), area, shares, (*places, *holes[:_MOST]))


def resampled(line: Plane) -> EdgeLine | None:
    """A line with points about one pixel apart; None for a line of length 0."""
    closed = bool((line[0] == line[-1]).all())
    lengths = np.hypot(*np.diff(line, axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(lengths)])
    if at[-1] == 0:
        return None
    count = max(2, round(at[-1]))
    wanted = np.linspace(0, at[-1], count, endpoint=not closed)
    points = np.stack([np.interp(wanted, at, line[:, axis]) for axis in (0, 1)], axis=1)
    return EdgeLine(points, float(at[-1]) / count, closed)


def edge_widths(matte: Plane, points: Plane, steps: Plane, thick: float) -> tuple[Plane, float]:
    """The edge's width at each point, and of the whole edge, px: soft area divided by edge length.

    At a point both are taken in a square around it, large enough for an edge of more than `thick` px; no width exceeds its side.
    """
    library = load_library("scipy.ndimage", "measuring edges")
    height, width = matte.shape
    side = 2 * max(4, int(np.ceil(thick))) + 1
    rows, columns = (np.clip(np.rint(points[:, axis]), 0, most - 1).astype(np.int64) for axis, most in ((0, height), (1, width)))
    top, left = max(0, rows.min() - side), max(0, columns.min() - side)
    window = matte[top : rows.max() + side + 1, left : columns.max() + side + 1]
    soft = ((window > LOW) & (window < HIGH)).astype(np.float32)
    place = (rows - top) * window.shape[1] + columns - left
    length = np.bincount(place, steps, window.size).reshape(window.shape).astype(np.float32)
    area_near, length_near = (library.uniform_filter(plane, side, mode="constant") for plane in (soft, length))
    total = float(soft[length_near > 1e-6].sum() / steps.sum())
    widths = area_near / np.maximum(length_near, 1e-6)
    return np.minimum(widths, side).reshape(-1)[place], min(total, float(side))


def residual(line: EdgeLine) -> Plane:
    """Distance of each point from the mean line, px; NaN for lines shorter than three wavelengths, which have no mean line.

    The mean line is that of a Gaussian filter G (ISO 16610-21). The residual is filtered once more, (1 - G)^2, so that
    the curvature of the shape does not count: a circle of 20 px has less than 0.01 px.
    """
    if len(line.points) * line.step < 3 * WAVE:
        return np.full(len(line.points), np.nan)
    library = load_library("scipy.ndimage", "measuring edges")
    rest = line.points - line.points.mean(axis=0)
    for _ in range(2):
        if line.closed:
            rest = rest - library.gaussian_filter1d(rest, _SIGMA / line.step, axis=0, mode="wrap")
        else:  # continued point-symmetrically beyond its ends, so that a straight line has no residual
            rest = rest - _continued(rest, _SIGMA / line.step)
    return np.hypot(rest[:, 0], rest[:, 1])


def _continued(points: Plane, sigma: float) -> Plane:
    """A Gaussian filter along an open line that is continued point-symmetrically beyond its ends."""
    reach = min(int(np.ceil(4 * sigma)), len(points) - 1)
    before, after = 2 * points[0] - points[reach:0:-1], 2 * points[-1] - points[-2 : -reach - 2 : -1]
    longer = np.concatenate([before, points, after])
    library = load_library("scipy.ndimage", "measuring edges")
    found: Plane = library.gaussian_filter1d(longer, sigma, axis=0, mode="nearest")[reach : reach + len(points)]
    return found


def turning(line: EdgeLine) -> Plane:
    """The turn of the line at each point, degrees, from 4 px before it to 4 px after; 0 near open ends and on short lines."""
    turns = np.zeros(len(line.points))
    if len(line.points) < 4 * _ARM:
        return turns
    before, after = (np.roll(line.points, shift, axis=0) for shift in (_ARM, -_ARM))
    one, other = line.points - before, after - line.points
    cross = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    turns = np.degrees(np.abs(np.arctan2(cross, (one * other).sum(axis=1))))
    if not line.closed:
        turns[:_ARM] = turns[-_ARM:] = 0
    return turns


def gaps(inside: Plane, width: float) -> list[Place]:
    """Cracks, notches and pinholes narrower than `width` px, largest first: the pixels that closing by a disc of that diameter fills.

    Serra: Image analysis and mathematical morphology, 1982. Fewer than `width` pixels are not a gap but a corner of the raster.
    """
    if width <= 0 or not inside.any() or inside.all():
        return []
    import torch

    from rotonodes.imaging.mattes.disc import within

    margin = int(np.ceil(width)) + 1
    shape = torch.from_numpy(np.pad(inside, margin, "edge"))
    closed = ~within(~within(shape, width / 2), width / 2)
    filled = (closed & ~shape).numpy()[margin:-margin, margin:-margin]
    if not filled.any():
        return []
    found = regions(filled, 8)
    sizes = found.sizes
    places = []
    for region in np.flatnonzero(found.classes & (sizes >= max(2.0, width))):
        pixels = found.pixels(np.flatnonzero(found.region == region))
        y, x = divmod(int(pixels[len(pixels) // 2]), inside.shape[1])
        places.append(Place("gap", x, y, float(sizes[region])))
    return sorted(places, key=lambda place: (-place.value, place.y, place.x))


def worst(kind: str, values: Plane, bad: Plane, points: Plane) -> Sequence[Place]:
    """The points beyond a limit (`bad`), worst first, at least `_APART` px from each other."""
    order = np.flatnonzero(bad)
    order = order[np.argsort(-values[order], kind="stable")]
    places: list[Place] = []
    while len(order) and len(places) < _MOST:
        y, x = points[order[0]]
        places.append(Place(kind, round(float(x)), round(float(y)), round(abs(float(values[order[0]])), 3)))
        order = order[np.hypot(*(points[order] - points[order[0]]).T) > _APART]
    return places
