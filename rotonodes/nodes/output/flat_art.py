"""Base of nodes that write flat art in parts: a group for each object, a part for each tone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rotonodes.node.parameters import Color, Colors, OutputPath, param
from rotonodes.nodes.output.numbered_writer import NumberedWriter
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Labels, Layers

if TYPE_CHECKING:
    import numpy as np


class FlatArtWriter(NumberedWriter):
    """Base of nodes that write flat art in parts, with the names of objects from the cryptomatte."""

    path: OutputPath = param(help="the files: a name with a frame token", pixels=False)
    palette: Colors = param({}, help='class -> its colour, "#rrggbb" or "#rrggbbaa"')
    objects: str | list[str] = param("*", help="objects that are groups, by their names in the cryptomatte, wildcards allowed")
    cryptomatte: str = param("object", help="kind of the cryptomatte: object, material, asset, or its own name")
    ink_color: Color = param("#1b1a22", help='colour of an ink matte, "#rrggbb" or "#rrggbbaa"')

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if frames > 1 and not FilePattern(self.path).has_token:
            yield f"{frames} frames would all be written to {self.path!r}: put #### into the name"

    def classes_of(self, labels: Labels, layers: Layers | None) -> tuple[np.ndarray, list[tuple[int, str, str]]]:
        """The classes of each object, as `classes_by_object` returns them. Raises FrameError for objects that are not in the frame."""
        from rotonodes.imaging.passes.cryptomatte import find_cryptomatte
        from rotonodes.imaging.passes.object_map import object_map
        from rotonodes.imaging.picture.painted_classes import classes_by_object

        names, objects = object_map(layers, find_cryptomatte(layers, self.cryptomatte), self.objects) if layers is not None else ([], None)
        return classes_by_object(labels, names, objects)
