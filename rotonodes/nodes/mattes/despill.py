"""Despill: the light of a green or blue screen off the foreground."""

from __future__ import annotations

from typing import Literal

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import colors, faded, matte_on
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class Despill(Node):
    """Take the light of a green or blue screen off a picture.

    What the screen's channel has above a limit made of the other two is removed.

    With R for red and X for the other channel (blue on a green screen, green on a blue one) the limits are: average (R + X) / 2,
    double_red (2 R + X) / 3, double_other (R + 2 X) / 3, red R, other X, maximum and minimum of R and X; the lower, the more
    goes. The formulas hold for premultiplied colour as for straight. Where `mask` is 0, and in channels beside colour,
    nothing changes.
    """

    screen: Literal["green", "blue"] = param("green", help="colour of the screen")
    limit: Literal["average", "double_red", "double_other", "red", "other", "maximum", "minimum"] = param(
        "average", help="what of the screen's channel stays: at most this of the other two"
    )
    amount: float = param(1.0, help="how much of the spill goes", ge=0, le=1)
    restore: float = param(0.0, help="how much of its luminance (Rec. 709) comes back as grey", ge=0, le=1)

    def process(self, image: Image, mask: Matte | None = None) -> Image:
        import torch

        from rotonodes.imaging.mattes.spill import despill, spill_of

        before = colors(image)
        if len(before) != 3:
            raise FrameError(f"spill needs a colour picture, this one has only {', '.join(image.channels)}")
        after = despill(before, self.amount * spill_of(before, self.screen, self.limit), self.screen, self.restore)
        if mask is not None:
            after = faded(before, after, matte_on(mask.to(image.device), image.size, image.box))
        planes = dict(zip(image.color_indices, after, strict=True))
        return image.with_data(torch.stack([planes.get(i, plane) for i, plane in enumerate(image.data)]))
