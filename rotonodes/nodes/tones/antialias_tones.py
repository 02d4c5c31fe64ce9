"""AntialiasTones: borders between tones without steps and without blur."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from rotonodes.errors import FrameError, UsageError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import largest_plane


class AntialiasTones(Node):
    """Antialias the borders between tones.

    The result holds each class's share of each pixel, as `probabilities` for PaintTones: flat inside, one pixel wide at borders.

    From `labels`, a border is smoothed as far as it stays between the pixels that it divides: steps become straight lines, and a class of a
    single pixel stays. From `probabilities` its place is where two of them cross. With a linked `matte` (of the cryptomatte), the
    matte alone is the shape's edge: tones are continued across it, and what lies around is continued inwards, so that neither shows
    through at the edge. Composite what PaintTones makes of it over the plate without a mask.

    A picture of labels alone has exactly the palette's colours; antialiased ones have mixtures of two. `steps` limits them, so that
    GIFs and PNGs with a palette stay exact.
    """

    revision: ClassVar[int] = 1  # labels that lie in memory column by column have antialiased borders too
    steps: int = param(0, help="number of steps between two tones at a border; 0: as many as needed", ge=0, le=255)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"

    def pixel_reach(self) -> float:
        return math.inf  # a border is smoothed along its course

    def process(self, labels: Labels | None = None, probabilities: Image | None = None, matte: Matte | None = None) -> Image:
        from rotonodes.imaging.picture.tone_edges import shares_in_shape

        if (labels is None) == (probabilities is None):
            raise UsageError("give either `labels` or `probabilities`")
        if labels is not None:
            classes, best, device, known = labels.classes, labels.data.cpu(), labels.device, None
        else:
            picture = probabilities.on_frame()  # type: ignore[union-attr]
            known = picture.data.cpu().nan_to_num(0.0)
            classes, best, device = picture.channels, largest_plane(known, 0), picture.device
        if int(best.max()) >= len(classes):
            raise FrameError(f"class index {int(best.max())} has no name: the labels have {len(classes)} classes")
        height, width = best.shape
        if matte is not None and matte.size != (width, height):
            raise FrameError(f"the matte is {matte.width} x {matte.height}, the tones {width} x {height}: crop or reformat one of them")
        shares = shares_in_shape(best, classes, None if matte is None else matte.data[0], known, self.steps)
        return Image(shares.contiguous().to(device), classes)
