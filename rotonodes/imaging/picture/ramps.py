"""Gradients between two colours."""

from __future__ import annotations

import torch
from torch import Tensor

from rotonodes.errors import UsageError
from rotonodes.values.color import hex_to_linear, linear_to_srgb, srgb_to_linear
from rotonodes.values.pixels import Image

Point = tuple[float, float]


def ramp(
    size: tuple[int, int],
    shape: str,
    start: Point,
    end: Point,
    colors: tuple[str, str],
    mix: str = "srgb",
    ease: str = "none",
    device: str | torch.device = "cpu",
) -> Image:
    """A gradient, RGB or, where a colour is transparent, RGBA, linear and premultiplied; the node Ramp explains the parameters.

    Raises UsageError when `start` and `end` are one point.
    """
    share = _course(size, shape, start, end, device).clamp_(0, 1)
    if ease == "smooth":
        share = share * share * (3 - 2 * share)
    first, last = (torch.tensor(hex_to_linear(color), device=device) for color in colors)
    if mix == "srgb":
        first[:3], last[:3] = linear_to_srgb(first[:3]), linear_to_srgb(last[:3])
    planes = torch.lerp(first.view(-1, 1, 1), last.view(-1, 1, 1), share)
    if mix == "srgb":
        planes[:3] = srgb_to_linear(planes[:3])
    if first[3] == 1 and last[3] == 1:
        return Image(planes[:3].expand(3, size[1], size[0]).contiguous())
    planes[:3] *= planes[3:]
    return Image(planes.expand(4, size[1], size[0]).contiguous())


def _course(size: tuple[int, int], shape: str, start: Point, end: Point, device: str | torch.device) -> Tensor:
    """0 at the start, 1 at the end: `[1, H or 1, W or 1]`."""
    across, down = end[0] - start[0], end[1] - start[1]
    square = across * across + down * down
    if square == 0:
        raise UsageError(f"start and end are the same point ({start[0]:g}, {start[1]:g}): move one of them")
    x, y = (torch.arange(length, device=device) + 0.5 for length in size)
    x, y = (x - start[0]).view(1, 1, -1), (y - start[1]).view(1, -1, 1)
    if shape == "radial":
        return torch.hypot(x, y) / square**0.5
    if across == 0:
        return y * (down / square)
    return x * (across / square) + (y * (down / square) if down else 0)
