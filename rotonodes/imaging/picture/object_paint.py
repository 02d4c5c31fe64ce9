"""Pictures painted in several palettes: one for each object, and colours that change over the shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from rotonodes.values.color import linear_to_srgb, luminance, unpremultiply
from rotonodes.values.pixels import Box, Image
from rotonodes.values.tones import largest_plane

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


def painted_groups(
    paint: Callable[[list[dict[str, str]]], Image], palettes: Sequence[Colors], shares: Tensor, place: Tensor | None
) -> Image:
    """What `paint` makes of a palette for each group, where colours may be gradients.

    They are at `place` `[1, H, W]`, or where that is None at the height of each group, whose shares are `[groups, H, W]`.
    """
    ends = [gradient_ends(colors) for colors in palettes]
    picture = paint([first for first, _ in ends])
    if all(first == last for first, last in ends):
        return picture
    other = paint([last for _, last in ends])
    where = by_height_of_groups(shares) if place is None else place
    return picture.with_data(picture.data.lerp(other.data, where.to(picture.data)))


def by_height_of_groups(shares: Tensor) -> Tensor:
    """The height within the group that covers most of each pixel, 0 to 1, `[1, H, W]`."""
    best = largest_plane(shares, 0)
    place = torch.zeros(1, *best.shape, device=best.device)
    for index in range(len(shares)):
        inside = best == index
        place = torch.where(inside, by_height(inside), place)
    return place
