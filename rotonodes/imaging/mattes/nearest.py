"""The nearest of many pixels by exact Euclidean distance, searched only where it is needed, and no further than necessary.

First along rows: for each pixel the nearest in its own row. Then up and down: a row `dy` away offers its own nearest at dx^2 + dy^2.
Work goes by strips of rows that fit the processor's cache; columns that are finished are left out. One integer packs distance and
row, so that a minimum finds both: d^2 (2 reach + 1) + reach + dy, in 16 bits where that is enough.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]

BLOCK = 4  # px, side of the square blocks that the search radius is given for
SLACK = math.sqrt(2) * (BLOCK - 1) + 1e-3  # px, bound for |distance of two pixels - distance of their blocks' centres|
_STRIP = 8 * BLOCK  # rows at a time
_STAGES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512)  # rows up and down after which finished blocks may be left out


class Nearest(NamedTuple):
    """The result of `nearest_of`, `[H, W]` each: `packed` (see the module), `beside` (number of the nearest one in the same row, int32)."""

    packed: Plane
    beside: Plane
    reach: int

    def within(self, distance: float) -> Plane:
        """Where one of the pixels is at most `distance` px away (at most `reach`), bool `[H, W]`."""
        square = min(math.floor(distance * distance), self.reach**2) if distance >= 0 else -1
        return self.packed < (square + 1) * (2 * self.reach + 1)

    def of(self, places: Plane) -> tuple[Plane, Plane]:
        """The number of the pixel nearest to each place (flat indices), -1 where none is within reach, and its squared distance."""
        found = self.packed.take(places)
        square = found // (2 * self.reach + 1)
        down = (found - square * (2 * self.reach + 1)).astype(np.intp)
        down -= self.reach
        down *= self.packed.shape[1]
        down += places
        number = self.beside.take(down).astype(np.intp)
        nothing = square > self.reach**2
        if nothing.any():
            number[nothing] = -1
        return number, square


def nearest_of(pixels: Plane, shape: tuple[int, ...], reach: float, look: Plane | None = None) -> Nearest:
    """The nearest of `pixels` (ascending flat indices, at least one) to each pixel of a frame, up to `reach` px (rounded up).

    `look` gives for each block of `BLOCK` x `BLOCK` px how far to search, px; where it is negative the result is not needed and may
    be wrong. Without `look` the search covers the whole frame.
    """
    height, width = shape
    most = math.ceil(min(reach, math.hypot(height, width)))
    turns = 2 * most + 1
    none = (most + 1) ** 2 * turns  # no distance within reach
    kind = next(kind for kind in (np.uint16, np.int32, np.int64) if none + (most * most + 1) * turns <= np.iinfo(kind).max)
    beside, offers = _along_rows(pixels, shape, most, kind)
    packed = np.full((height, *offers.shape[1:]), none + most, kind)
    for top in range(0, height, _STRIP):
        bottom = min(height, top + _STRIP)
        if look is None:
            far = np.full(offers.shape[1], most, np.int32)
        else:
            far = np.minimum(np.floor(look[top // BLOCK : -(-bottom // BLOCK)].max(axis=0)), most).astype(np.int32)
        _search(packed[top:bottom], offers[top:], far, most, min(most, height))
    return Nearest(np.ascontiguousarray(packed.reshape(height, -1)[:, :width]), beside, most)


def block_distances(pixels: Plane, shape: tuple[int, ...], reach: float) -> Plane:
    """Distance from each block's centre to that of the nearest block that contains one of `pixels`, px `[h, w]`; inf beyond `reach`."""
    height, width = (-(-count // BLOCK) for count in shape)
    rows, columns = np.divmod(pixels, shape[1])
    there = np.zeros(height * width, bool)
    there[rows // BLOCK * width + columns // BLOCK] = True
    found = nearest_of(np.flatnonzero(there), (height, width), reach / BLOCK)
    square = found.packed // (2 * found.reach + 1)
    return np.where(square <= found.reach**2, BLOCK * np.sqrt(square), np.inf)


def whole(blocks: Plane, shape: tuple[int, ...]) -> Plane:
    """Block values repeated over their pixels, `[H, W]`."""
    return np.repeat(np.repeat(blocks, BLOCK, axis=1)[:, : shape[1]], BLOCK, axis=0)[: shape[0]]


def _along_rows(pixels: Plane, shape: tuple[int, ...], reach: int, kind: Any) -> tuple[Plane, Plane]:
    """The number of the nearest pixel in the same row, int32 `[H, W]`, and its squared distance, packed, `[H, w, BLOCK]`.

    The second is padded above and below, as far as the search goes, with rows that have no pixel.
    """
    height, width = shape
    rows, columns = np.divmod(pixels, width)
    starts = rows * width
    follows = np.flatnonzero(rows[1:] == rows[:-1]) + 1  # another comes before them in the row: the gap is divided at its middle
    starts[follows] += (columns[follows - 1] + columns[follows]) // 2 + 1
    starts[0] = 0
    lengths = np.diff(starts, append=height * width)
    beside = np.repeat(np.arange(len(pixels), dtype=np.int32), lengths).reshape(shape)
    small = np.int16 if width < 2**15 else np.int32
    nearest = np.repeat(columns.astype(small), lengths).reshape(shape)
    across = np.arange(width, dtype=small)
    beyond = min(reach, height)
    offers = np.full((height + 2 * beyond, -(-width // BLOCK) * BLOCK), (reach + 1) ** 2 * (2 * reach + 1), kind)
    inside = offers[beyond : beyond + height, :width]
    for top in range(0, height, _STRIP):
        strip = slice(top, top + _STRIP)
        apart = np.abs(nearest[strip] - across)
        np.minimum(apart, small(min(reach + 1, width)), out=apart)
        square = np.multiply(apart, apart, dtype=kind, casting="unsafe")
        np.multiply(square, kind(2 * reach + 1), out=inside[strip])
    empty = np.ones(height, bool)
    empty[rows] = False
    inside[empty] = (reach + 1) ** 2 * (2 * reach + 1)
    return beside, offers.reshape(len(offers), -1, BLOCK)


def _search(best: Plane, offers: Plane, far: Plane, reach: int, beyond: int) -> None:
    """Fills `best` with the minimum of the offers up to `far` rows away, for blocks where `far` is not negative.

    `offers` begin `beyond` rows above `best`.
    """
    kind, turns, rows, result = best.dtype.type, 2 * reach + 1, len(best), best
    most = min(int(far.max()), beyond)
    if most < 0:
        return
    around = offers[beyond - most : beyond + rows + most]
    np.add(around[most : most + rows], kind(reach), out=best)
    blocks, offered = np.arange(len(far)), np.empty_like(best)  # the unfinished blocks
    done, on = 0, far >= 0
    for stage in (*(stage for stage in _STAGES if stage < most), most):
        if 5 * np.count_nonzero(on) < 4 * len(blocks):
            result[:, blocks] = best
            left = np.flatnonzero(on)
            around, best, far, blocks = around.take(left, axis=1), best.take(left, axis=1), far[left], blocks[left]
            offered = np.empty_like(best)
        for away in range(done + 1, stage + 1):
            for dy in (-away, away):
                np.add(around[most + dy : most + dy + rows], kind(dy * dy * turns + dy + reach), out=offered)
                np.minimum(best, offered, out=best)
        done = stage
        on = (far > done) & (best.max(axis=0).max(axis=1) >= (done + 1) ** 2 * turns)  # for the others nothing can be nearer
        if not on.any():
            break
    result[:, blocks] = best
