"""EstimateMotion: a Vector pass for pictures that have none."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rotonodes.imaging.temporal.neighbours import brightness, on_frames
from rotonodes.node.asks import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Image


class Estimate(NamedTuple):
    """Motion in pixels: channels X Y to the frame before, Z W to the frame after, as Blender's Vector pass has them."""

    motion: Image


class EstimateMotion(Node):
    """Estimate motion vectors from the pictures of a shot.

    They stand in where the render has no Vector pass.

    Every frame is compared with the one before and the one after it, by brightness. The result is as Blender writes its
    Vector pass: channels X Y Z W in pixels, y upwards; a point at column x and row y lies at (x + X, y - Y) in the frame
    before and at (x - Z, y + W) in the frame after. Towards a frame that is not in the shot it is zero. Plain surfaces
    tell little of their motion; there the render's own vectors are better.
    """

    shrink: Literal[1, 2, 4] = param(2, help="compare frames at this fraction of their size; 1 is the finest and the slowest")

    def needs(self, frame: int) -> tuple[int, ...]:
        return frame - 1, frame, frame + 1

    def working_bytes(self, width: int, height: int) -> int:
        """The pyramids and what the least squares are made of, about 24 planes at the finest level, and the vectors."""
        return 4 * width * height * (24 // self.shrink**2 + 6)

    def process(self, image: Clip[Image], *, frame: Frame) -> Estimate:
        from rotonodes.imaging.temporal.motion import estimate

        shown = on_frames(image, "image", self.needs(frame), frame)
        pictures = {at: brightness(picture) for at, picture in shown.items()}
        vectors = estimate(pictures[frame], pictures.get(frame - 1), pictures.get(frame + 1), self.shrink)
        return Estimate(shown[frame].with_data(vectors, ("X", "Y", "Z", "W")))
