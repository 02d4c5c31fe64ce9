"""Trimap: where a rough mask is known, and where alpha has to be solved."""

from __future__ import annotations

from typing import Literal

from rotonodes.errors import FrameError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Labels, Matte


class Trimap(Node):
    """Make a trimap from a rough mask.

    Its values are 1 for known foreground, 0 for known background, 0.5 for unknown.

    The band from `erode` px inside the mask's edge to `dilate` px outside it is unknown; distances are exact, between pixel
    centres. Soft pixels of a matte (0.05 to 0.95) are unknown as well. The frame's edge is not an edge of the mask. For labels,
    `classes` are foreground, by default all but the first.
    """

    erode: float = param(10.0, help="width of the unknown band inside the mask's edge", unit="px", ge=0, le=1000)
    dilate: float = param(10.0, help="width of the unknown band outside the mask's edge", unit="px", ge=0, le=1000)
    classes: list[str] = param(
        [], help="classes of labels that are foreground; default all but the first", examples=[["midtone", "highlight"]]
    )
    empty: Literal["error", "background"] = param(
        "error",
        help="frames with an empty mask (the shape is out of the picture): error fails them, background makes them all background",
    )

    def pixel_reach(self) -> float:
        return max(self.erode, self.dilate) + 1

    def process(self, mask: Matte | Labels) -> Matte:
        from rotonodes.imaging.mattes.unknown_band import class_matte, make_trimap

        matte = class_matte(mask, self.classes) if isinstance(mask, Labels) else mask.data
        trimap = make_trimap(matte, self.erode, self.dilate)
        if self.empty == "error" and not trimap.any():
            raise FrameError("the mask is empty: check what makes it, or set empty: background where the shape is out of the picture")
        return Matte(trimap)
