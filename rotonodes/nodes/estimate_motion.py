"""EstimateMotion: a Vector pass for pictures that have none."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from rotonodes.errors import FrameError, UsageError
from rotonodes.frames import format_frames
from rotonodes.node import Frame, Node, param
from rotonodes.nodes.composite import colors
from rotonodes.pixels import Clip, Image

if TYPE_CHECKING:
    from torch import Tensor


class Estimate(NamedTuple):
    """Motion in pixels: channels X Y to the frame before, Z W to the frame after, as Blender's Vector pass has them."""

    motion: Image


class EstimateMotion(Node):
    """Estimate how a shot moves, from its pictures: motion vectors where there is no Vector pass of the render.

    Every frame is compared with the one before and the one after it, by brightness. The result is as Blender writes its
    Vector pass: channels X Y Z W in pixels, y upwards; a point at column x and row y lies at (x + X, y - Y) in the frame
    before and at (x - Z, y + W) in the frame after. Towards a frame that is not in the shot it is zero. Plain surfaces
    tell little of their motion; there the render's own vectors are better.
    """

    category: ClassVar[str] = "passes"

    shrink: Literal[1, 2, 4] = param(2, help="compare frames at this fraction of their size; 1 is the finest and the slowest")

    def needs(self, frame: int) -> tuple[int, ...]:
        return frame - 1, frame, frame + 1

    def working_bytes(self, width: int, height: int) -> int:
        """The pyramids and what the least squares are made of, about 24 planes at the finest level, and the vectors."""
        return 4 * width * height * (24 // self.shrink**2 + 6)

    def process(self, image: Clip[Image], *, frame: Frame) -> Estimate:
        from rotonodes.motion import estimate

        shown = on_frames(image, "image", self.needs(frame), frame)
        pictures = {at: brightness(picture) for at, picture in shown.items()}
        vectors = estimate(pictures[frame], pictures.get(frame - 1), pictures.get(frame + 1), self.shrink)
        return Estimate(shown[frame].with_data(vectors, ("X", "Y", "Z", "W")))


def on_frames(clip: Clip[Image], name: str, wanted: Collection[int], frame: int) -> dict[int, Image]:
    """The wanted frames that a clip has, by number: whole frames, of one size and one set of channels, on one device.

    UsageError where `frame` itself is not in the clip, FrameError where another one differs from it.
    """
    found = {number: picture.on_frame() for number, picture in clip.items() if number in wanted}
    if frame not in found:
        raise UsageError(f"{name}: there is no frame {frame} in the clip; it has the frames {format_frames(clip.frames) or 'none'}")
    own = found[frame]
    for number, other in found.items():
        if other.size != own.size:
            sizes = f"{other.width} x {other.height}, frame {frame} {own.width} x {own.height}"
            raise FrameError(f"{name}: frame {number} is {sizes}: frames must be of one size to be compared")
        if other.channels != own.channels:
            named = f"{' '.join(other.channels)}, frame {frame} {' '.join(own.channels)}"
            raise FrameError(f"{name}: frame {number} has the channels {named}: they must be the same")
    return {number: picture.to(own.device) for number, picture in sorted(found.items())}


def brightness(picture: Image) -> Tensor:
    """How bright a picture looks: sRGB-encoded luminance `[1, H, W]`, 0 to 1; what is no number is black."""
    from rotonodes.color import linear_to_srgb, luminance

    return linear_to_srgb(luminance(colors(picture)).nan_to_num(0).clamp(0, 1))
