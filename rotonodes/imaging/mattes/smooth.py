"""Smoother edges of mattes: by blurring and sharpening again, and led by the picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotonodes.imaging.mattes.box_means import box_mean, gaussian

Plane = NDArray[Any]

_SAME = 1e-5  # rounding of sums: contrast is raised by so much that what should be 0 or 1 is


def blurred(matte: Plane, radius: float, softness: float) -> Plane:
    """The matte after a Gaussian blur of `radius` px (its standard deviation), with its edge as narrow as `softness` px.

    out = 1/2 + g (blur - 1/2), clamped; g = radius sqrt(2 pi) / softness, because that is the inverse of the slope a blurred straight
    edge has. g is at least 1, which is the blur alone. Corners narrower than the blur become round, the border goes on as it is.
    """
    known, window = _around_edges(matte, math.ceil(4 * radius) + 1)
    if window is None:
        return matte
    smooth = gaussian(known[window], radius)
    gain = max(1.0, radius * math.sqrt(2 * math.pi) / softness)
    smooth -= 0.5
    smooth *= gain
    smooth += 0.5
    return _put_back(matte, window, smooth)


def guided(matte: Plane, guide: Plane, radius: int, detail: float) -> Plane:
    """The matte as locally linear in `guide` (float32 `[H, W]`, 0 to 1, no NaN), so that its edge runs where the picture has one.

    He, Sun, Tang: Guided image filtering. IEEE Trans. Pattern Analysis and Machine Intelligence 35 (6), 2013, in squares of
    2 `radius` + 1 px and with epsilon = `detail`^2: steps of the guide smaller than `detail` are not followed.
    """
    known, window = _around_edges(matte, 2 * radius + 1)
    if window is None:
        return matte
    seen, shape = guide[window], known[window]
    mean_seen, mean_shape = box_mean(seen, radius), box_mean(shape, radius)
    a, spread = box_mean(seen * shape, radius), box_mean(seen * seen, radius)
    a -= mean_seen * mean_shape
    spread -= mean_seen * mean_seen
    np.maximum(spread, 0, out=spread)
    spread += np.float32(detail**2)
    a /= spread
    mean_seen *= a
    mean_shape -= mean_seen  # what a leaves of it
    made = box_mean(a, radius)
    made *= seen
    made += box_mean(mean_shape, radius)
    return _put_back(matte, window, made)


def _around_edges(matte: Plane, margin: int) -> tuple[Plane, tuple[slice, slice] | None]:
    """The matte without NaN, and the window outside of which nothing changes; None where the matte is 0 or 1 all over."""
    number = np.isnan(matte)
    known = np.where(number, np.float32(0), matte) if number.any() else matte
    most = known == (1 if known.flat[0] == 1 else 0)
    rows, columns = (np.flatnonzero(~most.all(axis)) for axis in (1, 0))
    if not len(rows):
        return known, None
    return known, (slice(max(0, rows[0] - margin), rows[-1] + margin + 1), slice(max(0, columns[0] - margin), columns[-1] + margin + 1))


def _put_back(matte: Plane, window: tuple[slice, slice], made: Plane) -> Plane:
    """The matte with the window's pixels as `made` (which is used up), within 0 to 1; what is no number stays so."""
    made -= 0.5
    made *= 1 + 2 * _SAME
    made += 0.5
    np.clip(made, 0, 1, out=made)
    result = matte.copy()
    result[window] = made
    number = np.isnan(matte)
    if number.any():
        result[number] = np.nan
    return result
