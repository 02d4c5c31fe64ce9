"""Crop: a rectangle out of every frame."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import model_validator

from rotonodes.errors import FrameError
from rotonodes.node import Node, Picture, param
from rotonodes.nodes.reformat import reformat
from rotonodes.pixels import Box, Image, cut


class Crop(Node):
    """Cut a rectangle out of every frame.

    The box is given by its edges. Negative edges, and 0 for `right` and `bottom`, are counted from the far edge:
    `left: 28, right: -28` takes 28 pixels off both sides. `zoom` then keeps the centre, 1/zoom of each side, and `width`
    with `height` resize it to cover that size (Lanczos; labels nearest), cutting what hangs over.
    """

    category: ClassVar[str] = "picture"
    left: int = param(0, help="left edge of the box", unit="px")
    top: int = param(0, help="top edge of the box", unit="px")
    right: int = param(0, help="right edge of the box, exclusive; 0 is the frame's", unit="px")
    bottom: int = param(0, help="bottom edge of the box, exclusive; 0 is the frame's", unit="px")
    zoom: float = param(1.0, help="keep the centre of the box, 1/zoom of its width and height", ge=1)
    width: int | None = param(None, help="resize the result to cover this width, with `height`", unit="px", ge=1, le=65536)
    height: int | None = param(None, help="resize the result to cover this height, with `width`", unit="px", ge=1, le=65536)

    @model_validator(mode="after")
    def _both_sides(self) -> Crop:
        if (self.width is None) != (self.height is None):
            raise ValueError("`width` and `height` go together: give both or none")
        return self

    def process(self, image: Picture) -> Picture:
        piece = cut_out(image, self.box(image.width, image.height))
        return reformat(piece, (self.width, self.height), "lanczos", "fill") if self.width and self.height else piece

    def box(self, width: int, height: int) -> Box:
        """The rectangle in a frame of this size. FrameError when it is empty or not inside."""
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


def cut_out(picture: Picture, box: Box) -> Picture:
    """`box` of the frame as a frame of its own; of a smaller data window, the part inside. Pixels are shared, not copied."""
    frame = Box(0, 0, *picture.size)
    if not isinstance(picture, Image):
        return picture if box == frame else replace(picture, data=cut(picture.data, frame, box))
    inside = picture.box.intersect(box)
    if not (inside.width and inside.height):
        inside = Box(box.left, box.top, box.left + 1, box.top + 1)  # a picture has at least one pixel
    if inside == picture.box and box == frame:
        return picture
    return replace(picture.on(inside), origin=(inside.left - box.left, inside.top - box.top), size=(box.width, box.height), encoded=None)
