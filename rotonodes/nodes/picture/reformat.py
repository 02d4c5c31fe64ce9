"""Reformat: frames resampled to another size."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import model_validator

from rotonodes.imaging.picture.resample import Filter, Fit, reformat, whole_pixels
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Picture


class Reformat(Node):
    """Resize every frame to a size or by a factor.

    Give `scale`, or `width` and `height`; one of these two alone keeps the proportions. `fit` places a frame of other
    proportions: `fill` covers the new frame and cuts off the rest, `fit` shows the whole picture with
    transparent bars, `width` and `height` match that side, `none` only pads or crops around the centre, `stretch` distorts.
    Reductions are antialiased. `bicubic` (Catmull-Rom) and `lanczos` (3 lobes) sharpen and overshoot at hard edges:
    pictures keep the overshoot, mattes are clamped to 0..1. Labels always take the nearest pixel.
    """

    revision: ClassVar[int] = 1  # 1: a frame that keeps its size loses its overscan, as one that is resized does

    width: int | None = param(None, help="new width; default: from the proportions", unit="px", ge=1, le=65536)
    height: int | None = param(None, help="new height; default: from the proportions", unit="px", ge=1, le=65536)
    scale: float | None = param(None, help="factor of both sides, instead of width and height", gt=0, le=64)
    filter: Filter = param("lanczos", help="resampling filter")
    fit: Fit = param("fill", help="placement of a frame of other proportions")

    @model_validator(mode="after")
    def _size_or_scale(self) -> Reformat:
        if self.scale is not None and (self.width or self.height):
            raise ValueError("give either `scale` or `width` and `height`, not both")
        return self

    def pixel_reach(self) -> float:
        return math.inf

    def process(self, image: Picture) -> Picture:
        return reformat(image, self.new_size(image.width, image.height), self.filter, self.fit)

    def new_size(self, width: int, height: int) -> tuple[int, int]:
        """The new size of a frame of `width` x `height`."""
        across = self.width / width if self.width else self.height / height if self.height else self.scale or 1.0
        down = self.height / height if self.height else across
        return whole_pixels(width * across), whole_pixels(height * down)
