"""Mattes within what they mean: 0 to 1, so that one bad pixel does not spread over its surroundings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]


def bounded(matte: Plane) -> Plane:
    """The matte `[H, W]` clamped to 0..1 with NaN as 0; the same array where it is so already."""
    if matte.size and matte.min() >= 0 and matte.max() <= 1:  # false for NaN
        return matte
    return np.clip(np.nan_to_num(matte, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)


def with_nan_of(matte: Plane, result: Plane) -> Plane:
    """The result, with NaN where the matte has it."""
    number = np.isnan(matte)
    return np.where(number, matte, result) if number.any() else result
