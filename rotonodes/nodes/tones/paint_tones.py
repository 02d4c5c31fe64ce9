"""PaintTones: each class in its colour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.paint import mix, paint, without_classes
from rotonodes.node.parameters import param
from rotonodes.nodes.tones.object_palettes import ObjectPalettes
from rotonodes.values.palette import Palette
from rotonodes.values.pixels import Image, Labels, Layers

if TYPE_CHECKING:
    from torch import Tensor

Colors = dict[str, str]


class PaintTones(ObjectPalettes):
    """Paint every class in its colour of the palette.

    From `labels` edges are hard. From `probabilities` (one channel per class, named after it, with sum 1) colours mix at
    edges in proportion, premultiplied; `sharpness` s replaces each p by p^s, normalised to sum 1. The probability of
    classes in `without` goes to the others: `without: [background]` paints the whole of a shape that a matte cuts out.

    The palette is one that ships (`rotonodes palettes`), a file (GIMP .gpl, Adobe .ase and .aco, Krita .kpl, JSON, hex lists), a linked
    one (PaletteFromPicture), or maps class names to `"#rrggbb"` or `"#rrggbbaa"` (sRGB, unpremultiplied). Colours of a file go to
    the classes of their names, else by lightness, the darkest to the first. A class that a mapping leaves out keeps the labels' own
    colour; the background (the class of that name, else the first) is then transparent. Two colours, `"#rrggbb #rrggbb"`, are a
    gradient: `along` the height of the shape, from below, or the luminance of the linked `image`.

    `objects` gives palettes to objects of the cryptomatte of linked `layers`; the first pattern that fits counts, `palette` is for
    all others. From probabilities, colours mix at the objects' edges as the cryptomatte covers the pixels.
    """

    sharpness: float = param(1.0, help="exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones", ge=1, le=100)
    without: list[str] = param([], help="classes whose probability goes to the others, so that they are not painted and leave no hole")
    along: Literal["height", "luminance"] = param("height", help="direction of gradients between two colours of a class", added=True)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"
        elif self.without and "labels" in linked:
            yield "without: labels have no second class to take a pixel: link `probabilities`"
        if bool(self.objects) != ("layers" in linked):
            yield "objects: link the `layers` of the render, which hold the cryptomatte" if self.objects else "`layers` goes with objects:"
        if self.along == "luminance" and "image" not in linked:
            yield "along: luminance is that of a linked `image`"
        if self.palette and "colors" in linked:
            yield "palette: and linked `colors` are both given; take one of them out"
        yield from self.palette_faults()

    def pixel_reach(self) -> float:
        return math.inf if self.along == "height" else 0.0  # the shape's height is that of the whole frame

    def process(
        self,
        labels: Labels | None = None,
        probabilities: Image | None = None,
        colors: Palette | None = None,
        layers: Layers | None = None,
        image: Image | None = None,
    ) -> Image:
        from rotonodes.imaging.picture.object_paint import mixed, painted

        if (labels is None) == (probabilities is None):
            raise UsageError("give either `labels` or `probabilities`")
        shown = without_classes(probabilities, self.without) if probabilities is not None else None

        def brush(palette: Colors) -> Image:
            return mix(shown, palette, self.sharpness) if shown is not None else paint(labels, palette)  # type: ignore[arg-type]

        source = labels if labels is not None else shown
        classes = source.classes if isinstance(source, Labels) else source.channels  # type: ignore[union-attr]
        palettes = [self.colors_of(palette, classes) for palette in (*self.objects.values(), colors or self.palette)]
        place = self._place(source, image) if any(" " in color.strip() for one in palettes for color in one.values()) else None  # type: ignore[arg-type]
        pictures = [painted(brush, palette, place) for palette in palettes]
        if not self.objects:
            return pictures[0]
        return mixed(pictures, self._shares(layers, pictures[0], soft=labels is None))

    def _place(self, source: Labels | Image, image: Image | None) -> Tensor:
        from rotonodes.imaging.picture.object_paint import by_height, by_light

        if self.along == "height":
            return by_height(source.data != 0 if isinstance(source, Labels) else source.data[0] < 0.5)
        if image is None:
            raise UsageError("along: luminance is that of a linked `image`")
        if image.size != source.size:
            raise FrameError(f"`image` is {image.width} x {image.height}, the tones {source.width} x {source.height}: make them one size")
        place = by_light(image)
        return place if isinstance(source, Labels) else image.with_data(place, ("Y",)).on_frame().on(source.box).data

    def _shares(self, layers: Layers | None, picture: Image, soft: bool) -> list[Tensor]:
        from rotonodes.imaging.picture.object_paint import pattern_shares
        from rotonodes.values.pixels import Box, cut

        if layers is None:
            raise UsageError("objects: link the `layers` of the render, which hold the cryptomatte")
        if layers.size != picture.size:
            raise FrameError(
                f"the layers are {layers.width} x {layers.height}, the tones {picture.width} x {picture.height}: make them one size"
            )
        shares = pattern_shares(layers, self.cryptomatte, self.layer, list(self.objects), soft)
        return [cut(share, Box(0, 0, *layers.size), picture.box) for share in shares]
