"""Trimaps: where a matte is known, and where alpha has to be solved."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rotonodes.errors import FrameError, did_you_mean
from rotonodes.imaging.mattes.disc import within
from rotonodes.values.pixels import Box, Labels

# A matte up to the first is background, from the second on foreground; values between are unknown.
BACKGROUND, FOREGROUND = 0.05, 0.95


def make_trimap(matte: Tensor, erode: float, dilate: float) -> Tensor:
    """The trimap of a matte `[1, H, W]`, float32: 0 known background, 1 known foreground, 0.5 unknown.

    Foreground is known further than `erode` px from the nearest pixel that is not all foreground (matte < 0.95), background further
    than `dilate` px from the nearest one that is not all background (matte > 0.05); distances are between pixel centres. Soft
    pixels and NaN are unknown. The frame's edge is not an edge of the shape: a shape that leaves the frame is not eroded there.
    """
    background, foreground = matte[0] <= BACKGROUND, matte[0] >= FOREGROUND
    trimap = torch.zeros_like(matte, dtype=torch.float32)
    box = Box.around(~background, int(dilate) + 1)
    if box is not None:
        part = trimap[0, *box.slices]
        part.fill_(0.5)
        part.masked_fill_(~within(~background[box.slices], dilate), 0.0)
        part.masked_fill_(~within(~foreground[box.slices], erode), 1.0)
    return trimap


def class_matte(labels: Labels, classes: Sequence[str] = ()) -> Tensor:
    """1 where a pixel's class is one of `classes` (default: all but the first), else 0: float32 `[1, H, W]`.

    Raises FrameError for a class that the labels do not have.
    """
    known = labels.classes
    for name in classes:
        if name not in known:
            raise FrameError(f"classes: there is no class {name!r}{did_you_mean(name, known)}; the labels have {', '.join(known)}")
    wanted = [known.index(name) for name in classes] or list(range(1, len(known)))
    return torch.isin(labels.data, labels.data.new_tensor(wanted)).float()[None]


def unknown(trimap: Tensor) -> Tensor:
    """Where alpha has to be solved, bool in the trimap's shape; NaN is unknown."""
    return ~((trimap <= BACKGROUND) | (trimap >= FOREGROUND))
