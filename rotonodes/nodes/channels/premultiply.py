"""Premultiply: colour times alpha."""

from __future__ import annotations

from rotonodes.imaging.picture.channel_choice import CHANNELS_HELP, changed
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image


class Premultiply(Node):
    """Multiply colour by alpha.

    For pictures that were divided by Unpremultiply, or that hold straight colour. Where alpha is 0, colour becomes 0, infinity and
    NaN included. A picture without alpha is opaque and stays as it is.
    """

    channels: str = param("color", help=CHANNELS_HELP, min_length=1)

    def process(self, image: Image) -> Image:
        import torch

        alpha = image.alpha
        if alpha is None:
            return image
        return changed(image, self.channels, lambda planes: torch.where(alpha != 0, planes * alpha, 0.0))
