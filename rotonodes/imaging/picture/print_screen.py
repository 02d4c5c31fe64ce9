"""Pictures as printed dots and lines."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from rotonodes.imaging.picture.blurring import box
from rotonodes.imaging.picture.compositing import with_colors
from rotonodes.values.color import hex_to_linear, luminance, unpremultiply
from rotonodes.values.pixels import Image

_LEVELS = 1024  # steps of the table from a screen's values to the area that lies below them


def printed(image: Image, shape: str, pitch: float, angle: float, ink: str, paper: str) -> Image:
    """The picture printed with one ink, or in its own colours; the node Halftone explains the parameters."""
    alpha = image.alpha if image.alpha is not None else torch.ones_like(image.data[:1])
    straight = unpremultiply(image.color, alpha).nan_to_num(0, 1, 0).clamp(0, 1)
    inside = alpha.nan_to_num(0, 1, 0).clamp(0, 1)
    half = (pitch - 1) / 2
    weight = box(inside, half, half)
    tone = box(luminance(straight) * inside, half, half) / weight.clamp(min=1e-6)
    dark, light = _luminance_of(ink, 0.0), _luminance_of(paper, 1.0)
    cover = ((light - tone) / max(light - dark, 1e-3)).clamp(0, 1)  # the share of ink that gives this light
    inked = _coverage(cover, shape, pitch, angle, image.origin)
    own = _hue(straight) if ink == "picture" else _plane(ink, straight)
    if paper == "none":
        return with_colors(image, own * inked * inside, inked * inside)
    made = _plane(paper, straight).lerp(own, inked) * inside
    return with_colors(image, made)


def _luminance_of(color: str, other: float) -> float:
    """The light of a hex colour; `other` for the words picture and none."""
    if not color.startswith("#"):
        return other
    return float(luminance(torch.tensor(hex_to_linear(color)[:3]).view(3, 1, 1)))


def _plane(color: str, like: Tensor) -> Tensor:
    """A hex colour for each plane of `like`; grey where there are not three."""
    value = torch.tensor(hex_to_linear(color)[:3], device=like.device).view(3, 1, 1)
    return value if len(like) == 3 else luminance(value).expand(len(like), 1, 1)


def _hue(straight: Tensor) -> Tensor:
    """Colours as strong as an ink: divided by their largest channel, so that only the ink's share makes them lighter."""
    return straight / straight.amax(0, keepdim=True).clamp(min=1e-4) * 0.85


def _coverage(cover: Tensor, shape: str, pitch: float, angle: float, origin: tuple[int, int]) -> Tensor:
    """How much of each pixel is ink, `[1, H, W]`, where `cover` is the share of the area that is to be inked."""
    height, width = cover.shape[-2:]
    x = torch.arange(width, device=cover.device) + (origin[0] + 0.5)
    y = torch.arange(height, device=cover.device) + (origin[1] + 0.5)
    cos, sin = math.cos(math.radians(angle)) / pitch, math.sin(math.radians(angle)) / pitch
    u, v = x * cos - y[:, None] * sin, x * sin + y[:, None] * cos
    rank = _ranks(shape, cover.device)(_screen(shape, u, v))
    # The screen's slope in ranks a pixel, by which an edge is one pixel wide: the steeper of both sides, so that tips are counted too.
    slope = torch.hypot(_steepest(rank, 0), _steepest(rank, 1)).clamp(min=1 / _LEVELS)
    inked = ((cover - rank) / slope + 0.5).clamp(0, 1)
    return torch.where(cover <= 0, 0.0, torch.where(cover >= 1, 1.0, inked))


def _steepest(values: Tensor, axis: int) -> Tensor:
    """The larger step to one of the two neighbours along an axis."""
    if values.shape[axis] == 1:
        return torch.zeros_like(values)
    steps = values.diff(dim=axis).abs()
    first, last = steps.narrow(axis, 0, 1), steps.narrow(axis, steps.shape[axis] - 1, 1)
    return torch.maximum(torch.cat([first, steps], axis), torch.cat([steps, last], axis))


def _screen(shape: str, u: Tensor, v: Tensor) -> Tensor:
    """0 where a cell is inked first, 1 where last; one cell has the side 1."""
    if shape == "lines":
        return (1 - torch.cos(2 * math.pi * v)) / 2
    if shape == "grid":
        return torch.minimum(1 - torch.cos(2 * math.pi * u), 1 - torch.cos(2 * math.pi * v)) / 2
    return (2 - torch.cos(2 * math.pi * u) - torch.cos(2 * math.pi * v)) / 4


class _Ranks:
    """From a screen's value to the share of the area that has a smaller one, so that any share of ink comes out exactly."""

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def __call__(self, values: Tensor) -> Tensor:
        place = values * _LEVELS
        low = place.floor().clamp(0, _LEVELS - 1)
        index = low.to(torch.int64)
        return torch.lerp(self.table[index], self.table[index + 1], place - low)


@functools.cache
def _table(shape: str) -> Tensor:
    side = 1024
    places = (torch.arange(side) + 0.5) / side
    values = _screen(shape, places[None].expand(side, side), places[:, None].expand(side, side)).flatten().sort().values
    return torch.searchsorted(values, torch.linspace(0, 1, _LEVELS + 1)) / values.numel()


def _ranks(shape: str, device: torch.device) -> _Ranks:
    return _Ranks(_table(shape).to(device))
