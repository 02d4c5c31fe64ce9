"""Random textures and lights multiplied onto training frames, so that a network learns that texture is not shading.

Reflected light is reflectance times incoming light. So a render multiplied in linear light by a positive texture is nearly
the render of another material under the same light, with the same tones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from rotonodes.metrics.labels import IGNORE
from rotonodes.train.data.draws import chance, rand, randint, randn, uniform, whole
from rotonodes.values.color import srgb_to_linear

# Encoded value from which a pixel counts as highlight, which has the light's colour and not the surface's.
HIGHLIGHT = 0.85

# Linear light up to this value is not clipped.
BRIGHTEST = 0.7


def surface_gain(picture: Tensor, labels: Tensor, generator: Generator, other: Callable[[], Tensor] | None = None) -> Tensor:
    """A texture for the shape (classes above 0) and another one for the background, as factors `[3, H, W]` of linear light.

    Their mean is about 1, or less where the picture would be overexposed. `picture` is `[3, H, W]` encoded, 0..1: bright
    highlights keep their colour. `other` gives the encoded pixels `[3, H, W]` of some other frame, to be a texture.
    """
    which = whole(0, 4, generator)  # both (twice as likely), the shape alone, the background alone
    size = (labels.shape[-2], labels.shape[-1])
    shape = texture(size, generator, other) if which != 2 else torch.ones(3, 1, 1)
    ground = texture(size, generator, other) if which != 3 else torch.ones(3, 1, 1)
    mask = F.avg_pool2d(((labels > 0) & (labels != IGNORE)).float()[None, None], 3, stride=1, padding=1, count_include_pad=False)[0]
    shine = ((picture.amin(dim=0, keepdim=True) - HIGHLIGHT) / (1 - HIGHLIGHT)).clamp(0, 1)
    shape = shape + (1 - shape) * shine
    gain = ground + (shape - ground) * mask
    return gain * _exposure(picture, gain)


def _exposure(picture: Tensor, gain: Tensor) -> float:
    """A factor, at most 1, that keeps what is brightest from being cut off, where tones would be lost; as a camera would."""
    light = srgb_to_linear(picture[:, ::4, ::4])
    before, after = (torch.quantile(values.mean(dim=0), 0.97) for values in (light, light * gain[:, ::4, ::4]))
    return min(1.0, float(before.clamp(min=BRIGHTEST) / after.clamp(min=1e-6)))


def light_gain(size: tuple[int, int], strength: float, generator: Generator) -> Tensor:
    """A smooth tinted light over the whole picture, as factors `[3, H, W]` of linear light around 1, within exp(+-strength)."""
    y, x = _coordinates(size)
    angle = 2 * math.pi * uniform(generator)
    ramp = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)  # -0.71 to 0.71
    level = ramp + (_smooth(size, (3, 3), generator) - 0.5)
    tint = 0.7 + 0.6 * rand((3, 1, 1), generator)
    return torch.exp((strength * tint * level).clamp(-strength, strength))


def texture(size: tuple[int, int], generator: Generator, other: Callable[[], Tensor] | None = None) -> Tensor:
    """Random reflectances `[3, H, W]` (or `[3, 1, 1]` for one flat colour), all positive, with mean 1.

    One of: flat colour, smooth noise or veins, cells, stripes or checks, or the pixels of another frame.
    """
    kinds = (_flat, _clouds, _clouds, _cells, _cells, _stripes) if other is None else (_flat, _clouds, _cells, _stripes, _cells)
    kind = whole(0, len(kinds) + (other is not None), generator)
    gain = _of_picture(other(), generator) if other is not None and kind == len(kinds) else kinds[kind](size, generator)
    return gain / gain.mean()


def _flat(size: tuple[int, int], generator: Generator) -> Tensor:
    return _colors(1, generator)[0, :, None, None]


def _clouds(size: tuple[int, int], generator: Generator) -> Tensor:
    """Noise in three octaves, drawn out in one direction at times (wood), at times as the veins between its heights (marble)."""
    coarse = 2 + 14 * uniform(generator) ** 2
    stretch = 1 + 3 * uniform(generator) ** 3
    cells = (coarse * stretch, coarse) if chance(0.5, generator) else (coarse, coarse * stretch)
    height = sum(_smooth(size, (cells[0] * 2**octave, cells[1] * 2**octave), generator) / 2**octave for octave in range(3)) / 1.75
    if chance(0.4, generator):
        height = 0.5 + 0.5 * torch.sin((6 + 30 * uniform(generator)) * height)
    else:
        height = ((height - 0.5) * (1.5 + 4 * uniform(generator)) + 0.5).clamp(0, 1)
    return _mixed(height, generator)


def _cells(size: tuple[int, int], generator: Generator) -> Tensor:
    """Cells around jittered points of a grid (Worley, "A Cellular Texture Basis Function", 1996), each of one of few colours."""
    count = 3 + 17 * uniform(generator) ** 2
    y, x = (axis * count for axis in _warped(size, generator))
    rows, columns = y.floor().long(), x.floor().long()
    low = min(int(rows.min()), int(columns.min())) - 1
    side = max(int(rows.max()), int(columns.max())) - low + 2
    points = rand((2, side, side), generator)
    nearest, owner = torch.full(size, torch.inf), torch.zeros(size, dtype=torch.long)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            place = (rows - low + down) * side + (columns - low + right)
            point_y, point_x = points.flatten(1)[:, place]
            distance = (y - rows - down - point_y) ** 2 + (x - columns - right - point_x) ** 2
            nearer = distance < nearest
            nearest, owner = torch.where(nearer, distance, nearest), torch.where(nearer, place, owner)
    if chance(0.3, generator):  # round spots instead of cells
        return _mixed(((0.45 - nearest.sqrt()) * 8).clamp(0, 1), generator)
    colors = _colors(2 + whole(0, 5, generator), generator)
    return colors[randint(len(colors), (side * side,), generator)][owner].movedim(-1, 0)


def _stripes(size: tuple[int, int], generator: Generator) -> Tensor:
    """Stripes or checks in any direction, soft or hard."""
    y, x = _warped(size, generator)
    angle, waves = math.pi * uniform(generator), 2 * math.pi * (2 + 18 * uniform(generator) ** 2)
    hardness = 1 + 20 * uniform(generator) ** 2
    wave = torch.sin(waves * (x * math.cos(angle) + y * math.sin(angle)))
    if chance(0.5, generator):
        wave = wave * torch.sin(waves * (y * math.cos(angle) - x * math.sin(angle)))
    return _mixed((0.5 + hardness * wave).clamp(0, 1), generator)


def _of_picture(picture: Tensor, generator: Generator) -> Tensor:
    """The reflectances of an encoded picture, as strong as its own contrast or weaker."""
    linear = srgb_to_linear(picture)
    return (linear / linear.mean().clamp(min=1e-3)).clamp(0.05, 4) ** (0.3 + 0.7 * uniform(generator))


def _mixed(share: Tensor, generator: Generator) -> Tensor:
    """Two random colours mixed by `share` `[H, W]` 0..1 -> `[3, H, W]`."""
    one, two = _colors(2, generator)[..., None, None]
    return one + (two - one) * share


def _colors(count: int, generator: Generator) -> Tensor:
    """Random reflectances `[count, 3]` around 1, further apart or closer together and more or less coloured from call to call."""
    contrast, tint = 0.15 + 0.75 * uniform(generator), 0.6 * uniform(generator)
    level = 2 * rand((count, 1), generator) - 1
    return torch.exp(contrast * level + tint * randn((count, 3), generator))


def _warped(size: tuple[int, int], generator: Generator) -> tuple[Tensor, Tensor]:
    """Coordinates (y, x) as of `_coordinates`, bent a little, as a surface bends what is on it."""
    bend = 0.3 * uniform(generator)
    y, x = _coordinates(size)
    return y + bend * _smooth(size, (4, 4), generator), x + bend * _smooth(size, (4, 4), generator)


def _coordinates(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Rows and columns from 0 to 1, `[H, 1]` and `[1, W]`."""
    return torch.linspace(0, 1, size[0])[:, None], torch.linspace(0, 1, size[1])[None]


def _smooth(size: tuple[int, int], cells: tuple[float, float], generator: Generator) -> Tensor:
    """Smooth noise `[H, W]` 0..1 with about `cells` hills down and across."""
    grid = rand((1, 1, *(min(round(count), most) + 1 for count, most in zip(cells, size, strict=True))), generator)
    return F.interpolate(grid, size, mode="bicubic", align_corners=True)[0, 0].clamp(0, 1)
