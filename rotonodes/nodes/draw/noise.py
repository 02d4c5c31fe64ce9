"""Noise: a texture of random spots."""

from __future__ import annotations

from typing import Literal

from rotonodes.node.annotations import Frame
from rotonodes.node.parameters import param
from rotonodes.nodes.draw.generated import Generated
from rotonodes.values.pixels import Image, Labels, Matte


class Noise(Generated):
    """Make a grey texture of random spots.

    `fractal` sums smooth noise of ever smaller spots, like clouds; `white` gives each pixel a value of its own. The texture is the same
    for the same seed on every machine, and stays still unless `moving` gives each frame another one. Values lie from `low` to `high`, in
    linear light.
    """

    method: Literal["fractal", "white"] = param("fractal", help="smooth spots of several sizes, or single pixels")
    spots: float | tuple[float, float] = param(
        64.0, help="size of the largest spots, one number or [across, down]", unit="px", examples=[3.0, [5.0, 2.0]]
    )
    octaves: int = param(5, help="number of sizes of spots, each half of the one before", ge=1, le=16)
    roughness: float = param(0.5, help="strength of each size of spots, as a share of the one before", ge=0, le=1)
    low: float = param(0.0, help="darkest value")
    high: float = param(1.0, help="brightest value")
    seed: int = param(0, help="another number gives another texture", ge=0)
    moving: bool = param(False, help="whether each frame has a texture of its own")

    def process(self, like: Image | Matte | Labels | None = None, *, frame: Frame) -> Image:
        from rotonodes.imaging.picture.texture_noise import fractal, white

        size = self.frame_size(like)
        seed = (self.seed, int(frame) if self.moving else 0)
        across, down = self.spots if isinstance(self.spots, tuple) else (self.spots, self.spots)
        if self.method == "white":
            plane = (white(size, seed) + 1) / 2
        else:
            plane = fractal(size, (max(across, 1.0), max(down, 1.0)), self.octaves, self.roughness, seed)
        plane = self.low + (self.high - self.low) * plane
        return Image(plane.to(like.device if like is not None else "cpu").expand(3, *plane.shape).contiguous())
