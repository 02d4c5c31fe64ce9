"""Base of nodes that paint classes in the colours of a palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.palettes import find_palette, is_shipped, palette_fault
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.color import checked_palette
from rotonodes.values.palette import Palette
from rotonodes.values.pixels import Image, Labels

if TYPE_CHECKING:
    from torch import Tensor

Colors = dict[str, str]


class PalettePainter(Node):
    """Base of nodes that paint: a palette, and the direction of its gradients."""

    palette: InputPath | dict[str, str] = param(
        {},
        help='palette: a name, a file, or class name -> "#rrggbb" or "#rrggbbaa", or two for a gradient',
        examples=[{"midtone": "#405060"}, {"midtone": "#405060 #102030"}, "sunset"],
    )
    along: Literal["height", "luminance"] = param("height", help="direction of gradients between two colours of a class", added=True)

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: str | Colors) -> str | Colors:
        return cls.checked_colors(palette)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"
        if self.along == "luminance" and "image" not in linked:
            yield "along: luminance is that of a linked `image`"
        for _, palette in self.palettes():
            if isinstance(palette, str) and (fault := palette_fault(palette)):
                yield fault

    def palettes(self) -> Iterator[tuple[str, str | Colors]]:
        """(parameter, palette) of each that is given."""
        yield "palette", self.palette

    def paths(self, role: str) -> Iterator[tuple[str, str]]:
        """The palettes that are files."""
        if role == "input":
            yield from ((name, text) for name, text in self.palettes() if isinstance(text, str) and text and not is_shipped(text))

    def at(self, resolve: Callable[[str], str], source: Callable[[str], str] | None = None) -> Node:
        return self.model_copy(update={"palette": self.moved_palette(self.palette, source or resolve)})

    def light_place(self, source: Labels | Image, image: Image | None) -> Tensor | None:
        """Where gradients along the luminance are, `[1, H, W]` on the data window of the tones; None for those along the height."""
        from rotonodes.imaging.picture.object_paint import by_light

        if self.along == "height":
            return None
        if image is None:
            raise UsageError("along: luminance is that of a linked `image`")
        if image.size != source.size:
            raise FrameError(f"`image` is {image.width} x {image.height}, the tones {source.width} x {source.height}: make them one size")
        place = by_light(image)
        return place if isinstance(source, Labels) else image.with_data(place, ("Y",)).on_frame().on(source.box).data

    @staticmethod
    def colors_of(palette: str | Colors | Palette, classes: Sequence[str]) -> Colors:
        """The colours of the classes: class name -> "#rrggbb"."""
        if isinstance(palette, str):
            return find_palette(palette).for_classes(classes) if palette else {}
        return palette.for_classes(classes) if isinstance(palette, Palette) else palette

    @staticmethod
    def moved_palette(palette: str | Colors, place: Callable[[str], str]) -> str | Colors:
        """A palette whose file, if it is one, is found at `place`."""
        return place(palette) if isinstance(palette, str) and palette and not is_shipped(palette) else palette

    @staticmethod
    def checked_colors(palette: str | Colors) -> str | Colors:
        """A palette as it was given; raises ValueError for what is not one colour, or two for a gradient."""
        for name, text in palette.items() if isinstance(palette, dict) else ():
            words = text.split()
            if not 1 <= len(words) <= 2:
                raise ValueError(f'{name}: {text!r} is not a colour: write "#rrggbb", or two of them for a gradient')
            for color in words:
                checked_palette({name: color})
        return palette
