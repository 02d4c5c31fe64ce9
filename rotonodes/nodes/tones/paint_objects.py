"""PaintObjects: the tones of each object in its own palette, with clean edges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import ClassVar

from pydantic import field_validator

from rotonodes.errors import UsageError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.nodes.tones.palette_painter import PalettePainter
from rotonodes.values.pixels import Image, Labels, Layers
from rotonodes.values.tones import OUTSIDE

Colors = dict[str, str]


class PaintObjects(PalettePainter):
    """Paint the tones of each object with clean edges.

    Each object or material has its own palette; edges between objects, and between tones, are antialiased.

    `objects` maps names in the cryptomatte (wildcards, several with commas, `!` takes one out) to palettes: one that ships, a file, or
    class name -> colour. The first entry that fits an object counts; `palette` is for the others and for what is no object. An
    object shows only the classes of its palette: one with the four tones has no hole where the labels say background, and a
    floor with `background` and `ground_shadow` has no highlight. A pixel of another class takes those of the pixels around it.

    Edges of objects are the cryptomatte's coverages. Borders between `labels` are smoothed and about a pixel wide; with `smooth: 0`
    all edges are hard, and the picture has no colours but the palettes'. `probabilities` (one channel per class) are raised to the power
    `sharpness`, normalised to sum 1. Two colours, `"#rrggbb #rrggbb"`, are a gradient: `along` the height of the objects that have this
    palette, from below, or the luminance of the linked `image`.
    """

    revision: ClassVar[int] = 1  # smooth: 0 makes the edges of objects hard, too

    objects: dict[str, str | Colors] = param(
        {},
        help="names in the cryptomatte, wildcards allowed -> palette, as in `palette`",
        examples=[{"shape": {"midtone": "#405060"}}, {"sh*": "clay"}],
    )
    cryptomatte: str = param("object", help="kind of the cryptomatte: object, material, asset, or its own name")
    layer: str = param("", help="view layer of the cryptomatte; empty: the first")
    smooth: float = param(1.0, help="width of the Gaussian that smooths the borders of labels; 0: hard edges", unit="px", ge=0, le=8)
    sharpness: float = param(6.0, help="exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones", ge=1, le=100)

    @field_validator("objects")
    @classmethod
    def _object_colors(cls, objects: dict[str, str | Colors]) -> dict[str, str | Colors]:
        for palette in objects.values():
            cls.checked_colors(palette)
        return objects

    def palettes(self) -> Iterator[tuple[str, str | Colors]]:
        yield from super().palettes()
        yield from (("objects", palette) for palette in self.objects.values())

    def at(self, resolve: Callable[[str], str], source: Callable[[str], str] | None = None) -> Node:
        objects = {pattern: self.moved_palette(palette, source or resolve) for pattern, palette in self.objects.items()}
        return super().at(resolve, source).model_copy(update={"objects": objects})

    def pixel_reach(self) -> float:
        return math.inf  # a thing without a class of its own takes that of the pixels around it

    def process(
        self, layers: Layers, labels: Labels | None = None, probabilities: Image | None = None, image: Image | None = None
    ) -> Image:
        from rotonodes.imaging.passes.cryptomatte import find_cryptomatte, first_fits
        from rotonodes.imaging.picture.clean_paint import hard, object_shares, paint_objects
        from rotonodes.imaging.picture.object_paint import painted_groups

        given = labels if labels is not None else probabilities
        if given is None or (labels is not None and probabilities is not None):
            raise UsageError("give either `labels` or `probabilities`")
        if (given.width, given.height) != layers.size:
            raise UsageError(
                f"the tones are {given.width} x {given.height}, the render is {layers.width} x {layers.height}: make them one size"
            )
        classes = given.classes if isinstance(given, Labels) else given.channels
        inside = [name for name in classes if name not in OUTSIDE]
        palettes = [*(self.colors_of(palette, inside) for palette in self.objects.values()), self.colors_of(self.palette, classes)]
        crypto = find_cryptomatte(layers, self.cryptomatte, self.layer)
        shares = object_shares(layers, crypto, first_fits(crypto, list(self.objects)))
        if labels is not None and self.smooth == 0:
            shares = hard(shares)
        whole = probabilities.on_frame() if probabilities is not None else None

        def brush(colors: list[Colors]) -> Image:
            return paint_objects(shares, colors, labels, whole, self.smooth, self.sharpness)

        place = self.light_place(labels if labels is not None else whole, image)  # type: ignore[arg-type]
        return painted_groups(brush, palettes, shares, place).to(given.device)
