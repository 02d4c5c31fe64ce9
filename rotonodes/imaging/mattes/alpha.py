"""Alpha in the unknown part of a trimap, solved from the picture's colours.

Both methods assume that within a small window alpha is a linear function of colour. From C = a F + (1 - a) B that follows where F
and B lie on two lines in colour space, and only in linear light. On the frames of tests/benchmarks/bench_halo.py the
mean squared error doubles when the closed form is given sRGB, and triples with the guided filter.
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
from rotonodes.extras import load_library
from rotonodes.imaging.mattes.block_means import at_pixels, pooled, window_means
from rotonodes.imaging.mattes.unknown_band import FOREGROUND, unknown
from rotonodes.values.pixels import Box

EPSILON = 1e-6  # added to the variance of colour in a window (of pictures that `exposed` scaled): smaller variance is noise
_MOST, _HEADROOM = 0.99, 0.25  # after scaling, this share of the pixels is at most this bright
_BLACK = 1e-4  # lower limit of the brightness that a picture is scaled by, so that a black picture stays black
_SAMPLES = 100_000  # number of pixels that the brightness is measured on

_BLOCK = 4  # px, side of the blocks that the guided filter's windows are made of
_LESS = 0.2  # weight of each larger window relative to the window of half its radius
_ONE_SIDED = 0.01  # weight of a window with known pixels of one side only, relative to one with equal numbers of both
_LAST = 1e-5  # weight of the whole picture, which decides where no window has known pixels of both sides


def closed_form(color: Tensor, trimap: Tensor) -> Tensor:
    """Alpha `[1, H, W]` by Levin, Lischinski and Weiss, A Closed-Form Solution to Natural Image Matting (PAMI 30 (2), 2008).

    Solved by pymatting, on the CPU; raises UsageError when it is not installed. `color` is `[3, H, W]`, scene-linear,
    `trimap` `[1, H, W]`. Known pixels keep the trimap's value, bit for bit.
    """
    library = load_library("pymatting", "the closed form of alpha")
    return _solved(color, trimap, 2, partial(_levin, library))


def guided(color: Tensor, trimap: Tensor, radius: float = 32) -> Tensor:
    """Alpha `[1, H, W]` by a guided filter that is fitted to known pixels only; any device.

    As in He, Sun and Tang, Guided Image Filtering (PAMI 35 (6), 2013), alpha is a . colour + b in each window, by least squares, and
    a pixel takes the mean over the windows that contain it. In the paper every pixel of the trimap counts, so unknown ones pull
    alpha towards 0.5; here they have no weight. Windows from `radius` / 4 to 2 `radius` px are combined: smaller windows, and windows
    with known pixels of both sides, weigh more; where no window has both, the whole picture decides.
    """
    return _solved(color, trimap, math.ceil(2 * radius), partial(_guided, radius=radius))


def _solved(color: Tensor, trimap: Tensor, margin: int, method: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """The trimap with its unknown pixels solved by `method(colour, alpha, known) -> alpha` on their bounding box plus `margin` px.

    Raises FrameError when the trimap has no foreground.
    """
    asked = unknown(trimap[0])
    box = Box.around(asked, margin)
    if box is None:
        return trimap
    if not bool((trimap >= FOREGROUND).any()):
        raise FrameError("the trimap has no foreground (1) to solve alpha from: erode less")
    solved = trimap.clone()
    part, there = solved[:, *box.slices], asked[box.slices]
    found = method(exposed(color[:, *box.slices]), torch.where(there, 0.5, part.clamp(0, 1)), ~there)
    part.copy_(torch.where(there, found.clamp(0, 1), part))
    return solved


def exposed(color: Tensor) -> Tensor:
    """Linear light `[3, H, W]` scaled so that 99 % of the pixels are below 0.25, and clamped to 0..1: exposure does not matter.

    NaN, infinity and negative values become 0.
    """
    seen = color.nan_to_num(0.0, 0.0, 0.0).clamp(min=0)
    brightest = seen.amax(dim=0).flatten()
    some = brightest[:: max(1, len(brightest) // _SAMPLES)]
    return (seen * (_HEADROOM / some.quantile(_MOST).clamp(min=_BLACK))).clamp(max=1)


def _levin(library: Any, color: Tensor, trimap: Tensor, sure: Tensor) -> Tensor:
    """pymatting's closed form for a part of the frame, `[1, h, w]`. Raises FrameError where it has no solution."""
    values = trimap[:, sure]
    if not (bool((values < 0.5).any()) and bool((values > 0.5).any())):
        return values.new_full(trimap.shape, float(values[0, 0] > 0.5))  # known pixels of one side only: constant
    height, width = sure.shape
    space = (0, max(0, 3 - width), 0, max(0, 3 - height))  # its windows are 3 x 3 px
    picture, known_alpha = (pad(planes[None].double().cpu(), space, "replicate")[0].numpy() for planes in (color, trimap))
    try:
        found = library.estimate_alpha_cf(picture.transpose(1, 2, 0), known_alpha[0], laplacian_kwargs={"epsilon": EPSILON})
    except ValueError as error:
        raise FrameError(f"the closed form has no solution here ({error}): use method: guided") from error
    return torch.from_numpy(found[:height, :width]).to(color)[None]


