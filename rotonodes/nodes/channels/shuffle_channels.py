"""ShuffleChannels: channels under other names, and from another picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import field_validator

from rotonodes.errors import FrameError, did_you_mean
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image

if TYPE_CHECKING:
    from torch import Tensor


class ShuffleChannels(Node):
    """Copy channels to other names and between pictures.

    `channels` maps each new channel to its source: a channel of the picture (`R`), one of the second picture (`b.R`), or a number
    (`0`, `1`) for a constant. All other channels stay. `{R: A, G: A, B: A}` shows alpha as grey, `{A: b.R}` takes the red of another
    picture as alpha, `{Z: b.Depth.Z}` copies a depth. Outside its data window a channel is 0, a constant of the picture as well.
    """

    channels: dict[str, str] = param({}, help="new channel -> source: a name, b.name, or a number", examples=[{"A": "R"}, {"mask": "1"}])

    @field_validator("channels")
    @classmethod
    def _named(cls, channels: dict[str, str]) -> dict[str, str]:
        for name, source in channels.items():
            if not name.strip() or not source.strip():
                raise ValueError(f"channels: {name!r}: {source!r} lacks a name: write new: source, as in A: b.R")
        return channels

    def process(self, image: Image, b: Image | None = None) -> Image:
        import torch

        if b is not None:
            if b.size != image.size:
                raise FrameError(f"b is {b.width} x {b.height}, the picture {image.width} x {image.height}: crop or reformat one of them")
            image, b = image.on(image.box.union(b.box)), b.to(image.device).on(image.box.union(b.box))
        if not self.channels:
            return image
        planes = dict(zip(image.channels, image.data.split(1), strict=True))
        planes |= {name: self._source(source, image, b) for name, source in self.channels.items()}
        return image.with_data(torch.cat(list(planes.values())), tuple(planes))

    def _source(self, source: str, image: Image, b: Image | None) -> Tensor:
        plane = image.plane(source)
        if plane is None and b is not None and source.startswith("b."):
            plane = b.plane(source.removeprefix("b."))
        if plane is not None:
            return plane
        try:
            return image.data.new_full(image.data[:1].shape, float(source))
        except ValueError:
            pass
        there = [*image.channels, *(f"b.{name}" for name in (b.channels if b is not None else ()))]
        missing = " (`b` is not linked)" if source.startswith("b.") and b is None else did_you_mean(source, there)
        raise FrameError(f"channels: there is no channel {source!r}{missing}; there are {' '.join(there)}")
