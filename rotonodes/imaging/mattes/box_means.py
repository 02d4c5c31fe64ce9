"""Means of a plane over a window around each pixel, fast for small and large windows; the frame's edge is repeated.

Work goes by blocks of columns, then strips of rows, that fit the processor's cache; everything is float32.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Plane = NDArray[Any]
Values = TypeVar("Values", NDArray[Any], Tensor)

_COLUMNS, _ROWS = 512, 64  # px at a time
_BAND = 32  # rows or columns that one product with the matrix of weights makes
_CUT = 4.0  # standard deviations at which a Gaussian is cut off


def box_mean(plane: Plane, radius: int) -> Plane:
    """Means over squares of 2 `radius` + 1 px, float32 `[H, W]`; time grows with the logarithm of the radius."""
    height, width = plane.shape
    count = 2 * radius + 1
    down = np.empty((height, width + 2 * radius), np.float32)
    inside = down[:, radius : radius + width]
    for left in range(0, width, _COLUMNS):
        block = np.pad(plane[:, left : left + _COLUMNS], ((radius, radius), (0, 0)), mode="edge")
        inside[:, left : left + _COLUMNS] = running_sums(block, count)
    inside *= np.float32(1 / count**2)
    down[:, :radius], down[:, radius + width :] = inside[:, :1], inside[:, -1:]
    means = np.empty((height, width), np.float32)
    for top in range(0, height, _ROWS):
        rows = down[top : top + _ROWS].reshape(-1)  # end to end: sums that span two rows are not used
        across = np.empty(len(rows), np.float32)
        across[: len(rows) - 2 * radius] = running_sums(rows, count)
        means[top : top + _ROWS] = across.reshape(-1, down.shape[1])[:, :width]
    return means


def running_sums(values: Values, count: int, axis: int = 0) -> Values:
    """Sums of every `count` consecutive values along an axis of an array or tensor, which gets `count` - 1 shorter.

    Sums of 2 come from sums of 1, sums of 4 from sums of 2 and so on; those that the binary digits of `count` name are added.
    """

    def part(first: int, end: int) -> Any:
        return values[(slice(None),) * axis + (slice(first, end),)]

    length = values.shape[axis] - count + 1
    parts, start, size = [], 0, 1
    while True:
        if count & size:
            parts.append(part(start, start + length))
            start += size
        if 2 * size > count:
            total: Values = functools.reduce(operator.add, parts)
            return total
        last = values.shape[axis] - size
        values = part(size, size + last) + part(0, last)
        size *= 2


def gaussian(plane: Plane, sigma: float) -> Plane:
    """Means weighted by a Gaussian of `sigma` px that ends after 4 sigma, float32 `[H, W]`.

    Rows and columns are multiplied by a banded matrix of the weights, which is faster than adding shifted planes.
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
