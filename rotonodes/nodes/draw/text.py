"""Text: letters on a picture, or alone."""

from __future__ import annotations

from typing import Literal

from rotonodes.node.annotations import Frame
from rotonodes.node.parameters import Color, InputPath, param
from rotonodes.nodes.draw.generated import Generated
from rotonodes.values.frames import with_frame_number
from rotonodes.values.pixels import Image

Place = Literal["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]


class Text(Generated):
    """Write text on a picture.

    Without a picture it is the text alone, of `size`, with alpha. `$F` in the text is the frame number, `$F4` with four digits; `\\n`
    begins a new line. The font is DejaVu Sans, which ships and has Latin, Greek, Cyrillic, Hebrew and Arabic letters; any TrueType or
    OpenType file may be named instead, for Chinese, Japanese and Korean text a font that has these. Right-to-left and joined scripts are
    set by Raqm, which Pillow's wheels bring.
    """

    text: str = param("", help="the text; $F is the frame number", examples=["a", "b"])
    font: InputPath = param("", help="font file (.ttf, .otf, .ttc); default: DejaVu Sans", examples=[""])
    height: float = param(48.0, help="size of the letters: the height of their line without spacing", unit="px", gt=0, le=4096)
    color: Color = param("#ffffff", help='colour of the letters, "#rrggbb" or "#rrggbbaa"')
    place: Place = param("center", help="place in the frame")
    margin: float = param(24.0, help="distance from the frame's edges", unit="px", ge=0)
    offset: tuple[float, float] = param((0.0, 0.0), help="movement from that place, [right, down]", unit="px")
    align: Literal["left", "center", "right"] = param("left", help="alignment of several lines")
    spacing: float = param(1.2, help="distance of lines, times their height", gt=0, le=10)
    outline: int = param(0, help="width of an outline", unit="px", ge=0, le=200)
    outline_color: Color = param("#000000", help="colour of the outline")
    direction: Literal["auto", "ltr", "rtl"] = param(
        "auto", help="direction of the text: by its letters, or left to right, or right to left"
    )
    language: str = param("", help="language code, where one font has forms for several, as ja or sr", examples=["en"])

    def pixel_reach(self) -> float:
        return 0.0

    def process(self, image: Image | None = None, *, frame: Frame) -> Image:
        from rotonodes.imaging.picture.lettering import Lettering, laid_on, lettered

        style = Lettering(
            self.font, self.height, self.color, self.outline, self.outline_color, self.align, self.spacing, self.direction, self.language
        )
        size = self.frame_size(image)
        made = lettered(with_frame_number(self.text, frame), style, size, self.place, self.margin, self.offset)
        return laid_on(made, image) if image is not None else made
