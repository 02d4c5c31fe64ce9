"""Texts on dark strips at the top and bottom of a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from rotonodes.imaging.picture.lettering import Lettering, laid_on, lettered
from rotonodes.values.pixels import Image

_STRIP = 1.6  # height of a strip, times the letters'
_LEAST = 5.0  # px, smallest letters that can be drawn


def burned_in(image: Image, texts: Mapping[str, str], height: float, color: str, backing: float, font: str) -> Image:
    """The picture with texts (place -> text) on strips; `height` is a share of the frame's height.

    Raises UsageError for a font that cannot be read or lacks a letter.
    """
    size = image.size
    letters = max(_LEAST, height * size[1])
    strip = math.ceil(_STRIP * letters)
    for edge in ("top", "bottom"):
        here = {place: text for place, text in texts.items() if place.startswith(edge)}
        if not here:
            continue
        if backing > 0:
            rows = min(strip, size[1])
            dark = torch.zeros(4, rows, size[0], device=image.device)
            dark[3] = backing
            image = laid_on(Image(dark, ("R", "G", "B", "A"), (0, 0 if edge == "top" else size[1] - rows), size), image)
        for place, text in here.items():
            lines = text.count("\n") + 1
            margin = (strip - letters) / 2 if lines == 1 else 0.0
            style = Lettering(font, letters, color, spacing=1.0, align="right" if place.endswith("right") else "left")
            across = {"left": letters / 2 - margin, "right": margin - letters / 2}.get(place.rpartition("-")[2], 0.0)
            image = laid_on(lettered(text, style, size, place, margin, (across, 0.0)), image)  # type: ignore[arg-type]
    return image
