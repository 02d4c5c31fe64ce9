"""Merge: many pictures laid over each other."""

from __future__ import annotations

import functools

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.compositing import Operation, merge
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class Merge(Node):
    """Merge many pictures, from back to front.

    The first picture is the background (Nuke's B), each further one is merged with the result so far, by one operation. Composite has the
    formulas, the rules for data windows, and the same for two pictures. Frame and further channels are those of the first.
    """

    operation: Operation = param("over", help="merge operation")
    mix: float = param(1.0, help="opacity of each further picture, 0 to 1", ge=0, le=1)

    def process(self, images: list[Image], mask: Matte | None = None) -> Image:
        if not images:
            raise UsageError("images: the list is empty: link at least one picture")
        return functools.reduce(lambda made, image: merge(image, made, self.operation, self.mix, mask), images[1:], images[0])
