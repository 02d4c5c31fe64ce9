"""Arithmetic with the channels of pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import matte_on
from rotonodes.values.pixels import Image, Matte


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(b == 0, 0.0, a / torch.where(b == 0, 1.0, b))


def _power(a: Tensor, b: Tensor) -> Tensor:
    if a.min() > 0:  # NaN is not
        return a**b
    return torch.where(a > 0, a.clamp(min=0) ** b, a)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": _divide,
    "power": _power,
    "min": torch.minimum,
    "max": torch.maximum,
    "difference": lambda a, b: (a - b).abs(),
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
