"""Smoother edges of mattes: by a blur that is sharpened again, or guided by the picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rotonodes.errors import FrameError
from rotonodes.imaging.mattes.bounded import bounded, with_nan_of
from rotonodes.imaging.mattes.box_means import box_mean, gaussian
from rotonodes.values.color import linear_to_srgb, luminance
from rotonodes.values.pixels import Box, Image, Matte

Plane = NDArray[Any]

_SAME = 1e-5  # contrast gain that makes up for rounding in sums, so that 0 and 1 come out exactly
_ROWS = 64  # rows converted at a time: they fit the processor's cache


def blurred(matte: Plane, radius: float, softness: float) -> Plane:
    """The matte after a Gaussian blur of `radius` px (standard deviation), sharpened until its edge is `softness` px wide.

    out = 1/2 + g (blur - 1/2), clamped; g = radius sqrt(2 pi) / softness, the inverse of the slope of a blurred straight edge. g is at
    least 1, the blur alone. Corners narrower than the blur become round; the frame's edge is repeated.
    """
    known, box = _around_edges(matte, math.ceil(4 * radius) + 1)
    if box is None:
        return matte
    smooth = gaussian(known[box.slices], radius)
    gain = max(1.0, radius * math.sqrt(2 * math.pi) / softness)
    smooth -= 0.5
    smooth *= gain
    smooth += 0.5
    return _put_back(matte, box, smooth)


def guided(matte: Plane, guide: Plane, radius: int, detail: float) -> Plane:
    """The matte as a locally linear function of `guide` (float32 `[H, W]`, 0 to 1, no NaN): its edge moves to the picture's edge.

    He, Sun, Tang: Guided image filtering. IEEE Trans. Pattern Analysis and Machine Intelligence 35 (6), 2013, in squares of
    2 `radius` + 1 px and with epsilon = `detail`^2: the edge does not follow steps of the guide smaller than `detail`.
    """
    known, box = _around_edges(matte, 2 * radius + 1)
    if box is None:
        return matte
    seen, shape = guide[box.slices], known[box.slices]
    mean_seen, mean_shape = box_mean(seen, radius), box_mean(shape, radius)
    a, spread = box_mean(seen * shape, radius), box_mean(seen * seen, radius)
    a -= mean_seen * mean_shape
    spread -= mean_seen * mean_seen
    np.maximum(spread, 0, out=spread)
    spread += np.float32(detail**2)
    a /= spread
    mean_seen *= a
    mean_shape -= mean_seen  # b = mean of the matte - a * mean of the guide
    made = box_mean(a, radius)
    made *= seen
    made += box_mean(mean_shape, radius)
    return _put_back(matte, box, made)


def guide_of(matte: Matte, image: Image) -> Plane:
    """The brightness of an image as it looks (sRGB-encoded luminance), float32 `[H, W]`, 0 to 1, to guide a matte's edge by.

    Raises FrameError when the two differ in size.
    """
    if image.size != matte.size:
        sizes = f"{matte.width} x {matte.height}, the picture {image.width} x {image.height}"
        raise FrameError(f"the matte is {sizes}: crop or reformat one of them")
    color = image.on_frame().color
    strips = (luminance(strip).nan_to_num(0).clamp(0, 1) for strip in color.split(_ROWS, dim=1))
    return torch.cat([linear_to_srgb(strip)[0] for strip in strips]).cpu().numpy()


def _around_edges(matte: Plane, margin: int) -> tuple[Plane, Box | None]:
    """The matte within 0..1, and the box outside of which nothing changes; None where the matte is 0 or 1 everywhere."""
    known = bounded(matte)
    return known, Box.around(known != (1 if known.flat[0] == 1 else 0), margin)


def _put_back(matte: Plane, box: Box, made: Plane) -> Plane:
    """The matte with the box's pixels replaced by `made` (which is overwritten), clamped to 0..1; NaN stays NaN."""
    made -= 0.5
    made *= 1 + 2 * _SAME
    made += 0.5
    np.clip(made, 0, 1, out=made)
    result = bounded(matte).copy()
    result[box.slices] = made
    return with_nan_of(matte, result)
