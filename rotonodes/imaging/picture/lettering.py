"""Text drawn into pictures with Pillow: any TrueType or OpenType font, right-to-left and joined scripts where Pillow has Raqm."""

from __future__ import annotations

import functools
import os
import unicodedata
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.imaging.picture.compositing import merge
from rotonodes.io.files import read_bytes
from rotonodes.io.limits import too_large
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Box, Image

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Place = Literal["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]
Align = Literal["left", "center", "right"]

SHIPPED = Path(__file__).parent.parent / "fonts" / "DejaVuSans.ttf"
_NOBODY = "\U0010ffff"  # a code point that no font has: it shows the glyph for missing ones
_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp", "Mn"}  # Unicode categories that need no glyph of their own


@dataclass(frozen=True)
class Lettering:
    """How text looks: the file of the font (empty: the shipped one), size and outline in px, colours, lines, language."""

    font: str = ""
    size: float = 48.0
    color: str = "#ffffff"
    outline: int = 0
    outline_color: str = "#000000"
    align: Align = "left"
    spacing: float = 1.2  # height of a line, times `size`
    direction: Literal["auto", "ltr", "rtl"] = "auto"
    language: str = ""


def lettered(text: str, style: Lettering, size: tuple[int, int], place: Place, margin: float, offset: tuple[float, float]) -> Image:
    """Text at a place of a frame: RGBA, linear, premultiplied; its data window is the text.

    Raises UsageError for a font that cannot be read or lacks a letter, or letters that need Raqm where Pillow has none.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    font = _font(style.font, style.size)
    options = _layout(text, style)
    lines = text.split("\n")
    height = round(style.spacing * style.size)
    try:
        _check_extent(text, font, style)
        _check_letters(text, font, style)
        widths = [font.getlength(line, **options) + 2 * style.outline for line in lines]
    except RotoError:
        raise
    except Exception as error:  # outlines of a damaged font
        raise _no_font(style.font, error) from None
    width = max(widths)
    left, top = _corner(place, (width, height * len(lines)), size, margin)
    across, down = round(left + offset[0]), round(top + offset[1])
    edge = style.outline + 2 + round(style.size)  # letters may lean out of their line
    window = Box(across - edge, down - edge, across + round(width) + edge, down + height * len(lines) + edge).intersect(Box(0, 0, *size))
    if not (window.width and window.height):
        return Image(torch.zeros(4, 1, 1), ("R", "G", "B", "A"), (0, 0), size)
    ascent = round((height + font.getmetrics()[0] - font.getmetrics()[1]) / 2)
    planes = []
    for stroke in (style.outline, 0) if style.outline else (0,):
        sheet = Pillow.new("L", (window.width, window.height))
        pen = ImageDraw.Draw(sheet)
        for number, (line, length) in enumerate(zip(lines, widths, strict=True)):
            free = width - length
            start = across + style.outline + {"left": 0, "center": free / 2, "right": free}[style.align] - window.left
            base = down + number * height + ascent - window.top
            try:
                pen.text((round(start), base), line, 255, font, anchor="ls", stroke_width=stroke, **options)
            except (OSError, ValueError) as error:
                raise _no_font(style.font, error) from None
        planes.append(torch.from_numpy(np.asarray(sheet, np.float32) / 255))
    return _colored(planes, style, window, size)


def laid_on(top: Image, picture: Image) -> Image:
    """`top` over a picture, which stays without alpha where it is opaque and covers it."""
    top = top.to(picture.device)
    if picture.box.union(top.box) == picture.box and len(picture.color_indices) == 3:  # only the pixels below the text
        within = merge(top, picture.on(top.box))
        data = picture.data.clone()
        left, up = top.box.left - picture.box.left, top.box.top - picture.box.top
        for index, name in enumerate(picture.channels):
            data[index, up : up + top.box.height, left : left + top.box.width] = within.data[within.channels.index(name)]
        return picture.with_data(data)
    return merge(top, picture)


def _colored(planes: list[torch.Tensor], style: Lettering, window: Box, size: tuple[int, int]) -> Image:
    """Coverage, of the outline first, as colour: the letters over their outline."""
    colors = [style.outline_color, style.color] if len(planes) == 2 else [style.color]
    made = torch.zeros(4, window.height, window.width)
    for coverage, color in zip(planes, colors, strict=True):
        red, green, blue, alpha = hex_to_linear(color)
        layer = torch.tensor([red * alpha, green * alpha, blue * alpha, alpha]).view(4, 1, 1) * coverage
        made = layer + made * (1 - layer[3:])
    return Image(made, ("R", "G", "B", "A"), (window.left, window.top), size)


def _corner(place: Place, block: tuple[float, float], size: tuple[int, int], margin: float) -> tuple[float, float]:
    """The top left corner of a block of text."""
    words = place.split("-")
    free = size[0] - block[0], size[1] - block[1]
    left = margin if "left" in words else free[0] - margin if "right" in words else free[0] / 2
    top = margin if "top" in words else free[1] - margin if "bottom" in words else free[1] / 2
    return left, top


@functools.lru_cache(maxsize=32)
def _opened(path: str, size: float, changed: int) -> FreeTypeFont:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(BytesIO(read_bytes(path)), size)  # of a path that is no font, Pillow takes the system's font of that name
    except FrameError as error:
        raise UsageError(f"font: {error}") from None
    except Exception as error:  # FreeType and Pillow raise many kinds
        raise _no_font(path, error) from None


def _no_font(path: str, error: Exception) -> UsageError:
    return UsageError(f"font: {path} cannot be read as a font ({str(error).lower()}): name a .ttf, .otf or .ttc file")


def _font(path: str, size: float) -> FreeTypeFont:
    try:
        return _opened(path or str(SHIPPED), size, os.stat(path or SHIPPED).st_mtime_ns)
    except FileNotFoundError:
        raise UsageError(f"font: there is no file {path}: name a .ttf, .otf or .ttc file, or leave `font` empty for DejaVu Sans") from None


def _check_extent(text: str, font: FreeTypeFont, style: Lettering) -> None:
    """Letters of a damaged font may be a thousand times as large as their size says: they are drawn before they are cut to the frame."""
    lines = text.split("\n")
    for part in {*lines, *"".join(lines), _NOBODY}:
        left, top, right, bottom = font.getbbox(part, stroke_width=style.outline)
        if message := too_large(round(right - left), round(bottom - top)):
            raise UsageError(f"font: {style.font} draws {part[:20]!r} too large: {message}")


def _check_letters(text: str, font: FreeTypeFont, style: Lettering) -> None:
    letters = dict.fromkeys(c for c in text if unicodedata.category(c) not in _UNSEEN)
    missing = [letter for letter in letters if _is_missing(letter, font)]
    if missing:
        shown = " ".join(f"{letter} (U+{ord(letter):04X})" for letter in missing[:3]) + (" ..." if len(missing) > 3 else "")
        name = os.path.basename(style.font) or "DejaVu Sans, the font that ships,"
        raise UsageError(f"font: {name} has no letters for {shown}: name a font that has them, with `font`")


def _is_missing(letter: str, font: FreeTypeFont) -> bool:
    """Whether a font shows its box for missing glyphs instead of a letter."""
    glyph, nobody = font.getmask(letter), font.getmask(_NOBODY)
    return glyph.size == nobody.size and bytes(glyph) == bytes(nobody)


def _layout(text: str, style: Lettering) -> dict[str, Any]:
    """Pillow's options for right-to-left text and languages."""
    from PIL import features

    if features.check("raqm"):
        direction: dict[str, Any] = {} if style.direction == "auto" else {"direction": style.direction}
        return direction | ({"language": style.language} if style.language else {})
    wanting = "right-to-left" if style.direction == "rtl" or any(unicodedata.bidirectional(c) in ("R", "AL") for c in text) else ""
    wanting = wanting or ("language" if style.language else "")
    if wanting:
        raise UsageError(f"text: {wanting} text needs Pillow with Raqm, which this Pillow lacks: install Pillow from a wheel, or libraqm")
    return {}
