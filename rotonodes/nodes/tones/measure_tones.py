"""MeasureTones: thresholds for a whole shot, so that tones do not jump from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, ClassVar, Literal

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import colors, matte_on
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Image, Matte
from rotonodes.values.tones import ToneScale

if TYPE_CHECKING:
    import numpy as np

# Luminance is counted as sRGB encodes it, which is near to how it looks, from 0 to 4 (linear 26); brighter light is the last bin.
_BINS, _PER_UNIT = 4096, 1024
_MOST_ROUNDS = 500


class MeasureTones(Node):
    """Measure where the tones of a shape divide.

    One set of thresholds holds for all frames of a shot.

    Luminance of straight colour inside the shape (`matte`, or else alpha, from 0.5 up) is counted in one histogram, so
    that memory does not grow with the shot and the order of frames does not matter. `quantiles` gives every tone the same
    number of pixels, `kmeans` puts each threshold half way between two clusters of brightness. The thresholds are linear.
    """

    cached: ClassVar[bool] = True
    tones: int = param(4, help="number of tones inside the shape", ge=2, le=255)
    method: Literal["quantiles", "kmeans"] = param("kmeans", help="how the tones are divided")

    def process(self, image: Clip[Image], matte: Clip[Matte] | None = None) -> ToneScale:
        import numpy as np
        import torch

        from rotonodes.values.color import srgb_to_linear

        counts = np.zeros(_BINS, np.int64)
        shapes: Iterator[Matte | None] = repeat(None, len(image)) if matte is None else iter(matte)
        for picture, shape in zip(image, shapes, strict=True):
            counts += histogram(picture, shape)
        if not counts.any():
            raise FrameError("no frame has a pixel of the shape to measure: check the matte")
        limits = quantiles(counts, self.tones) if self.method == "quantiles" else clusters(counts, self.tones)
        linear = srgb_to_linear(torch.from_numpy(limits / _PER_UNIT))
        return ToneScale(tuple(linear.tolist()), "linear")


def histogram(picture: Image, matte: Matte | None) -> np.ndarray:
    """How many pixels of the shape have each brightness, int64 `[4096]`; NaN is not counted."""
    import torch

    from rotonodes.values.color import linear_to_srgb, luminance, unpremultiply

    color, alpha = colors(picture), picture.alpha
    light = luminance(color if alpha is None else unpremultiply(color, alpha))
    shape = matte_on(matte.to(picture.device), picture.size, picture.box) if matte is not None else alpha
    inside = ~light.isnan() if shape is None else (shape >= 0.5) & ~light.isnan()
    bins = (linear_to_srgb(light[inside]) * _PER_UNIT).clamp(0, _BINS - 1).to(torch.int64)
    counts: np.ndarray = torch.bincount(bins, minlength=_BINS).cpu().numpy()
    return counts


def quantiles(counts: np.ndarray, tones: int) -> np.ndarray:
    """The `tones` - 1 places, in bins, that leave the same number of pixels between them; the middle where a gap does."""
    import numpy as np

    reached, place = np.concatenate([[0], np.cumsum(counts)]), np.arange(len(counts) + 1.0)
    wanted = np.arange(1, tones) / tones * reached[-1]
    last: np.ndarray = np.interp(wanted, reached, place)
    first = np.interp(-wanted, -reached[::-1], place[::-1])
    return (first + last) / 2


def clusters(counts: np.ndarray, tones: int) -> np.ndarray:
    """The `tones` - 1 places, in bins, between the centres of k-means (Lloyd 1982), begun evenly between the 1 % ends."""
    import numpy as np

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
