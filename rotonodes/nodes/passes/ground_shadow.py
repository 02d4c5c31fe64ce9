"""GroundShadow: the shadow that shapes throw on the ground, as a matte."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.imaging.passes.names import Passes
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Labels, Layers, Matte
from rotonodes.values.tones import GROUND_SHADOW


class GroundShadow(Node):
    """Take the ground's shadow out of a render, as a matte.

    The matte is the share of the light that the shapes take from everything else: 0 lit, 1 black. ShadowOnPlate multiplies any
    background by it. It goes on some pixels below the shape, so that no light shows between the two.

    From `layers`: `catcher` reads Blender's pass Shadow Catcher; `layers` the view layers Ground and Bare (what is not shape, with and
    without the shapes' shadows); `light` compares the diffuse light of the ground with what it would be without shadows: a smooth
    light over each surface, fitted to its brighter pixels. `auto` takes the first that the file has. The linked `matte` is the shape.
    From `labels`, it is their class ground_shadow, or another `tone`.

    `soft` keeps penumbras as they are measured; `flat` has one density, and an antialiased edge where the light is `threshold` of the
    way into the shadow.
    """

    revision: ClassVar[int] = 1  # more spellings of passes

    style: Literal["flat", "soft"] = param("flat", help="flat: one density with a crisp edge; soft: with penumbras, as in the render")
    source: Literal["auto", "catcher", "layers", "light"] = param("auto", help="layers: what the shadow is read from")
    threshold: float = param(0.5, help="flat: place of the edge, from 0 at the outer end of the penumbra to 1 in full shadow", gt=0, lt=1)
    smoothness: float = param(1.0, help="flat: blur that evens the edge, standard deviation", unit="px", ge=0, le=100)
    median: int = param(3, help="side of the median that removes noise; 1 is off", unit="px", ge=1, le=31)
    albedo: bool = param(False, help="light: the diffuse light holds the surface's colour (Arnold): divide it by DiffCol")
    tone: str = param(GROUND_SHADOW, help="labels: class that is the shadow", examples=["cast_shadow"])
    layer: str = param("", help="view layer to read; empty: the first")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("layers" in linked) == ("labels" in linked):
            yield "link either `layers`, with the `matte` of the shape, or `labels`"
        elif ("layers" in linked) != ("matte" in linked):
            yield "`layers` go with the `matte` of the shape: link both"

    def pixel_reach(self) -> float:
        return math.inf  # the light is fitted to the whole frame

    def process(self, layers: Layers | None = None, matte: Matte | None = None, labels: Labels | None = None) -> Matte:
        import torch

        from rotonodes.imaging.passes.shadow_share import flattened, shadow_share

        if labels is not None:
            if self.tone not in labels.classes:
                near = did_you_mean(self.tone, labels.classes)
                raise FrameError(f"the labels have no class {self.tone!r}{near}; they have {', '.join(labels.classes)}")
            share = (labels.data == labels.classes.index(self.tone)).float().cpu()
            device = labels.device
        elif layers is not None and matte is not None:
            if matte.size != layers.size:
                raise FrameError(
                    f"the matte is {matte.width} x {matte.height}, the layers {layers.width} x {layers.height}: make them one size"
                )
            shape, device = matte.data[0].cpu().nan_to_num(0.0).clamp(0, 1), matte.device
            share = shadow_share(layers, Passes.of(layers, self.names), self.source, self.layer, shape, self.albedo, self.median)
        else:
            raise UsageError("give `layers` with the `matte` of the shape, or `labels`")
        made = flattened(share, self.threshold, self.smoothness) if self.style == "flat" else share
        return Matte(made.to(torch.float32).contiguous().to(device)[None])
