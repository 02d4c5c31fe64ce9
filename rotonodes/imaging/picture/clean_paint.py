"""Tones painted object by object: each in a palette of its own, with clean edges between tones and between objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.imaging.mattes.box_means import gaussian
from rotonodes.imaging.passes.cryptomatte import Cryptomatte, coverage
from rotonodes.imaging.picture.paint import color_table
from rotonodes.values.pixels import Box, Image, Labels, cut
from rotonodes.values.tones import GROUND_SHADOW, known_colors, largest_plane

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.values.pixels import Layers

Palette = Mapping[str, str]

USUAL = ("midtone", "background")  # classes of what nothing tells
_LOGISTIC = 3.0  # exponent that makes the border of a Gaussian of 1 px about one pixel wide; it grows with sigma
_MARGIN = 4  # sigmas around an object's box within which its borders are smoothed
_LEAST = 1e-4  # of a blurred weight: below it no pixel near has a class of the palette


def object_shares(layers: Layers, crypto: Cryptomatte, groups: Sequence[Sequence[int]]) -> Tensor:
    """How much of each pixel the objects of each group cover, and last what no group covers: float32 `[groups + 1, H, W]` on the frame."""
    planes = [coverage(layers, crypto, ids) if len(ids) else np.zeros((layers.box.height, layers.box.width), np.float32) for ids in groups]
    stack = torch.from_numpy(np.stack(planes)).nan_to_num(0.0) if planes else torch.zeros(0, layers.box.height, layers.box.width)
    whole = cut(stack, layers.box, Box(0, 0, *layers.size))
    total = whole.sum(0, keepdim=True)
    return torch.cat([whole / total.clamp(min=1), (1 - total).clamp(min=0)])


def hard(shares: Tensor) -> Tensor:
    """The shares of groups with each pixel in the one that covers most of it."""
    best = largest_plane(shares, 0, keepdim=True)
    return (best == torch.arange(len(shares)).view(-1, 1, 1)).float()


def paint_objects(
    shares: Tensor, palettes: Sequence[Palette], labels: Labels | None, probabilities: Image | None, smooth: float, sharpness: float
) -> Image:
    """Each group's share of the pixel in the colours of its palette: RGBA, linear, premultiplied.

    `shares` are `[groups, H, W]`; `palettes` one a group, class -> colour. In a group only the classes of its palette are painted: a
    pixel of another class takes those of the pixels around it. Borders between `labels` are smoothed by a Gaussian of `smooth` px
    and are then about a pixel wide; `probabilities` are raised to the power `sharpness`.
    """
    classes: tuple[str, ...] = labels.classes if labels is not None else probabilities.channels  # type: ignore[union-attr]
    colors = labels.colors if labels is not None else known_colors(classes)
    given = _one_hot(labels) if labels is not None else _sharpened(probabilities, sharpness)  # type: ignore[arg-type]
    out = torch.zeros(4, *shares.shape[1:])
    for share, palette in zip(shares.cpu(), palettes, strict=True):
        box = Box.around(share > 0, round(_MARGIN * max(smooth, 1)) + 1)
        if box is None:
            continue
        kept = [index for index, name in enumerate(classes) if name in palette] or list(range(len(classes)))
        table = color_table(classes, colors, _known(palette, classes))[kept]
        rows, columns = box.slices
        within = share[rows, columns]
        usual = torch.tensor([float(classes[index] in USUAL) for index in kept]) + 1e-3
        mixed = _group_probabilities(given[kept][:, rows, columns], within, usual, smooth if labels is not None else 0.0)
        out[:, rows, columns] += within * (table.T @ mixed.flatten(1)).view(4, *within.shape)
    return Image(out)


def _known(palette: Palette, classes: Sequence[str]) -> dict[str, str]:
    """The palette's colours of classes that there are. Raises UsageError for a class that no tone has."""
    for name in palette:
        if name not in classes and name != GROUND_SHADOW:
            raise UsageError(f"palette: there is no class {name!r}{did_you_mean(name, classes)}; the classes are {', '.join(classes)}")
    return {name: color for name, color in palette.items() if name in classes}


def _one_hot(labels: Labels) -> Tensor:
    return torch.stack([labels.data.cpu() == index for index in range(len(labels.classes))]).float()


def _sharpened(probabilities: Image, sharpness: float) -> Tensor:
    """Probabilities on the frame to a power, without the underflow of small ones, sum 1 where any is there."""
    data = probabilities.on_frame().data.cpu().clamp(min=0)
    powers = (data / data.amax(0, keepdim=True).clamp(min=1e-9)).pow(sharpness)
    return powers / powers.sum(0, keepdim=True).clamp(min=1e-9)


def _group_probabilities(planes: Tensor, share: Tensor, usual: Tensor, smooth: float) -> Tensor:
    """The classes of one group, sum 1 in every pixel: smoothed inside of the group, and from the pixels around where none is there.

    Where none is around either, the weights `usual` `[classes]` count.
    """
    weighted = planes * share
    total = weighted.sum(0)
    if smooth > 0:
        weighted = torch.stack([torch.from_numpy(gaussian(plane.numpy(), smooth)) for plane in weighted])
        total = weighted.sum(0)
        powers = (weighted / weighted.amax(0, keepdim=True).clamp(min=1e-9)).pow(_LOGISTIC * smooth)
    else:
        powers = weighted
    lost = total < _LEAST
    if lost.any():  # a thin thing that is nowhere half of a pixel has no class of its own
        wide = [torch.from_numpy(gaussian(plane.numpy(), 8.0)) for plane in weighted]
        mean = torch.stack(wide) + 1e-9 * usual.view(-1, 1, 1)
        powers = torch.where(lost, mean, powers)
    return powers / powers.sum(0, keepdim=True).clamp(min=1e-12)
