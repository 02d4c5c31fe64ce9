"""BurnIn: frame number and notes at the edges of a picture."""

from __future__ import annotations

from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import Color, InputPath, param
from rotonodes.values.frames import with_frame_number
from rotonodes.values.pixels import Image


class BurnIn(Node):
    """Write frame number, shot and notes on a picture.

    The frame number stands at the bottom right; each other place is empty until a text is given: `bottom_left: "$shot"` with the graph's
    `vars`, `top_right: "${env:DATE}"` for a date. `$F` and `$F4` are the frame number. Texts stand on a dark strip, of `backing` opacity.
    Sizes are shares of the frame's height, so that proxies look the same.
    """

    top_left: str = param("", help="text at the top left")
    top: str = param("", help="text at the top, in the middle")
    top_right: str = param("", help="text at the top right")
    bottom_left: str = param("", help="text at the bottom left, such as the shot")
    bottom: str = param("", help="text at the bottom, in the middle")
    bottom_right: str = param("$F4", help="text at the bottom right; default: the frame number")
    height: float = param(0.03, help="size of the letters, as a share of the frame's height", gt=0, le=0.5)
    color: Color = param("#e6e6e6", help='colour of the letters, "#rrggbb" or "#rrggbbaa"')
    backing: float = param(0.5, help="opacity of the dark strips behind the texts", ge=0, le=1)
    font: InputPath = param("", help="font file (.ttf, .otf, .ttc); default: DejaVu Sans", examples=[""])

    def process(self, image: Image, *, frame: Frame) -> Image:
        from rotonodes.imaging.picture.text_strips import burned_in

        names = ("top_left", "top", "top_right", "bottom_left", "bottom", "bottom_right")
        texts = {name.replace("_", "-"): with_frame_number(text, frame) for name in names if (text := getattr(self, name))}
        return burned_in(image, texts, self.height, self.color, self.backing, self.font)
