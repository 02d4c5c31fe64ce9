"""Flat art as the layers of a PSD: background, ground shadow, a group for each object with a layer for each tone, ink."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rotonodes.imaging.picture.painted_classes import PaintedClass
from rotonodes.io.psd import PsdLayer
from rotonodes.io.samples import encode
from rotonodes.values.color import parse_hex
from rotonodes.values.pixels import Image, Labels, Matte

_REACH = 3  # px beyond the labels to which a soft edge of the picture may go


def tone_layers(
    classes: np.ndarray, found: Sequence[tuple[int, str, str]], shown: Sequence[PaintedClass], image: Image | None
) -> Iterator[tuple[str, PsdLayer]]:
    """(tone, layer) of the classes `[H, W]` that are to be seen, in the order of `found` (number, object, tone): `object/tone`, uint8.

    Each holds its pixels of the `image`, where that is given, so that all together are the image; else one colour. Classes that are not
    `shown` have a layer only for what the image has of them beyond the soft edges of others.
    """
    colors = {one.number: one for one in shown}
    samples = None if image is None else rgba(image)
    if samples is not None:
        classes = _with_soft_edges(classes, set(colors), samples[..., 3] > 0)
    for number, group, tone in found:
        there = classes == number
        if samples is not None:
            codes = np.where(there[..., None], samples, 0).astype(np.uint8)
        elif number in colors:
            codes = np.zeros((*classes.shape, 4), np.uint8)
            codes[there] = (*parse_hex(colors[number].color)[:3], round(colors[number].opacity * 255))
        else:
            continue
        if codes[..., 3].any():
            yield tone, PsdLayer(f"{group}/{tone}" if group else tone, codes)


def _with_soft_edges(classes: np.ndarray, shown: set[int], there: np.ndarray) -> np.ndarray:
    """Classes grown over the pixels around them that the picture shows and no class of `shown` has: soft edges of shapes."""
    free = there & ~np.isin(classes, list(shown))
    taken = np.isin(classes, list(shown))
    grown = classes.copy()
    for _ in range(_REACH):
        before, had = grown.copy(), taken.copy()
        for target, source in (
            (np.s_[1:], np.s_[:-1]),
            (np.s_[:-1], np.s_[1:]),
            (np.s_[:, 1:], np.s_[:, :-1]),
            (np.s_[:, :-1], np.s_[:, 1:]),
        ):
            reached = free[target] & ~taken[target] & had[source]
            grown[target][reached] = before[source][reached]
            taken[target] |= reached
    return grown


def picture_layer(name: str, value: Image | Matte, color: str = "#000000", multiply: bool = False) -> PsdLayer:
    """A picture as it is, or a matte in one colour, whose alpha multiplies it; uint8."""
    if isinstance(value, Image):
        codes = rgba(value)
    else:
        red, green, blue, alpha = parse_hex(color)
        codes = np.empty((value.height, value.width, 4), np.uint8)
        codes[..., :3] = (red, green, blue)
        codes[..., 3] = encode(Matte(value.data * (alpha / 255)), "8", "raw")[..., 0]
    return PsdLayer(name, codes, blend="multiply" if multiply else "normal")


def plain_layer(name: str, color: str, labels: Labels) -> PsdLayer:
    """The whole frame in one colour."""
    return PsdLayer(name, np.tile(np.array(parse_hex(color), np.uint8), (labels.height, labels.width, 1)))


def rgba(image: Image) -> np.ndarray:
    """Straight sRGB codes `[H, W, 4]`, uint8, alpha 255 where there is none."""
    samples = encode(image, "8", "srgb")
    if samples.shape[2] < 3:
        samples = samples[..., [0, 0, 0, *range(1, samples.shape[2])]]
    if samples.shape[2] == 3:
        samples = np.concatenate([samples, np.full_like(samples[..., :1], 255)], axis=2)
    return samples
