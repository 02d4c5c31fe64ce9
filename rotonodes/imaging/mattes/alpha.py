"""Alpha in the unknown part of a trimap, out of the picture's colours.

Both methods say that over a small place alpha is a linear function of the colour: which C = a F + (1 - a) B makes it where F
and B lie on two lines in colour space, in linear light and nowhere else. On the frames of tests/benchmarks/bench_halo.py the
mean squared error is twice as large when the closed form is given sRGB, and three times as large with the guided filter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from rotonodes.errors import FrameError
from rotonodes.extras import pymatting
from rotonodes.imaging.mattes.block_means import at_pixels, pooled, window_means
from rotonodes.imaging.mattes.disc import box_of, grown
from rotonodes.imaging.mattes.unknown_band import FOREGROUND, unknown

EPSILON = 1e-6  # added to the variance of colour in a window, of pictures as `exposed` scales them: less than it is noise
_MOST, _HEADROOM = 0.99, 0.25  # this share of the pixels is this bright at most
_BLACK = 1e-4  # light that is taken as the brightest of a black picture
_SAMPLES = 100_000  # pixels that the brightness is found from

_BLOCK = 4  # px: the guided filter's windows are made of squares of this side
_LESS = 0.2  # how much each larger window counts, beside the one of half its radius
_ONE_SIDED = 0.01  # how much a window counts that sees one side only, beside one that sees as much of both
_LAST = 1e-5  # how much all of the picture counts, for where no window sees both sides


def closed_form(color: Tensor, trimap: Tensor) -> Tensor:
    """Alpha `[1, H, W]` by Levin, Lischinski and Weiss, A Closed-Form Solution to Natural Image Matting (PAMI 30 (2), 2008).

    It is solved by pymatting, on the CPU; UsageError when that is not installed. `color` is `[3, H, W]`, scene-linear,
    `trimap` `[1, H, W]`. What the trimap knows stays as it is there, to the bit.
    """
    library = pymatting("method: closed_form")
    return _solved(color, trimap, 2, partial(_levin, library))


def guided(color: Tensor, trimap: Tensor, radius: float = 32) -> Tensor:
    """Alpha `[1, H, W]` by a guided filter that learns from known pixels only; any device.

    As in He, Sun and Tang, Guided Image Filtering (PAMI 35 (6), 2013), alpha is a . colour + b in each window, by least squares, and
    a pixel takes the mean of the windows around it. There every pixel of the trimap counts, so that unknown ones pull
    alpha to a half; here they have no weight. Windows of a quarter of `radius` to twice as much, in px, are added up: the
    smaller, and the more it sees of both sides, the more it counts; where none sees both, the whole picture decides.
    """
    return _solved(color, trimap, math.ceil(2 * radius), partial(_guided, radius=radius))


def _solved(color: Tensor, trimap: Tensor, margin: int, method: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """The trimap with its unknown part filled by `method`, which sees that with a margin: (colour, alpha, known) -> alpha."""
    asked = unknown(trimap[0])
    box = box_of(asked)
    if box is None:
        return trimap
    if not bool((trimap >= FOREGROUND).any()):
        raise FrameError("the trimap has no foreground (1) to solve alpha from: erode less")
    left, top, right, bottom = grown(box, margin, *asked.shape)
    answer = trimap.clone()
    part, there = answer[:, top:bottom, left:right], asked[top:bottom, left:right]
    found = method(exposed(color[:, top:bottom, left:right]), torch.where(there, 0.5, part), ~there)
    part.copy_(torch.where(there, found.clamp(0, 1), part))
    return answer


def exposed(color: Tensor) -> Tensor:
    """Linear light `[3, H, W]` on a scale of its own, 0 to 1: 99 of 100 pixels below a quarter, what is brighter than 1 cut off.

    So a plate may be as dark or bright as it likes. What is not finite, or negative, is 0.
    """
    seen = color.nan_to_num(0.0, 0.0, 0.0).clamp(min=0)
    brightest = seen.amax(dim=0).flatten()
    some = brightest[:: max(1, len(brightest) // _SAMPLES)]
    return (seen * (_HEADROOM / some.quantile(_MOST).clamp(min=_BLACK))).clamp(max=1)


def _levin(library: Any, color: Tensor, trimap: Tensor, sure: Tensor) -> Tensor:
    """pymatting's closed form of a part of the frame, `[1, h, w]`."""
    values = trimap[:, sure]
    if not (bool((values < 0.5).any()) and bool((values > 0.5).any())):
        return values.new_full(trimap.shape, float(values[0, 0] > 0.5))  # the smoothest alpha there is
    height, width = sure.shape
    space = (0, max(0, 3 - width), 0, max(0, 3 - height))  # its windows are of 3 x 3 px
    picture, known_alpha = (pad(planes[None].double().cpu(), space, "replicate")[0].numpy() for planes in (color, trimap))
    try:
        found = library.estimate_alpha_cf(picture.transpose(1, 2, 0), known_alpha[0], laplacian_kwargs={"epsilon": EPSILON})
    except ValueError as error:
        raise FrameError(f"the closed form has no solution here ({error}): use method: guided") from error
    return torch.from_numpy(found[:height, :width]).to(color)[None]


