"""Reformat, and the resampling behind it."""

from __future__ import annotations

from pydantic import model_validator

from rotonodes.imaging.picture.resample import Filter, Fit, reformat, whole_pixels
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Picture


class Reformat(Node):
    """Resize every frame to a size or by a factor.

    Give `scale`, or `width` and `height`; of those, one alone keeps the proportions. `fit` says how a frame of other
    proportions goes in: `fill` covers the new frame and cuts what hangs over, `fit` shows the whole picture with
    transparent bars, `width` and `height` match that side, `none` only pads or cuts around the centre, `stretch` distorts.
    Shrinking is antialiased. `bicubic` (Catmull-Rom) and `lanczos` (3 lobes) sharpen, and so overshoot at hard edges:
    pictures keep the overshoot, mattes are held within 0 and 1. Labels are always resized to the nearest pixel.
    """

    width: int | None = param(None, help="new width; from the proportions unless given", unit="px", ge=1, le=65536)
    height: int | None = param(None, help="new height; from the proportions unless given", unit="px", ge=1, le=65536)
    scale: float | None = param(None, help="factor of both sides, instead of width and height", gt=0, le=64)
    filter: Filter = param("lanczos", help="how new pixels are made from old ones")
    fit: Fit = param("fill", help="how a frame of other proportions goes into width and height")

    @model_validator(mode="after")
    def _size_or_scale(self) -> Reformat:
        if self.scale is not None and (self.width or self.height):
            raise ValueError("give either `scale` or `width` and `height`, not both")
        return self

    def process(self, image: Picture) -> Picture:
        return reformat(image, self.new_size(image.width, image.height), self.filter, self.fit)

    def new_size(self, width: int, height: int) -> tuple[int, int]:
        """The frame that a frame of `width` x `height` becomes."""
        across = self.width / width if self.width else self.height / height if self.height else self.scale or 1.0
        down = self.height / height if self.height else across
        return whole_pixels(width * across), whole_pixels(height * down)
