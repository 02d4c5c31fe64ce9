"""sRGB <-> linear, premultiply, luminance. Every function takes and returns float tensors `[..., C, H, W]` or any shape."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from rotonodes.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Colorspace = Literal["srgb", "linear", "raw"]

# Rec. 709 luminance of linear light (ITU-R BT.709-6, item 3.2).
LUMINANCE = (0.2126, 0.7152, 0.0722)


def srgb_to_linear(x: Tensor) -> Tensor:
    """The inverse of IEC 61966-2-1's transfer curve, by its exact pieces; mirrored below 0, extended above 1."""
    import torch

    magnitude = x.abs()
    curved = ((magnitude + 0.055) / 1.055).pow(2.4)
    return torch.where(magnitude <= 0.04045, x / 12.92, torch.copysign(curved, x))


def linear_to_srgb(x: Tensor) -> Tensor:
    """IEC 61966-2-1's transfer curve, by its exact pieces; mirrored below 0, extended above 1."""
    import torch

    return torch.copysign(positive_to_srgb(x.abs()), x)


def positive_to_srgb(x: Tensor, power: Callable[[Tensor, float], Tensor] | None = None) -> Tensor:
    """The same for values from 0 on, in fewer passes over memory; `power` makes a new tensor, as `torch.pow`, which is the default."""
    import torch

    return torch.where(x <= 0.0031308, x * 12.92, (power or torch.pow)(x, 1 / 2.4).mul_(1.055).sub_(0.055))


@functools.cache
def srgb_table(levels: int) -> np.ndarray:
    """Linear float32 value of each code of a `levels`-level sRGB file (256 or 65536), rounded from float64."""
    import numpy as np

    code = np.arange(levels, dtype=np.float64) / (levels - 1)
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)


def premultiply(color: Tensor, alpha: Tensor) -> Tensor:
    """Straight colour `[..., C, H, W]` times alpha `[..., 1, H, W]`."""
    return color * alpha


def unpremultiply(color: Tensor, alpha: Tensor) -> Tensor:
    """Premultiplied colour divided by alpha; where alpha is 0 the colour stays as it is."""
    import torch

    return torch.where(alpha == 0, color, color / torch.where(alpha == 0, 1, alpha))


def luminance(color: Tensor) -> Tensor:
    """Rec. 709 luminance `[..., 1, H, W]` of linear `[..., 3, H, W]`; one-plane pictures are their own luminance."""
    if color.shape[-3] < 3:
        return color[..., :1, :, :]
    r, g, b = LUMINANCE
    return color[..., 0:1, :, :] * r + color[..., 1:2, :, :] * g + color[..., 2:3, :, :] * b


def parse_hex(text: str) -> tuple[int, int, int, int]:
    """`#rgb`, `#rrggbb` or `#rrggbbaa` as four 8-bit codes (sRGB, straight alpha)."""
    digits = text.removeprefix("#") if isinstance(text, str) else ""
    if not re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}", digits):
        raise UsageError(f'{text!r} is not a colour: write "#rrggbb" or "#rrggbbaa", in quotes')
    if len(digits) == 3:
        digits = "".join(2 * d for d in digits)
    r, g, b, a = (int((digits + "ff")[i : i + 2], 16) for i in (0, 2, 4, 6))
    return r, g, b, a


def checked_color(text: str) -> str:
    """A hex colour as it was given; raises ValueError for what is not one, for the check of a parameter."""
    try:
        parse_hex(text)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


def checked_palette(palette: dict[str, str]) -> dict[str, str]:
    """A palette (name -> hex colour) as it was given; raises ValueError with every wrong colour."""
    wrong = []
    for name, color in palette.items():
        try:
            checked_color(color)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return palette


def hex_to_linear(text: str) -> tuple[float, float, float, float]:
    """A hex colour as linear, straight r, g, b and alpha, 0 to 1."""
    r, g, b, a = parse_hex(text)
    table = srgb_table(256)
    return float(table[r]), float(table[g]), float(table[b]), a / 255
