"""Noise for textures: the same for the same seed, on every machine and device."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

_CONTRAST = 2.5  # standard deviations that reach from middle grey to black and white; 1 in 80 pixels lies beyond, and is limited


def white(size: tuple[int, int], seed: tuple[int, ...]) -> Tensor:
    """Independent values from -1 to 1, float32 `[H, W]` for `size` = (width, height)."""
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([abs(n) * 2 + (n < 0) for n in seed])))
    return torch.from_numpy(random.random((size[1], size[0]), dtype=np.float32) * np.float32(2) - np.float32(1))


def fractal(size: tuple[int, int], scale: tuple[float, float], octaves: int, gain: float, seed: tuple[int, ...]) -> Tensor:
    """Smooth noise from 0 to 1 around 0.5, float32 `[H, W]`: a sum of octaves, each half as large and `gain` times as strong as the last.

    `scale` is the size of the largest spots in px, across and down. Each octave is a lattice of random values, interpolated by cubics
    (value noise). Octaves finer than a pixel are left out.
    """
    total, power = torch.zeros(size[1], size[0]), 0.0
    for octave in range(octaves):
        across, down = (length / 2**octave for length in scale)
        if octave and max(across, down) < 1:
            break
        strength = gain**octave
        total.add_(_interpolated(size, across, down, (*seed, octave)), alpha=strength)
        power += strength**2 * _power(across) * _power(down) / 3  # 1/3: the variance of values from -1 to 1
    return total.mul_(1 / (2 * _CONTRAST * math.sqrt(power))).add_(0.5).clamp_(0, 1)


def _interpolated(size: tuple[int, int], across: float, down: float, seed: tuple[int, ...]) -> Tensor:
    """A lattice with one value every `across` and `down` px, interpolated to the size."""
    if across <= 1 and down <= 1:
        return white(size, seed)
    across, down = max(across, 1.0), max(down, 1.0)
    lattice = white((math.ceil(size[0] / across) + 3, math.ceil(size[1] / down) + 3), seed)
    whole = (math.ceil(lattice.shape[0] * down), math.ceil(lattice.shape[1] * across))
    if whole[0] * whole[1] > 4 * size[0] * size[1]:  # spots wider than the picture: only what is seen of them is made
        rows, columns = _taps(size[1], down, lattice.shape[0]), _taps(size[0], across, lattice.shape[1])
        tall = torch.stack([lattice[at] * weight[:, None] for at, weight in rows]).sum(0)
        return torch.stack([tall[:, at] * weight for at, weight in columns]).sum(0)
    made = interpolate(lattice[None, None], size=whole, mode="bicubic", align_corners=False)[0, 0]
    top, left = int(1.5 * down), int(1.5 * across)
    return made[top : top + size[1], left : left + size[0]]


def _taps(count: int, spacing: float, length: int) -> list[tuple[Tensor, Tensor]]:
    """For each of `count` pixels the places and weights of its four values in a row of `length`, one value every `spacing` px.

    Cubic convolution with a = -0.75 (Keys 1981), as torch's bicubic has it.
    """
    scale = math.ceil(length * spacing) / length
    at = (torch.arange(int(1.5 * spacing), int(1.5 * spacing) + count, dtype=torch.float64) + 0.5) / scale - 0.5
    whole = at.floor()
    t, a = at - whole, -0.75

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((x - 5) * x + 8) * x * a - 4 * a

    weights = far(t + 1), near(t), near(1 - t), far(2 - t)
    return [((whole.long() + tap - 1).clamp_(0, length - 1), weight.float()) for tap, weight in enumerate(weights)]


@functools.cache
def _power(spacing: float) -> float:
    """The mean, over all positions, of the sum of squared weights of an interpolation along one axis."""
    if spacing <= 1:
        return 1.0
    unit = torch.zeros(1, 1, 9, 1)
    unit[0, 0, 4] = 1
    return float(interpolate(unit, size=(9 * 64, 1), mode="bicubic", align_corners=False).square().sum() / 64)


def paper_tooth(size: tuple[int, int], grain: float, seed: tuple[int, ...]) -> Tensor:
    """The surface of paper lit from the top left: `[H, W]` around 0 with standard deviation 1."""
    bumps = fractal((size[0] + 1, size[1] + 1), (2 * grain, 2 * grain), 3, 0.6, (*seed, 101))
    lit = bumps[1:, 1:] - bumps[:-1, :-1]
    clouds = fractal(size, (40 * grain, 24 * grain), 3, 0.5, (*seed, 102)) - 0.5
    return _standard(lit) * 0.9 + _standard(clouds) * 0.35


def film_grain(size: tuple[int, int], grain: float, seed: tuple[int, ...]) -> Tensor:
    """Clumps of grain: `[H, W]` around 0 with standard deviation 1."""
    return _standard(fractal(size, (grain, grain), 2, 0.7, (*seed, 103)) - 0.5)


def _standard(planes: Tensor) -> Tensor:
    """Brought to mean 0 and standard deviation 1; a single value becomes 0."""
    centered = planes - planes.mean()
    return centered / centered.square().mean().sqrt().clamp(min=1e-6)
