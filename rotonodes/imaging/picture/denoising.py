"""Noise removed from pictures: a median, and a bilateral filter that other passes guide."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.channel_choice import changed
from rotonodes.imaging.picture.compositing import all_finite
from rotonodes.values.color import linear_to_srgb, luminance
from rotonodes.values.pixels import Image, Levels, Matte

_ROWS = 32  # rows at a time: with their neighbours they fit the processor's cache
_MOST_RADIUS = 3  # of a median


class Guide(NamedTuple):
    """A picture whose edges are kept, and the difference in it that counts as one."""

    name: str
    picture: Image | None
    difference: float


def median(picture: Levels, radius: int, channels: str) -> Levels:
    """Each chosen channel's middle value over squares of 2 `radius` + 1 px; the edge is repeated.

    Raises UsageError for a radius above 3.
    """
    if radius > _MOST_RADIUS:
        raise UsageError(f"radius: a median looks at most {_MOST_RADIUS} px far, not {radius}")
    return changed(picture, channels, lambda planes: _median(planes, radius))


def _median(planes: Tensor, radius: int) -> Tensor:
    side = 2 * radius + 1
    height, width = planes.shape[-2:]
    bad = not all_finite(planes)
    around = pad(planes[None], (radius,) * 4, mode="replicate")[0]
    made = torch.empty_like(planes, memory_format=torch.contiguous_format)
    step = _ROWS if radius == 1 else _ROWS // 2
    for top in range(0, height, step):
        rows = min(step, height - top)
        for channel in range(len(planes)):
            strip, out = around[channel, top : top + rows + 2 * radius], made[channel, top : top + rows]
            if radius == 1 and not bad:
                _middle_of_nine(strip, out)
                continue
            values = torch.stack([strip[y : y + rows, x : x + width] for y in range(side) for x in range(side)])
            out.copy_(values.nanmedian(0).values if bad else _middle(values))
    return made


def _middle_of_nine(strip: Tensor, out: Tensor) -> None:
    """Medians over 3 x 3 px of a strip that is 2 px higher and wider: each column of 3 is sorted once for the three squares that share it.

    The middle of nine is that of: the largest of the three lowest, the middle of the three middles, the lowest of the three largest.
    """
    one, two, three = strip[:-2], strip[1:-1], strip[2:]
    small, large = torch.minimum(one, two), torch.maximum(one, two)
    rest = torch.minimum(large, three)
    low, middle, high = torch.minimum(small, three), torch.maximum(small, rest), torch.maximum(large, three)
    lows = torch.maximum(torch.maximum(low[:, :-2], low[:, 1:-1]), low[:, 2:])
    highs = torch.minimum(torch.minimum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    middles = _middle_of_three(middle[:, :-2], middle[:, 1:-1], middle[:, 2:])
    out.copy_(_middle_of_three(lows, middles, highs))


def _middle_of_three(one: Tensor, two: Tensor, three: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(one, two), torch.minimum(torch.maximum(one, two), three))


def _middle(values: Tensor) -> Tensor:
    """The median along the first dimension, of an odd length; `values` is overwritten.

    Pairs are exchanged as a sorting network does, as far as the middle needs them.
    """
    found, spare = list(values), torch.empty_like(values[0])
    for low, high in _exchanges(len(values)):
        torch.minimum(found[low], found[high], out=spare)
        torch.maximum(found[low], found[high], out=found[high])
        found[low], spare = spare, found[low]
    return found[len(values) // 2]


@functools.cache
def _exchanges(count: int) -> tuple[tuple[int, int], ...]:
    """The pairs of Batcher's odd-even merge sort of `count` values that the middle one depends on.

    Batcher: Sorting networks and their applications. AFIPS 1968.
    """
    pairs = []
    size = 1
    while size < count:
        step = size
        while step >= 1:
            starts = range(step % size, count - step, 2 * step)
            lows = (low for start in starts for low in range(start, min(start + step, count - step)))
            pairs += [(low, low + step) for low in lows if low // (2 * size) == (low + step) // (2 * size)]
            step //= 2
        size *= 2
    needed, kept = {count // 2}, []
    for low, high in reversed(pairs):
        if low in needed or high in needed:
            needed |= {low, high}
            kept.append((low, high))
    return tuple(reversed(kept))


def bilateral(picture: Levels, radius: int, difference: float, guides: Sequence[Guide], channels: str) -> Levels:
    """Averages over discs of `radius` px, weighted by nearness and likeness.

    weight = exp(-(d^2 / (radius / 2)^2 + b^2 / difference^2 + sum of |g|^2 / (guide's difference)^2) / 2), with d the distance, b the
    difference of brightness (sRGB-encoded), g that of each guide. Raises FrameError for guides of another size.

    Tomasi, Manduchi: Bilateral filtering for gray and color images. ICCV 1998. Petschnigg et al.: Digital photography with flash and
    no-flash image pairs. SIGGRAPH 2004.
    """
    planes = [_brightness(picture) / difference, *(_planes_of(guide, picture) / guide.difference for guide in guides)]
    likeness = torch.cat(planes).nan_to_num(0, 1e4, -1e4)
    offsets = _half_disc(radius)
    return changed(picture, channels, lambda chosen: _averaged(chosen, likeness, offsets, radius))


def _brightness(picture: Image | Matte) -> Tensor:
    color = picture.color if isinstance(picture, Image) else picture.data
    return linear_to_srgb(luminance(color).nan_to_num(0, 1e4, 0).clamp(min=0))


def _planes_of(guide: Guide, picture: Image | Matte) -> Tensor:
    """The first three channels of a guide on the picture's data window."""
    source = guide.picture
    assert source is not None
    if source.size != picture.size:
        sizes = f"{source.width} x {source.height}, the picture {picture.width} x {picture.height}"
        raise FrameError(f"{guide.name}: the pass is {sizes}: crop and reformat both alike")
    source = source.to(picture.device)
    return (source.on(picture.box) if isinstance(picture, Image) else source.on_frame()).color


def _half_disc(radius: int) -> list[tuple[int, int, float]]:
    """(x, y, exponent of the distance's weight) of half the pixels around; the other half are their opposites."""
    sigma = max(radius / 2, 0.5)
    places = [
        (x, y) for y in range(radius + 1) for x in range(-radius, radius + 1) if (y > 0 or x > 0) and x * x + y * y <= radius * (radius + 1)
    ]
    return [(x, y, -(x * x + y * y) / (2 * sigma * sigma)) for x, y in places]


def _averaged(planes: Tensor, likeness: Tensor, offsets: Sequence[tuple[int, int, float]], radius: int) -> Tensor:
    """Weighted means; NaN and infinity have no weight. A pair of pixels has one weight, which serves both."""
    known = planes.isfinite().all(0)
    clean = bool(known.all())
    values = planes if clean else planes.where(known, 0.0)
    height = planes.shape[-2]
    made = torch.empty_like(planes, memory_format=torch.contiguous_format)
    for top in range(0, height, _ROWS):
        first, last = max(0, top - radius), min(height, top + _ROWS + radius)
        part, like = values[:, first:last], likeness[:, first:last]
        there = None if clean else known[first:last].to(planes.dtype)
        total = part.clone()
        weights = torch.ones_like(part[0]) if there is None else there.clone()
        for x, y, exponent in offsets:
            one, other = _pair(part.shape[-2:], x, y)
            apart = (like[(..., *one)] - like[(..., *other)]).square_().sum(0)
            weight = apart.mul_(-0.5).add_(exponent).exp_()
            total[(..., *one)].addcmul_(part[(..., *other)], weight)
            total[(..., *other)].addcmul_(part[(..., *one)], weight)
            weights[one].add_(weight if there is None else weight * there[other])
            weights[other].add_(weight if there is None else weight * there[one])
        inside = slice(top - first, min(top + _ROWS, height) - first)
        made[:, top : top + _ROWS] = (total / weights.clamp(min=1e-12))[:, inside]
        if there is not None:
            nothing = weights[inside] <= 1e-12
            made[:, top : top + _ROWS] = planes[:, top : top + _ROWS].where(nothing, made[:, top : top + _ROWS])
    return made


def _pair(shape: Sequence[int], x: int, y: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns of all pixels that have one at (x, y) from them, and of those."""
    height, width = shape
    one = slice(0, max(0, height - y)), slice(max(0, -x), max(0, width - max(0, x)))
    other = slice(y, height), slice(max(0, x), max(0, width - max(0, -x)))
    return one, other
