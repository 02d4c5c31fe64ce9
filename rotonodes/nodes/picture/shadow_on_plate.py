"""ShadowOnPlate: a background darkened by a shadow."""

from __future__ import annotations

from rotonodes.node.base import Node
from rotonodes.node.parameters import Color, param
from rotonodes.values.pixels import Image, Matte


class ShadowOnPlate(Node):
    """Multiply a background by a shadow.

    Colour is multiplied by 1 where the matte is 0, and by the shadow's colour where it is 1, in linear light; alpha and other
    channels stay. `density` scales the matte: above 1 a shadow that was measured gets darker.
    """

    color: Color = param("#000000", help='what is left of white in full shadow, "#rrggbb": a dark blue makes a cool shadow')
    density: float = param(1.0, help="factor of the matte", ge=0, le=10)

    def process(self, image: Image, shadow: Matte) -> Image:
        import torch

        from rotonodes.imaging.picture.compositing import matte_on
        from rotonodes.values.color import hex_to_linear

        share = (matte_on(shadow.to(image.device), image.size, image.box) * self.density).clamp(0, 1)
        left = image.data.new_tensor(hex_to_linear(self.color)[: len(image.color_indices)]).view(-1, 1, 1)
        data = image.data.clone()
        indices = list(image.color_indices)
        shaded = data[indices] * (1 + share * (left - 1))
        data[indices] = torch.where(share > 0, shaded, data[indices])  # a pixel out of the shadow stays as it is
        return image.with_data(data)
