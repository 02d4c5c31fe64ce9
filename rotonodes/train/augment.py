"""Random variation of training frames: geometry for picture and labels in step, light and colour for the picture.

Everything random comes from one generator, so a seed says which batch comes out.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from rotonodes.color import LUMINANCE
from rotonodes.nets.prepare import mirror
from rotonodes.train.settings import Augment


def cut_window(picture: Tensor, labels: Tensor, crop: int, strength: Augment, generator: Generator) -> tuple[Tensor, Tensor]:
    """A random square of a frame: kept picture `[H, W, C]`, labels `[H, W]` -> `[C, crop, crop]` float, `[crop, crop]`.

    The square lies inside the frame where it fits, and is carried on by reflection where it does not.
    """
    height, width = labels.shape
    zoom = 1 + strength.scale * _uniform(generator)
    side = max(round(crop / zoom if _chance(generator, 0.5) else crop * zoom), 1)
    rows = mirror(_start(height - side, generator) + torch.arange(side), height)
    columns = mirror(_start(width - side, generator) + torch.arange(side), width)
    cut = as_values(picture.index_select(0, rows).index_select(1, columns)).movedim(-1, 0)
    cut_labels = labels.index_select(0, rows).index_select(1, columns)
    if side != crop:
        cut = F.interpolate(cut[None], (crop, crop), mode="bilinear", antialias=side > crop)[0]
        cut_labels = F.interpolate(cut_labels[None, None], (crop, crop), mode="nearest-exact")[0, 0]
    if _chance(generator, strength.flip):
        cut, cut_labels = cut.flip(-1), cut_labels.flip(-1)
    if _chance(generator, strength.rotate):
        turns = int(torch.randint(1, 4, (), generator=generator))
        cut, cut_labels = cut.rot90(turns, (-2, -1)), cut_labels.rot90(turns, (-2, -1))
    return cut, cut_labels


def as_values(kept: Tensor) -> Tensor:
    """Samples as a dataset keeps them (8-bit codes or half floats) -> the float32 values a network sees."""
    return kept.float() / 255 if kept.dtype == torch.uint8 else kept.float()


def vary_color(pictures: Tensor, strength: Augment, generator: Generator) -> Tensor:
    """Light, colour, sharpness and grain of encoded pictures `[N, C, H, W]` 0..1, each frame by its own random amounts."""
    n, channels = pictures.shape[:2]

    def factor(largest: float) -> Tensor:
        return 1 + largest * (2 * torch.rand((n, 1, 1, 1), generator=generator) - 1)

    if strength.brightness or strength.contrast:
        mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
        pictures = (pictures - mean) * factor(strength.contrast) + mean * factor(strength.brightness)
    if channels == 3 and (strength.saturation or strength.hue):
        turn = _color_matrices(factor(strength.saturation).flatten(), factor(strength.hue).flatten() - 1)
        pictures = torch.einsum("nij,njhw->nihw", turn, pictures)
    if strength.blur:
        blurred = torch.rand((n, 1, 1, 1), generator=generator) < strength.blur
        if blurred.any():
            pictures = torch.where(blurred, _blur(pictures), pictures)
    if strength.noise:
        amount = strength.noise * torch.rand((n, 1, 1, 1), generator=generator)
        pictures = pictures + amount * torch.randn(pictures.shape, generator=generator)
    return pictures.clamp(0, 1)


def _color_matrices(saturation: Tensor, turns: Tensor) -> Tensor:
    """`[N]` saturation factors and turns of hue -> `[N, 3, 3]`: scale and turn chroma around the grey axis.

    The turn is Rodrigues' rotation around (1, 1, 1), which keeps the mean of R, G, B.
    """
    angle = 2 * torch.pi * turns[:, None, None]
    third = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / 3**0.5
    rotation = angle.cos() * torch.eye(3) + (1 - angle.cos()) * third + angle.sin() * cross
    grey = torch.tensor(LUMINANCE).expand(3, 3)
    amount = saturation[:, None, None]
    return rotation @ (amount * torch.eye(3) + (1 - amount) * grey)


def _blur(pictures: Tensor) -> Tensor:
    """A 5x5 binomial blur, sigma 1 px."""
    channels = pictures.shape[1]
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    padded = F.pad(pictures, (2, 2, 2, 2), mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, 5, 1).expand(channels, 1, 5, 1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, 1, 5).expand(channels, 1, 1, 5), groups=channels)


def _uniform(generator: Generator) -> float:
    return float(torch.rand((), generator=generator))


def _chance(generator: Generator, share: float) -> bool:
    return _uniform(generator) < share


def _start(room: int, generator: Generator) -> int:
    """A first row or column with `room` pixels to spare; centred where the window is larger than the frame."""
    return int(torch.randint(room + 1, (), generator=generator)) if room > 0 else room // 2
