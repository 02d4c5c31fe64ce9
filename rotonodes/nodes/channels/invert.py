"""Invert: light to dark, inside to outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.imaging.picture.channel_choice import CHANNELS_HELP, changed, chosen_channels, filled
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Box, Levels, Matte

if TYPE_CHECKING:
    from torch import Tensor


class Invert(Node):
    """Invert a picture or a matte: 1 - x.

    Premultiplied colour is inverted where it is: it becomes alpha - x, so that transparent stays transparent. Every other channel becomes
    1 - x, alpha too where it is chosen; the data window then grows to the frame, because what was 0 outside becomes 1.
    """

    channels: str = param("color", help=CHANNELS_HELP, min_length=1)

    def process(self, image: Levels, mask: Matte | None = None) -> Levels:
        import torch

        if isinstance(image, Matte):
            return changed(image, "all", lambda planes: 1 - planes, mask)
        alpha = image.alpha
        below = [] if alpha is None else image.color_indices  # channels that alpha limits
        chosen = chosen_channels(image, self.channels)
        if any(index not in below for index in chosen):
            image = image.on(image.box.union(Box(0, 0, *image.size)))
            alpha = image.alpha
        tops = [alpha if alpha is not None and index in below else image.data.new_ones(1, 1, 1) for index in chosen]

        def inverted(planes: Tensor, out: Tensor | None) -> Tensor:
            made = torch.empty_like(planes, memory_format=torch.contiguous_format) if out is None else out
            for place, top, plane in zip(made.split(1), tops, planes.split(1), strict=True):
                torch.sub(top, plane, out=place)
            return made

        return filled(image, self.channels, inverted, mask)
