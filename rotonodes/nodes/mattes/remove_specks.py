"""RemoveSpecks: small regions and holes removed from mattes and labels."""

from __future__ import annotations

import math
from typing import Literal, TypeVar

from rotonodes.errors import FrameError, did_you_mean
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Labels, Matte

Shape = TypeVar("Shape", Matte, Labels)


class RemoveSpecks(Node):
    """Remove small regions and fill small holes.

    Dust, pinholes, and the crumbs that a network leaves.

    In a matte, a region is a connected set of pixels of `threshold` or more, a hole one of pixels below it; sizes are counted there,
    without soft edges. A speck is removed together with the soft edge around it: it sinks to the level that connects it to the rest,
    which is 0 where it stands alone. A hole is a speck of the inverted matte; holes are filled after specks are removed. Faint
    parts that never reach the threshold are removed where they stand alone and are smaller than `area`. All other pixels stay
    bit-identical, soft edges included. In labels, a small region takes the class that surrounds it most; the largest region stays.
    Applying the node twice changes nothing more.
    """

    area: int = param(64, help="smallest region that is kept, in pixels; 0 keeps all", unit="px", ge=0)
    holes: int | None = param(None, help="smallest hole of a matte that is kept, in pixels; 0 fills none; default `area`", unit="px", ge=0)
    threshold: float = param(0.5, help="smallest matte value that belongs to a region", gt=0, le=1)
    classes: list[str] = param([], help="labels: classes whose small regions are removed; empty: all", added=True)
    connectivity: Literal[4, 8] = param(8, help="how pixels connect: 4 by their sides, 8 by their corners as well")

    def pixel_reach(self) -> float:
        return math.inf  # a region may go on anywhere

    def process(self, shape: Shape) -> Shape:
        import torch

        from rotonodes.imaging.mattes.specks import merged_regions, without_holes, without_specks

        if isinstance(shape, Labels):
            before = shape.data.cpu().numpy()
            after = merged_regions(before, self.area, self.connectivity, self._chosen(shape))
        else:
            before = shape.data[0].cpu().numpy()
            after = without_specks(before, self.area, self.threshold, self.connectivity)
            after = without_holes(after, self.area if self.holes is None else self.holes, self.threshold, self.connectivity)
        return shape if after is before else shape.with_data(torch.from_numpy(after).to(shape.device).reshape(shape.data.shape))

    def _chosen(self, labels: Labels) -> list[int]:
        unknown = [name for name in self.classes if name not in labels.classes]
        if unknown:
            near = did_you_mean(unknown[0], labels.classes)
            raise FrameError(f"classes: the labels have no class {unknown[0]!r}{near}; they have {', '.join(labels.classes)}")
        return [labels.classes.index(name) for name in self.classes]
