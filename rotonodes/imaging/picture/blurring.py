"""Blurs of any planes: Gaussian, box and along a line. Weights have the sum 1.

NaN and infinity count as missing: they are filled from around and spread nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from rotonodes.imaging.picture.channel_choice import changed
from rotonodes.imaging.picture.compositing import all_finite
from rotonodes.values.pixels import Box, Image, Levels, Matte

_BAND = 32  # rows or columns that one product with the matrix of weights makes
_STRIP, _COLUMNS = 32, 64  # rows or columns at a time: they fit the processor's cache
_CUT = 4.0  # standard deviations at which a Gaussian ends


def blurred(
    picture: Levels, method: str, size: tuple[float, float], angle: float, repeat: bool, channels: str, mask: Matte | None = None
) -> Levels:
    """The picture with chosen channels blurred; the node Blur explains the parameters.

    Raises FrameError for a channel that is not there, or a mask of another size.
    """
    length = max(size)
    reach = math.ceil({"gaussian": _CUT, "box": 1.0, "directional": 0.5}[method] * length) + 1

    def change(planes: Tensor) -> Tensor:
        if not repeat:
            planes = pad(planes, (reach, reach, reach, reach))
        smooth = gaussian if method == "gaussian" else box
        made = along_line(planes, length, angle) if method == "directional" else smooth(planes, *size)
        return made if repeat else made[:, reach:-reach, reach:-reach]

    if isinstance(picture, Image):
        frame, window = Box(0, 0, *picture.size), picture.box
        grown = Box(window.left - reach, window.top - reach, window.right + reach, window.bottom + reach)
        picture = picture.on(grown.intersect(frame.union(window)))
    return changed(picture, channels, change, mask)


def gaussian(planes: Tensor, across: float, down: float) -> Tensor:
    """`[C, H, W]` weighted by a Gaussian with these standard deviations in px; the edge is repeated."""
    return _finite(planes, lambda known: _separable(known, _bell(across), _bell(down)))


def box(planes: Tensor, across: float, down: float) -> Tensor:
    """Means over boxes of 2 `across` + 1 by 2 `down` + 1 px, fractions included; the edge is repeated."""
    return _finite(planes, lambda known: _box_along(_box_along(known, down, -2), across, -1))


def along_line(planes: Tensor, length: float, angle: float) -> Tensor:
    """Means along a line of `length` px through each pixel, `angle` degrees anticlockwise from the right; the edge is repeated."""
    taps = line_taps(length, angle)
    return _finite(planes, lambda known: _weighted(known, taps))


def _finite(planes: Tensor, blur: Callable[[Tensor], Tensor]) -> Tensor:
    if all_finite(planes):
        return blur(planes)
    known = planes.isfinite()
    share = blur(known.to(planes.dtype))
    made = blur(planes.where(known, 0.0)) / share.clamp(min=1e-6)
    return made.where(share > 1e-6, planes)


def _bell(sigma: float) -> Tensor:
    """Weights of a Gaussian, an odd number of them."""
    if sigma <= 0:
        return torch.ones(1)
    reach = max(1, math.ceil(_CUT * sigma - 0.5))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    return (weights / weights.sum()).float()


def _separable(planes: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Weights along both axes, as products with a banded matrix: faster than a sum of shifted planes."""
    if len(down) > 1:
        reach, height = len(down) // 2, planes.shape[-2]
        matrix = _banded(down).to(planes.device)
        made = torch.empty_like(planes, memory_format=torch.contiguous_format)
        for out, padded in zip(made, _repeated(planes, 0, reach), strict=True):
            for top in range(0, height, _BAND):
                rows = min(_BAND, height - top)
                torch.mm(matrix[:rows, : rows + 2 * reach], padded[top : top + rows + 2 * reach], out=out[top : top + rows])
        planes = made
    if len(across) > 1:
        reach, width = len(across) // 2, planes.shape[-1]
        matrix = _banded(across).T.contiguous().to(planes.device)
        made = torch.empty_like(planes, memory_format=torch.contiguous_format)
        for out, padded in zip(made, _repeated(planes, reach, 0), strict=True):
            for left in range(0, width, _BAND):
                columns = min(_BAND, width - left)
                torch.mm(
                    padded[:, left : left + columns + 2 * reach], matrix[: columns + 2 * reach, :columns], out=out[:, left : left + columns]
                )
        planes = made
    return planes


