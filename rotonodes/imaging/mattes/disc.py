"""Pixels within an exact Euclidean distance of a mask."""

from __future__ import annotations

import math

from torch import Tensor


def within(mask: Tensor, distance: float) -> Tensor:
    """Pixels whose centre is at most `distance` px from the centre of a pixel of the mask, bool `[H, W]`, on any device.

    A disc is a stack of rows that get shorter away from the middle: the mask's rows are widened step by step, and each width is
    shifted up and down to where the disc has it. About 4 operations on the frame for each px of distance.
    """
    height, width = mask.shape
    reach = int(min(distance, math.hypot(height, width)))
    found, row = mask.clone(), mask.clone()
    wide = 0
    for up in range(reach, -1, -1):
        half = math.isqrt(int(distance * distance) - up * up)
        while wide < min(half, width - 1):
            wide += 1
            row[:, wide:] |= mask[:, :-wide]
            row[:, :-wide] |= mask[:, wide:]
        if up == 0:
            found |= row
        elif up < height:
            found[up:] |= row[:-up]
            found[:-up] |= row[up:]
    return found
