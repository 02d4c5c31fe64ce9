"""The foreground's own colour where a matte is soft, so that nothing of the old background goes along with a cut-out."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, pad

from rotonodes.extras import pymatting
from rotonodes.imaging.mattes.block_means import filled, pooled, window_means
from rotonodes.imaging.mattes.disc import box_of, grown

FAR, NEAR = 90, 6  # radii of the two windows of blur-fusion, px, as the paper has them
_BLOCK = 8  # px: the far windows are made of squares of this side
_ROWS = 48  # px worked on at a time, where the matte is soft
_LEAST = 1e-5  # a mean weight below which a colour counts as not seen
_MARGIN = 64  # px around the soft part that the multi-level method sees


class Pair(NamedTuple):
    """Colours of the foreground and of the background, each `[C, ...]`, straight."""

    front: Tensor
    back: Tensor


def blur_fusion(color: Tensor, alpha: Tensor, block: int = _BLOCK) -> Tensor:
    """Straight foreground `[C, H, W]` of a picture `[C, H, W]`, given its matte `[1, H, W]`; any device, any brightness.

    Forte and Pitié, Approximate, Fast Foreground Colour Estimation (ICIP 2021): with means over a window, weighted by the
    matte, F' = mean(a F) / mean(a) and B' = mean((1-a) B) / mean(1-a),

        F = F' + a (C - a F' - (1-a) B')        B likewise

    first from F = B = C in windows of radius 90, then from the results of that in windows of radius 6. Windows end at the
    frame's edge. Here the far windows are put together from blocks of 8 px, and only pixels with 0 < a < 1 are worked on:
    where a is 1 the foreground is C, and where it is 0 the answer is C as well, and has no meaning. Light that is not
    finite is not seen. No colour is below 0 but where C is.
    """
    soft = (alpha[0] > 0) & (alpha[0] < 1)
    box = box_of(soft)
    if box is None:
        return color
    left, top, right, bottom = grown(box, FAR + block, *soft.shape)
    left, top = left - left % block, top - top % block  # the blocks of a part are those of the frame
    answer = color.clone()
    window = np.s_[:, top:bottom, left:right]
    _fuse(color[window], alpha[window], soft[top:bottom, left:right], block, answer[window])
    return answer


def _fuse(color: Tensor, alpha: Tensor, soft: Tensor, block: int, answer: Tensor) -> None:
    """Writes `blur_fusion` into `answer` where `soft`, bool `[H, W]`: in bands of rows, and of these only columns that matter."""
    height, width = soft.shape
    finite = bool(color.sum().isfinite())
    seen = color if finite else color.nan_to_num(0.0, 0.0, 0.0)
    means, least = _far(seen, alpha, block), min(0.0, float(seen.min()))
    for top in range(0, height, _ROWS):
        bottom = min(height, top + _ROWS)
        wanted = soft[top:bottom].any(dim=0).nonzero().flatten()
        if not len(wanted):
            continue
        columns, above, below = _around(wanted, width), max(0, top - NEAR), min(height, bottom + NEAR)
        left, right = max(0, NEAR - int(wanted[0])), max(0, NEAR - (width - 1 - int(wanted[-1])))
        beyond = (left, right, above - (top - NEAR), bottom + NEAR - below)  # px that windows have beyond the frame
        here, a = _taken(seen[:, above:below], columns), _taken(alpha[:, above:below], columns)
        far = _at_crossings(means, block, torch.arange(above, below, device=soft.device), columns)
        pair = _fused(here, a, _ratios(far[:-2], far[-2:], _LEAST), least)
        middle = slice(NEAR - left, len(columns) - NEAR + right)
        inner = np.s_[:, top - above : bottom - above, middle]
        found = _fused(here[inner], a[inner], _near(pair, a, beyond), least).front
        there, old = _taken(soft[top:bottom], columns[middle]), here[inner]
        if not finite:
            old = _taken(color[:, top:bottom], columns[middle])
            there = there & old.isfinite()
        answer[:, top:bottom, _span(columns[middle])] = torch.where(there, found, old)


def _around(columns: Tensor, width: int) -> Tensor:
    """Columns of pixels (rising whole numbers) and those up to `NEAR` px to the left and the right of them, within the frame."""
    wide = torch.zeros(width, device=columns.device)
    wide[columns] = 1
    return max_pool1d(wide[None, None], 2 * NEAR + 1, 1, NEAR)[0, 0].nonzero().flatten()


def _span(columns: Tensor) -> slice | Tensor:
    """Columns as a slice, if there is none between them that is not one of them: slices are views."""
    first, end = int(columns[0]), int(columns[-1]) + 1
    return slice(first, end) if end - first == len(columns) else columns


def _taken(planes: Tensor, columns: Tensor) -> Tensor:
    """Some columns of planes `[..., W]`."""
    span = _span(columns)
    return planes[..., span] if isinstance(span, slice) else planes.index_select(-1, span)


def _fused(color: Tensor, alpha: Tensor, pair: Pair, least: float) -> Pair:
    """Both colours (which are used up) moved so that together they make the picture, each as far as it is seen.

    None is below 0 but where the picture is: `least` is 0, or the least of the picture below that.
    """
    rest = torch.addcmul(color, alpha, pair.front, value=-1)
    beyond = 1 - alpha
    rest.addcmul_(beyond, pair.back, value=-1)
    for own, part in zip(pair, (alpha, beyond), strict=True):
        own.addcmul_(part, rest)
        if least < 0:
            torch.maximum(own, color.clamp(max=0), out=own)
        else:
            own.clamp_(min=0)
    return pair


def _ratios(colors: Tensor, weights: Tensor, least: float) -> Pair:
    """Colours out of means a F and (1-a) B, `[2 C, ...]`, and of a and 1-a, `[2, ...]`: both are used up."""
    weights = weights.add_(least).reciprocal_()
    front, back = colors.chunk(2)
    return Pair(front.mul_(weights[:1]), back.mul_(weights[1:]))


def _far(color: Tensor, alpha: Tensor, block: int) -> Tensor:
    """Means of a F, (1-a) B, a and 1-a in the far windows around blocks, `[2 C + 2, h, w]`."""
    front, weight = pooled(color * alpha, block), pooled(alpha, block)
    return window_means(torch.cat([front, pooled(color, block) - front, weight, filled(color, block) - weight]), FAR, block)


def _at_crossings(blocks: Tensor, block: int, rows: Tensor, columns: Tensor) -> Tensor:
    """Values of blocks `[C, h, w]` where rows and columns of pixels cross, `[C, n, m]`: bilinear between the middles of blocks."""
    (up, share), (left, portion) = (_between(at, block, count, blocks) for at, count in zip((rows, columns), blocks.shape[1:], strict=True))
    first, last = int(up[0]), min(int(up[-1]) + 1, blocks.shape[1] - 1)
    near = blocks[:, first : last + 1]
    across = near.index_select(2, left).lerp(near.index_select(2, (left + 1).clamp(max=blocks.shape[2] - 1)), portion)
    weights = blocks.new_zeros((len(rows), last + 1 - first))
    at = torch.arange(len(rows), device=rows.device)
    weights[at, up - first] = 1 - share
    weights[at, (up + 1).clamp(max=last) - first] += share
    return weights @ across


def _between(pixels: Tensor, block: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The block whose middle comes before each pixel, and how far it is on the way to the next, 0 to 1; at the ends there is none."""
    at = ((pixels.to(like) + 0.5) / block - 0.5).clamp(0, count - 1)
    before = at.floor()
    return before.long(), at - before


