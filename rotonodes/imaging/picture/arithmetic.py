"""Arithmetic with the channels of pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import matte_on
from rotonodes.values.pixels import Image, Matte


def _divide(a: Tensor, b: Tensor, out: Tensor | None) -> Tensor:
    return torch.where(b == 0, 0.0, a / torch.where(b == 0, 1.0, b))


def _power(a: Tensor, b: Tensor, out: Tensor | None) -> Tensor:
    exponent = float(b) if b.numel() == 1 else 0.0
    if exponent > 0 and a.min() >= 0:  # NaN is not
        if exponent in (0.5, 2.0, 3.0):
            return torch.pow(a, exponent)
        return torch.log2(a, out=out).mul_(exponent).exp2_()  # twice as fast as a general power, within 1e-6 of it
    return torch.where(a > 0, a.clamp(min=0) ** b, a)


def _difference(a: Tensor, b: Tensor, out: Tensor | None) -> Tensor:
    return torch.sub(a, b, out=out).abs_()


# (a, b, where the result may be written or None) -> the result, there or elsewhere
OPERATIONS: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "add": lambda a, b, out: torch.add(a, b, out=out),
    "subtract": lambda a, b, out: torch.sub(a, b, out=out),
    "multiply": lambda a, b, out: torch.mul(a, b, out=out),
    "divide": _divide,
    "power": _power,
    "min": lambda a, b, out: torch.minimum(a, b, out=out),
    "max": lambda a, b, out: torch.maximum(a, b, out=out),
    "difference": _difference,
}


def clamped(planes: Tensor, low: float | None, high: float | None) -> Tensor:
    """Planes within low and high; NaN stays."""
    return planes if low is None and high is None else planes.clamp(low, high)


def operands(image: Image | Matte, other: Image | Matte, names: list[str]) -> Tensor:
    """The planes of `other` that belong to the named channels of `image`, `[n or 1, H, W]` on its data window.

    A matte, and a picture of one channel, serve every channel; a picture without alpha is opaque. Raises FrameError for another frame size,
    or a channel that `other` lacks.
    """
    other = other.to(image.device)
    if isinstance(image, Matte):
        if isinstance(other, Matte):
            if other.size != image.size:
                raise FrameError(f"b is {_size(other)}, the picture {_size(image)}: crop or reformat one of them")
            return other.data
        image = Image(image.data)
    if isinstance(other, Matte):
        return matte_on(other, image.size, image.box)
    if other.size != image.size:
        raise FrameError(f"b is {_size(other)}, the picture {_size(image)}: crop or reformat one of them")
    placed = other.on(image.box)
    if len(other.channels) == 1:
        return placed.data
    lacking = [name for name in names if name not in other.channels and name != "A"]
    if lacking:
        there = " ".join(other.channels)
        raise FrameError(f"b has no channel {lacking[0]!r}: it has {there}; choose other `channels`, or use ShuffleChannels")
    if tuple(names) == placed.channels:
        return placed.data
    opaque = Image(torch.ones_like(other.data[:1]), ("A",), other.origin, other.size).on(image.box).data
    planes = [placed.plane(name) for name in names]
    return torch.cat([opaque if plane is None else plane for plane in planes])


def _size(picture: Image | Matte) -> str:
    return f"{picture.width} x {picture.height}"
