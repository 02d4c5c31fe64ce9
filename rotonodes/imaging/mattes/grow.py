"""Growing and shrinking mattes by Euclidean distance to their edge at sub-pixel precision.

The edge of a matte is where it crosses 0.5. In every pixel it crosses it is taken as a short straight piece, whose place within the
pixel follows from the pixel's coverage; distances are measured to these pieces, not to pixels.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotonodes.imaging.mattes.bounded import bounded, with_nan_of
from rotonodes.imaging.mattes.nearest import SLACK, Nearest, block_distances, nearest_of, whole
from rotonodes.values.pixels import Box

Plane = NDArray[Any]

WIDEST = 32.0  # px, largest edge width; a softer edge is moved as if it were this wide
_HALF = 0.6  # px, half the length of a piece of edge
_AWAY = 1.6  # px, upper bound for the distance from any point of a piece to its pixel's centre
_FEET = 6  # px from the edge within which the nearest piece is always looked up: perpendiculars end there
_PLAIN = 90  # per cent of an edge that counts as plain by its width
_DIAGONAL = np.float32(np.sqrt(2))


class EdgePieces(NamedTuple):
    """The pieces of an edge, one per pixel, each field `[n]`.

    `pixel`: flat index of the pixel. `y`, `x`: a point on the edge. `ny`, `nx`: unit normal towards the outside (0 for a dot or a line of
    one pixel). `wide`: width of the edge from 0 to 1, px. `level`: the matte's value on the inner side.
    """

    pixel: Plane
    y: Plane
    x: Plane
    ny: Plane
    nx: Plane
    wide: Plane
    level: Plane


def grown(matte: Plane, radius: float) -> Plane:
    """The matte with its edge moved outwards by `radius` px (fractions count); inwards for a negative radius.

    out = max(in, min(level, 1/2 + (radius - d) / w)), with d the signed distance to the edge (negative inside), w the width of the
    nearest edge and `level` the matte's value on its inner side. So an anti-aliased edge stays one pixel wide and a soft one keeps
    its softness; a shape that never reaches 0.5 has no edge and stays. Shrinking grows 1 - in. Nothing grows in from beyond the frame.
    """
    if radius < 0:
        return 1 - grown(1 - matte, -radius)
    if radius == 0:
        return matte.copy()
    known = bounded(matte)
    result = known.copy()
    inside = known >= 0.5
    box = Box.around(inside != inside[0, 0], math.ceil(radius + WIDEST))  # None where there is no edge
    if box is not None:
        result[box.slices] = _moved(np.ascontiguousarray(known[box.slices]), radius)
    return with_nan_of(matte, result)


def _moved(matte: Plane, radius: float) -> Plane:
    """`grown` by a positive radius, for a matte that has an edge and no NaN."""
    edge = edge_of(matte)
    area = _area(edge, matte.shape, radius)
    nearest = nearest_of(edge.pixel, matte.shape, area.reach, area.look)
    outside = matte < 0.5
    filled, open_ = _sorted_out(nearest, outside, matte < area.level, area)
    result = matte.copy()
    np.copyto(result, area.level, where=filled)
    places = np.flatnonzero(open_)
    piece, square = nearest.of(places)
    far, outer, half = np.sqrt(square, dtype=np.float32), outside.take(places), edge.wide / 2
    changes = np.flatnonzero(far <= np.where(outer, (half + (radius + _AWAY)).take(piece), (half + 0.5).take(piece)))
    places, piece, far, outer = places[changes], piece[changes], far[changes], outer[changes]
    before, level = matte.take(places), edge.level.take(piece)
    # The exact place of a piece within its pixel only matters in a ring around the new edge.
    ring = np.flatnonzero(~outer | (far > ((radius - _AWAY) - half).take(piece)))
    distance, nearer = signed_distance(matte, edge, nearest, places.take(ring), piece.take(ring))
    wide = edge.wide.take(nearer)
    moved = np.minimum(edge.level.take(nearer), 0.5 + (radius - distance) / wide)
    level[ring] = np.where(distance > -wide / 2 - 0.5, moved, before.take(ring))
    result.reshape(-1)[places] = np.maximum(before, level)
    return result


class ChangedArea(NamedTuple):
    """Where a moving edge changes a matte; the last three fields have one value per block (see `nearest`).

    Most of an edge is plain: at most `wide` px wide, at most `off` px from its pixels' centres, with the same `level` on its inner
    side. `deep` blocks lie between the old and the new edge, far from both, and near plain edge only. In the others the nearest piece
    is at most `look` px away (negative: nothing changes there); in `special` blocks it may be one that is not plain. Nothing further
    than `reach` px from the edge changes.
    """

    reach: float
    wide: float
    off: float
    level: np.float32
    radius: float
    look: Plane
    deep: Plane
    special: Plane


def _area(edge: EdgePieces, shape: tuple[int, ...], radius: float) -> ChangedArea:
    """The area changed by moving an edge by `radius` px, from distances between blocks."""
    wide, level = float(np.percentile(edge.wide, _PLAIN)), edge.level.max()
    plain = (edge.wide <= wide) & (edge.level == level)
    rows, columns = np.divmod(edge.pixel[plain], shape[1])
    off = math.sqrt(_HALF**2 + ((edge.y[plain] - rows) ** 2 + (edge.x[plain] - columns) ** 2).max(initial=0))
    reach = radius + float(edge.wide.max()) / 2 + _AWAY
    away = block_distances(edge.pixel, shape, reach + SLACK)
    special = np.zeros(away.shape, bool)
    if not plain.all():
        other = block_distances(edge.pixel[~plain], shape, reach + SLACK)
        special = (other <= away + 2 * SLACK + (_AWAY - off)) & (other < np.inf)
    near, far = away - SLACK, away + SLACK
    deep = ~special & (far < radius - wide / 2 - off) & (near > max(_FEET, wide / 2 + 0.5))
    asked = special | (near <= max(_FEET, radius + wide / 2 + off))
    return ChangedArea(reach, wide, off, level, radius, np.where(asked & ~deep, far, -1), deep, special)


def _sorted_out(nearest: Nearest, outside: Plane, less: Plane, area: ChangedArea) -> tuple[Plane, Plane]:
    """Pixels the edge has passed, to be filled with the plain level, and pixels to compute exactly; bool `[H, W]` each.

    `less` are the pixels below the level: no other can increase.
    """
    filled = nearest.within(area.radius - area.wide / 2 - area.off)
    opened = nearest.within(area.radius + area.wide / 2 + area.off)
    if area.deep.any():
        filled |= whole(area.deep, outside.shape)
    filled &= outside
    opened &= outside
    opened |= nearest.within(area.wide / 2 + 0.5) & ~outside
    if area.special.any():
        special = whole(area.special, outside.shape)
        filled &= ~special
        opened |= special & nearest.within(area.reach)
    opened &= less
    opened &= ~filled
    return filled, opened


def edge_of(matte: Plane) -> EdgePieces:
    """The pieces of the edge where the matte crosses 0.5."""
    height, width = matte.shape
    pixel = crossed(matte)
    rows, columns = np.divmod(pixel, width)
    flat = matte.reshape(-1)
    down: dict[int, Any] = {-1: np.where(rows > 0, -width, 0), 0: 0, 1: np.where(rows < height - 1, width, 0)}
    right: dict[int, Any] = {-1: np.where(columns > 0, -1, 0), 0: 0, 1: np.where(columns < width - 1, 1, 0)}
    near = {(dy, dx): flat.take(pixel + (down[dy] + right[dx])) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
    ny, nx, slope = _normal(near)

    def along(way: Any) -> Plane:
        """The matte's value `way` px along the normal."""
        y, x = (at + np.rint(way * n).astype(np.intp) for at, n in ((rows, ny), (columns, nx)))
        np.clip(y, 0, height - 1, out=y)
        np.clip(x, 0, width - 1, out=x)
        y *= width
        y += x
        return flat.take(y)

    high, low = (reduce(least_or_most, near.values()) for least_or_most in (np.maximum, np.minimum))
    top, bottom = np.maximum(high, along(-3)), np.minimum(low, along(3))
    middle = near[0, 0]
    # Most of the step from outside to inside within three pixels: a sharp edge, whose values are coverage.
    sharp = high - low >= 0.8 * (top - bottom)
    covered = (middle - bottom) / np.maximum(top - bottom, 1e-6)
    offset = np.where(sharp, coverage_offset(covered, ny, nx), (middle - 0.5) / slope)
    offset = np.clip(offset, -1.5, 1.5)
    wide = np.where(sharp, np.float32(1), np.clip(1 / slope, 1.0, WIDEST))
    inner = along(-(wide / 2 + 1))
    found = (rows + offset * ny, columns + offset * nx, ny, nx, wide, np.maximum(top, inner))
    return EdgePieces(pixel, *(values.astype(np.float32) for values in found))


