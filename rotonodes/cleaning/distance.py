"""Growing and shrinking mattes by Euclidean distance to where their edge runs between pixels.

The edge of a matte is where it crosses 0.5. On every pixel that it passes it is taken as a short straight piece, whose place in the
pixel follows from how much of the pixel is covered; distances are to these pieces, not to pixels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotonodes.cleaning.optional import ndimage

Plane = NDArray[Any]

WIDEST = 32.0  # px: an edge softer than this is moved as if it were so wide
_BANDED = 40  # px: up to here a search row by row is faster than scipy's transform of the whole frame
_HALF = 0.6  # px: half the length of a piece of edge
_DIAGONAL = np.float32(np.sqrt(2))


class Edge(NamedTuple):
    """The pieces of an edge, one a pixel: flat index of the pixel, a point `y, x` on the edge, the unit normal `ny, nx` towards
    the outside, how `wide` the edge is there, from 0 to 1, in px, and the `level` that the matte has behind it."""

    pixel: Plane
    y: Plane
    x: Plane
    ny: Plane
    nx: Plane
    wide: Plane
    level: Plane


def grown(matte: Plane, radius: float) -> Plane:
    """The matte with its edge moved outwards by `radius` px (fractions count); inwards where it is negative.

    out = max(in, min(level, 1/2 + (radius - d) / w)), with d the signed distance to the edge, negative inside, w the width of the
    edge where it is nearest and `level` what the matte is behind it there. So an anti-aliased edge stays one pixel wide and a soft
    one as soft as it was; what never crosses 0.5 has no edge, and stays. Shrinking grows 1 - in. What lies beyond the
    frame is not known: nothing comes in from there.
    """
    if radius < 0:
        return 1 - grown(1 - matte, -radius)
    number = np.isnan(matte)
    known = np.where(number, np.float32(0), matte) if number.any() else matte
    edge = edge_of(known)
    if not len(edge.pixel) or radius == 0:
        return matte.copy()
    reach = radius + float(edge.wide.max()) / 2 + 1.5
    nearest = nearest_of(edge.pixel, known.shape, reach)
    places = np.flatnonzero(nearest.number.reshape(-1) >= 0)
    piece = nearest.number.reshape(-1)[places]
    far = np.sqrt(nearest.square.reshape(-1)[places], dtype=np.float32)
    if edge.wide.max() > 1:  # where the edge is narrow, less than what was looked at for the widest can change
        close = far <= radius + edge.wide[piece] / 2 + 1.6
        places, piece, far = places[close], piece[close], far[close]
    before = known.reshape(-1)[places]
    half = edge.wide[piece] / 2
    outside = before < 0.5
    # A piece is less than 1.6 px from the middle of its pixel: only in a ring around the new edge does its place in the pixel count.
    ring = np.flatnonzero(np.where(outside, far > radius - half - 1.6, far < half + 0.5))
    covered = outside | (far < half + 0.5)
    level = np.where(covered, edge.level[piece], before)
    distance, nearer = signed_distance(known, edge, nearest.number, places[ring])
    wide = edge.wide[nearer]
    moved = np.minimum(edge.level[nearer], 0.5 + (radius - distance) / wide)
    level[ring] = np.where(distance > -wide / 2 - 0.5, moved, before[ring])
    result = matte.copy()
    result.reshape(-1)[places] = np.maximum(before, level)
    if number.any():
        result[number] = np.nan
    return result


def edge_of(matte: Plane) -> Edge:
    """Where the matte crosses 0.5, piece by piece."""
    height, width = matte.shape
    pixel = crossed(matte)
    rows, columns = np.divmod(pixel, width)

    def at(dy: Any, dx: Any) -> Plane:
        y, x = np.clip(rows + dy, 0, height - 1), np.clip(columns + dx, 0, width - 1)
        return matte[y, x]

    near = {(dy, dx): at(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
    ny, nx, slope = _normal(near)
    around = np.stack(list(near.values()))
    high, low = around.max(axis=0), around.min(axis=0)
    behind = at(np.rint(-3 * ny).astype(int), np.rint(-3 * nx).astype(int))
    before = at(np.rint(3 * ny).astype(int), np.rint(3 * nx).astype(int))
    top, bottom = np.maximum(high, behind), np.minimum(low, before)
    middle = near[0, 0]
    # Nearly all of the way from outside to inside within three pixels: coverage of an edge that is sharp.
    sharp = high - low >= 0.8 * (top - bottom)
    covered = (middle - bottom) / np.maximum(top - bottom, 1e-6)
    offset = np.where(sharp, coverage_offset(covered, ny, nx), (middle - 0.5) / slope)
    offset = np.clip(offset, -1.5, 1.5)
    wide = np.where(sharp, 1.0, np.clip(1 / slope, 1.0, WIDEST))
    inner = at(*(np.rint(-(wide / 2 + 1) * n).astype(int) for n in (ny, nx)))
    found = (rows + offset * ny, columns + offset * nx, ny, nx, wide, np.maximum(top, inner))
    return Edge(pixel, *(values.astype(np.float32) for values in found))


def crossed(matte: Plane) -> Plane:
    """Flat indices of the pixels that carry the edge: of two neighbours on both sides of 0.5 the one nearer to it, of equals both."""
    inside, doubt = matte >= 0.5, np.abs(matte - 0.5)
    carries = np.zeros(matte.size, bool)
    for step, ahead, back in ((1, np.s_[:, 1:], np.s_[:, :-1]), (matte.shape[1], np.s_[1:], np.s_[:-1])):
        ys, xs = np.nonzero(inside[ahead] != inside[back])
        first = ys * matte.shape[1] + xs
        one, other = doubt.reshape(-1)[first], doubt.reshape(-1)[first + step]
        carries[first[one <= other]] = True
        carries[first[other <= one] + step] = True
    return np.flatnonzero(carries)


def _normal(near: dict[tuple[int, int], Plane]) -> tuple[Plane, Plane, Plane]:
    """Unit normal `ny, nx` towards less, by differences over three rows and columns weighed 1, sqrt 2, 1; and the slope per px."""

    def difference(ahead: tuple[int, int], across: tuple[int, int]) -> Plane:
        (ay, ax), (by, bx) = ahead, across
        total: Plane = _DIAGONAL * (near[ay, ax] - near[-ay, -ax])
        for turn in (-1, 1):
            total = total + near[ay + turn * by, ax + turn * bx] - near[turn * by - ay, turn * bx - ax]
        return total / (2 * (2 + _DIAGONAL))

    down, right = difference((1, 0), (0, 1)), difference((0, 1), (1, 0))
    slope = np.maximum(np.hypot(down, right), np.float32(1e-6))
    return -down / slope, -right / slope, np.maximum(slope, np.float32(1 / WIDEST))


def coverage_offset(covered: Plane, ny: Plane, nx: Plane) -> Plane:
    """How far an edge lies from the middle of a pixel, along its normal, when a straight edge leaves `covered` of it inside, in px.

    Gustavson and Strand: Anti-aliased Euclidean distance transform. Pattern Recognition Letters 32 (2), 2011. Where hardly a grey
    is left (a mask of 0 and 1) the edge runs half way between the pixels.
    """
    small, large = np.minimum(np.abs(ny), np.abs(nx)), np.maximum(np.abs(ny), np.abs(nx))
    part = np.clip(np.minimum(covered, 1 - covered), 0, 0.5)  # of the lesser side: the formula is the same turned round
    corner = part < 0.5 * small / np.maximum(large, 1e-6)
    from_middle = np.where(corner, 0.5 * (small + large) - np.sqrt(2 * small * large * part), (0.5 - part) * large)
    from_middle = np.where(part < 0.02, 0.5 * large, from_middle)
    return np.where(covered > 0.5, from_middle, -from_middle)


class Nearest(NamedTuple):
    """For each pixel the `number` of the one that is nearest to it, -1 for none, and the `square` of their distance, int32 `[H, W]`."""

    number: Plane
    square: Plane


def nearest_of(pixels: Plane, shape: tuple[int, ...], reach: float) -> Nearest:
    """The nearest of `pixels` (flat indices, at least one) by exact Euclidean distance, where one is within `reach` px, rounded up."""
    number, square = np.full(shape, -1, np.int32), np.zeros(shape, np.int32)
    number.reshape(-1)[pixels] = np.arange(len(pixels))
    rows, columns = np.divmod(pixels, shape[1])
    steps = int(np.ceil(reach))
    top, bottom = max(0, rows.min() - steps), rows.max() + steps + 1
    left, right = max(0, columns.min() - steps), columns.max() + steps + 1
    window = np.s_[top:bottom, left:right]
    search = _in_band if steps <= _BANDED else _by_transform
    number[window], square[window] = search(number[window], steps)
    return Nearest(number, square)


def _by_transform(number: Plane, reach: int) -> Nearest:
    """By scipy's transform of the whole window."""
    library = ndimage("GrowShrink")
    y, x = library.distance_transform_edt(number < 0, return_distances=False, return_indices=True)
    found = number[y, x]
    y -= np.arange(number.shape[0], dtype=y.dtype)[:, None]
    x -= np.arange(number.shape[1], dtype=x.dtype)
    y *= y
    x *= x
    y += x
    found[y > reach * reach] = -1
    return Nearest(found, y)


