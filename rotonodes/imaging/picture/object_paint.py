"""Pictures painted in several palettes: one for each object, and colours that change over the shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from rotonodes.imaging.passes.cryptomatte import find_cryptomatte
from rotonodes.imaging.picture.clean_paint import first_fits, object_shares
from rotonodes.values.color import linear_to_srgb, luminance, unpremultiply
from rotonodes.values.pixels import Box, Image, Layers

Colors = Mapping[str, str]  # class -> "#rrggbb", or two with a space between: a gradient
Painter = Callable[[dict[str, str]], Image]


def gradient_ends(colors: Colors) -> tuple[dict[str, str], dict[str, str]]:
    """The colours at the start and at the end of gradients; the same for a class with one colour."""
    split = {name: color.split() for name, color in colors.items()}
    return {name: words[0] for name, words in split.items()}, {name: words[-1] for name, words in split.items()}


def painted(paint: Painter, colors: Colors, place: Tensor | None) -> Image:
    """What `paint` makes of these colours; between the two colours of a class at `place` `[1, H, W]`, 0 to 1 (None: the first)."""
    first, last = gradient_ends(colors)
    picture = paint(first)
    if first == last or place is None:
        return picture
    other = paint(last)
    return picture.with_data(picture.data.lerp(other.data, place.to(picture.data)))


def by_height(inside: Tensor) -> Tensor:
    """0 at the lowest row of the shape `[H, W]` (bool) to 1 at its highest, `[1, H, W]`."""
    height, width = inside.shape
    box = Box.around(inside) or Box(0, 0, width, height)
    rows = torch.arange(height, dtype=torch.float32, device=inside.device)
    share = ((box.bottom - 1 - rows) / max(box.height - 1, 1)).clamp(0, 1)
    return share.view(1, -1, 1).expand(1, height, width)


def by_light(picture: Image) -> Tensor:
    """The brightness of a picture's unpremultiplied colour on the frame, sRGB-encoded, 0 to 1, `[1, H, W]`."""
    whole = picture.on_frame()
    light = luminance(whole.color if whole.alpha is None else unpremultiply(whole.color, whole.alpha))
    return linear_to_srgb(light.nan_to_num(0.0, 1.0, 0.0)).clamp(0, 1)


def pattern_shares(layers: Layers, kind: str, layer: str, patterns: Sequence[str], soft: bool) -> list[Tensor]:
    """How much of each pixel each pattern's objects cover, and last all others: `[1, H, W]` each on the frame, with sum 1.

    An object counts for the first pattern that fits. Not `soft`, each pixel belongs to one of them. Raises FrameError for a pattern
    that fits nothing, with the nearest names.
    """
    crypto = find_cryptomatte(layers, kind, layer)
    shares = object_shares(layers, crypto, first_fits(crypto, patterns, strict=True))
    if soft:
        return list(shares.split(1))
    best = shares.argmax(0, keepdim=True)
    return [(best == index).float() for index in range(len(shares))]


def mixed(pictures: Sequence[Image], shares: Sequence[Tensor]) -> Image:
    """The sum of pictures times their shares `[1, H, W]`; exact where one share is 1."""
    first = pictures[0]
    data = torch.zeros_like(first.data)
    for picture, share in zip(pictures, shares, strict=True):
        data += picture.data * share.to(first.data)
    return first.with_data(data)
