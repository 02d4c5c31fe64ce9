"""Blur: Gaussian, box, or along a line."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from rotonodes.imaging.picture.channel_choice import CHANNELS_HELP
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Levels, Matte

Size = Annotated[float, Ge(0), Le(1000)]


class Blur(Node):
    """Blur: Gaussian, box, or along a line.

    `size` is the standard deviation of a Gaussian, the half width of a box without its middle pixel (size 1 takes 3 pixels), or the
    length of the line. Two numbers blur across and down by their own size. Colour is blurred premultiplied, so that edges have no fringe.
    A data window that ends inside the frame grows by the blur; at the frame's edge the last pixel is repeated, or with `edge: black`
    nothing is. NaN and infinity are filled from around them.
    """

    method: Literal["gaussian", "box", "directional"] = param("gaussian", help="kind of blur")
    size: Size | tuple[Size, Size] = param(
        0.0, help="size of the blur, one number or [across, down]", unit="px", examples=[2.0, [3.0, 0.0]]
    )
    angle: float = param(0.0, help="direction of a directional blur, anticlockwise from the right", unit="degrees")
    edge: Literal["repeat", "black"] = param("repeat", help="what lies beyond the frame: its last pixel repeated, or nothing")
    channels: str = param("color alpha", help=CHANNELS_HELP, min_length=1)

    def pixel_reach(self) -> float:
        across, down = self._sizes()
        return {"gaussian": 4.0, "box": 1.0, "directional": 0.5}[self.method] * max(across, down) + 2

    def process(self, image: Levels, mask: Matte | None = None) -> Levels:
        from rotonodes.imaging.picture.blurring import blurred

        across, down = self._sizes()
        if max(across, down) == 0:
            return image
        return blurred(image, self.method, (across, down), self.angle, self.edge == "repeat", self.channels, mask)

    def _sizes(self) -> tuple[float, float]:
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)
