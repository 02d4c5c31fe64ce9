"""GrowShrink: a matte's edge moved outwards or inwards."""

from __future__ import annotations

from typing import ClassVar

from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Matte


class GrowShrink(Node):
    """Move the edge of a matte outwards or inwards.

    The distance is in pixels, fractions included.

    The edge is where the matte crosses 0.5, located within its pixels by their grey; distances are Euclidean, so corners grow
    round. An anti-aliased edge stays anti-aliased, a soft one keeps its softness (up to 32 px), and semi-transparent parts
    inside the shape do not change. Faint parts that never reach 0.5 have no edge and do not grow. Nothing grows or shrinks in
    from beyond the frame. Growing and then shrinking by the same radius closes gaps; shrinking and then growing removes thin parts.
    """

    revision: ClassVar[int] = 1

    radius: float = param(1.0, help="distance the edge moves outwards; negative shrinks", unit="px", ge=-1000, le=1000)

    def pixel_reach(self) -> float:
        return abs(self.radius) + 34.0  # and the widest edge

    def process(self, matte: Matte) -> Matte:
        import torch

        from rotonodes.imaging.mattes.grow import grown

        if self.radius == 0:
            return matte
        return Matte(torch.from_numpy(grown(matte.data[0].cpu().numpy(), self.radius)).to(matte.device)[None])
