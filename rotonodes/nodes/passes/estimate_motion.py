"""EstimateMotion: a Vector pass for pictures that have none."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from rotonodes.imaging.temporal.neighbours import brightness, comparable_frames
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Image


class Estimate(NamedTuple):
    """Motion in pixels: channels X Y to the frame before, Z W to the frame after, as in Blender's Vector pass."""

    motion: Image


class EstimateMotion(Node):
    """Estimate motion vectors from the pictures of a shot.

    They replace the Vector pass of a render that has none.

    Every frame is compared with the frames before and after it, by brightness. The result is in the format of Blender's
    Vector pass: channels X Y Z W in pixels, y upwards; a point at column x and row y lies at (x + X, y - Y) in the frame
    before and at (x - Z, y + W) in the frame after. Vectors to a frame outside the shot are 0. Surfaces without texture
    show little of their motion; the render's own vectors are better there.
    """

    shrink: Literal[1, 2, 4] = param(2, help="factor by which frames are reduced for the comparison; 1 is the finest and slowest")

    def needs(self, frame: int) -> tuple[int, ...]:
        return frame - 1, frame, frame + 1

    def working_bytes(self, width: int, height: int) -> int:
        """The pyramids and sums of the least squares, about 24 planes at the finest level, and the vectors."""
        return 4 * width * height * (24 // self.shrink**2 + 6)

    def pixel_reach(self) -> float:
        return math.inf  # by the coarsest pictures of the pyramid

    def process(self, image: Clip[Image], *, frame: Frame) -> Estimate:
        from rotonodes.imaging.temporal.motion import estimate

        shown = comparable_frames(image, "image", self.needs(frame), frame)
        pictures = {at: brightness(picture) for at, picture in shown.items()}
        vectors = estimate(pictures[frame], pictures.get(frame - 1), pictures.get(frame + 1), self.shrink)
        return Estimate(shown[frame].with_data(vectors, ("X", "Y", "Z", "W")))
