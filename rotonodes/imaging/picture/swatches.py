"""Palettes as a picture of swatches."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import PIL.Image
from PIL import ImageDraw, ImageFont

from rotonodes.errors import UsageError
from rotonodes.io.files import write_bytes
from rotonodes.values.palette import Palette

_SIDE, _GAP, _NAME, _ROW = 72, 4, 150, 24  # px: swatch, gap, column of names, most swatches in a row


def swatch_sheet(palettes: Sequence[Palette]) -> PIL.Image.Image:
    """One row of swatches for each palette (several for many colours), its name before them."""
    rows = []
    for palette in palettes:
        for at in range(0, len(palette.colors), _ROW):
            name = palette.name if at == 0 else ""
            rows.append((name, palette.colors[at : at + _ROW]))
    width = _NAME + max(len(colors) for _, colors in rows) * (_SIDE + _GAP) + _GAP
    sheet = PIL.Image.new("RGB", (width, len(rows) * (_SIDE + _GAP) + _GAP), "#fbfbfa")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    for number, (name, colors) in enumerate(rows):
        top = _GAP + number * (_SIDE + _GAP)
        draw.text((12, top + _SIDE / 2), name, "#1f2328", font, anchor="lm")
        for place, color in enumerate(colors):
            left = _NAME + place * (_SIDE + _GAP)
            draw.rectangle((left, top, left + _SIDE - 1, top + _SIDE - 1), color)
    return sheet


def write_swatches(palettes: Sequence[Palette], path: str) -> None:
    """The sheet as a PNG. Raises UsageError for another kind of file."""
    if not path.lower().endswith(".png"):
        raise UsageError(f"-o {path}: swatches are written as a PNG: give a name that ends in .png")
    stream = BytesIO()
    swatch_sheet(palettes).save(stream, "PNG")
    write_bytes(path, stream.getvalue())
