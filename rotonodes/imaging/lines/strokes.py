"""Strokes drawn as coverage: segments with a width at each end, round at ends and joints, antialiased."""

from __future__ import annotations

import numpy as np


def draw(starts: np.ndarray, ends: np.ndarray, widths: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The coverage of each pixel by strokes, float32 `[H, W]`, 0 to 1; where strokes overlap, that of the one which covers most.

    `starts` and `ends` `[n, 2]` are (x, y), a pixel's centre being at whole numbers; `widths` `[n, 2]` are those at both ends, in px.
    Coverage is the overlap of the stroke's profile with a pixel's width: exact for straight lines along the pixels, thin ones get fainter.
    """
    covered = np.zeros(shape[0] * shape[1], np.float32)
    if not len(starts):
        return covered.reshape(shape)
    reach = (np.abs(ends - starts).max(axis=1) + widths.max(axis=1)) / 2 + 0.5
    # Strokes of about one size together, so that a wide one does not enlarge the window of all.
    order = np.ceil(reach).astype(int)
    for size in np.unique(order):
        chosen = order == size
        _stamp(covered, starts[chosen], ends[chosen], widths[chosen] / 2, int(size), shape)
    return covered.reshape(shape)


def _stamp(covered: np.ndarray, starts: np.ndarray, ends: np.ndarray, halves: np.ndarray, reach: int, shape: tuple[int, int]) -> None:
    middle = (starts + ends) / 2
    left, top = np.floor(middle[:, 0] - reach).astype(int), np.floor(middle[:, 1] - reach).astype(int)
    way = (ends - starts).astype(np.float32)
    square = (way**2).sum(axis=1).clip(1e-9)
    side = 2 * reach + 2
    for down in range(side):
        y = top + down
        dy = (y - starts[:, 1]).astype(np.float32)
        for right in range(side):
            x = left + right
            dx = (x - starts[:, 0]).astype(np.float32)
            share = ((dx * way[:, 0] + dy * way[:, 1]) / square).clip(0, 1)
            away = np.sqrt((dx - share * way[:, 0]) ** 2 + (dy - share * way[:, 1]) ** 2)
            half = halves[:, 0] + share * (halves[:, 1] - halves[:, 0])
            cover = (np.minimum(away + 0.5, half) - np.maximum(away - 0.5, -half)).clip(0, 1).astype(np.float32)
            seen = (cover > 0) & (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
            np.maximum.at(covered, (y * shape[1] + x)[seen], cover[seen])
