"""What training on soft mattes makes small: alphas of cut-outs, or one matte for each part."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.train.settings import Loss

# The window of the structural similarity, and the constants that keep its quotients quiet: Wang et al., "Image Quality
# Assessment: From Error Visibility to Structural Similarity", 2004, for values from 0 to 1.
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2

PYRAMID_LEVELS = 5


def matte_loss_terms(logits: Tensor, mattes: Tensor, loss: Loss, weights: Tensor | None = None) -> dict[str, Tensor]:
    """The terms that `loss` asks for, by name, each times its weight; all are means over pixels, so sizes do not matter.

    Logits and mattes `[N, P, H, W]`, mattes 0 to 1. `weights` `[P]` weigh the mattes of the single parts.
    """
    logits, mattes = logits.float(), mattes.float()
    guess = torch.sigmoid(logits)
    known: dict[str, Callable[[], Tensor]] = {
        "bce": lambda: F.binary_cross_entropy_with_logits(logits, mattes, reduction="none").mean(dim=(0, 2, 3)),
        "dice": lambda: matte_dice_loss(guess, mattes),
        "ssim": lambda: ssim_loss(guess, mattes),
        "l1": lambda: (guess - mattes).abs().mean(dim=(0, 2, 3)),
        "gradient": lambda: gradient_loss(guess, mattes),
        "laplacian": lambda: laplacian_loss(guess, mattes),
    }
    return {name: getattr(loss, name) * _mean(term(), weights) for name, term in known.items() if getattr(loss, name) > 0}


def _mean(parts: Tensor, weights: Tensor | None) -> Tensor:
    """`[P]` -> its mean, weighted."""
    return parts.mean() if weights is None else (parts * weights).sum() / weights.sum().clamp(min=1e-6)


def matte_dice_loss(guess: Tensor, mattes: Tensor) -> Tensor:
    """1 - the soft Dice coefficient of each part over the batch, `[P]`; 0 for parts that are in none of its frames."""
    hits, sizes = (guess * mattes).sum(dim=(0, 2, 3)), (guess + mattes).sum(dim=(0, 2, 3))
    return torch.where(mattes.sum(dim=(0, 2, 3)) > 0, 1 - (2 * hits + 1) / (sizes + 1), 0)


def ssim_loss(guess: Tensor, mattes: Tensor) -> Tensor:
    """1 - the mean structural similarity of each part `[P]`, 0 to 2, in Gaussian windows, reflected at the frame's edge.

    Of frames smaller than the window the window is cut to their size.
    """
    similar = structural_similarity(guess, mattes)
    return 1 - similar.mean(dim=(0, 2, 3))


def structural_similarity(one: Tensor, other: Tensor) -> Tensor:
    """SSIM at each pixel, `[N, P, H, W]`, -1 to 1; 1 where both are the same."""

    def smooth(values: Tensor) -> Tensor:
        return _gaussian(values, WINDOW, SIGMA)

    mean, other_mean = smooth(one), smooth(other)
    variance = smooth(one * one) - mean * mean
    other_variance = smooth(other * other) - other_mean * other_mean
    covariance = smooth(one * other) - mean * other_mean
    above = (2 * mean * other_mean + C1) * (2 * covariance + C2)
    return above / ((mean * mean + other_mean * other_mean + C1) * (variance + other_variance + C2))


def gradient_loss(guess: Tensor, mattes: Tensor) -> Tensor:
    """How far the slopes of each part's matte are from the true ones: the mean of |dx| + |dy| of the difference, `[P]`."""
    difference = guess - mattes
    across, down = difference.diff(dim=-1).abs(), difference.diff(dim=-2).abs()
    pixels = len(guess) * guess.shape[-2] * guess.shape[-1]
    return (across.sum(dim=(0, 2, 3)) + down.sum(dim=(0, 2, 3))) / pixels


def laplacian_loss(guess: Tensor, mattes: Tensor, levels: int = PYRAMID_LEVELS) -> Tensor:
    """The difference of two Laplacian pyramids, `[P]`: the sum over levels of 2^level times the mean absolute difference.

    Bojanowski et al., "Optimizing the Latent Space of Generative Networks", 2018; Hou and Liu, "Context-Aware Image Matting",
    2019. A pyramid is linear, so the difference of two of them is that of the difference. It ends where a side is one pixel.
    """
    rest = guess - mattes
    total = rest.new_zeros(rest.shape[1])
    pixels = len(rest) * rest.shape[-2] * rest.shape[-1]
    for level in range(levels):
        if level == levels - 1 or min(rest.shape[-2:]) == 1:
            return total + 2**level * rest.abs().sum(dim=(0, 2, 3)) / pixels
        below = F.avg_pool2d(_gaussian(rest, 5, 1.0), 2, ceil_mode=True)
        detail = rest - F.interpolate(below, size=rest.shape[-2:], mode="bilinear", align_corners=False)
        # 2^level of the paper weighs sums over ever fewer pixels; so these are sums too, over the pixels of the first level.
        total = total + 2**level * detail.abs().sum(dim=(0, 2, 3)) / pixels
        rest = below
    return total


def _gaussian(planes: Tensor, size: int, sigma: float) -> Tensor:
    """`[N, P, H, W]` smoothed by a Gaussian of `size` pixels, along rows and columns one after the other."""
    channels = planes.shape[1]
    for dim in (-1, -2):
        own = min(size, 2 * planes.shape[dim] - 1)  # what can be reflected
        half = own // 2
        line = [math.exp(-((at - half) ** 2) / (2 * sigma**2)) for at in range(own)]
        kernel = torch.tensor(line, dtype=planes.dtype, device=planes.device) / sum(line)
        along = (half, half, 0, 0) if dim == -1 else (0, 0, half, half)
        shape = (1, own) if dim == -1 else (own, 1)
        padded = F.pad(planes, along, mode="reflect") if half else planes
        planes = F.conv2d(padded, kernel.view(1, 1, *shape).expand(channels, 1, *shape), groups=channels)
    return planes