def crossed(matte: Plane) -> Plane:
    """Flat indices of the pixels that carry the edge: of two neighbours on different sides of 0.5 the one nearer to 0.5, of equals both."""
    width, flat = matte.shape[1], matte.reshape(-1)
    inside = flat >= 0.5
    carries = np.zeros(matte.size, bool)
    for step, across in ((1, True), (width, False)):
        differs = inside[step:] != inside[:-step]
        if across:
            differs[width - 1 :: width] = False  # that neighbour is in the next row
        first = np.flatnonzero(differs)
        one, other = np.abs(flat.take(first) - 0.5), np.abs(flat.take(first + step) - 0.5)
        carries[first[one <= other]] = True
        carries[first[other <= one] + step] = True
    return np.flatnonzero(carries)


def _normal(near: dict[tuple[int, int], Plane]) -> tuple[Plane, Plane, Plane]:
    """Unit normal `ny, nx` towards lower values, from differences over 3 x 3 px weighted 1, sqrt 2, 1; and the slope per px."""

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
    """Distance from a pixel's centre to a straight edge, along its normal, px, given the share of the pixel that is `covered`.

    Gustavson and Strand: Anti-aliased Euclidean distance transform. Pattern Recognition Letters 32 (2), 2011. Where the matte is
    nearly 0 or 1 (a hard mask) the edge runs half way between two pixels.
    """
    small, large = np.minimum(np.abs(ny), np.abs(nx)), np.maximum(np.abs(ny), np.abs(nx))
    part = np.minimum(covered, 1 - covered)  # of the smaller side: the formula is symmetric
    corner = part < 0.5 * small / np.maximum(large, 1e-6)
    from_middle = np.where(corner, 0.5 * (small + large) - np.sqrt(2 * small * large * part), (0.5 - part) * large)
    from_middle = np.where(part < 0.02, 0.5 * large, from_middle)
    return np.where(covered > 0.5, from_middle, -from_middle)


