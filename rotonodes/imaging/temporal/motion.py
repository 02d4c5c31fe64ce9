"""Motion between the frames of a shot: estimating vectors, and following them.

Vectors are in the format of Blender's Cycles: `[4, H, W]` float32, channels X Y Z W, in pixels, with y upwards. The surface
point in the pixel at column x and row y lies at

    (x + X, y - Y)  in the frame before,        (x - Z, y + W)  in the frame after.

(`primitive_motion_vector` in Cycles returns previous - current and current - next, in raster space; confirmed on renders.
With motion blur on, Cycles leaves the pass at 0.) Positions are those of pixel centres: the first pixel is at (0, 0).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, pad

# px, standard deviation of the error with which forward and backward vectors of one surface point cancel.
_CLOSES = 1.0

# Estimation: sides of the coarsest level and of the windows, px; steps at each level; and the damping of the least squares
# (mean square of the gradient, for pictures from 0 to 1), which keeps windows without contrast in place.
_COARSEST = 16
_WINDOW = 5
_STEPS = 4
_CONTRAST = 3e-3


class Positions(NamedTuple):
    """Positions in a picture, each `[H, W]` float32: columns `x` and rows `y` in pixels, fractions included."""

    x: Tensor
    y: Tensor


def own_positions(like: Tensor) -> Positions:
    """The positions of the pixels of `[..., H, W]`."""
    height, width = like.shape[-2:]
    rows, columns = (torch.arange(n, dtype=torch.float32, device=like.device) for n in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return Positions(x, y)


def sample(planes: Tensor, at: Positions) -> Tensor:
    """Values of `[C, H, W]` at positions, bilinear; the edge's value beyond the frame."""
    height, width = planes.shape[-2:]
    grid = torch.stack([(2 * at.x + 1) / width - 1, (2 * at.y + 1) / height - 1], dim=-1)
    return grid_sample(planes[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]


def displaced(vectors: Tensor, step: int, at: Positions) -> Positions:
    """The positions, one frame later (`step` 1) or earlier (-1), of surface points at `at` with vectors `[4, H, W]`."""
    if step < 0:
        return Positions(at.x + vectors[0], at.y - vectors[1])
    return Positions(at.x - vectors[2], at.y + vectors[3])


def follow(here: Tensor, there: Tensor, step: int, at: Positions) -> tuple[Positions, Tensor]:
    """The positions one frame later or earlier, and the trust in each, `[H, W]` from 0 to 1.

    `here` are this frame's vectors at the positions, `there` all vectors of the other frame, both `[4, H, W]`. Trust is
    exp(-d^2 / 2), with d the distance in pixels between a position and the one that following the vectors there and back gives:
    large where a surface becomes hidden or visible, or vectors are wrong. Trust is 0 beyond the frame and where a vector is NaN.
    """
    to = displaced(here, step, at)
    back = displaced(sample(there, to), -step, to)
    error = (back.x - at.x).square_().add_((back.y - at.y).square_())
    height, width = here.shape[-2:]
    inside = (to.x > -0.5) & (to.x < width - 0.5) & (to.y > -0.5) & (to.y < height - 0.5)
    trust = torch.exp(error / (-2 * _CLOSES**2))
    return to, trust.nan_to_num_(0).mul_(inside)


def estimate(picture: Tensor, before: Tensor | None, after: Tensor | None, shrink: int = 2) -> Tensor:
    """Vectors `[4, H, W]` of a picture `[C, H, W]` (0 to 1, sRGB-encoded) from its neighbours; 0 towards a missing one.

    Pictures are first reduced by the factor `shrink` (1, 2, 4).
    """
    vectors = picture.new_zeros((4, *picture.shape[-2:]))
    if before is not None:
        x, y = flow(picture, before, shrink)
        vectors[0], vectors[1] = x, -y
    if after is not None:
        x, y = flow(picture, after, shrink)
        vectors[2], vectors[3] = -x, y
    return vectors


def flow(first: Tensor, second: Tensor, shrink: int = 1) -> Tensor:
    """Displacements `[2, H, W]` (x to the right, y down, in pixels) from `first` `[C, H, W]` to `second`.

    Lucas and Kanade's least squares in windows, coarse to fine: each level starts from the coarser one, moves by at most a
    pixel per step, and ends with a median over 3 x 3 pixels. The least squares are damped, so that windows without contrast keep
    the coarser level's result.

    Lucas, Kanade: An iterative image registration technique with an application to stereo vision. IJCAI 1981.
    Baker, Matthews: Lucas-Kanade 20 years on: a unifying framework. IJCV 56 (3), 2004.
    """
    levels = [(first, second)]
    while min(levels[-1][0].shape[-2:]) >= 2 * _COARSEST or len(levels) <= _halvings(shrink):
        levels.append((_half(levels[-1][0]), _half(levels[-1][1])))
    found = first.new_zeros((2, *levels[-1][0].shape[-2:]))
    for level in reversed(range(len(levels))):
        found = _double(found, levels[level][0]) if level < len(levels) - 1 else found
        if level >= _halvings(shrink):
            found = _median(_refined(found, *levels[level]))
    return found


def _refined(found: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The displacements after a few steps of least squares; the gradient is that of `first`, the same for every step."""
    own = own_positions(first)
    gx, gy = _gradient(first)
    xx, xy, yy = windowed(torch.stack([(a * b).sum(0) for a, b in ((gx, gx), (gx, gy), (gy, gy))]), _WINDOW)
    xx, yy = xx + _CONTRAST, yy + _CONTRAST
    determinant = xx * yy - xy * xy
    for _ in range(_STEPS):
        difference = sample(second, Positions(own.x + found[0], own.y + found[1])) - first
        xd, yd = windowed(torch.stack([(g * difference).sum(0) for g in (gx, gy)]), _WINDOW)
        step = torch.stack([xy * yd - yy * xd, xy * xd - xx * yd]) / determinant
        found = found + step.clamp_(-1, 1)
    return found


def windowed(planes: Tensor, side: int) -> Tensor:
    """Means of `[C, H, W]` with a pyramid-shaped weight: a box of `side` px, applied twice."""
    for _ in range(2):
        planes = box_mean(planes, side)
    return planes


def box_mean(planes: Tensor, side: int) -> Tensor:
    """Means of `[C, H, W]` over squares of `side` px (odd); the frame's edge is repeated."""
    return avg_pool2d(pad(planes[None], (side // 2,) * 4, mode="replicate"), side, stride=1)[0]


def _gradient(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences along x and along y."""
    around = pad(planes[None], (1, 1, 1, 1), mode="replicate")[0]
    return (around[:, 1:-1, 2:] - around[:, 1:-1, :-2]) / 2, (around[:, 2:, 1:-1] - around[:, :-2, 1:-1]) / 2


def _median(planes: Tensor) -> Tensor:
    """The median over 3 x 3 pixels, which removes single wrong vectors and keeps edges."""
    height, width = planes.shape[-2:]
    around = pad(planes[None], (1, 1, 1, 1), mode="replicate")[0]
    shifted = [around[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return torch.stack(shifted).median(dim=0).values


def _half(planes: Tensor) -> Tensor:
    height, width = planes.shape[-2:]
    return avg_pool2d(pad(planes[None], (0, width % 2, 0, height % 2), mode="replicate"), 2)[0]


def _double(found: Tensor, like: Tensor) -> Tensor:
    """Displacements for the next finer level, whose size may be odd."""
    height, width = like.shape[-2:]
    return 2 * interpolate(found[None], scale_factor=2.0, mode="bilinear", align_corners=False)[0, :, :height, :width]


def _halvings(shrink: int) -> int:
    return shrink.bit_length() - 1
