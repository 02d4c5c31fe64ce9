"""The foreground's own colour where a matte is soft, so that a cut-out carries no colour of its old background."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, pad

from rotonodes.extras import load_library
from rotonodes.imaging.mattes.block_means import filled, pooled, window_means
from rotonodes.imaging.mattes.box_means import running_sums
from rotonodes.imaging.picture.compositing import with_colors
from rotonodes.values.pixels import Box, Image

FAR, NEAR = 90, 6  # px, radii of the paper's two windows of blur-fusion
_BLOCK = 8  # px, side of the blocks that the far windows are made of
_ROWS = 48  # rows computed at a time
_LEAST = 1e-5  # mean weight below which a window has seen nothing of a colour
_EXTREME, _DIM = 1000.0, 0.01  # light is bounded at so many times that of 99 % of the pixels, or of a dim picture
_SAMPLES = 100_000  # pixels that this is measured on
_MARGIN = 64  # px around the soft part that the multi-level method is given


class TwoColors(NamedTuple):
    """Unpremultiplied colours of the foreground and of the background, each `[C, ...]`."""

    front: Tensor
    back: Tensor


def blur_fusion(color: Tensor, alpha: Tensor, block: int = _BLOCK, last_correction: bool = True) -> Tensor:
    """Unpremultiplied foreground `[C, H, W]` of a picture `[C, H, W]` with matte `[1, H, W]`; any device, any brightness.

    Forte and Pitié, Approximate, Fast Foreground Colour Estimation (ICIP 2021): with means over a window, weighted by the
    matte, F' = mean(a F) / mean(a) and B' = mean((1-a) B) / mean(1-a),

        F = F' + a (C - a F' - (1-a) B')        B likewise

    first from F = B = C in windows of radius 90, then from those results in windows of radius 6. Windows end at the
    frame's edge. Here the far windows are made of blocks of 8 px, and only pixels with 0 < a < 1 are computed: where a is 1 the
    foreground is C, where a is 0 the result is C too and has no meaning. NaN and infinity are left out of every mean, and stay
    where they are; light beyond 1000 times that of 99 % of the pixels counts as that. No colour becomes negative unless C is.
    Without the `last_correction` the result is F' of the small window: smoother, and like its surroundings.
    """
    alpha = alpha.nan_to_num(0.0, 1.0, 0.0).clamp(0, 1)
    soft = (alpha[0] > 0) & (alpha[0] < 1)
    box = Box.around(soft, FAR + block)
    if box is None:
        return color
    box = box._replace(left=box.left - box.left % block, top=box.top - box.top % block)  # a part's blocks are the frame's
    front = color.clone()
    window = (slice(None), *box.slices)
    _fuse(color[window], alpha[window], soft[box.slices], block, front[window], last_correction)
    return front


def clean_plate(picture: Image, matte: Tensor) -> Image:
    """A picture without the shape's colour where its matte `[1, H, W]` is between 0 and 1; colour and alpha.

    The background of a shape is the foreground of everything else, so this is `blur_fusion` with 1 - matte. Of a picture's alpha
    A = m + (1 - m) A_B the background's own A_B is known exactly, and its colour is scaled to it.
    """
    color = blur_fusion(picture.color, 1 - matte, last_correction=False)
    if picture.alpha is None:
        return with_colors(picture, color)
    soft = (matte > 0) & (matte < 1)
    behind = torch.where(soft, ((picture.alpha - matte) / (1 - matte).where(soft, 1.0)).clamp(0, 1), picture.alpha)
    estimated = blur_fusion(picture.alpha, 1 - matte, last_correction=False).clamp(min=0)
    scale = torch.where(soft, behind / estimated.where(estimated > 0, 1.0), 1.0).clamp(0, 1)
    return with_colors(picture, torch.where(scale > 0, color * scale, 0.0), behind)


def _fuse(color: Tensor, alpha: Tensor, soft: Tensor, block: int, front: Tensor, last_correction: bool) -> None:
    """Writes the result of `blur_fusion` into `front` where `soft` (bool `[H, W]`): in bands of rows, only columns near soft pixels."""
    height, width = soft.shape
    finite = bool(color.sum().isfinite())
    seen = _within_light(color if finite else color.nan_to_num(0.0, 0.0, 0.0))
    means, least = _far(seen, alpha, block), min(0.0, float(seen.min()))
    for top in range(0, height, _ROWS):
        bottom = min(height, top + _ROWS)
        wanted = soft[top:bottom].any(dim=0).nonzero().flatten()
        if not len(wanted):
            continue
        columns, above, below = _around(wanted, width), max(0, top - NEAR), min(height, bottom + NEAR)
        left, right = max(0, NEAR - int(wanted[0])), max(0, NEAR - (width - 1 - int(wanted[-1])))
        beyond = (left, right, above - (top - NEAR), bottom + NEAR - below)  # px by which windows reach beyond the frame
        here, a = _taken(seen[:, above:below], columns), _taken(alpha[:, above:below], columns)
        far = _at_crossings(means, block, torch.arange(above, below, device=soft.device), columns)
        pair = _fused(here, a, _ratios(far[:-2], far[-2:], _LEAST), least)
        middle = slice(NEAR - left, len(columns) - NEAR + right)
        inner = (slice(None), slice(top - above, bottom - above), middle)
        found = _near(pair, a, beyond)
        found = _fused(here[inner], a[inner], found, least) if last_correction else found
        there, old = _taken(soft[top:bottom], columns[middle]), here[inner]
        if not finite:
            old = _taken(color[:, top:bottom], columns[middle])
            there = there & old.isfinite()
        front[:, top:bottom, _span(columns[middle])] = torch.where(there, found.front, old)


def _within_light(color: Tensor) -> Tensor:
    """Finite colour without light a thousand times as bright as 99 % of the picture: one such pixel would outweigh a whole window."""
    extreme = float(color.abs().max())
    if extreme <= _EXTREME * _DIM:
        return color
    some = color.abs().amax(0).flatten()
    limit = _EXTREME * max(_DIM, float(some[:: max(1, len(some) // _SAMPLES)].quantile(0.99)))
    return color if extreme <= limit else color.clamp(-limit, limit)


def _around(columns: Tensor, width: int) -> Tensor:
    """The given columns (ascending) and all within `NEAR` px of them, inside the frame."""
    wide = torch.zeros(width, device=columns.device)
    wide[columns] = 1
    return max_pool1d(wide[None, None], 2 * NEAR + 1, 1, NEAR)[0, 0].nonzero().flatten()


def _span(columns: Tensor) -> slice | Tensor:
    """Columns as a slice where they are consecutive (indexing is then a view), else as they are."""
    first, end = int(columns[0]), int(columns[-1]) + 1
    return slice(first, end) if end - first == len(columns) else columns


def _taken(planes: Tensor, columns: Tensor) -> Tensor:
    """The given columns of planes `[..., W]`."""
    span = _span(columns)
    return planes[..., span] if isinstance(span, slice) else planes.index_select(-1, span)


def _fused(color: Tensor, alpha: Tensor, pair: TwoColors, least: float) -> TwoColors:
    """Both colours corrected so that together they make the picture, each in proportion to its alpha; `pair` is overwritten.

    `least` is the picture's minimum, at most 0: below 0 a colour may only go where the picture does.
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


