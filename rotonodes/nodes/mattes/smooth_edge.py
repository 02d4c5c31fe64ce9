"""SmoothEdge: the edge of a matte without its steps and wobbles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from rotonodes.errors import UsageError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class SmoothEdge(Node):
    """Smooth the edge of a matte.

    Empty mattes stay empty, and a shape that leaves the frame still does.

    `blur` blurs by `radius` and sharpens again until the edge is `softness` wide: wobbles shorter than the blur disappear, corners
    become round. `polygon` draws the shape with straight anti-aliased lines that lie within `tolerance` of its edge (Douglas and
    Peucker), crisp also where the matte was soft; it needs scikit-image (`pip install "rotonodes[post]"`). `guided` moves the
    edge to the linked `image`'s edge within `radius` (guided filter), as soft as the image is there.
    """

    method: Literal["blur", "polygon", "guided"] = param(
        "blur", help="smoothing method: blur and sharpen, straight lines, or the image's own edge", examples=["guided"]
    )
    radius: float = param(2.0, help="radius of the blur (standard deviation), or of the guided filter's window", unit="px", gt=0, le=200)
    softness: float = param(1.0, help="width of the edge after a blur, at most the blur's own of 2.5 times its radius", unit="px", gt=0)
    tolerance: float = param(1.0, help="largest distance between polygon and edge", unit="px", gt=0, le=100)
    detail: float = param(0.1, help="smallest step of the image's brightness, 0 to 1, that guides the edge", gt=0, le=1)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.method == "guided" and "image" not in linked:
            yield "method: guided follows a picture: link its `image`"
        if self.method != "guided" and "image" in linked:
            yield f"`image` is linked, but method: {self.method} does not use it: remove the link, or set method: guided"

    def libraries(self) -> tuple[str, ...]:
        return ("skimage",) if self.method == "polygon" else ()

    def pixel_reach(self) -> float:
        return {"blur": 4 * self.radius + 1, "guided": 2 * self.radius + 2, "polygon": math.inf}[self.method]

    def process(self, matte: Matte, image: Image | None = None) -> Matte:
        import torch

        from rotonodes.imaging.mattes.outline import straightened
        from rotonodes.imaging.mattes.smooth import blurred, guide_of, guided

        before = matte.data[0].cpu().numpy()
        if self.method == "guided":
            if image is None:
                raise UsageError("method: guided follows a picture: link its `image`")
            after = guided(before, guide_of(matte, image), max(1, round(self.radius)), self.detail)
        elif self.method == "polygon":
            after = straightened(before, self.tolerance)
        else:
            after = blurred(before, self.radius, self.softness)
        return Matte(torch.from_numpy(after).to(matte.device)[None]) if after is not before else matte