def _near(pair: Pair, alpha: Tensor, beyond: tuple[int, int, int, int]) -> Pair:
    """Mean colours of foreground and background in the near windows, of which so many px are `beyond` the frame on the left, the right,
    above and below."""
    channels, (height, width), (left, right, above, below) = len(pair.front), alpha.shape[1:], beyond
    planes = alpha.new_zeros((2 * channels + 1, above + height + below, left + width + right))
    inside = planes[:, above : above + height, left : left + width]
    torch.mul(pair.front, alpha, out=inside[:channels])
    torch.mul(pair.back, 1 - alpha, out=inside[channels:-1])
    inside[-1] = alpha[0]
    sums = _sums(_sums(planes, 1), 2)
    down, across = (_sums(pad(alpha.new_ones(n), m), 0) for n, m in ((height, (above, below)), (width, (left, right))))
    weights = torch.stack([sums[-1], down[:, None] * across - sums[-1]])
    return _ratios(sums[:-1], weights, _LEAST * (2 * NEAR + 1) ** 2)


def _sums(values: Tensor, dim: int) -> Tensor:
    """Sums of each 2 `NEAR` + 1 values that follow one another along a dimension: those of 2 out of those of 1, of 4 out of those of 2."""
    count = 2 * NEAR + 1
    length = values.shape[dim] - count + 1
    parts, start, size = [], 0, 1
    while True:
        if count & size:
            parts.append(values.narrow(dim, start, length))
            start += size
        if 2 * size > count:
            return functools.reduce(torch.add, parts)
        last = values.shape[dim] - size
        values = values.narrow(dim, size, last) + values.narrow(dim, 0, last)
        size *= 2


def multi_level(color: Tensor, alpha: Tensor) -> Tensor:
    """Straight foreground `[C, H, W]` by Germer, Uelwer, Conrad and Harmeling, Fast Multi-Level Foreground Estimation (ICPR 2020).

    This is pymatting's, on the CPU; UsageError when it is not installed. It works on 0 to 1, and its solution goes along with
    brightness: so light is divided by its peak before, and multiplied by it after.
    """
    library = pymatting("method: multi_level")
    soft = (alpha[0] > 0) & (alpha[0] < 1)
    box = box_of(soft)
    if box is None or soft.numel() == 1:  # the library takes logarithms of the size
        return color
    left, top, right, bottom = grown(box, _MARGIN, *soft.shape)
    seen = color[:, top:bottom, left:right].nan_to_num(0.0, 0.0, 0.0).clamp(min=0)
    peak = seen.max().clamp(min=1)
    found = library.estimate_foreground_ml((seen / peak).permute(1, 2, 0).cpu().numpy(), alpha[0, top:bottom, left:right].cpu().numpy())
    front = color.clone()
    part = front[:, top:bottom, left:right]
    there = soft[top:bottom, left:right] & part.isfinite()
    part.copy_(torch.where(there, torch.from_numpy(found).permute(2, 0, 1).to(color) * peak, part))
    return front
