"""Base of nodes that write flat art as filled paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.node.parameters import Colors, param
from rotonodes.nodes.output.flat_art import FlatArtWriter
from rotonodes.values.pixels import Image, Labels, Layers, Matte

if TYPE_CHECKING:
    from rotonodes.imaging.vector.artwork import Shape


class VectorArtWriter(FlatArtWriter):
    """Base of nodes that write flat art as filled paths."""

    palette: Colors = param({}, help='class -> its colour, "#rrggbb" or "#rrggbbaa", in place of other colours')
    tolerance: float = param(0.7, help="largest distance of curves from the borders", unit="px", gt=0.05, le=10)
    overlap: float = param(1.0, help="width of the line under a border; 0 is none", unit="px", ge=0, le=10)
    ink_color: str = param("#1b1a22", help='colour of an ink matte, "#rrggbb"')

    def shapes_of(self, labels: Labels, image: Image | None, layers: Layers | None, ink: Image | Matte | None) -> list[Shape]:
        """The shapes of one frame in the order of painting. Raises FrameError for inputs of another size."""
        from rotonodes.imaging.picture.painted_classes import check_sizes, painted
        from rotonodes.imaging.vector.artwork import Paint, ink_of, tone_shapes

        check_sizes(labels, image=image, layers=layers, ink=ink)
        classes, found = self.classes_of(labels, layers)
        shown = painted(classes, found, labels, self.palette, image)
        paints = {one.number: Paint(one.group, one.tone, one.color, one.opacity) for one in shown}
        order = [number for number, _, _ in found]
        whole = next((number for number, _, tone in found if tone == "background"), None)
        shapes = tone_shapes(classes, paints, order, whole, self.tolerance)
        return shapes + ink_of(ink, self.ink_color, self.tolerance) if ink is not None else shapes
