"""A plane cut into runs: stretches of equal values in its rows, and the regions that they make.

There are a few thousand runs where there are millions of pixels, so regions are found, measured and compared in a fraction of the
time that labelling pixels takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotonodes.extras import need

Plane = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Regions:
    """Connected regions of equal value, numbered from 0.

    `starts` and `ends` are flat indices of the runs (ends exclusive), `values` what their pixels are, `region` the number of each
    run's region. `upper` and `lower` are pairs of runs that touch from one row to the next.
    """

    starts: Plane
    ends: Plane
    values: Plane
    region: Plane
    upper: Plane
    lower: Plane
    width: int

    @property
    def sides(self) -> Plane:
        """Sides of pixels that the two of each pair share; 0 where they touch by a corner alone."""
        above, below, width = self.upper, self.lower, self.width
        shared = np.minimum(self.ends[above] + width, self.ends[below]) - np.maximum(self.starts[above] + width, self.starts[below])
        return np.maximum(shared, 0)

    @property
    def sizes(self) -> Plane:
        """Pixels of each region."""
        return np.bincount(self.region, self.ends - self.starts).astype(np.int64)

    @property
    def classes(self) -> Plane:
        """The value of each region."""
        found = np.zeros(self.region.max() + 1, self.values.dtype)
        found[self.region] = self.values
        return found

    def pixels(self, runs: Plane) -> Plane:
        """Flat indices of all pixels of some runs (their numbers), rising if those do."""
        return indices(self.starts[runs], self.ends[runs])


def regions(plane: Plane, connectivity: int, only_true: bool = False) -> Regions:
    """The regions of a uint8 or bool plane `[H, W]`, whose pixels touch by their sides (connectivity 4) or corners too (8).

    `only_true` leaves out what is 0 or False, which takes half of the time; there may be no region then.
    """
    need("scipy", "scipy", "RemoveSpecks")
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    height, width = plane.shape
    flat = np.ascontiguousarray(plane).reshape(-1)
    begins = np.empty(flat.size, bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[::width] = True
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], flat.size)
    values = flat[starts]
    if only_true:
        there = np.flatnonzero(values)
        starts, ends, values = starts[there], ends[there], values[there]
    above = np.searchsorted(starts, (height - 1) * width)  # so many runs have a row below them
    row_below = (starts[:above] // width + 1) * width
    reach = 1 if connectivity == 8 else 0
    first = np.searchsorted(ends, np.maximum(starts[:above] + (width - reach), row_below), "right")
    last = np.searchsorted(starts, np.minimum(ends[:above] + (width + reach), row_below + width))
    upper, lower = np.repeat(np.arange(above), last - first), indices(first, last)
    if only_true:
        links = upper, lower
    else:
        same = values[upper] == values[lower]
        links = upper[same], lower[same]
    graph = coo_array((np.ones(len(links[0]), np.int8), links), shape=(len(starts), len(starts)))
    _, region = connected_components(graph, directed=False)
    return Regions(starts, ends, values, region, upper, lower, width)


def indices(starts: Plane, ends: Plane) -> Plane:
    """The whole numbers from each start to before its end, one stretch after the other."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


def largest_region(mask: Plane) -> Plane:
    """The largest region of a mask `[H, W]` whose pixels touch by their sides, bool; nothing of an empty mask, the first of equals.

    Rows are cut into runs of set pixels, of which there are few; runs that touch from one row to the next take the lower number of
    the two, and the number of that one's number, until none changes.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)  # so that no run goes on in the next row
    padded[:, 1:-1] = mask
    steps = np.diff(padded.reshape(-1), prepend=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    result = np.zeros(padded.size, bool)
    if len(starts):
        first = np.searchsorted(ends, starts + width + 2, "right")
        counts = np.searchsorted(starts, ends + width + 2, "left") - first
        upper = np.repeat(np.arange(len(starts)), counts)
        lower = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - first, counts)
        number = _joined(len(starts), upper, lower)
        sizes = np.bincount(number, ends - starts)
        chosen = number == sizes.argmax()
        edges = np.zeros(padded.size + 1, np.int8)
        edges[starts[chosen]], edges[ends[chosen]] = 1, -1
        result = np.cumsum(edges[:-1], dtype=np.int8).astype(bool)
    return result.reshape(padded.shape)[:, 1:-1]


def _joined(count: int, one: Plane, other: Plane) -> Plane:
    """For each of `count` things the lowest one that it hangs together with, by pairs that touch."""
    number = np.arange(count)
    while True:
        least = np.minimum(number[one], number[other])
        before = number.copy()
        for side in (one, other):
            np.minimum.at(number, before[side], least)
        number = number[number]
        if (number == before).all():
            return number
