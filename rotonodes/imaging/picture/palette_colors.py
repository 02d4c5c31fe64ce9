"""The main colours of pictures: k-means in OKLab over a count of their colours."""

from __future__ import annotations

import numpy as np

from rotonodes.values.color import linear_to_srgb, unpremultiply
from rotonodes.values.palette import OKLAB_AXES, OKLAB_CONES
from rotonodes.values.pixels import Image

_BITS = 5  # of each encoded channel that tell colours apart
_ROUNDS = 100
_OPAQUE = 0.5  # alpha from which a pixel counts


class ColorCount:
    """How often each colour occurs, and the mean of those that are counted as one: `[32768]` and `[32768, 3]`, encoded 0 to 1."""

    def __init__(self) -> None:
        cells = 1 << 3 * _BITS
        self.counts = np.zeros(cells)
        self.sums = np.zeros((cells, 3))

    @property
    def total(self) -> float:
        return float(self.counts.sum())

    def add(self, picture: Image) -> None:
        """Count the pixels that are opaque and finite."""
        color, alpha = picture.color, picture.alpha
        straight = color if alpha is None else unpremultiply(color, alpha)
        encoded = linear_to_srgb(straight.expand(3, -1, -1)).flatten(1).T.cpu().numpy().astype(np.float64)
        known = np.isfinite(encoded).all(axis=1)
        if alpha is not None:
            known &= (alpha.flatten() >= _OPAQUE).cpu().numpy()
        encoded = encoded[known].clip(0, 1)
        levels = (encoded * ((1 << _BITS) - 1e-6)).astype(np.int64)
        cell = (levels[:, 0] << 2 * _BITS) | (levels[:, 1] << _BITS) | levels[:, 2]
        self.counts += np.bincount(cell, minlength=len(self.counts))
        for axis in range(3):
            self.sums[:, axis] += np.bincount(cell, weights=encoded[:, axis], minlength=len(self.counts))


def palette_colors(count: ColorCount, number: int, accents: float) -> tuple[str, ...]:
    """At most `number` colours `#rrggbb`, dark to light; fewer where the pictures have fewer.

    Lloyd's k-means (1982), started at the means of equal shares by lightness, then at the worst fitted colour for each centre that is left
    without any. A colour's weight is its count to the power 1 - `accents`.
    """
    there = count.counts > 0
    encoded = count.sums[there] / count.counts[there, None]
    weight = count.counts[there] ** (1 - accents)
    places = to_oklab(encoded)
    centers = _start(places, weight, min(number, len(places)))
    for _ in range(_ROUNDS):
        away = ((places[:, None] - centers[None]) ** 2).sum(axis=2)
        nearest = away.argmin(axis=1)
        moved = centers.copy()
        lost = away.min(axis=1) * weight
        for index in range(len(centers)):
            mine = nearest == index
            if mine.any():
                moved[index] = np.average(places[mine], axis=0, weights=weight[mine])
            else:
                moved[index] = places[lost.argmax()]
                lost[lost.argmax()] = 0
        if np.allclose(moved, centers, atol=1e-6):
            break
        centers = moved
    centers = centers[np.argsort(centers[:, 0], kind="stable")]
    codes = np.rint(from_oklab(centers).clip(0, 1) * 255).astype(int)
    return tuple(dict.fromkeys("#" + "".join(f"{code:02x}" for code in color) for color in codes))


def _start(places: np.ndarray, weight: np.ndarray, number: int) -> np.ndarray:
    order = np.argsort(places[:, 0], kind="stable")
    reached = np.cumsum(weight[order]) - weight[order] / 2
    part = np.minimum((reached / weight.sum() * number).astype(int), number - 1)
    means = [np.average(places[order][part == i], axis=0, weights=weight[order][part == i]) for i in range(number) if (part == i).any()]
    while len(means) < number:  # one colour has most of the weight
        away = ((places[:, None] - np.array(means)[None]) ** 2).sum(axis=2).min(axis=1)
        means.append(places[(away * weight).argmax()])
    return np.array(means)


def to_oklab(encoded: np.ndarray) -> np.ndarray:
    """OKLab `[n, 3]` of sRGB-encoded colours `[n, 3]`, 0 to 1."""
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ np.array(OKLAB_CONES).T) @ np.array(OKLAB_AXES).T)


def from_oklab(places: np.ndarray) -> np.ndarray:
    """The reverse of `to_oklab`."""
    linear = (places @ np.linalg.inv(OKLAB_AXES).T) ** 3 @ np.linalg.inv(OKLAB_CONES).T
    linear = linear.clip(0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
