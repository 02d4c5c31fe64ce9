"""Growing and shrinking by exact Euclidean distance."""

from __future__ import annotations

import math

from torch import Tensor

from rotonodes.values.pixels import Box


def within(mask: Tensor, distance: float) -> Tensor:
    """Pixels whose centre is at most `distance` px from that of a pixel of the mask, bool `[H, W]`, on any device.

    A disc is a stack of rows, each the shorter the further it is from the middle; so rows are widened step by step, and each
    width is laid up and down where the disc has it: about 4 passes over the frame for each px of distance.
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


def box_of(mask: Tensor) -> Box | None:
    """The smallest box around the pixels of a mask `[H, W]`; None when it has none."""
    rows, columns = (mask.any(dim=dim).nonzero().flatten().tolist() for dim in (1, 0))
    return Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if rows else None


def grown(box: Box, margin: int, height: int, width: int) -> Box:
    """The box with a margin on all sides, as far as the frame goes."""
    left, top, right, bottom = box
    return Box(max(0, left - margin), max(0, top - margin), min(width, right + margin), min(height, bottom + margin))
