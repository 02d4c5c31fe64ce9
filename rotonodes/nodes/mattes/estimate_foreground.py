"""EstimateForeground: a cut-out without the old background's colour in its soft edge."""

from __future__ import annotations

from typing import Literal

from rotonodes.imaging.picture.compositing import matte_on, with_colors
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class EstimateForeground(Node):
    """Cut a picture out by its matte, without a halo.

    The old background's colour is removed from the soft edge, so that it does not show on a new background.

    An edge pixel is C = a F + (1 - a) B, and a cut-out must keep only a F. F is estimated where the matte is between 0 and 1, in
    linear light: by `blur_fusion` (Forte and Pitié 2021) on any device, or by pymatting's `multi_level` (Germer et al. 2020) on the
    CPU (`pip install "rotonodes[matting]"`), slower and slightly more accurate. The result is premultiplied, with the matte as its alpha,
    ready to be the fg of a Composite. Other channels stay.
    """

    method: Literal["blur_fusion", "multi_level"] = param("blur_fusion", help="estimation method of the foreground's colour")

    def libraries(self) -> tuple[str, ...]:
        return ("pymatting",) if self.method == "multi_level" else ()

    def working_bytes(self, width: int, height: int) -> int:
        """Upper limit, where the whole matte is soft: copies of the picture, and both colours with their sums for a band of rows."""
        return 4 * width * (16 * height + 80 * min(height, 60))

    def pixel_reach(self) -> float:
        return 100.0  # the far windows, of blocks of 8 px

    def process(self, image: Image, matte: Matte) -> Image:
        from rotonodes.imaging.mattes.foreground import blur_fusion, multi_level
        from rotonodes.values.color import premultiply

        alpha = matte_on(matte.to(image.device), image.size, image.box)
        found = (blur_fusion if self.method == "blur_fusion" else multi_level)(image.color, alpha)
        return with_colors(image, premultiply(found, alpha), alpha)
