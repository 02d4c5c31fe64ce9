"""A network's `Preprocessing` in two parts: once for whole frames, when they are loaded, and once for each crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from rotonodes.nets.encode import grey, preprocess
from rotonodes.nets.preprocess import Preprocessing


def preprocess_frame(picture: Tensor, preprocessing: Preprocessing, encodings: Sequence[str]) -> Tensor:
    """An encoded frame `[C, H, W]` as it is stored: grey, scaled or squashed, but not normalised."""
    own = grey(picture) if preprocessing.grey else picture
    return preprocess(own[None], replace(preprocessing, grey=False, peak=False, mean=(), std=()), encodings)[0]


def preprocessed_size(size: Sequence[int], preprocessing: Preprocessing) -> tuple[int, int]:
    """(height, width) of a stored frame, from its size (height, width) before."""
    if preprocessing.squash:
        return preprocessing.squash, preprocessing.squash
    height, width = (int(preprocessing.scale * length) for length in size)
    return height, width


def normalise_crops(pictures: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Stored pictures `[N, C, H, W]`, or crops of them, as network input: divided by their peak, by mean and deviation."""
    return preprocess(pictures, Preprocessing(peak=preprocessing.peak, mean=preprocessing.mean, std=preprocessing.std), ())
