"""Trimaps: where a matte is sure, and where it has to be solved."""

from __future__ import annotations

import torch
from torch import Tensor

from rotonodes.imaging.mattes.disc import box_of, grown, within

# A matte from here on is all background or all foreground; between the two it is not known.
BACKGROUND, FOREGROUND = 0.05, 0.95


def make_trimap(matte: Tensor, erode: float, dilate: float) -> Tensor:
    """0 where a matte `[1, H, W]` is sure of the background, 1 where it is sure of the foreground, 0.5 between, float32.

    Sure is what lies further inside than `erode`, or further outside than `dilate`: distances in px, between the centres of
    pixels, to the nearest pixel that is not all foreground (matte < 0.95) or not all background (matte > 0.05). What is
    soft already, and NaN, is unknown. Beyond the frame's edge nothing is known, so that a shape which leaves the frame is
    not eroded there.
    """
    background, foreground = matte[0] <= BACKGROUND, matte[0] >= FOREGROUND
    trimap = torch.zeros_like(matte, dtype=torch.float32)
    shape = box_of(~background)
    if shape is not None:
        left, top, right, bottom = grown(shape, int(dilate) + 1, *background.shape)
        part = trimap[0, top:bottom, left:right]
        part.fill_(0.5)
        part.masked_fill_(~within(~background[top:bottom, left:right], dilate), 0.0)
        part.masked_fill_(~within(~foreground[top:bottom, left:right], erode), 1.0)
    return trimap


def unknown(trimap: Tensor) -> Tensor:
    """Where alpha is to be solved, bool of the trimap's shape; NaN is not known."""
    return ~((trimap <= BACKGROUND) | (trimap >= FOREGROUND))
