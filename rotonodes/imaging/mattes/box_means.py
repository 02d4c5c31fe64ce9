"""Means of a plane over windows that go along with each pixel, fast for small and for large ones; the frame's edge is repeated.

Blocks of columns, then strips of rows, stay in the processor's cache; everything is float32.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]

_COLUMNS, _ROWS = 512, 64  # px at a time
_BAND = 32  # px: side of a weights' matrix beyond their number
_CUT = 4.0  # standard deviations, where a Gaussian ends


def box_mean(plane: Plane, radius: int) -> Plane:
    """Means over squares of 2 `radius` + 1 px, float32 `[H, W]`; in time that goes with the logarithm of the radius."""
    height, width = plane.shape
    count = 2 * radius + 1
    down = np.empty((height, width + 2 * radius), np.float32)
    inside = down[:, radius : radius + width]
    for left in range(0, width, _COLUMNS):
        block = np.pad(plane[:, left : left + _COLUMNS], ((radius, radius), (0, 0)), mode="edge")
        inside[:, left : left + _COLUMNS] = _sums(block, count)
    inside *= np.float32(1 / count**2)
    down[:, :radius], down[:, radius + width :] = inside[:, :1], inside[:, -1:]
    means = np.empty((height, width), np.float32)
    for top in range(0, height, _ROWS):
        rows = down[top : top + _ROWS].reshape(-1)  # one after the other: sums that go from one into the next are not used
        across = np.empty(len(rows), np.float32)
        across[: len(rows) - 2 * radius] = _sums(rows, count)
        means[top : top + _ROWS] = across.reshape(-1, down.shape[1])[:, :width]
    return means


def _sums(values: Plane, count: int) -> Plane:
    """Sums of each `count` that follow one another along the first axis: those of 2 out of those of 1, of 4 out of those of 2 ..."""
    length = len(values) - count + 1
    parts, start, size = [], 0, 1
    while True:
        if count & size:
            parts.append(values[start : start + length])
            start += size
        if 2 * size > count:
            total: Plane = functools.reduce(np.add, parts)
            return total
        values = values[size:] + values[:-size]
        size *= 2


def gaussian(plane: Plane, sigma: float) -> Plane:
    """Means weighted by a Gaussian of `sigma` px that ends after 4 sigma, float32 `[H, W]`.

    Rows and columns are multiplied by a matrix with the weights beside its diagonal, which a processor does faster than it adds up.
    """
    reach = max(1, math.ceil(_CUT * sigma - 0.5))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    side = _BAND + 2 * reach
    matrix = np.zeros((_BAND, side), np.float32)
    for row in range(_BAND):
        matrix[row, row : row + 2 * reach + 1] = weights / weights.sum()
    height, width = plane.shape
    padded = np.pad(plane, ((reach, reach), (0, 0)), mode="edge")
    down = np.empty((height, width + 2 * reach), np.float32)
    inside = down[:, reach : reach + width]
    for top in range(0, height, _BAND):
        rows = min(_BAND, height - top)
        np.matmul(matrix[:rows, : rows + 2 * reach], padded[top : top + rows + 2 * reach], out=inside[top : top + rows])
    down[:, :reach], down[:, reach + width :] = inside[:, :1], inside[:, -1:]
    means = np.empty((height, width), np.float32)
    for left in range(0, width, _BAND):
        columns = min(_BAND, width - left)
        part = np.s_[:columns, : columns + 2 * reach]
        np.matmul(down[:, left : left + columns + 2 * reach], matrix[part].T, out=means[:, left : left + columns])
    return means
