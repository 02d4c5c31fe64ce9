"""Despill: spill of a green or blue screen removed from the foreground."""

from __future__ import annotations

from typing import Literal

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import faded, matte_on, with_colors
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class Despill(Node):
    """Remove the spill of a green or blue screen.

    Spill is the excess of the screen's channel over a limit given by the other two.

    With R for red and X for the other channel (blue on a green screen, green on a blue one) the limits are: average (R + X) / 2,
    double_red (2 R + X) / 3, double_other (R + 2 X) / 3, red R, other X, maximum and minimum of R and X; a lower limit removes
    more. The formulas hold for premultiplied and for unpremultiplied colour. Where `mask` is 0 nothing changes, nor do channels
    other than colour.
    """

    screen: Literal["green", "blue"] = param("green", help="colour of the screen")
    limit: Literal["average", "double_red", "double_other", "red", "other", "maximum", "minimum"] = param(
        "average", help="upper limit of the screen's channel, from the other two"
    )
    amount: float = param(1.0, help="share of the spill that is removed, 0 to 1", ge=0, le=1)
    restore: float = param(0.0, help="share of the spill's luminance (Rec. 709) that is added back as grey, 0 to 1", ge=0, le=1)

    def process(self, image: Image, mask: Matte | None = None) -> Image:
        from rotonodes.imaging.mattes.spill import despill, spill_of

        before = image.color
        if len(before) != 3:
            raise FrameError(f"spill needs a colour picture, this one has only {', '.join(image.channels)}: link a picture with R, G and B")
        after = despill(before, self.amount * spill_of(before, self.screen, self.limit), self.screen, self.restore)
        if mask is not None:
            after = faded(before, after, matte_on(mask.to(image.device), image.size, image.box))
        return with_colors(image, after)
