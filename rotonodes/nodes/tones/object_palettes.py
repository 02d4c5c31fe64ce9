"""Base of nodes that paint each object in a palette of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydantic import field_validator

from rotonodes.io.palettes import find_palette, is_shipped, palette_fault
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.color import checked_palette
from rotonodes.values.palette import Palette

Colors = dict[str, str]


class ObjectPalettes(Node):
    """Base of nodes that paint: a palette, and palettes of objects."""

    palette: InputPath | dict[str, str] = param(
        {},
        help='palette: a name, a file, or class name -> "#rrggbb" or "#rrggbbaa", or two for a gradient',
        examples=[{"midtone": "#405060"}, {"midtone": "#405060 #102030"}, "sunset"],
    )
    objects: dict[str, str | dict[str, str]] = param(
        {},
        help="names in the cryptomatte, wildcards allowed -> palette, as in `palette`",
        added=True,
        examples=[{"shape": {"midtone": "#405060"}}, {"sh*": "clay"}],
    )
    cryptomatte: str = param("object", help="objects: kind of the cryptomatte: object, material, asset, or its own name", added=True)
    layer: str = param("", help="objects: view layer of the cryptomatte; empty: the first", added=True)

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: str | Colors) -> str | Colors:
        return palette if isinstance(palette, str) else _checked(palette)

    @field_validator("objects")
    @classmethod
    def _object_colors(cls, objects: dict[str, str | Colors]) -> dict[str, str | Colors]:
        for palette in objects.values():
            if not isinstance(palette, str):
                _checked(palette)
        return objects

    def paths(self, role: str) -> Iterator[tuple[str, str]]:
        """The palettes that are files."""
        if role == "input":
            given = [("palette", self.palette), *(("objects", palette) for palette in self.objects.values())]
            yield from ((name, text) for name, text in given if isinstance(text, str) and text and not is_shipped(text))

    def at(self, resolve: Callable[[str], str], source: Callable[[str], str] | None = None) -> Node:
        place = source or resolve

        def moved(palette: str | Colors) -> str | Colors:
            return place(palette) if isinstance(palette, str) and palette and not is_shipped(palette) else palette

        objects = {pattern: moved(palette) for pattern, palette in self.objects.items()}
        return self.model_copy(update={"palette": moved(self.palette), "objects": objects})

    def palette_faults(self) -> Iterator[str]:
        """A line for each name of a palette that does not ship."""
        for text in [self.palette, *self.objects.values()]:
            if isinstance(text, str) and (fault := palette_fault(text)):
                yield fault

    @staticmethod
    def colors_of(palette: str | Colors | Palette, classes: Sequence[str]) -> Colors:
        """The colours of the classes: class name -> "#rrggbb"."""
        if isinstance(palette, str):
            return find_palette(palette).for_classes(classes) if palette else {}
        return palette.for_classes(classes) if isinstance(palette, Palette) else palette


def _checked(palette: Colors) -> Colors:
    """A mapping as it was given; raises ValueError for what is not one colour, or two for a gradient."""
    for name, text in palette.items():
        words = text.split()
        if not 1 <= len(words) <= 2:
            raise ValueError(f'{name}: {text!r} is not a colour: write "#rrggbb", or two of them for a gradient')
        for color in words:
            checked_palette({name: color})
    return palette
