"""Which object of a cryptomatte each pixel belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rotonodes.imaging.passes.cryptomatte import Cryptomatte, select_names

if TYPE_CHECKING:
    from rotonodes.values.pixels import Layers

_REACH = 3  # px by which objects grow over pixels that no object covers


def object_map(layers: Layers, crypto: Cryptomatte, patterns: str | Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The names of the selected objects that are seen, the largest first, and int32 `[H, W]` on the whole frame.

    0 is no object, i + 1 the name i: of the selected objects in a pixel the one that covers most of it. Objects grow by some pixels over
    those that none covers, so that a shape that is a little larger has no rim of its own. Raises FrameError as `select_names` does.
    """
    names = select_names(crypto, patterns)
    ids = np.array(list(names.values()), np.uint32)
    order = np.argsort(ids)
    best = np.zeros((layers.box.height, layers.box.width), np.float32)
    found = np.zeros(best.shape, np.int32)
    for seen, covered in crypto.planes(layers):
        place = np.searchsorted(ids[order], seen).clip(max=len(ids) - 1)
        better = (ids[order][place] == seen) & (covered > best)
        best[better], found[better] = covered[better], order[place[better]] + 1
    found = _on_frame(_grown(found), layers)
    counts = np.bincount(found.ravel(), minlength=len(ids) + 1)
    largest = [at for at in np.argsort(-counts[1:], kind="stable") if counts[at + 1]]
    table = np.zeros(len(ids) + 1, np.int32)
    table[np.array(largest, np.int64) + 1] = np.arange(1, len(largest) + 1)
    every = list(names)
    return [every[at] for at in largest], table[found]


def _grown(found: np.ndarray) -> np.ndarray:
    """Objects grown over pixels of none, one pixel a round."""
    for _ in range(_REACH):
        before = found.copy()
        for target, source in (
            (np.s_[1:], np.s_[:-1]),
            (np.s_[:-1], np.s_[1:]),
            (np.s_[:, 1:], np.s_[:, :-1]),
            (np.s_[:, :-1], np.s_[:, 1:]),
        ):
            empty = found[target] == 0
            found[target][empty] = before[source][empty]
    return found


def _on_frame(found: np.ndarray, layers: Layers) -> np.ndarray:
    """A plane on the data window as one on the frame, 0 where it has no pixels."""
    from rotonodes.values.pixels import Box

    frame = Box(0, 0, *layers.size)
    both = layers.box.intersect(frame)
    whole = np.zeros((frame.height, frame.width), found.dtype)
    x, y = both.left - layers.box.left, both.top - layers.box.top
    whole[both.slices] = found[y : y + both.height, x : x + both.width]
    return whole