def _in_band(number: Plane, reach: int) -> Nearest:
    """Along rows first, then up and down: a row `dy` away offers its own nearest at dx^2 + dy^2. Strips of rows stay in the cache."""
    height, width = number.shape
    columns = np.arange(width, dtype=np.int32)
    there = number >= 0
    left = np.maximum.accumulate(np.where(there, columns, np.int32(-(10**4) - width)), axis=1)
    right = np.minimum.accumulate(np.where(there, columns, np.int32(10**4 + 2 * width))[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(columns - left <= right - columns, left, right)
    far = np.int32(2 * reach * reach + 1)
    square = np.minimum(np.abs(nearest - columns), np.int32(reach + 1)) ** 2
    square[square > reach * reach] = far
    # One number says how far and from which row, so that a minimum finds both.
    bits = int(2 * reach + 1).bit_length()
    square <<= bits
    best = np.full((height, width), np.int32(far) << bits, np.int32)
    strip = max(1, 2**16 // width)
    offered = np.empty((strip, width), np.int32)
    for top in range(0, height, strip):
        bottom = min(height, top + strip)
        for dy in range(-reach, reach + 1):
            first, last = max(top, -dy), min(bottom, height - dy)
            if first < last:
                here = offered[: last - first]
                np.add(square[first + dy : last + dy], np.int32((dy * dy << bits) + dy + reach), out=here)
                np.minimum(best[first:last], here, out=best[first:last])
    distant = best >> bits
    rows, places = np.nonzero(distant <= reach * reach)
    from_rows = rows + (best[rows, places] & ((1 << bits) - 1)) - reach
    found = np.full_like(number, -1)
    found[rows, places] = number[from_rows, nearest[from_rows, places]]
    return Nearest(found, distant)


def signed_distance(matte: Plane, edge: Edge, nearest: Plane, places: Plane) -> tuple[Plane, Plane]:
    """Distance in px of the pixels at `places` (flat indices) to the edge, negative inside, and the number of its nearest piece.

    The pixel that is nearest need not hold the piece that is: from the foot of the perpendicular on one piece the next is
    looked up, which is Newton's method for the point of a curve that is nearest.
    """
    height, width = matte.shape
    y, x = (at.astype(np.float32) for at in np.divmod(places, width))
    inside = matte.reshape(-1)[places] >= 0.5
    piece = nearest.reshape(-1)[places]
    distance, foot = _from_piece(y, x, edge, piece, inside)
    for _ in range(2):
        rows, columns = (np.clip(np.rint(at), 0, most - 1).astype(np.int64) for at, most in zip(foot, (height, width), strict=True))
        other = nearest[rows, columns]
        other = np.where(other < 0, piece, other)
        again, next_foot = _from_piece(y, x, edge, other, inside)
        nearer = np.abs(again) < np.abs(distance)
        distance, piece = np.where(nearer, again, distance), np.where(nearer, other, piece)
        foot = next_foot
    return distance, piece


def _from_piece(y: Plane, x: Plane, edge: Edge, piece: Plane, inside: Plane) -> tuple[Plane, tuple[Plane, Plane]]:
    """Signed distances to pieces of the edge, and the feet of the perpendiculars on the lines they lie on."""
    dy, dx, ny, nx = y - edge.y[piece], x - edge.x[piece], edge.ny[piece], edge.nx[piece]
    across, along = dy * ny + dx * nx, np.abs(dx * ny - dy * nx)
    beyond = np.maximum(along - _HALF, 0)
    distance = np.where(beyond > 0, np.where(inside, -1, 1) * np.hypot(across, beyond), across)
    return distance, (y - across * ny, x - across * nx)