def _banded(weights: Tensor) -> Tensor:
    matrix = torch.zeros(_BAND, _BAND + len(weights) - 1)
    for row in range(_BAND):
        matrix[row, row : row + len(weights)] = weights
    return matrix


def _repeated(planes: Tensor, across: int, down: int) -> Tensor:
    """Planes with their edge repeated; faster than `pad`, which looks up each pixel."""
    count, height, width = planes.shape
    wide = planes.new_empty((count, height + 2 * down, width + 2 * across))
    rows = wide[:, down : down + height]
    rows[..., across : across + width] = planes
    if across:
        rows[..., :across], rows[..., across + width :] = planes[..., :1], planes[..., -1:]
    if down:
        wide[:, :down], wide[:, down + height :] = rows[:, :1], rows[:, -1:]
    return wide


def _box_along(planes: Tensor, half: float, axis: int) -> Tensor:
    """Means of 2 `half` + 1 values along an axis: of a whole number of values, and of 2 more with the weight of the rest."""
    whole = math.floor(half)
    rest = half - whole
    if half <= 0:
        return planes
    reach = whole + (1 if rest else 0)
    padded = _repeated(planes, *((0, reach) if axis == -2 else (reach, 0)))
    made = torch.empty_like(planes, memory_format=torch.contiguous_format)
    other = -1 if axis == -2 else -2
    length, count = planes.shape[axis], 2 * whole + 1
    step = _COLUMNS if axis == -2 else _STRIP
    for source, out in zip(padded, made, strict=True):
        for start in range(0, planes.shape[other], step):
            size = min(step, planes.shape[other] - start)
            part = source.narrow(other, start, size)
            sums = _running_sums(part.narrow(axis, reach - whole, length + 2 * whole), count, axis)
            if rest:
                sums = sums.add(part.narrow(axis, 0, length) + part.narrow(axis, 2 * reach, length), alpha=rest)
            torch.mul(sums, 1 / (2 * half + 1), out=out.narrow(other, start, size))
    return made


def _running_sums(values: Tensor, count: int, axis: int) -> Tensor:
    """Sums of every `count` (an odd number) consecutive values: sums of 2 from sums of 1, of 4 from 2, added as `count` needs them."""
    length = values.shape[axis] - count + 1
    total = values.narrow(axis, 0, length).clone()
    start, size = count & 1, 1
    while 2 * size <= count:
        last = values.shape[axis] - size
        values = values.narrow(axis, size, last) + values.narrow(axis, 0, last)
        size *= 2
        if count & size:
            total.add_(values.narrow(axis, start, length))
            start += size
    return total


def line_taps(length: float, angle: float) -> list[tuple[int, int, float]]:
    """(x, y, weight) of the pixels that a line of `length` px through (0, 0) covers, by samples a quarter of a pixel apart."""
    steps = max(1, math.ceil(4 * length))
    right, down = math.cos(math.radians(angle)), -math.sin(math.radians(angle))
    weights: dict[tuple[int, int], float] = {}
    for step in range(steps):
        place = ((step + 0.5) / steps - 0.5) * length
        x, y = place * right, place * down
        left, top = math.floor(x + 1e-9), math.floor(y + 1e-9)
        for column, share in ((left, left + 1 - x), (left + 1, x - left)):
            for row, part in ((top, top + 1 - y), (top + 1, y - top)):
                weights[column, row] = weights.get((column, row), 0) + share * part
    total = sum(weights.values())
    return [(x, y, weight / total) for (x, y), weight in weights.items() if weight > 1e-4 * total]


def _weighted(planes: Tensor, taps: Sequence[tuple[int, int, float]]) -> Tensor:
    """The sum of shifted planes times their weights."""
    right, down = max(abs(x) for x, _, _ in taps), max(abs(y) for _, y, _ in taps)
    padded = _repeated(planes, right, down)
    total = sum(weight for _, _, weight in taps)
    height, width = planes.shape[-2:]
    made = torch.zeros_like(planes, memory_format=torch.contiguous_format)
    for plane, source in zip(made, padded, strict=True):
        for top in range(0, height, 4 * _STRIP):
            part = plane[top : top + 4 * _STRIP]
            for x, y, weight in taps:
                part.add_(source[top + down + y : top + down + y + len(part), right + x : right + x + width], alpha=weight / total)
    return made
