"""PaintObjects: the tones of each object in its own palette, with clean edges."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rotonodes.errors import UsageError
from rotonodes.node.parameters import param
from rotonodes.nodes.tones.object_palettes import ObjectPalettes
from rotonodes.values.pixels import Image, Labels, Layers
from rotonodes.values.tones import OUTSIDE


class PaintObjects(ObjectPalettes):
    """Paint the tones of each object with clean edges.

    Each object or material has its own palette; edges between objects, and between tones, are antialiased.

    `objects` maps names in the cryptomatte (wildcards, several with commas, `!` takes one out) to palettes: one that ships, a file, or
    class name -> colour. The first entry that fits an object counts; `palette` is for the others and for what is no object. An
    object shows only the classes of its palette: one with the four tones has no hole where the labels say background, and a
    floor with `background` and `ground_shadow` has no highlight. A pixel of another class takes those of the pixels around it.

    Edges of objects are the cryptomatte's coverages. Borders between `labels` are smoothed and about a pixel wide; `probabilities`
    (one channel per class) are raised to the power `sharpness`, normalised to sum 1.
    """

    smooth: float = param(1.0, help="width of the Gaussian that smooths the borders of labels; 0 keeps the stairs", unit="px", ge=0, le=8)
    sharpness: float = param(6.0, help="exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones", ge=1, le=100)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"
        yield from self.palette_faults()

    def pixel_reach(self) -> float:
        return math.inf  # a thing without a class of its own takes that of the pixels around it

    def process(self, layers: Layers, labels: Labels | None = None, probabilities: Image | None = None) -> Image:
        from rotonodes.imaging.passes.cryptomatte import find_cryptomatte
        from rotonodes.imaging.picture.clean_paint import first_fits, object_shares, paint_objects

        given = labels if labels is not None else probabilities
        if given is None or (labels is not None and probabilities is not None):
            raise UsageError("give either `labels` or `probabilities`")
        if (given.width, given.height) != layers.size:
            raise UsageError(
                f"the tones are {given.width} x {given.height}, the render is {layers.width} x {layers.height}: make them one size"
            )
        classes = given.classes if isinstance(given, Labels) else given.channels
        inside = [name for name in classes if name not in OUTSIDE]
        palettes = [self.colors_of(palette, inside) for palette in self.objects.values()]
        crypto = find_cryptomatte(layers, self.cryptomatte, self.layer)
        shares = object_shares(layers, crypto, first_fits(crypto, list(self.objects)))
        others = self.colors_of(self.palette, classes)
        return paint_objects(shares, [*palettes, others], labels, probabilities, self.smooth, self.sharpness).to(given.device)
