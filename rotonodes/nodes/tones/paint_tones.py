"""PaintTones: each class in its colour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.paint import mix, paint, without_classes
from rotonodes.node.parameters import param
from rotonodes.nodes.tones.palette_painter import PalettePainter
from rotonodes.values.palette import Palette
from rotonodes.values.pixels import Image, Labels

Colors = dict[str, str]
_OBJECTS = "PaintObjects paints each object in a palette of its own"


class PaintTones(PalettePainter):
    """Paint every class in its colour of the palette.

    From `labels` edges are hard. From `probabilities` (one channel per class, named after it, with sum 1) colours mix at
    edges in proportion, premultiplied; `sharpness` s replaces each p by p^s, normalised to sum 1. The probability of
    classes in `without` goes to the others: `without: [background]` paints the whole of a shape that a matte cuts out.

    The palette is one that ships (`rotonodes palettes`), a file (GIMP .gpl, Adobe .ase and .aco, Krita .kpl, JSON, hex lists), a linked
    one (PaletteFromPicture), or maps class names to `"#rrggbb"` or `"#rrggbbaa"` (sRGB, unpremultiplied). Colours of a file go to
    the classes of their names, else by lightness, the darkest to the first. A class that a mapping leaves out keeps the labels' own
    colour; the background (the class of that name, else the first) is then transparent. Two colours, `"#rrggbb #rrggbb"`, are a
    gradient: `along` the height of the shape, from below, or the luminance of the linked `image`.

    PaintObjects paints each object in a palette of its own.
    """

    moved: ClassVar[Mapping[str, str]] = dict.fromkeys(("objects", "cryptomatte", "layer", "layers"), _OBJECTS)

    sharpness: float = param(1.0, help="exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones", ge=1, le=100)
    without: list[str] = param([], help="classes whose probability goes to the others, so that they are not painted and leave no hole")

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, frames)
        if self.without and "labels" in linked and "probabilities" not in linked:
            yield "without: labels have no second class to take a pixel: link `probabilities`"
        if self.palette and "colors" in linked:
            yield "palette: and linked `colors` are both given; take one of them out"

    def pixel_reach(self) -> float:
        return math.inf if self.along == "height" else 0.0  # the shape's height is that of the whole frame

    def process(
        self,
        labels: Labels | None = None,
        probabilities: Image | None = None,
        colors: Palette | None = None,
        image: Image | None = None,
    ) -> Image:
        from rotonodes.imaging.picture.object_paint import by_height, painted

        if (labels is None) == (probabilities is None):
            raise UsageError("give either `labels` or `probabilities`")
        source: Labels | Image = labels if labels is not None else without_classes(probabilities, self.without)  # type: ignore[arg-type]

        def brush(palette: Colors) -> Image:
            return paint(source, palette) if isinstance(source, Labels) else mix(source, palette, self.sharpness)

        chosen = self.colors_of(colors or self.palette, source.classes if isinstance(source, Labels) else source.channels)
        if not any(" " in color.strip() for color in chosen.values()):
            return brush(chosen)
        place = self.light_place(source, image)
        if place is None:
            place = by_height(source.data != 0 if isinstance(source, Labels) else source.data[0] < 0.5)
        return painted(brush, chosen, place)