def signed_distance(matte: Plane, edge: EdgePieces, nearest: Nearest, places: Plane, piece: Plane) -> tuple[Plane, Plane]:
    """Distance in px from the pixels at `places` (flat indices) to the edge, negative inside, and the number of the nearest piece.

    The nearest pixel need not hold the nearest piece: from the foot of the perpendicular on `piece` the next piece is looked up,
    which is Newton's method for the nearest point of a curve.
    """
    height, width = matte.shape
    y, x = (at.astype(np.float32) for at in np.divmod(places, width))
    inside = matte.take(places) >= 0.5
    distance, foot = _from_piece(y, x, edge, piece, inside)
    latest, moving = piece, np.arange(len(places))
    piece = piece.copy()
    for _ in range(2):
        # halves always round up: rint rounds to even, and a shape would change when it moves by a pixel
        rows, columns = (np.clip(np.floor(at + 0.5), 0, most - 1).astype(np.int64) for at, most in zip(foot, (height, width), strict=True))
        other, _ = nearest.of(rows * width + columns)
        other = np.where(other < 0, piece.take(moving), other)
        on = np.flatnonzero(other != latest)  # the others have converged: the same foot leads to the same piece
        moving, latest = moving.take(on), other.take(on)
        again, foot = _from_piece(y.take(moving), x.take(moving), edge, latest, inside.take(moving))
        nearer = np.flatnonzero(np.abs(again) < np.abs(distance.take(moving)))
        moved = moving.take(nearer)
        distance[moved], piece[moved] = again.take(nearer), latest.take(nearer)
    return distance, piece


def _from_piece(y: Plane, x: Plane, edge: EdgePieces, piece: Plane, inside: Plane) -> tuple[Plane, tuple[Plane, Plane]]:
    """Signed distances to pieces of the edge, and the feet of the perpendiculars on their lines."""
    dy, dx, ny, nx = y - edge.y.take(piece), x - edge.x.take(piece), edge.ny.take(piece), edge.nx.take(piece)
    across = dy * ny + dx * nx
    along = np.sqrt(np.maximum(dy * dy + dx * dx - across * across, 0))  # the whole distance for a piece without direction
    along -= np.float32(_HALF)
    np.maximum(along, 0, out=along)
    far = np.sqrt(across * across + along * along)
    distance = np.where(along > 0, np.where(inside, -far, far), across)
    return distance, (y - across * ny, x - across * nx)
