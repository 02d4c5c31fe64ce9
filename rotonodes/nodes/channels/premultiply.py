"""Premultiply: colour times alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.imaging.picture.channel_choice import CHANNELS_HELP, filled
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image

if TYPE_CHECKING:
    from torch import Tensor


class Premultiply(Node):
    """Multiply colour by alpha.

    For pictures that were divided by Unpremultiply, or that hold straight colour. Where alpha is 0, colour becomes 0, infinity and
    NaN included. A picture without alpha is opaque and stays as it is.
    """

    channels: str = param("color", help=CHANNELS_HELP, min_length=1)

    def process(self, image: Image) -> Image:
        import torch

        from rotonodes.imaging.picture.compositing import all_finite

        alpha = image.alpha
        if alpha is None:
            return image

        def times_alpha(planes: Tensor, out: Tensor | None) -> Tensor:
            made = torch.mul(planes, alpha, out=out)
            return made if all_finite(made) else torch.where(alpha != 0, made, 0.0)

        return filled(image, self.channels, times_alpha)
