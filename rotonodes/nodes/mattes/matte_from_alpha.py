"""MatteFromAlpha: the alpha of a picture as a matte."""

from __future__ import annotations

from rotonodes.imaging.picture.compositing import matte_on
from rotonodes.node.base import Node
from rotonodes.values.pixels import Box, Image, Matte


class MatteFromAlpha(Node):
    """Take the alpha of a picture as a matte.

    With `matte` the result is the product of both: what is transparent in the picture stays transparent in the cut-out. Alpha is
    clamped to 0 to 1; a picture without alpha is opaque inside its data window. Raises FrameError for a matte of another size.
    """

    def process(self, image: Image, matte: Matte | None = None) -> Matte:
        alpha = image.alpha if image.alpha is not None else image.data.new_ones((1, *image.data.shape[1:]))
        own = image.with_data(alpha.clamp(0, 1), ("Y",)).on_frame().data
        return Matte(own if matte is None else matte_on(matte.to(own.device), image.size, Box(0, 0, *image.size)) * own)
