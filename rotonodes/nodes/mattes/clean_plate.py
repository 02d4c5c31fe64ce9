"""CleanPlate: a plate without a shape's colour in the soft edge around it."""

from __future__ import annotations

from rotonodes.node.base import Node
from rotonodes.values.pixels import Image, Matte


class CleanPlate(Node):
    """Remove a shape's colour from its soft edge in a plate.

    An edge pixel is C = a F + (1 - a) B; something new that is composited over the plate by the same matte must meet B alone, or a
    fringe of the shape's old colour F stays around it. B is estimated where the matte is between 0 and 1, in linear light, by
    blur-fusion (Forte and Pitié 2021), as EstimateForeground estimates F. Where the matte is 1 the plate stays as it is: the new
    shape covers it. Alpha is cleaned like colour; other channels stay.
    """

    def pixel_reach(self) -> float:
        return 100.0  # the far windows, of blocks of 8 px

    def working_bytes(self, width: int, height: int) -> int:
        """Upper limit, where the whole matte is soft: copies of the picture, and both colours with their sums for a band of rows."""
        return 4 * width * (20 * height + 80 * min(height, 60))

    def process(self, image: Image, matte: Matte) -> Image:
        from rotonodes.imaging.mattes.foreground import clean_plate
        from rotonodes.imaging.picture.compositing import matte_on

        return clean_plate(image, matte_on(matte.to(image.device), image.size, image.box))