def _ratios(colors: Tensor, weights: Tensor, least: float) -> TwoColors:
    """Colours from the means of a F and (1-a) B, `[2 C, ...]`, and of a and 1-a, `[2, ...]`; both arguments are overwritten."""
    weights = weights.add_(least).reciprocal_()
    front, back = colors.chunk(2)
    return TwoColors(front.mul_(weights[:1]), back.mul_(weights[1:]))


def _far(color: Tensor, alpha: Tensor, block: int) -> Tensor:
    """Means of a F, (1-a) B, a and 1-a over the far window of each block, `[2 C + 2, h, w]`."""
    front, weight = pooled(color * alpha, block), pooled(alpha, block)
    return window_means(torch.cat([front, pooled(color, block) - front, weight, filled(color, block) - weight]), FAR, block)


def _at_crossings(blocks: Tensor, block: int, rows: Tensor, columns: Tensor) -> Tensor:
    """Values of blocks `[C, h, w]` at n rows and m columns of pixels, `[C, n, m]`: bilinear between block centres."""
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
    """For each pixel the last block centre before it, and the fraction of the way to the next, 0 to 1; clamped at the ends."""
    at = ((pixels.to(like) + 0.5) / block - 0.5).clamp(0, count - 1)
    before = at.floor()
    return before.long(), at - before


def _near(pair: TwoColors, alpha: Tensor, beyond: tuple[int, int, int, int]) -> TwoColors:
    """Mean colours of foreground and background over the near windows.

    `beyond` is by how many px windows reach beyond the frame: left, right, above, below.
    """
    channels, (height, width), (left, right, above, below) = len(pair.front), alpha.shape[1:], beyond
    planes = alpha.new_zeros((2 * channels + 1, above + height + below, left + width + right))
    inside = planes[:, above : above + height, left : left + width]
    torch.mul(pair.front, alpha, out=inside[:channels])
    torch.mul(pair.back, 1 - alpha, out=inside[channels:-1])
    inside[-1] = alpha[0]
    side = 2 * NEAR + 1
    sums = running_sums(running_sums(planes, side, 1), side, 2)
    down, across = (running_sums(pad(alpha.new_ones(n), m), side) for n, m in ((height, (above, below)), (width, (left, right))))
    weights = torch.stack([sums[-1], down[:, None] * across - sums[-1]])
    return _ratios(sums[:-1], weights, _LEAST * side**2)


def multi_level(color: Tensor, alpha: Tensor) -> Tensor:
    """Unpremultiplied foreground `[C, H, W]` by Germer, Uelwer, Conrad and Harmeling, Fast Multi-Level Foreground Estimation (ICPR 2020).

    Computed by pymatting, on the CPU; raises UsageError when it is not installed. It takes colours from 0 to 1 and scales with
    brightness, so light is divided by its peak before and multiplied by it after.
    """
    library = load_library("pymatting", "the multi-level foreground")
    alpha = alpha.nan_to_num(0.0, 1.0, 0.0).clamp(0, 1)
    soft = (alpha[0] > 0) & (alpha[0] < 1)
    box = Box.around(soft, _MARGIN)
    if box is None or soft.numel() == 1:  # the library takes logarithms of the size
        return color
    seen = _within_light(color[:, *box.slices].nan_to_num(0.0, 0.0, 0.0)).clamp(min=0)
    peak = seen.max().clamp(min=1)
    found = library.estimate_foreground_ml((seen / peak).permute(1, 2, 0).cpu().numpy(), alpha[0, *box.slices].cpu().numpy())
    front = color.clone()
    part = front[:, *box.slices]
    there = soft[box.slices] & part.isfinite()
    part.copy_(torch.where(there, torch.from_numpy(found).permute(2, 0, 1).to(color) * peak, part))
    return front
