"""Crop: a rectangle out of every frame."""

from __future__ import annotations

import math

from pydantic import model_validator

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.rectangle import cut_out
from rotonodes.imaging.picture.resample import reformat
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Box, Picture


class Crop(Node):
    """Cut a rectangle out of every frame.

    The box is given by its edges. Negative edges, and 0 for `right` and `bottom`, are counted from the far edge:
    `left: 28, right: -28` removes 28 pixels on both sides. `zoom` then keeps the centre, 1/zoom of each side, and `width`
    with `height` resize the result to cover that size (Lanczos; labels nearest), cutting off the rest.
    """

    left: int = param(0, help="left edge of the box", unit="px")
    top: int = param(0, help="top edge of the box", unit="px")
    right: int = param(0, help="right edge of the box, exclusive; 0: the frame's edge", unit="px")
    bottom: int = param(0, help="bottom edge of the box, exclusive; 0: the frame's edge", unit="px")
    zoom: float = param(1.0, help="zoom factor: keeps the centre of the box, 1/zoom of its width and height", ge=1)
    width: int | None = param(None, help="width that the result is resized to cover, with `height`", unit="px", ge=1, le=65536)
    height: int | None = param(None, help="height that the result is resized to cover, with `width`", unit="px", ge=1, le=65536)

    @model_validator(mode="after")
    def _both_sides(self) -> Crop:
        if (self.width is None) != (self.height is None):
            raise ValueError("`width` and `height` go together: give both or none")
        return self

    def pixel_reach(self) -> float:
        return math.inf if self.width else 0.0

    def process(self, image: Picture) -> Picture:
        piece = cut_out(image, self.box(image.width, image.height))
        return reformat(piece, (self.width, self.height), "lanczos", "fill") if self.width and self.height else piece

    def box(self, width: int, height: int) -> Box:
        """The rectangle in a frame of this size. Raises FrameError when it is empty or not inside the frame."""
        left, right = _edge(self.left, width), _edge(self.right or width, width)
        top, bottom = _edge(self.top, height), _edge(self.bottom or height, height)
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            box = f"left {left}, top {top}, right {right}, bottom {bottom}"
            where = f"the box ({box}) is empty or not inside the frame of {width} x {height}"
            raise FrameError(f"{where}: change its edges, or pad with Reformat")
        inner_width, inner_height = max(1, int((right - left) / self.zoom)), max(1, int((bottom - top) / self.zoom))
        left, top = left + (right - left - inner_width) // 2, top + (bottom - top - inner_height) // 2
        return Box(left, top, left + inner_width, top + inner_height)


def _edge(edge: int, length: int) -> int:
    return edge + length if edge < 0 else edge
