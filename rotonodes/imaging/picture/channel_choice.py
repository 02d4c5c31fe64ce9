"""Which channels of a picture a node changes, by the words of its parameter `channels`."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError, did_you_mean
from rotonodes.imaging.picture.compositing import faded, matte_on
from rotonodes.values.pixels import Box, Image, Levels, Matte

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS_HELP = "channels to change: color, alpha, all, or names with wildcards (R G Normal.*), separated by spaces"


def chosen_channels(image: Image, words: str) -> list[int]:
    """Indices of the channels that `words` name, rising: `color`, `alpha`, `all`, and names with wildcards.

    `alpha` names nothing in a picture without alpha. Raises FrameError for a name that fits no channel.
    """
    found: set[int] = set()
    for word in re.split(r"[\s,]+", words.strip()):
        if word == "color":
            found.update(image.color_indices)
        elif word == "alpha":
            found.update(i for i, name in enumerate(image.channels) if name == "A")
        elif word == "all":
            found.update(range(len(image.channels)))
        else:
            named = [i for i, name in enumerate(image.channels) if fnmatchcase(name, word)]
            if not named:
                near = did_you_mean(word, [*image.channels, "color", "alpha", "all"])
                raise FrameError(f"channels: there is no channel {word!r}{near}; the picture has {' '.join(image.channels)}")
            found.update(named)
    return sorted(found)


def changed(picture: Levels, words: str, change: Callable[[Tensor], Any], mask: Matte | None = None) -> Levels:
    """The picture with `change` applied to its chosen planes `[n, H, W]`, as far as `mask` allows; a matte is clamped to 0..1 after it.

    Raises FrameError for a channel that is not there, or a mask of another size.
    """
    return filled(picture, words, lambda planes, out: change(planes), mask)


def filled(picture: Levels, words: str, fill: Callable[[Tensor, Tensor | None], Any], mask: Matte | None = None) -> Levels:
    """The same with `fill(planes, out)`, which may write its result to `out` and return that; `out` is None where it has no place yet.

    So planes that are changed beside others are written once, into the new picture. `out` never shares memory with the picture.
    """
    import torch

    if isinstance(picture, Matte):
        made = fill(picture.data, None)
        if mask is not None:
            made = faded(picture.data, made, matte_on(mask.to(picture.device), picture.size, Box(0, 0, *picture.size)))
        return picture.with_data(made.clamp(0, 1))
    chosen = chosen_channels(picture, words)
    if not chosen:
        return picture
    first, count = chosen[0], len(chosen)
    together = chosen == list(range(first, first + count))  # planes side by side are a view
    planes = picture.data[first : first + count] if together else picture.data[chosen]
    whole = count == len(picture.channels)
    data = None if whole and mask is not None else torch.empty_like(picture.data, memory_format=torch.contiguous_format)
    place = data[first : first + count] if data is not None and mask is None and together else None
    made = fill(planes, place)
    if mask is not None:
        made = faded(planes, made, matte_on(mask.to(picture.device), picture.size, picture.box))
    if whole:
        return picture.with_data(made)
    assert data is not None
    for index, plane in enumerate(picture.data):  # a slice is copied faster than a list of planes
        if index not in chosen:
            data[index] = plane
        elif made is not place:
            data[index] = made[chosen.index(index)]
    return picture.with_data(data)
