"""Backdrop: a background to put a cut-out on."""

from __future__ import annotations

import math

from rotonodes.imaging.picture.resample import reformat
from rotonodes.node.base import Node
from rotonodes.node.parameters import Color, param
from rotonodes.values.pixels import Image, Labels, Matte


class Backdrop(Node):
    """Make a background of one colour or of a picture.

    It has the size of the linked matte or labels; a picture is scaled to cover the frame.
    """

    color: Color = param("#000000", help='colour, "#rrggbb" or "#rrggbbaa"; it shows behind the picture where that is transparent')

    def pixel_reach(self) -> float:
        return math.inf

    def process(self, like: Matte | Labels, image: Image | None = None) -> Image:
        import torch

        from rotonodes.imaging.picture.compositing import merge
        from rotonodes.values.color import hex_to_linear

        red, green, blue, alpha = hex_to_linear(self.color)
        planes = [red * alpha, green * alpha, blue * alpha, *([alpha] if alpha < 1 else [])]
        color = Image(torch.tensor(planes, device=like.device).view(-1, 1, 1).repeat(1, like.height, like.width))
        return color if image is None else merge(reformat(image, like.size), color)
