"""SideBySide: pictures, mattes and labels of a frame on one picture, to compare."""

from __future__ import annotations

import math

from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Labels, Matte


class SideBySide(Node):
    """Lay out pictures, mattes and labels side by side.

    They are in order from left to right, to compare them.

    Each is fitted into the frame of the first. Labels are shown in their own colours, mattes with 0.5 as middle grey. The
    result has the channels of all pictures; where one of them lacks a channel it is 0 (alpha 1).
    """

    gap: int = param(4, help="width of the black line between two pictures", unit="px", ge=0, le=1024)

    def pixel_reach(self) -> float:
        return math.inf

    def process(self, pictures: list[Image | Matte | Labels]) -> Image:
        from rotonodes.imaging.picture.sheet import side_by_side

        return side_by_side(pictures, self.gap)
