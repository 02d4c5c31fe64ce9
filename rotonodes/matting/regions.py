"""The largest connected region of a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]


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
