"""SplitParts: a picture cut into its parts, one layer each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import field_validator

from rotonodes.imaging.picture.layering import as_layers
from rotonodes.imaging.picture.parts import cut_outs, laid_over, part_planes
from rotonodes.node.annotations import Wanted
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Labels, Layers, Matte


class SplitParts(Node):
    """Cut a picture into parts: a cut-out and a matte each.

    All cut-outs together are also layers, from back to front.

    `mattes` come from LoadParts, from any one-channel layers named after their part, from UNetSegment's probabilities, or from labels.
    Each part has two outputs: `hair`, the cut-out, and `hair_matte`. `layers` are the cut-outs of all parts for WritePSD, and `picture`
    is their composite: the picture itself wherever parts cover it.

    A matte is the part's share of a pixel, the picture's own soft outline included: no part's alpha exceeds the picture's.
    With `join`, a part continues below the soft edge of those in front of it: its alpha is m / (1 - c), with m its matte and c the
    coverage of the parts in front, so that the layers together are as opaque as the sum of the mattes. Otherwise it is m. Where mattes
    overlap, m + c > 1, parts stay whole below others. A network's mattes have tails, small values far from a part, which would be
    raised where nothing else is left: `levels: [0.3, 0.7]` removes them.
    """

    parts: list[str] = param([], help="parts to cut out, from back to front; default all, in their own order", examples=[["midtone"]])
    rest: str = param("", help="name of an additional part behind all others, of what they leave open; default none")
    levels: tuple[float, float] = param(
        (0.0, 1.0),
        help="matte values that become 0 and 1; values between are interpolated",
        examples=[[0.3, 0.7], [0.0, 0.9]],
    )
    join: bool = param(True, help="extend parts below the soft edges of those in front, so that no seam shows")

    @field_validator("parts")
    @classmethod
    def _usable_names(cls, parts: list[str]) -> list[str]:
        for name in parts:
            if name in ("layers", "picture", "") or parts.count(name) > 1:
                raise ValueError(f"the part {name!r} needs another name: each has its own, and 'layers' and 'picture' are outputs")
        return parts

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= levels[0] < levels[1] <= 1:
            raise ValueError(f"levels must rise between 0 and 1, these do not: {list(levels)}")
        return levels

    def names(self) -> tuple[str, ...]:
        """The parts that have outputs, the rest first."""
        return (*((self.rest,) if self.rest else ()), *self.parts)

    def outputs(self) -> Mapping[str, type]:
        cut = dict.fromkeys(self.names(), Image)
        return {"layers": Layers, "picture": Image, **cut, **{f"{name}_matte": Matte for name in cut}}

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.rest in ("layers", "picture") or self.rest in self.parts:
            yield f"rest: {self.rest!r} is taken: choose another name"
        for name in self.names():
            if f"{name}_matte" in self.names():
                yield f"the part {name + '_matte'!r} has the name of the matte of {name!r}: choose another name"

    def process(self, image: Image, mattes: Layers | Labels | Image, wanted: Wanted) -> dict[str, Layers | Image | Matte | None]:
        import torch

        picture = image.on_frame()
        planes = part_planes(mattes, self.parts, picture)
        low, high = self.levels
        if (low, high) != (0, 1):
            planes = {name: ((plane - low) / (high - low)).clamp(0, 1) for name, plane in planes.items()}
        if self.rest:
            whole = torch.ones_like(picture.data[0]) if picture.alpha is None else picture.alpha[0]
            planes = {self.rest: (whole - torch.stack(list(planes.values())).sum(0)).clamp(0, 1), **planes}
        made: dict[str, Layers | Image | Matte | None] = dict.fromkeys(self.outputs())
        for name in self.names():
            made[f"{name}_matte"] = Matte(planes[name][None])
        if wanted & {"layers", "picture", *self.names()}:
            cut = dict(zip(planes, cut_outs(picture, list(planes.values()), self.join), strict=True))
            made |= {name: cut[name] for name in self.names()}
            made["layers"] = as_layers(cut) if "layers" in wanted else None
            made["picture"] = laid_over(list(cut.values())) if "picture" in wanted else None
        return made
