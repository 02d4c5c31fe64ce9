"""The four usual errors of a matte.

Rhemann, Rother, Wang, Gelautz, Kohli and Rott, A Perceptually Motivated Online Benchmark for Image Matting (CVPR 2009). Mattes are
`[1, H, W]`, 0 to 1; `region` are the pixels that count, bool `[1, H, W]` (the unknown ones of a trimap), by default all. As is usual,
sums over a frame are in thousands, the mean squared error is not scaled.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from rotonodes.imaging.mattes.regions import largest_region

THOUSAND = 1000.0
_SIGMA = 1.4  # px, standard deviation of the Gaussian that gradients are taken with
_CUT = 0.01  # value at which the Gaussian is cut off
_STEP, _BORDER = 0.1, 0.15  # connectivity: step between levels of alpha, and the smallest gap that counts


@dataclass(frozen=True)
class MatteErrors:
    """The four errors of a matte, 0 for a perfect one. `sad`, `gradient` and `connectivity` are sums over a frame, in thousands."""

    sad: float
    mse: float
    gradient: float
    connectivity: float

    def as_json(self) -> dict[str, float]:
        """The errors by name."""
        return asdict(self)


ERRORS = tuple(field.name for field in fields(MatteErrors))


def matte_errors(found: Tensor, truth: Tensor, region: Tensor | None = None) -> MatteErrors:
    """All four errors of a frame."""
    return MatteErrors(*(measure(found, truth, region) for measure in (sad, mse, gradient_error, connectivity_error)))


def sad(found: Tensor, truth: Tensor, region: Tensor | None = None) -> float:
    """Sum of absolute differences, in thousands."""
    return float(_counted((found - truth).abs(), region).double().sum()) / THOUSAND


def mse(found: Tensor, truth: Tensor, region: Tensor | None = None) -> float:
    """Mean squared error over the pixels that count; 0 where none counts."""
    squares = _counted((found - truth).square(), region).double()
    return float(squares.mean()) if squares.numel() else 0.0


def gradient_error(found: Tensor, truth: Tensor, region: Tensor | None = None) -> float:
    """Sum of the squared differences of gradient magnitudes, in thousands: edges too soft, too hard, or torn.

    Gradients are taken with derivatives of a Gaussian of sigma 1.4 px, scaled to a sum of squares of 1; edges are repeated.
    """
    return float(_counted((_magnitude(found) - _magnitude(truth)).square(), region).double().sum()) / THOUSAND


def connectivity_error(found: Tensor, truth: Tensor, region: Tensor | None = None) -> float:
    """Sum of the differences in connectivity, in thousands: islands and holes that are not in the truth.

    At each level of alpha from 0.1 to 1 in steps of 0.1 the largest region (of 4-neighbours) that both mattes cover is found. A
    pixel is connected up to the last level at which it was inside; its alpha above that level, where it is 0.15 or more, is its
    lack of connectivity.
    """
    planes = [plane[0].double().cpu().numpy() for plane in (found, truth)]
    common = np.minimum(*planes)
    reached, inside = np.zeros(common.shape), np.ones(common.shape, bool)
    steps = round(1 / _STEP)
    for step in range(1, steps + 1):
        inside &= largest_region(common >= step / steps)
        reached[inside] = step / steps
    gaps = [plane - reached for plane in planes]
    first, second = (1 - gap * (gap >= _BORDER) for gap in gaps)
    difference = torch.from_numpy(np.abs(first - second))[None]
    return float(_counted(difference, None if region is None else region.cpu()).sum()) / THOUSAND


def _counted(values: Tensor, region: Tensor | None) -> Tensor:
    return values.flatten() if region is None else values[region]


def _magnitude(matte: Tensor) -> Tensor:
    """The magnitude of a matte's gradient, `[1, H, W]`."""
    reach = math.ceil(_SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _SIGMA * _CUT)))
    at = torch.arange(-reach, reach + 1, dtype=matte.dtype, device=matte.device)
    bell = torch.exp(-at.square() / (2 * _SIGMA**2)) / (_SIGMA * math.sqrt(2 * math.pi))
    slope = -at * bell / _SIGMA**2
    scale = bell.norm() * slope.norm()
    around = pad(matte[None], (reach, reach, reach, reach), mode="replicate")

    def along(across: Tensor, down: Tensor) -> Tensor:
        return conv2d(conv2d(around, across.reshape(1, 1, 1, -1)), down.reshape(1, 1, -1, 1))[0]

    return torch.hypot(along(slope, bell), along(bell, slope)) / scale


def summary(frames: dict[int, MatteErrors]) -> dict[str, Any]:
    """Errors of frames as plain JSON values: the means, and each frame's."""
    means = {name: sum(getattr(errors, name) for errors in frames.values()) / len(frames) for name in ERRORS}
    return {"frames": len(frames), "mean": means, "by_frame": {str(frame): errors.as_json() for frame, errors in frames.items()}}
