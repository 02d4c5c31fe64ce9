"""Borders between classes as chains along the edges of pixels: each from junction to junction, shared by the classes on both sides.

All chains are found at once: each half of an edge knows the half that follows it, and is ranked by pointer jumping (Wyllie 1979).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

OUTSIDE = -1  # the class of what lies beyond the frame


class Border(NamedTuple):
    """One chain: its lattice points `[n + 1, 2]` (x, y) in pixels, the middles of its edges `[n, 2]`, the classes on both sides.

    `left` and `right` are seen along the chain, y down. A closed chain begins and ends at the same point, which is no junction.
    `first` and `last` number the lattice points at its ends; equal numbers are the same place.
    """

    points: np.ndarray
    middles: np.ndarray
    left: int
    right: int
    first: int
    last: int
    closed: bool


def find_borders(labels: np.ndarray, level: np.ndarray | None = None) -> Iterator[Border]:
    """All borders of the classes `[H, W]` (whole numbers from 0 up), those with the outside included.

    `level` `[H, W]` float is what the classes are a threshold of: 0 on the border, of two signs on both sides. The middles then
    move along the line between the two pixel centres to where it is 0. Without it they lie halfway.
    """
    height, width = labels.shape
    around = np.pad(labels.astype(np.int32), 1, constant_values=OUTSIDE)
    across = around[:-1, 1:-1] != around[1:, 1:-1]  # horizontal edges: at (y, x), from (x, y) to (x + 1, y)
    along = around[1:-1, :-1] != around[1:-1, 1:]  # vertical edges: from (x, y) to (x, y + 1)
    ys, xs = across.nonzero()
    ys2, xs2 = along.nonzero()
    count, stride = len(ys) + len(ys2), width + 1
    # Half-edge 2e runs right or down, 2e + 1 back.
    begin = np.concatenate([ys * stride + xs, ys2 * stride + xs2])
    end = np.concatenate([ys * stride + xs + 1, (ys2 + 1) * stride + xs2])
    before = np.concatenate([around[ys, xs + 1], around[ys2 + 1, xs2 + 1]])  # on the left of 2e: above, or to the right
    after = np.concatenate([around[ys + 1, xs + 1], around[ys2 + 1, xs2]])
    middles = np.concatenate([np.stack([xs + 0.5, ys], 1), np.stack([xs2, ys2 + 0.5], 1)]).astype(np.float64)
    if level is not None:
        middles += _moved(level, ys, xs, ys2, xs2)
    start, stop, left = np.empty(2 * count, np.int64), np.empty(2 * count, np.int64), np.empty(2 * count, np.int64)
    start[0::2], start[1::2], stop[0::2], stop[1::2] = begin, end, end, begin
    left[0::2], left[1::2] = before, after
    following = _following(start, stop, (height, width))
    yield from _chains(start, stop, left, following, middles, stride)


def _moved(level: np.ndarray, ys: np.ndarray, xs: np.ndarray, ys2: np.ndarray, xs2: np.ndarray) -> np.ndarray:
    """By how much each middle moves, `[edges, 2]`; those on the frame's border stay."""
    height, width = level.shape
    moved = np.zeros((len(ys) + len(ys2), 2))
    for begin, rows, columns, axis in ((0, ys, xs, 1), (len(ys), ys2, xs2, 0)):
        here = rows if axis == 1 else columns
        inside = (here > 0) & (here < (height if axis == 1 else width))
        y, x = rows[inside], columns[inside]
        one = level[y - (axis == 1), x - (axis == 0)].astype(np.float64)
        other = level[y, x].astype(np.float64)
        apart = other - one
        crossed = one * other < 0  # elsewhere two classes meet that the level does not divide
        place = np.divide(-one, apart, out=np.full(len(apart), 0.5), where=crossed).clip(0.02, 0.98) - 0.5
        moved[begin : begin + len(rows), axis][inside] = place
    return moved


def _following(start: np.ndarray, stop: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """For each half-edge the one that goes on from its end, -1 at a junction. Corners of the frame count as junctions."""
    height, width = size
    places = (height + 1) * (width + 1)
    degree = np.bincount(start, minlength=places)
    halves = np.arange(len(start))
    # At a place of two edges the sum of what leaves it, less the way back, is what goes on.
    leaving = np.bincount(start, weights=halves, minlength=places).astype(np.int64)
    junction = degree != 2
    junction[[0, width, height * (width + 1), places - 1]] = True
    return np.where(junction[stop], -1, leaving[stop] - (halves ^ 1))


def _chains(
    start: np.ndarray, stop: np.ndarray, left: np.ndarray, following: np.ndarray, middles: np.ndarray, stride: int
) -> Iterator[Border]:
    halves = np.arange(len(start))
    in_cycle, least = _cycles(following)
    opened = following.copy()
    opened[in_cycle & (following == least)] = -1  # a closed chain begins at its least half-edge
    tail, rank = _ranked(opened)
    # Every chain is there twice, once each way: the one whose tail comes first is kept; of closed ones by their least half-edge.
    head_of_tail = np.full(len(start), -1)
    heads = halves[_is_head(opened)]
    head_of_tail[tail[heads]] = heads
    head = head_of_tail[tail]
    kept = np.where(in_cycle, least < _least_of_reverse(least), head < (tail ^ 1))
    order = np.lexsort((-rank, head))
    order = order[kept[order]]
    cuts = np.flatnonzero(np.diff(head[order])) + 1
    for chain in np.split(order, cuts) if len(order) else ():
        nodes = np.append(start[chain], stop[chain[-1]])
        points = np.stack([nodes % stride, nodes // stride], 1).astype(np.float64)
        first = chain[0]
        yield Border(
            points, middles[chain >> 1], int(left[first]), int(left[first ^ 1]), int(nodes[0]), int(nodes[-1]), bool(in_cycle[first])
        )


def _is_head(following: np.ndarray) -> np.ndarray:
    """Half-edges that follow no other."""
    head = np.ones(len(following), bool)
    head[following[following >= 0]] = False
    return head


def _cycles(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which half-edges are in closed chains, and the least half-edge of the chain (of open ones some number of it)."""
    jump, least = following.copy(), np.arange(len(following))
    for _ in range(max(1, len(following).bit_length())):
        there = jump >= 0
        least[there] = np.minimum(least[there], least[jump[there]])
        jump[there] = jump[jump[there]]
    return jump >= 0, least


def _least_of_reverse(least: np.ndarray) -> np.ndarray:
    """The least half-edge of the chain of each half-edge's way back."""
    return least[np.arange(len(least)) ^ 1]


def _ranked(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last half-edge of each half-edge's chain, and how far away it is."""
    count = len(following)
    jump = np.where(following >= 0, following, np.arange(count))
    rank = (following >= 0).astype(np.int64)
    for _ in range(max(1, count.bit_length())):
        rank = rank + rank[jump]
        jump = jump[jump]
    return jump, rank
