"""Windows: random squares of frames, moved, zoomed, rotated and mirrored alike for pictures, labels and motion.

All randomness comes from the given generator, so a seed determines the window. Frames are kept on the CPU; what is cut from them is
resized and turned on torch's default device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from rotonodes.nets.encode import mirror
from rotonodes.train.data.draws import here, uniform, whole
from rotonodes.train.settings import Augment


@dataclass(frozen=True)
class Window:
    """A square of `side` pixels at row `top` and column `left` of a frame, resized to `crop` pixels.

    It is rotated around its centre by `angle` (radians, counter-clockwise on the screen) and a number of quarter turns, then
    mirrored left to right. Outside the frame, pixels are reflected.
    """

    top: int
    left: int
    side: int
    crop: int
    angle: float = 0.0
    quarters: int = 0
    mirrored: bool = False

    @classmethod
    def draw(cls, size: tuple[int, int], crop: int, strength: Augment, generator: Generator) -> Window:
        """A random window of a frame of `size` (height, width); inside the frame if it fits."""
        zoom = 1 + strength.scale * uniform(generator)
        side = max(round(crop / zoom if uniform(generator) < 0.5 else crop * zoom), 1)
        angle = strength.rotate * math.pi * (2 * uniform(generator) - 1) if strength.rotate else 0.0
        # A rotated square reaches further; it is kept inside as well, as far as the frame allows.
        reach = math.ceil(side * (_breadth(angle) - 1) / 2)
        top, left = (_start(length - side - 2 * reach, generator) + reach for length in size)
        mirrored = uniform(generator) < strength.flip
        quarters = whole(1, 4, generator) if uniform(generator) < strength.quarter else 0
        return cls(top, left, side, crop, angle, quarters, mirrored)

    def places(self) -> Tensor:
        """Coordinates of the window's pixels in the frame, `[crop, crop, 2]` (x, y); pixel centres are at .5."""
        line = (torch.arange(self.crop) + 0.5) * (self.side / self.crop) - self.side / 2
        y, x = torch.meshgrid(line, line, indexing="ij")
        (xx, xy), (yx, yy) = self._matrix()
        half = self.side / 2
        return torch.stack((xx * x + xy * y + self.left + half, yx * x + yy * y + self.top + half), dim=-1)

    def grid(self, places: Tensor) -> Tensor:
        """The inverse of `places`: coordinates in the frame `[..., 2]` -> in the window, -1 to 1, as for grid_sample."""
        (xx, xy), (yx, yy) = self._matrix()
        half = self.side / 2
        x, y = places[..., 0] - self.left - half, places[..., 1] - self.top - half
        # A rotation or reflection: the inverse is the transpose.
        return torch.stack((xx * x + yx * y, xy * x + yy * y), dim=-1) / half

    def picture(self, kept: Tensor) -> Tensor:
        """The window of `[H, W, C]`, 8-bit codes or halves -> values `[C, crop, crop]` float32."""
        if self.angle:
            return self._turned(kept)
        cut = as_values(_piece(kept, self.top, self.left, self.side)).movedim(-1, 0)
        if self.side != self.crop:
            cut = _resize(cut, self.crop)
        if self.quarters:
            cut = cut.rot90(self.quarters, (-2, -1))
        return cut.flip(-1) if self.mirrored else cut

    def labels(self, labels: Tensor) -> Tensor:
        """The window of class indices `[H, W]` -> `[crop, crop]`: each pixel takes the label below its centre."""
        height, width = labels.shape
        with torch.device("cpu"):  # where frames are kept
            x, y = self.places().floor().long().unbind(-1)
        return here(labels[mirror(y, height), mirror(x, width)])

    def vectors(self, planes: Tensor) -> Tensor:
        """Vectors `[2, H, W]` (right, up) of the frame, rotated and mirrored with the window."""
        right, down = planes[0], -planes[1]
        (xx, xy), (yx, yy) = self._matrix()
        return torch.stack((xx * right + yx * down, -(xy * right + yy * down)))

    def _turned(self, kept: Tensor) -> Tensor:
        """As `picture`, for any angle: the enclosing square is cut and resized, then rotated bilinearly."""
        margin = math.ceil(self.side * (_breadth(self.angle) - 1) / 2) + 1
        side = self.side + 2 * margin
        cut = as_values(_piece(kept, self.top - margin, self.left - margin, side)).movedim(-1, 0)
        if self.side > self.crop:  # only downscaling needs more than the four nearest samples
            cut = _resize(cut, round(side * self.crop / self.side))
        origin = torch.tensor([self.left - margin, self.top - margin])
        grid = (self.places() - origin) * (2 / side) - 1
        return F.grid_sample(cut[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]

    def _matrix(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The matrix from directions in the window to directions in the frame; exact for quarter turns."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        for _ in range(self.quarters):
            cos, sin = -sin, cos
        sign = -1 if self.mirrored else 1
        return (sign * cos, -sin), (sign * sin, cos)


def as_values(kept: Tensor) -> Tensor:
    """Stored samples (8-bit codes or half floats) -> float32 network input."""
    return kept.float() / 255 if kept.dtype == torch.uint8 else kept.float()


def _piece(kept: Tensor, top: int, left: int, side: int) -> Tensor:
    """A square of a kept frame, as it is stored, on the default device."""
    height, width = kept.shape[:2]
    if 0 <= top <= height - side and 0 <= left <= width - side:
        return here(kept[top : top + side, left : left + side])
    with torch.device("cpu"):  # where frames are kept
        rows, columns = mirror(torch.arange(top, top + side), height), mirror(torch.arange(left, left + side), width)
    return here(kept.index_select(0, rows).index_select(1, columns))


def _resize(planes: Tensor, side: int) -> Tensor:
    return F.interpolate(planes[None], (side, side), mode="bilinear", antialias=side < planes.shape[-1])[0]


def _breadth(angle: float) -> float:
    """Side of the square around a rotated unit square."""
    return abs(math.cos(angle)) + abs(math.sin(angle))


def _start(room: int, generator: Generator) -> int:
    """A random first row or column with `room` pixels to spare; centred where the window is larger than the frame."""
    return whole(0, room + 1, generator) if room > 0 else room // 2
