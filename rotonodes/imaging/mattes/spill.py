"""Spill: light of a green or blue screen on the foreground, and its removal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rotonodes.values.color import LUMINANCE

# Upper limit of the screen's channel, as a function of red and the other channel.
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
    """Spill of a `green` or `blue` screen in linear `[3, H, W]`, premultiplied or not: `[1, H, W]`, not negative.

    It is the excess of the screen's channel over the limit (a key of `LIMITS`) given by red and the other channel (blue for a green
    screen, green for a blue one).
    """
    own, other = (1, 2) if screen == "green" else (2, 1)
    return (color[own] - LIMITS[limit](color[0], color[other])).clamp_(min=0)[None]


def despill(color: Tensor, spill: Tensor, screen: str = "green", restore: float = 0.0) -> Tensor:
    """`[3, H, W]` with `spill` `[1, H, W]` removed from the screen's channel.

    The share `restore` (0 to 1) of the spill's luminance is added back as grey.
    """
    at = 1 if screen == "green" else 2
    cleaned = color + spill * (restore * LUMINANCE[at]) if restore else color.clone()
    cleaned[at] -= spill[0]
    return cleaned
