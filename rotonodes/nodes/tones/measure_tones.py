"""MeasureTones: thresholds for a whole shot, so that tones do not jump from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import ClassVar, Literal

from rotonodes.errors import FrameError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Image, Matte
from rotonodes.values.tones import ToneScale


class MeasureTones(Node):
    """Measure the thresholds between a shape's tones.

    One set of thresholds holds for all frames of a shot.

    Luminance of unpremultiplied colour inside the shape (`matte`, or else alpha, of 0.5 or more) is counted in one histogram, so
    memory does not grow with the shot and the order of frames does not matter. `quantiles` gives every tone the same
    number of pixels, `kmeans` puts each threshold half way between two clusters of brightness. Thresholds are linear.
    """

    cached: ClassVar[bool] = True
    tones: int = param(4, help="number of tones inside the shape", ge=2, le=255)
    method: Literal["quantiles", "kmeans"] = param("kmeans", help="division of the tones: equal numbers of pixels, or clusters")

    def process(self, image: Clip[Image], matte: Clip[Matte] | None = None) -> ToneScale:
        import numpy as np
        import torch

        from rotonodes.imaging.picture.tone_mattes import BINS, PER_UNIT, clusters, histogram, quantiles
        from rotonodes.values.color import srgb_to_linear

        counts = np.zeros(BINS, np.int64)
        shapes: Iterator[Matte | None] = repeat(None, len(image)) if matte is None else iter(matte)
        for picture, shape in zip(image, shapes, strict=True):
            counts += histogram(picture, shape)
        if not counts.any():
            raise FrameError("no frame has a pixel of the shape to measure: check the matte")
        limits = quantiles(counts, self.tones) if self.method == "quantiles" else clusters(counts, self.tones)
        linear = srgb_to_linear(torch.from_numpy(limits / PER_UNIT))
        return ToneScale(tuple(linear.tolist()), "linear")
