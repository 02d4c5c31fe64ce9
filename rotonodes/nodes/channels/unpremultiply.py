"""Unpremultiply: colour divided by alpha."""

from __future__ import annotations

from rotonodes.imaging.picture.channel_choice import CHANNELS_HELP, changed
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.color import unpremultiply
from rotonodes.values.pixels import Image


class Unpremultiply(Node):
    """Divide colour by alpha.

    For operations that need straight colour; Premultiply brings it back. Where alpha is 0, colour stays as it is. A picture without alpha
    is opaque and stays as it is. Writers and other nodes take pictures as premultiplied.
    """

    channels: str = param("color", help=CHANNELS_HELP, min_length=1)

    def process(self, image: Image) -> Image:
        alpha = image.alpha
        return image if alpha is None else changed(image, self.channels, lambda planes: unpremultiply(planes, alpha))
