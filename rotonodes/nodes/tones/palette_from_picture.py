"""PaletteFromPicture: a palette out of a reference painting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rotonodes.errors import FrameError, UsageError
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.palette import Palette
from rotonodes.values.pixels import Clip, Image


class PaletteFromPicture(Node):
    """Take a palette out of a reference painting.

    The colours are the centres of k-means in OKLab, dark to light, so that PaintTones gives the darkest to the first class. The
    picture is a file, or linked; of a clip all frames count, so that one palette holds for the shot. Colours that are rare count
    for more than their share, so that an accent is found beside a large ground. The same picture always gives the same palette.
    """

    cached: ClassVar[bool] = True
    path: InputPath | None = param(None, help="picture to take the colours of; or link one")
    colors: int = param(4, help="number of colours", ge=1, le=64)
    accents: float = param(0.5, help="weight of rare colours: 0 counts pixels, 1 counts each colour once", ge=0, le=1)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if (self.path is None) == ("image" not in linked):
            yield (
                "give path:, or link a picture" if self.path is None else "path: and a linked picture are both given; take one of them out"
            )

    def process(self, image: Clip[Image] | None = None) -> Palette:
        from rotonodes.imaging.picture.palette_colors import ColorCount, palette_colors
        from rotonodes.io.pictures import read_image

        if image is None and self.path is None:
            raise UsageError("PaletteFromPicture: give path=, or a picture")
        count = ColorCount()
        for picture in [read_image(self.path)] if image is None and self.path is not None else image or ():
            count.add(picture)
        if not count.total:
            raise FrameError("the picture has no opaque pixel to take a colour of")
        return Palette(palette_colors(count, self.colors, self.accents), name=Path(self.path).stem if self.path else "picture")
