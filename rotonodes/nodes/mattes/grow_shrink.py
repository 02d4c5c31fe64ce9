"""GrowShrink: a matte's edge moved outwards or inwards."""

from __future__ import annotations

from typing import ClassVar

from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Matte


class GrowShrink(Node):
    """Move the edge of a matte outwards or inwards.

    The distance is in pixels and need not be whole.

    The edge is where the matte crosses 0.5, as exactly as its grey pixels tell; distances are Euclidean, so that corners grow
    round. An anti-aliased edge stays anti-aliased, a soft one as soft as it was (up to 32 px wide), and semi-transparent parts
    within the shape stay what they are. Faint parts that never reach 0.5 have no edge and do not grow. Nothing grows or shrinks in
    from beyond the frame. Growing and then shrinking by the same closes gaps, shrinking and then growing takes thin parts off.
    """

    revision: ClassVar[int] = 1

    radius: float = param(1.0, help="how far the edge moves; negative shrinks", unit="px", ge=-1000, le=1000)

    def process(self, matte: Matte) -> Matte:
        import torch

        from rotonodes.imaging.mattes.grow import grown

        if self.radius == 0:
            return matte
        return Matte(torch.from_numpy(grown(matte.data[0].cpu().numpy(), self.radius)).to(matte.device)[None])