def _guided(color: Tensor, alpha: Tensor, sure: Tensor, radius: float) -> Tensor:
    """The guided filter for a part of the frame, `[1, h, w]`; only unknown pixels are computed."""
    rows, columns = (~sure).nonzero(as_tuple=True)
    sums = torch.cat([pooled(planes, _BLOCK) for planes in _moments(color, alpha, sure.to(color)[None])]).double()
    seen = sums.mean(dim=(1, 2), keepdim=True) * _LAST
    for level, part in enumerate((1 / 4, 1 / 2, 1, 2)):
        here = window_means(sums, radius * part, _BLOCK)
        share = here[4:5] / here[:1].clamp(min=_LAST)  # foreground's share of the known pixels
        seen = seen + _LESS**level * (_ONE_SIDED + 4 * share * (1 - share)) * here
    count, models = _models(seen)
    near = window_means(torch.cat([count * models, count]), _BLOCK, _BLOCK)
    *slope, offset = at_pixels((near[:-1] / near[-1:]).to(color), _BLOCK, rows, columns)
    found = alpha.clone()
    found[0, rows, columns] = offset + sum(a * plane for a, plane in zip(slope, color[:, rows, columns], strict=True))
    return found


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _moments(color: Tensor, alpha: Tensor, weight: Tensor) -> Iterator[Tensor]:
    """Yields weight, weighted colour, alpha, products of colours, products of colour and alpha: 14 planes `[n, H, W]` in all."""
    yield weight
    weighted = color * weight
    yield weighted
    yield alpha * weight
    for first, second in _PAIRS:
        yield (weighted[first] * color[second])[None]
    yield weighted * alpha


def _models(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Total weight `[1, h, w]`, and slopes and offset of alpha over colour `[4, h, w]`, from sums in the order of `_moments`."""
    count, means = sums[:1], sums[1:] / sums[:1]
    color, alpha, products, together = means.split((3, 1, 6, 3))
    spread = torch.empty((*sums.shape[1:], 3, 3), dtype=sums.dtype, device=sums.device)
    for (first, second), product in zip(_PAIRS, products, strict=True):
        spread[..., first, second] = spread[..., second, first] = product - color[first] * color[second]
    spread.diagonal(dim1=-2, dim2=-1).add_(EPSILON)
    slope = torch.linalg.solve(spread, (together - color * alpha).movedim(0, -1))
    slope = slope.movedim(-1, 0)
    return count, torch.cat([slope, alpha - (slope * color).sum(0, keepdim=True)])