def _guided(color: Tensor, alpha: Tensor, sure: Tensor, radius: float) -> Tensor:
    """The guided filter of a part of the frame, `[1, h, w]`; only unknown pixels are worked on."""
    rows, columns = (~sure).nonzero(as_tuple=True)
    sums = torch.cat([pooled(planes, _BLOCK) for planes in _moments(color, alpha, sure.to(color)[None])]).double()
    seen = sums.mean(dim=(1, 2), keepdim=True) * _LAST
    for level, part in enumerate((1 / 4, 1 / 2, 1, 2)):
        here = window_means(sums, radius * part, _BLOCK)
        share = here[4:5] / here[:1].clamp(min=_LAST)  # of what is known here, the part that is foreground
        seen = seen + _LESS**level * (_ONE_SIDED + 4 * share * (1 - share)) * here
    count, models = _models(seen)
    near = window_means(torch.cat([count * models, count]), _BLOCK, _BLOCK)
    *slope, offset = at_pixels((near[:-1] / near[-1:]).to(color), _BLOCK, rows, columns)
    found = alpha.clone()
    found[0, rows, columns] = offset + sum(a * plane for a, plane in zip(slope, color[:, rows, columns], strict=True))
    return found


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _moments(color: Tensor, alpha: Tensor, weight: Tensor) -> Iterator[Tensor]:
    """Weight, weighted colour, alpha, products of colours, products of colour and alpha: `[14, H, W]` in turn."""
    yield weight
    weighted = color * weight
    yield weighted
    yield alpha * weight
    for first, second in _PAIRS:
        yield (weighted[first] * color[second])[None]
    yield weighted * alpha


def _models(sums: Tensor) -> tuple[Tensor, Tensor]:
    """How much was seen `[1, h, w]`, and slopes and offset of alpha over colour `[4, h, w]`, of sums as `_moments` orders them."""
    count, means = sums[:1], sums[1:] / sums[:1]
    color, alpha, products, together = means.split((3, 1, 6, 3))
    spread = torch.empty((*sums.shape[1:], 3, 3), dtype=sums.dtype, device=sums.device)
    for (first, second), product in zip(_PAIRS, products, strict=True):
        spread[..., first, second] = spread[..., second, first] = product - color[first] * color[second]
    spread.diagonal(dim1=-2, dim2=-1).add_(EPSILON)
    slope = torch.linalg.solve(spread, (together - color * alpha).movedim(0, -1))
    slope = slope.movedim(-1, 0)
    return count, torch.cat([slope, alpha - (slope * color).sum(0, keepdim=True)])
