"""PaintObjects: the tones of each object in its own palette."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import field_validator

from rotonodes.errors import UsageError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.color import checked_palette
from rotonodes.values.pixels import Image, Labels, Layers


class PaintObjects(Node):
    """Paint the tones of each object in its own palette.

    Objects or materials are found by their names in the cryptomatte; edges between objects and between tones are clean.

    `palettes` maps names (wildcards, several with commas, `!` takes one out) to colours of classes; the first entry that fits an
    object counts, and `palette` is for the others and for what is no object. An object shows only the classes of its palette: one with
    the four tones has no hole where the labels say background, and a floor with `background` and `ground_shadow` has no highlight.
    Edges of objects are the cryptomatte's coverages. Borders between `labels` are smoothed and about a pixel wide;
    `probabilities` (one channel per class) are raised to the power `sharpness`, normalised to sum 1.
    """

    palettes: dict[str, dict[str, str]] = param(
        {},
        help='names in the cryptomatte -> class name -> "#rrggbb"; the first entry that fits',
        examples=[{"shape": {"midtone": "#e0a458"}}],
    )
    palette: dict[str, str] = param({}, help='class name -> "#rrggbb" or "#rrggbbaa", for all other objects')
    cryptomatte: str = param("object", help="kind of the cryptomatte: object, material, asset, or its own name")
    layer: str = param("", help="view layer of the cryptomatte; empty: the first")
    view: str = param("", help="stereo view (left, right); empty: the hero view")
    smooth: float = param(1.0, help="width of the Gaussian that smooths the borders of labels; 0 keeps the stairs", unit="px", ge=0, le=8)
    sharpness: float = param(6.0, help="exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones", ge=1, le=100)

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: dict[str, str]) -> dict[str, str]:
        return checked_palette(palette)

    @field_validator("palettes")
    @classmethod
    def _all_colors(cls, palettes: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return {names: checked_palette(palette) for names, palette in palettes.items()}

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"

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
        crypto = find_cryptomatte(layers, self.cryptomatte, self.layer, self.view)
        shares = object_shares(layers, crypto, first_fits(crypto, list(self.palettes)))
        painted = paint_objects(shares, [*self.palettes.values(), self.palette], labels, probabilities, self.smooth, self.sharpness)
        return painted.to(given.device)
