"""ApplyMatte: a picture cut out by a matte."""

from __future__ import annotations

from typing import Literal

from rotonodes.imaging.picture.compositing import matte_on, multiplied, with_colors
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class ApplyMatte(Node):
    """Cut a picture out by a matte.

    `multiply` multiplies colour and alpha by the matte: what is left is inside both the picture's own alpha and the matte. `replace` makes
    the matte the alpha and leaves colour as it is; follow it with Premultiply where colour is straight. A picture without alpha
    gets one. Outside its data window a picture stays empty.
    """

    operation: Literal["multiply", "replace"] = param("multiply", help="what the matte does: multiply colour and alpha, or replace alpha")
    invert: bool = param(False, help="use 1 - matte: cut the shape away instead of the rest")

    def process(self, image: Image, matte: Matte) -> Image:
        alpha = matte_on(matte.to(image.device), image.size, image.box)
        alpha = 1 - alpha if self.invert else alpha
        return multiplied(image, alpha) if self.operation == "multiply" else with_colors(image, image.color, alpha)
