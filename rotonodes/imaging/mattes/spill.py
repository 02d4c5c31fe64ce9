"""Spill: light of a green or blue screen on the foreground, taken away."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rotonodes.values.color import LUMINANCE

# The most that the screen's channel may have, given red and the other channel.
LIMITS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "average": lambda red, other: (red + other) / 2,
    "double_red": lambda red, other: (2 * red + other) / 3,
    "double_other": lambda red, other: (red + 2 * other) / 3,
    "red": lambda red, other: red,
    "other": lambda red, other: other,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}


def spill_of(color: Tensor, screen: str = "green", limit: str = "average") -> Tensor:
    """How much light of the screen (`green` or `blue`) is in linear `[3, H, W]`, premultiplied or not: `[1, H, W]`, 0 and up.

    It is what the screen's channel has above a limit that `LIMITS` makes of red and the other channel (blue for a green screen,
    green for a blue one).
    """
    own, other = (1, 2) if screen == "green" else (2, 1)
    return (color[own] - LIMITS[limit](color[0], color[other])).clamp_(min=0)[None]


def despill(color: Tensor, spill: Tensor, screen: str = "green", restore: float = 0.0) -> Tensor:
    """`[3, H, W]` without `spill` `[1, H, W]` in the screen's channel; `restore` of its luminance (0 to 1) comes back as grey."""
    at = 1 if screen == "green" else 2
    cleaned = color + spill * (restore * LUMINANCE[at]) if restore else color.clone()
    cleaned[at] -= spill[0]
    return cleaned
