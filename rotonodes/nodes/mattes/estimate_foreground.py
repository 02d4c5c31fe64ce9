"""EstimateForeground: a cut-out with its own colours, free of the background that showed through its edge."""

from __future__ import annotations

from typing import Literal

from rotonodes.imaging.picture.compositing import colors, matte_on
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class EstimateForeground(Node):
    """Cut a picture out by its matte, without a halo.

    The old background's colour is taken out of the soft edge, so that it does not show on a new one.

    A pixel of the edge is C = a F + (1 - a) B, and of that a cut-out must keep a F alone. F is estimated where the matte is
    between 0 and 1, in linear light: `blur_fusion` (Forte and Pitié 2021) on any device, or pymatting's `multi_level` (Germer et al.
    2020) on the CPU (`pip install "rotonodes[matting]"`), slower and a little closer. The result is premultiplied, with the matte as
    its alpha, ready to be the fg of a Composite. Other channels stay.
    """

    method: Literal["blur_fusion", "multi_level"] = param("blur_fusion", help="how the foreground's colour is found")

    def working_bytes(self, width: int, height: int) -> int:
        """At most, where all of the matte is soft: copies of the picture, and bands of rows with both colours and what they are made of."""
        return 4 * width * (16 * height + 80 * min(height, 60))

    def process(self, image: Image, matte: Matte) -> Image:
        import torch

        from rotonodes.imaging.mattes.foreground import blur_fusion, multi_level
        from rotonodes.values.color import premultiply

        alpha = matte_on(matte.to(image.device), image.size, image.box)
        found = (blur_fusion if self.method == "blur_fusion" else multi_level)(colors(image), alpha)
        planes = dict(zip(image.color_indices, premultiply(found, alpha), strict=True))
        names = image.channels if image.alpha is not None else (*image.channels, "A")
        planes[names.index("A")] = alpha[0]
        return image.with_data(torch.stack([planes[i] if i in planes else image.data[i] for i in range(len(names))]), names)
