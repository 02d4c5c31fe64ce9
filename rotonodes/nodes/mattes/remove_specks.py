"""RemoveSpecks: small regions and holes out of mattes and labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeVar

from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Labels, Matte

Shape = TypeVar("Shape", Matte, Labels)


class RemoveSpecks(Node):
    """Remove small regions and fill small holes.

    They are specks of dust, pinholes, the crumbs that a network leaves.

    In a matte, a region is a connected part of what is `threshold` or more, a hole one of what is less; both are measured there,
    without their soft edges. A speck goes together with the soft edge around it: it sinks to the level that joins it to what stays,
    which is 0 where it stands alone. A hole is a speck of the matte turned round; holes are filled after specks have gone. Faint
    parts that never reach the threshold go when they stand alone and all of them is less than `area`. Everything else stays as it
    is, bit by bit, soft edges too. In labels, a small region takes the class that surrounds it most, and the largest region stays.
    A second time changes nothing more. Needs scikit-image (`pip install "rotonodes[post]"`).
    """

    area: int = param(64, help="regions of fewer pixels go; 0 keeps all", unit="px", ge=0)
    holes: int | None = param(None, help="holes of fewer pixels are filled (mattes); 0 fills none; default is `area`", unit="px", ge=0)
    threshold: float = param(0.5, help="from where a matte counts as part of a region", gt=0, le=1)
    connectivity: Literal[4, 8] = param(8, help="pixels that belong together: 4 by their sides, 8 by their corners too")

    def process(self, shape: Shape) -> Shape:
        import torch

        from rotonodes.imaging.mattes.specks import merged_regions, without_holes, without_specks

        if isinstance(shape, Labels):
            before = shape.data.cpu().numpy()
            after = merged_regions(before, self.area, self.connectivity)
        else:
            before = shape.data[0].cpu().numpy()
            after = without_specks(before, self.area, self.threshold, self.connectivity)
            after = without_holes(after, self.area if self.holes is None else self.holes, self.threshold, self.connectivity)
        return shape if after is before else replace(shape, data=torch.from_numpy(after).to(shape.device).reshape(shape.data.shape))
