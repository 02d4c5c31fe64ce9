"""The foreground's own colour where a matte is soft, so that nothing of the old background goes along with a cut-out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from rotonodes.matting.blocks import at_pixels, filled, pooled, window_means, windows
from rotonodes.matting.distance import box_of, grown
from rotonodes.matting.optional import pymatting

FAR, NEAR = 90, 6  # radii of the two windows of blur-fusion, px, as the paper has them
_BLOCK = 8  # px: the far windows are made of squares of this side
_TILE = 32  # px: the near windows are summed in tiles of this side, where the matte is soft
_CHUNK = 128  # tiles at a time
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
    part = answer[:, top:bottom, left:right]
    part.copy_(_fusion(part, alpha[:, top:bottom, left:right], soft[top:bottom, left:right], block))
    return answer


def _fusion(color: Tensor, alpha: Tensor, soft: Tensor, block: int) -> Tensor:
    """`blur_fusion` where `soft`, bool `[H, W]`, has a pixel."""
    rows, columns = soft.nonzero(as_tuple=True)
    finite = bool(color.sum().isfinite())
    seen = color if finite else color.nan_to_num(0.0, 0.0, 0.0)
    here, a = seen[:, rows, columns], alpha[:, rows, columns]
    first = _fused(here, a, _far(seen, alpha, rows, columns, block))
    pair = Pair(seen.clone(), seen.clone())
    pair.front[:, rows, columns], pair.back[:, rows, columns] = first
    found = _fused(here, a, _near(pair, alpha, soft, rows, columns)).front
    pair.front[:, rows, columns] = found
    return pair.front if finite else torch.where(color.isfinite(), pair.front, color)


def _fused(color: Tensor, alpha: Tensor, pair: Pair) -> Pair:
    """Both colours moved so that together they make the picture, each as far as it is seen."""
    rest = color - alpha * pair.front - (1 - alpha) * pair.back
    least = color.clamp(max=0)
    return Pair(torch.maximum(pair.front + alpha * rest, least), torch.maximum(pair.back + (1 - alpha) * rest, least))


def _ratios(means: Tensor) -> Pair:
    """Colours out of planes in the order a F, a, (1-a) B, 1-a: `[2 C + 2, ...]`."""
    front, back = means.chunk(2)
    return Pair(*(part[:-1] / (part[-1:] + _LEAST) for part in (front, back)))


def _far(color: Tensor, alpha: Tensor, rows: Tensor, columns: Tensor, block: int) -> Pair:
    """Mean colours of foreground and background in the far windows around pixels, `[C, n]`."""
    front = torch.cat([pooled(color * alpha, block), pooled(alpha, block)])
    whole = torch.cat([pooled(color, block), filled(color, block)])
    means = window_means(torch.cat([front, whole - front]), FAR, block)
    return _ratios(at_pixels(means, block, rows, columns))


def _near(pair: Pair, alpha: Tensor, soft: Tensor, rows: Tensor, columns: Tensor) -> Pair:
    """Mean colours of foreground and background in the near windows around pixels, `[C, n]`: tile by tile."""
    height, width = soft.shape
    tiles = pad(soft, (0, -width % _TILE, 0, -height % _TILE)).unfold(0, _TILE, _TILE).unfold(1, _TILE, _TILE).any(-1).any(-1)
    place = torch.full(tiles.shape, -1, dtype=torch.long, device=soft.device)
    top, left = tiles.nonzero(as_tuple=True)
    place[top, left] = torch.arange(len(top), device=soft.device)
    window = windows(_TILE + 2 * NEAR, NEAR, alpha)[NEAR : NEAR + _TILE]
    span = torch.arange(-NEAR, _TILE + NEAR, device=soft.device)
    means = alpha.new_empty((len(top), 2 * len(pair.front) + 2, _TILE, _TILE))
    for start in range(0, len(top), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        y, x = (top[chunk, None] * _TILE + span)[:, :, None], (left[chunk, None] * _TILE + span)[:, None, :]
        inside = ((y >= 0) & (y < height) & (x >= 0) & (x < width)).to(alpha)
        y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
        front = alpha[:, y, x] * inside
        back = inside - front
        planes = torch.cat([pair.front[:, y, x] * front, front, pair.back[:, y, x] * back, back]).transpose(0, 1)
        means[chunk] = window @ planes @ window.T
    return _ratios(means[place[rows // _TILE, columns // _TILE], :, rows % _TILE, columns % _TILE].T)


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
