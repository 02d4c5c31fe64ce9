"""PaintTones: each class in its colour."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import field_validator

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.paint import but, mix, paint
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.color import parse_hex
from rotonodes.values.pixels import Image, Labels


class PaintTones(Node):
    """Paint every class in the colour the palette gives it.

    From `labels` edges are hard; from `probabilities` (one channel for each class, named after it, together 1) colours mix at
    edges as their probabilities do, premultiplied; `sharpness` s takes p^s, divided by their sum, in place of p. The palette
    maps class names to `"#rrggbb"` or `"#rrggbbaa"` (sRGB, straight alpha). A class that is not in it keeps the labels' own
    colour to look at; the background (the class of that name, or else the first) is then transparent. The share of
    classes `without` goes to the others: `without: [background]` paints the whole of a shape that a matte cuts out.
    """

    palette: dict[str, str] = param({}, help='class name -> "#rrggbb" or "#rrggbbaa"')
    sharpness: float = param(1.0, help="how hard the edges of probabilities are: 1 as they are, 8 nearly flat tones", ge=1, le=100)
    without: list[str] = param([], help="classes of probabilities that are not painted, nor leave a hole: the others take their place")

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: dict[str, str]) -> dict[str, str]:
        wrong = []
        for name, color in palette.items():
            try:
                parse_hex(color)
            except UsageError as error:
                wrong.append(f"{name}: {error}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return palette

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"
        elif self.without and "labels" in linked:
            yield "without: labels have one class a pixel, and no other to take its place: link probabilities"

    def process(self, labels: Labels | None = None, probabilities: Image | None = None) -> Image:
        if labels is not None and probabilities is None:
            return paint(labels, self.palette)
        if probabilities is not None and labels is None:
            return mix(but(probabilities, self.without), self.palette, self.sharpness)
        raise UsageError("PaintTones paints either labels or probabilities: give one of them")
