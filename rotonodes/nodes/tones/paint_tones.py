"""PaintTones: each class in its colour."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import field_validator

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.paint import mix, paint, without_classes
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.color import checked_palette
from rotonodes.values.pixels import Image, Labels


class PaintTones(Node):
    """Paint every class in its colour of the palette.

    From `labels` edges are hard. From `probabilities` (one channel per class, named after it, with sum 1) colours mix at
    edges in proportion, premultiplied; `sharpness` s replaces each p by p^s, normalised to sum 1. The palette
    maps class names to `"#rrggbb"` or `"#rrggbbaa"` (sRGB, unpremultiplied). A class that is not in it keeps the labels' own
    colour; the background (the class of that name, else the first) is then transparent. The probability of
    classes in `without` goes to the others: `without: [background]` paints the whole of a shape that a matte cuts out.
    """

    palette: dict[str, str] = param({}, help='class name -> "#rrggbb" or "#rrggbbaa"')
    sharpness: float = param(1.0, help="exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones", ge=1, le=100)
    without: list[str] = param([], help="classes whose probability goes to the others, so that they are not painted and leave no hole")

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: dict[str, str]) -> dict[str, str]:
        return checked_palette(palette)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"
        elif self.without and "labels" in linked:
            yield "without: labels have no second class to take a pixel: link `probabilities`"

    def process(self, labels: Labels | None = None, probabilities: Image | None = None) -> Image:
        if labels is not None and probabilities is None:
            return paint(labels, self.palette)
        if probabilities is not None and labels is None:
            return mix(without_classes(probabilities, self.without), self.palette, self.sharpness)
        raise UsageError("give either `labels` or `probabilities`")
