"""SmoothEdge: the edge of a matte without its steps and wobbles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.compositing import colors
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte

if TYPE_CHECKING:
    import numpy as np

_ROWS = 64  # at a time: they stay in the processor's cache


class SmoothEdge(Node):
    """Smooth the edge of a matte.

    What is empty stays empty, and the shape goes on to the borders of the frame as it did.

    `blur` blurs by `radius` and sharpens again until the edge is `softness` wide: wobbles shorter than the blur go, corners become
    round. `polygon` draws the shape with straight lines that leave its edge by at most `tolerance` (Douglas and Peucker) and that
    are anti-aliased, crisp also where the matte was soft; it needs scikit-image (`pip install "rotonodes[post]"`). `guided` moves the
    edge to where the linked `image` has one within `radius` (guided filter), and makes it as soft as the image is there.
    """

    method: Literal["blur", "polygon", "guided"] = param("blur", help="how the edge is smoothed", examples=["guided"])
    radius: float = param(2.0, help="of the blur (standard deviation), or of the guided filter's window", unit="px", gt=0, le=200)
    softness: float = param(1.0, help="width of the edge after a blur; the blur's own, 2.5 times its radius, is the most", unit="px", gt=0)
    tolerance: float = param(1.0, help="how far a polygon may leave the edge", unit="px", gt=0, le=100)
    detail: float = param(0.1, help="steps of the image's brightness smaller than this do not guide the edge", gt=0, le=1)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.method == "guided" and "image" not in linked:
            yield "method: guided follows a picture: link its `image`"
        if self.method != "guided" and "image" in linked:
            yield f"`image` is linked, but method: {self.method} does not look at it; take the link out, or set method: guided"

    def process(self, matte: Matte, image: Image | None = None) -> Matte:
        import torch

        from rotonodes.imaging.mattes.outline import straightened
        from rotonodes.imaging.mattes.smooth import blurred, guided

        before = matte.data[0].cpu().numpy()
        if self.method == "guided":
            after = guided(before, guide(matte, image), max(1, round(self.radius)), self.detail)
        elif self.method == "polygon":
            after = straightened(before, self.tolerance)
        else:
            after = blurred(before, self.radius, self.softness)
        return Matte(torch.from_numpy(after).to(matte.device)[None]) if after is not before else matte


def guide(matte: Matte, image: Image | None) -> np.ndarray:
    """The image's brightness as it looks, float32 `[H, W]`, 0 to 1."""
    if image is None:
        raise UsageError("SmoothEdge with method: guided follows a picture: give its image")
    if image.size != matte.size:
        sizes = f"{matte.width} x {matte.height}, the picture {image.width} x {image.height}"
        raise FrameError(f"the matte is {sizes}: crop or reformat one of them")
    import torch

    from rotonodes.values.color import linear_to_srgb, luminance

    color = colors(image.on_frame())
    strips = (luminance(strip).nan_to_num(0).clamp(0, 1) for strip in color.split(_ROWS, dim=1))
    found: np.ndarray = torch.cat([linear_to_srgb(strip)[0] for strip in strips]).cpu().numpy()
    return found
