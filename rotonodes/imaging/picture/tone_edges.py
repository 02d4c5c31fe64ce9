"""Classes with antialiased borders: each pixel's shares of the classes, from the border's smoothed course between the pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from rotonodes.imaging.lines.borders import Borders, Found
from rotonodes.imaging.lines.line_graph import join, smooth
from rotonodes.values.tones import OUTSIDE, largest_plane

_PAD = 2  # px that classes are continued beyond the frame, so that borders run straight out of it
_REACH = 3  # px that classes are continued across the shape's edge
_AXES = np.array([(0, 1), (1, 0)])  # (down, right) to the neighbour
_MEASURED = 0.2  # px that a border between probabilities may be moved by smoothing


def class_shares(labels: np.ndarray, count: int, probabilities: np.ndarray | None = None) -> np.ndarray:
    """The share of each class in each pixel, float32 `[count, H, W]` with sum 1, from class indices `[H, W]`.

    A border runs between the centres of two pixels, where `probabilities` `[count, H, W]` are known where they cross, and is smoothed
    without leaving its place between them; so steps become straight lines, and a class of a single pixel stays. A pixel's share is
    its distance to the border, over the width of a pixel across it: exact for straight borders along the pixels.
    """
    known = np.pad(labels, _PAD, "edge").astype(np.int64)
    height, width = known.shape
    borders = Borders.none((height, width))
    borders.add(
        "tone", _borders(known, None if probabilities is None else np.pad(probabilities, ((0, 0), (_PAD, _PAD), (_PAD, _PAD)), "edge"))
    )
    shares = (known[None] == np.arange(count)[:, None, None]).astype(np.float32, order="C")  # of labels laid out in any way
    if not borders.kind.any():
        return shares[:, _PAD:-_PAD, _PAD:-_PAD]
    graph = join(borders)
    smooth(graph)
    first, last = graph.segments.T
    pixel, other, part = _beside(graph.points[first], graph.points[last], _classes(known, graph.border, first, last), known)
    flat = shares.reshape(count, -1)
    flat[known.ravel()[pixel], pixel] = 1 - part
    flat[other, pixel] = part
    return shares[:, _PAD:-_PAD, _PAD:-_PAD]


def _borders(known: np.ndarray, probabilities: np.ndarray | None) -> Found:
    parts = []
    for axis, (down, right) in enumerate(_AXES):
        here, there = known[: known.shape[0] - down, : known.shape[1] - right], known[down:, right:]
        rows, columns = np.nonzero(here != there)
        at, play = np.full(len(rows), 0.5, np.float32), np.full(len(rows), 0.5, np.float32)
        if probabilities is not None and len(rows):
            a, b = known[rows, columns], known[rows + down, columns + right]
            before = (probabilities[a, rows, columns] - probabilities[b, rows, columns]).clip(0)
            after = (probabilities[b, rows + down, columns + right] - probabilities[a, rows + down, columns + right]).clip(0)
            at = np.where(before + after > 1e-6, before / np.maximum(before + after, 1e-6), 0.5).astype(np.float32)
            play = np.full(len(rows), _MEASURED, np.float32)
        parts.append((np.full(len(rows), axis), rows, columns, at, play, np.ones(len(rows), bool)))
    return Found.of(parts)


def _classes(known: np.ndarray, border: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The two classes that each segment divides, `[n, 2]`: those of the end that lies on a border."""
    end = np.where(border[first, 0] >= 0, first, last)
    axis, row, column = border[end].T
    down, right = _AXES[axis].T
    return np.stack([known[row, column], known[row + down, column + right]], axis=1)


