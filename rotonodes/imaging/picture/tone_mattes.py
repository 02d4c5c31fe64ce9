"""The tones of a shape by the brightness of a picture: levels by thresholds, soft mattes, thresholds measured on a shot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from rotonodes.imaging.picture.compositing import matte_on
from rotonodes.values.color import linear_to_srgb, luminance, unpremultiply
from rotonodes.values.pixels import Image, Matte

# Histograms count sRGB-encoded luminance, close to perceived brightness, from 0 to 4 (linear 26); brighter light is in the last bin.
BINS, PER_UNIT = 4096, 1024
_MOST_ROUNDS = 500


def tone_levels(picture: Image, thresholds: Sequence[float]) -> Tensor:
    """The number of thresholds that the luminance of each pixel's unpremultiplied colour reaches, uint8 `[H, W]`; thresholds are linear."""
    light = luminance(picture.color)[0]
    # Comparing unpremultiplied luminance with t is comparing premultiplied luminance with t times alpha.
    alpha = None if picture.alpha is None else picture.alpha[0].where(picture.alpha[0] != 0, 1.0)
    levels = torch.zeros(light.shape, dtype=torch.uint8, device=light.device)
    for limit in thresholds:
        levels += light >= (limit if alpha is None else limit * alpha)
    return levels


def shape_of(picture: Image, matte: Matte | None) -> Tensor:
    """The shape's coverage `[1, H, W]`: the matte, else the picture's alpha, else 1. Raises FrameError for a matte of another size."""
    if matte is not None:
        return matte_on(matte.to(picture.device), picture.size, picture.box)
    return torch.ones_like(picture.data[:1]) if picture.alpha is None else picture.alpha


def soften(plane: Tensor, width: float) -> Tensor:
    """`[1, H, W]` with hard edges as ramps `width` px long: the mean over a square of that side; the frame's edge is repeated."""
    reach = math.ceil(width / 2 - 0.5)
    if reach <= 0:
        return plane
    steps = range(-reach, reach + 1)
    weights = [(min(step + 0.5, width / 2) - max(step - 0.5, -width / 2)) / width for step in steps]
    for dimension, border in ((-1, (reach, reach)), (-2, (0, 0, reach, reach))):
        # Summing shifted planes: many times as fast as a convolution for a few taps of one channel.
        padded, length = pad(plane[None], (*border, *(0,) * (4 - len(border))), "replicate")[0], plane.shape[dimension]
        plane = padded.narrow(dimension, 0, length) * weights[0]
        for start, weight in enumerate(weights[1:], 1):
            plane.add_(padded.narrow(dimension, start, length), alpha=weight)
    return plane


def histogram(picture: Image, matte: Matte | None) -> np.ndarray:
    """Number of pixels of the shape (matte, or else alpha, of 0.5 or more) by brightness, int64 `[4096]`; only finite ones."""
    color, alpha = picture.color, picture.alpha
    light = luminance(color if alpha is None else unpremultiply(color, alpha))
    shape = matte_on(matte.to(picture.device), picture.size, picture.box) if matte is not None else alpha
    inside = light.isfinite() if shape is None else (shape >= 0.5) & light.isfinite()
    bins = (linear_to_srgb(light[inside]) * PER_UNIT).clamp(0, BINS - 1).to(torch.int64)
    counts: np.ndarray = torch.bincount(bins, minlength=BINS).cpu().numpy()
    return counts


def quantiles(counts: np.ndarray, tones: int) -> np.ndarray:
    """The `tones` - 1 places, in bins, that divide the pixels into equal numbers; the middle of a gap where there is one."""
    reached, place = np.concatenate([[0], np.cumsum(counts)]), np.arange(len(counts) + 1.0)
    wanted = np.arange(1, tones) / tones * reached[-1]
    last: np.ndarray = np.interp(wanted, reached, place)
    first = np.interp(-wanted, -reached[::-1], place[::-1])
    return (first + last) / 2


def clusters(counts: np.ndarray, tones: int) -> np.ndarray:
    """The `tones` - 1 places, in bins, between the centres of k-means (Lloyd 1982), started evenly between the 1 % ends."""
    count = np.concatenate([[0], np.cumsum(counts)])
    total = np.concatenate([[0.0], np.cumsum(counts * (np.arange(len(counts)) + 0.5))])
    low, high = np.interp(np.array([0.01, 0.99]) * count[-1], count, np.arange(len(count), dtype=np.float64))
    centers = low + (np.arange(tones) + 0.5) / tones * (high - low)
    for _ in range(_MOST_ROUNDS):
        limits: np.ndarray = (centers[:-1] + centers[1:]) / 2
        edges = np.concatenate([[0], np.ceil(limits - 0.5).astype(np.int64), [len(counts)]])
        inside, light = np.diff(count[edges]), np.diff(total[edges])
        moved = np.where(inside > 0, light / np.maximum(inside, 1), centers)
        if (moved == centers).all():
            break
        centers = moved
    return limits
