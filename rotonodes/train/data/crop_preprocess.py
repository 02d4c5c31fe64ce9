"""A network's `Sight` in two parts: what is done to whole frames once, when they are taken in, and what to every crop of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from rotonodes.nets.encode import grey, look
from rotonodes.nets.preprocess import Sight


def placed(picture: Tensor, sight: Sight, encodings: Sequence[str]) -> Tensor:
    """A whole encoded frame `[C, H, W]` as it is kept: grey, scaled or squashed, but not yet divided or shifted."""
    own = grey(picture) if sight.grey else picture
    return look(own[None], replace(sight, grey=False, peak=False, mean=(), std=()), encodings)[0]


def placed_size(size: Sequence[int], sight: Sight) -> tuple[int, int]:
    """(height, width) of a frame of that size as it is kept."""
    if sight.squash:
        return sight.squash, sight.squash
    height, width = (int(sight.scale * length) for length in size)
    return height, width


def finished(pictures: Tensor, sight: Sight) -> Tensor:
    """Kept pictures `[N, C, H, W]`, or crops of them, as the network sees them: divided by the largest value, shifted, scaled."""
    return look(pictures, Sight(peak=sight.peak, mean=sight.mean, std=sight.std), ())
