"""Denoise: less noise in passes, with their edges kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rotonodes.imaging.picture.channel_choice import CHANNELS_HELP
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Levels


class Denoise(Node):
    """Remove noise from passes, with edges kept.

    `median` takes the middle value of the pixels around, which removes fireflies; its radius is at most 3. `bilateral` averages the
    pixels around that are alike: in brightness within `difference`, and, where they are linked, in their normals and their albedo
    (DiffCol), which have no noise of their own and show edges that the light does not. With them a large `difference` smooths noisy light
    within each surface. NaN and infinity are filled from around.
    """

    method: Literal["median", "bilateral"] = param("median", help="middle value, or an average of what is alike")
    radius: int = param(1, help="pixels that are looked at on each side", unit="px", ge=0, le=32)
    difference: float = param(0.2, help="difference of brightness, as sRGB codes from 0 to 1, that counts as an edge", gt=0, le=100)
    normal: float = param(0.3, help="difference of normals that counts as an edge: 0.3 is 17 degrees", gt=0, le=10)
    albedo_difference: float = param(0.1, help="difference of albedo that counts as an edge", gt=0, le=10)
    channels: str = param("color", help=CHANNELS_HELP, min_length=1)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.method == "median" and self.radius > 3:
            yield f"radius: a median looks at most 3 px far, not {self.radius}: take a smaller radius, or method: bilateral"
        for guide in ("normals", "albedo"):
            if self.method == "median" and guide in linked:
                yield f"`{guide}` is linked, but method: median does not use it: remove the link, or set method: bilateral"

    def pixel_reach(self) -> float:
        return self.radius + 1

    def process(self, image: Levels, normals: Image | None = None, albedo: Image | None = None) -> Levels:
        from rotonodes.imaging.picture.denoising import Guide, bilateral, median

        if self.radius == 0:
            return image
        if self.method == "median":
            return median(image, self.radius, self.channels)
        guides = [Guide("normals", normals, self.normal), Guide("albedo", albedo, self.albedo_difference)]
        return bilateral(image, self.radius, self.difference, [guide for guide in guides if guide.picture is not None], self.channels)
