"""Composite: two pictures merged by the operations of compositing."""

from __future__ import annotations

from rotonodes.imaging.picture.compositing import Operation, merge
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class Composite(Node):
    """Merge a foreground with a background.

    With A and B for premultiplied fg and bg, a and b for their alphas: over A+B(1-a), under A(1-b)+B, plus A+B, multiply AB,
    screen A+B-AB (max where both are above 1), in Ab, out A(1-b), mask Ba, stencil B(1-a), atop Ab+B(1-a),
    xor A(1-b)+B(1-a), max, min, difference |A-B|, overlay 2AB where B < 0.5 else 1-2(1-A)(1-B), hard-light the same by A,
    soft-light B(2A+B(1-AB)) where AB < 1 else 2AB. Alpha goes through the same formula as colour.

    A picture without alpha is opaque; outside its data window it is transparent black. The result has alpha when one of
    them has, or when neither covers the result's data window, which is the smallest that holds everything not empty. The
    frame is bg's; the two are aligned at the top left. Other channels of bg are kept. Nothing is clamped.
    """

    operation: Operation = param("over", help="merge operation")
    mix: float = param(1.0, help="share of the result, 0 to 1; the rest is bg", ge=0, le=1)

    def process(self, fg: Image, bg: Image, mask: Matte | None = None) -> Image:
        return merge(fg, bg, self.operation, self.mix, mask)
