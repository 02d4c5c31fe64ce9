"""Mattes as polygons: the edge traced, simplified within a tolerance, and drawn again with exact coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotonodes.extras import load_library
from rotonodes.imaging.mattes.bounded import bounded, with_nan_of
from rotonodes.imaging.mattes.regions import indices
from rotonodes.values.pixels import Box

Plane = NDArray[Any]


def straightened(matte: Plane, tolerance: float) -> Plane:
    """The matte redrawn as anti-aliased polygons that lie within `tolerance` px of its edge.

    A shape that meets the frame's border is continued beyond it, so that the border does not change.
    """
    margin = int(np.ceil(tolerance)) + 3
    known = np.pad(bounded(matte), margin, "edge")
    lines = contours(np.pad(known, 1))
    last = np.array(known.shape)  # row and column of the padding's outer pixels, beyond which the shape is cut off
    pinned = [np.any((line <= 1) | (line >= last), axis=1) for line in lines]
    corners, counts = simplified(lines, tolerance, pinned)
    drawn = covered([line - (margin + 1) for line in _split(corners, counts)], matte.shape)
    return with_nan_of(matte, drawn)


def contours(matte: Plane) -> list[Plane]:
    """The lines along which a matte crosses 0.5, each `[n, 2]` as (y, x) in pixels; closed lines end with their first point.

    By marching squares (Lorensen and Cline: Marching cubes, SIGGRAPH 1987), from scikit-image; raises UsageError without it.
    """
    library = load_library("skimage.measure", "tracing the edge of a matte")
    inside = matte >= 0.5
    box = Box.around(inside != inside[0, 0], 1)
    if box is None or min(matte.shape) < 2:  # a single row of pixels has no squares to march through
        return []
    window = matte[box.slices]
    # Values of exactly 0.5 would give segments of length 0.
    lines = library.find_contours(np.where(window == 0.5, np.float32(0.500001), window), 0.5)
    return [line + np.array([box.top, box.left]) for line in lines if len(line) > 1]


def simplified(lines: list[Plane], tolerance: float, pinned: list[Plane] | None = None) -> tuple[Plane, Plane]:
    """Closed lines reduced to the points needed within `tolerance` px: the points of all lines `[n, 2]`, and the count for each line.

    Points that are `pinned` (bool, one array per line) are always kept.

    Douglas and Peucker: Algorithms for the reduction of the number of points required to represent a digitized line.
    Cartographica 10 (2), 1973; here for all lines at once, one level of subdivision at a time. A line is first divided at the
    point farthest from its centre and at the point farthest from that.
    """
    if not lines:
        return np.empty((0, 2)), np.empty(0, np.int64)
    orders = [_from_farthest(line) for line in lines]
    points = np.concatenate([line[order] for line, order in zip(lines, orders, strict=True)])
    lengths = np.array([len(order) for order in orders])
    firsts = np.cumsum(lengths) - lengths
    keep = np.zeros(len(points), bool)
    if pinned:
        keep = np.concatenate([pin[order] for pin, order in zip(pinned, orders, strict=True)])
    keep[firsts] = keep[firsts + lengths - 1] = True
    kept = np.flatnonzero(keep)
    within = ~np.isin(kept[1:], firsts)  # not from the end of one line to the start of the next
    ends = (kept[:-1][within], kept[1:][within])
    while len(ends[0]):
        first, last = (at[ends[1] - ends[0] > 1] for at in ends)
        if not len(first):
            break
        inner = indices(first + 1, last)
        counts = last - first - 1
        begins = np.cumsum(counts) - counts
        start, end = (np.repeat(points[at], counts, axis=0) for at in (first, last))
        away = _from_segment(points[inner], start, end)
        most = np.maximum.reduceat(away, begins)
        # The first of the farthest points of each segment.
        candidates = np.where(away == np.repeat(most, counts), inner, len(points))
        farthest = np.minimum.reduceat(candidates, begins)
        split = most > tolerance
        keep[farthest[split]] = True
        ends = (
            np.concatenate([first[split], farthest[split]]),
            np.concatenate([farthest[split], last[split]]),
        )
    return points[keep], np.add.reduceat(keep, firsts, dtype=np.int64)


def _from_farthest(line: Plane) -> Plane:
    """The order of points with which a closed line begins and ends at the point farthest from its centre."""
    ring = line[:-1]
    start = int(((ring - ring.mean(axis=0)) ** 2).sum(axis=1).argmax())
    return (np.arange(len(line)) + start) % len(ring)


def _from_segment(points: Plane, start: Plane, end: Plane) -> Plane:
    """Distances of points `[n, 2]` to the segments from `start` to `end`."""
    along, off = end - start, points - start
    square = (along * along).sum(axis=1)
    share = np.clip((off * along).sum(axis=1) / np.where(square > 0, square, 1), 0, 1)
    away = off - share[:, None] * along
    return np.hypot(away[:, 0], away[:, 1])


def _split(points: Plane, counts: Plane) -> list[Plane]:
    return np.split(points, np.cumsum(counts)[:-1]) if len(counts) else []


def covered(polygons: list[Plane], shape: tuple[int, ...]) -> Plane:
    """The share of each pixel inside closed polygons (`[n, 2]` as (y, x), first point repeated at the end), float32 `[H, W]`.

    Exact, by the method fonts are drawn with: each side is cut at pixel borders; a piece adds its height, times the share of its pixel to
    the right of it, to that pixel, and its whole height to all pixels further right. Polygons that wind the other way are holes.
    """
    height, width = shape
    edges = [np.concatenate([line[:-1], line[1:]], axis=1) for line in polygons]
    if not edges:
        return np.zeros((height, width), np.float32)
    y0, x0, y1, x1 = np.concatenate(edges).T + 0.5  # from pixel centres to pixel corners
    y0, x0, y1, x1 = _cut(y0, x0, y1, x1)
    x0, y0, x1, y1 = _cut(x0, y0, x1, y1)
    row = np.floor((y0 + y1) / 2).astype(np.int64)
    middle = np.clip((x0 + x1) / 2, 0, width)
    there = (row >= 0) & (row < height)
    rise, middle, row = (y1 - y0)[there], middle[there], row[there]
    column = np.minimum(np.floor(middle).astype(np.int64), width - 1)
    right_of = 1 - (middle - column)
    place = row * (width + 1) + column
    total = np.bincount(place, rise * right_of, height * (width + 1)) + np.bincount(place + 1, rise * (1 - right_of), height * (width + 1))
    sums = np.cumsum(total.reshape(height, width + 1), axis=1)[:, :width]
    found = np.clip(np.abs(sums), 0, 1)
    return np.where(found < 1e-6, 0, np.where(found > 1 - 1e-6, 1, found)).astype(np.float32)


def _cut(a0: Plane, b0: Plane, a1: Plane, b1: Plane) -> tuple[Plane, Plane, Plane, Plane]:
    """Segments from (a0, b0) to (a1, b1) cut wherever a is an integer."""
    low, high = np.minimum(a0, a1), np.maximum(a0, a1)
    first, last = np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)
    pieces = np.maximum(last - first, 1)
    cell = indices(first, first + pieces)
    a0, b0, a1, b1, low, high = (np.repeat(values, pieces) for values in (a0, b0, a1, b1, low, high))
    start, end = np.maximum(cell, low), np.minimum(cell + 1, high)
    length = np.where(a1 == a0, 1, a1 - a0)
    falls = a1 < a0
    start, end = np.where(falls, end, start), np.where(falls, start, end)
    slope = (b1 - b0) / length
    whole = a1 == a0
    return start, np.where(whole, b0, b0 + (start - a0) * slope), end, np.where(whole, b1, b0 + (end - a0) * slope)