def _beside(starts: np.ndarray, ends: np.ndarray, classes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(pixel index, the other class, its share) for each pixel that a border crosses, by the nearest segment that divides its class."""
    height, width = known.shape
    way = ends - starts
    square = (way**2).sum(axis=1).clip(1e-9)
    # A pixel is as wide across a border as its outline is, seen along the border.
    across = np.abs(way).sum(axis=1) / np.sqrt(square)
    left, top = (np.floor((starts[:, i] + ends[:, i]) / 2).astype(int) - 1 for i in (0, 1))
    found = []
    for down in range(4):
        for right in range(4):
            x, y = left + right, top + down
            inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
            here = known[y.clip(0, height - 1), x.clip(0, width - 1)]
            inside &= (here == classes[:, 0]) | (here == classes[:, 1])
            dx, dy = x - starts[:, 0], y - starts[:, 1]
            share = ((dx * way[:, 0] + dy * way[:, 1]) / square).clip(0, 1)
            away = np.hypot(dx - share * way[:, 0], dy - share * way[:, 1])
            inside &= away < across / 2
            other = np.where(here == classes[:, 0], classes[:, 1], classes[:, 0])
            found.append(np.stack([(y * width + x)[inside], other[inside], away[inside], across[inside]]))
    pixel, other, away, across = np.concatenate(found, axis=1)
    order = np.lexsort((away, pixel))
    pixel, other, away, across = (one[order] for one in (pixel, other, away, across))
    nearest = np.ones(len(pixel), bool)
    nearest[1:] = pixel[1:] != pixel[:-1]
    part = (0.5 - away[nearest] / across[nearest]).clip(0, 0.5).astype(np.float32)
    return pixel[nearest].astype(np.int64), other[nearest].astype(np.int64), part


def shares_in_shape(labels: Tensor, classes: tuple[str, ...], matte: Tensor | None, probabilities: Tensor | None, steps: int) -> Tensor:
    """Shares of the classes, float32 `[classes, H, W]`, with antialiased borders; the shape's edge is that of `matte` `[H, W]`.

    Classes of the shape are continued outwards across its edge, and those around it inwards, so that the matte alone divides them.
    With `steps` shares are multiples of 1 / steps.
    """
    count = len(classes)
    where = None if probabilities is None else probabilities.cpu().numpy()
    if matte is None:
        shares = torch.from_numpy(class_shares(labels.cpu().numpy(), count, where))
        return _stepped(shares, steps)
    outside = torch.tensor([name in OUTSIDE or index == 0 for index, name in enumerate(classes)])
    parts = []
    for chosen in (~outside, outside):
        inner = continued(labels, chosen[labels.long()])
        if inner is None:  # no pixel of these classes
            parts.append(torch.zeros(count, *labels.shape))
            continue
        # Probabilities across the shape's edge say nothing about borders inside of it.
        own = None if where is None else np.where(chosen.numpy()[:, None, None], where, np.float32(0))
        parts.append(torch.from_numpy(class_shares(inner.cpu().numpy(), count, own)))
    cover = matte.cpu().nan_to_num(0.0).clamp(0, 1)
    shape, around = (_stepped(part, steps) for part in parts)
    covered = _stepped(cover[None], steps)[0] if bool(shape.any()) else torch.zeros_like(cover)
    if not bool(around.any()):
        around[0] = 1.0
    return shape * covered + around * (1 - covered)


def continued(labels: Tensor, inside: Tensor) -> Tensor | None:
    """Labels `[H, W]` with those `inside` continued over all others, pixel by pixel to the largest neighbour; None where none are inside.

    Beyond `_REACH` px, where no matte needs them, they are the most common one.
    """
    if not bool(inside.any()):
        return None
    made = torch.where(inside, labels.float() + 1, 0.0)
    for _ in range(_REACH):
        grown = max_pool2d(made[None, None], 3, 1, 1)[0, 0]
        made = torch.where(made > 0, made, grown)
    common = torch.bincount(labels[inside].long()).argmax() + 1
    return (torch.where(made > 0, made, common.float()) - 1).to(labels.dtype)


def _stepped(shares: Tensor, steps: int) -> Tensor:
    """Shares rounded to multiples of 1 / steps, the largest taking what is left, so that the sum stays."""
    if steps <= 0:
        return shares
    rounded = (shares * steps).round() / steps
    if len(shares) == 1:
        return rounded
    best = largest_plane(shares, 0, keepdim=True)
    rest = shares.sum(0, keepdim=True).round() - rounded.sum(0, keepdim=True)
    return rounded.scatter_add(0, best, rest)
