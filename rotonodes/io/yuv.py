"""R'G'B' to Y'CbCr planes of videos and back (ITU-R BT.709-6, BT.601-7, BT.2020-2; ranges and 8 to 16 bits as in ITU-T H.273).

Chroma is left-sited, as H.264 and its kind assume where a file says nothing: in the column of every second luma sample, between two rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Matrix = Literal["bt709", "bt601", "bt2020", "fcc", "smpte240m"]
# The luma weights of red and blue.
WEIGHTS: dict[Matrix, tuple[float, float]] = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "bt2020": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}
Shift = tuple[int, int]  # log2 of the chroma's subsampling in x and y: (1, 1) is 4:2:0, (1, 0) 4:2:2, (0, 0) 4:4:4


def scales(bits: int, full: bool) -> tuple[float, float, float]:
    """The luma code of black, the codes from black to white, and the codes from the least to the largest chroma."""
    step = float(1 << (bits - 8))
    top = float((1 << bits) - 1)
    return (0.0, top, top) if full else (16 * step, 219 * step, 224 * step)


def to_planes(samples: np.ndarray, bits: int, shift: Shift, matrix: Matrix = "bt709", full: bool = False) -> list[np.ndarray]:
    """uint8 or uint16 R'G'B' `[H, W, 3]` as the planes Y', Cb, Cr of `bits` bits (uint8, or uint16 above 8 bits), rounded half up.

    Subsampled chroma is filtered (1 2 1) / 4 along rows and averaged over pairs of rows; odd sizes are rounded up.
    """
    import numpy as np
    import torch

    red_weight, blue_weight = WEIGHTS[matrix]
    kind = np.uint8 if bits == 8 else np.uint16
    whole = np.ascontiguousarray(samples.transpose(2, 0, 1))
    red, green, blue = torch.from_numpy(whole.astype(np.float32)).mul_(1 / np.iinfo(samples.dtype).max)
    luma = red * red_weight + green * (1 - red_weight - blue_weight) + blue * blue_weight
    black, white, chroma = scales(bits, full)
    top, zero = (1 << bits) - 1, float(1 << (bits - 1))
    planes = [luma * white + black]
    for color, weight in ((blue, blue_weight), (red, red_weight)):
        planes.append(_reduced(color.sub(luma).mul_(0.5 / (1 - weight)), shift).mul_(chroma).add_(zero))
    return [plane.add_(0.5).clamp_(0, top).to(torch.int32).numpy().astype(kind) for plane in planes]


def _reduced(plane: Tensor, shift: Shift) -> Tensor:
    """Chroma `[H, W]` at the resolution of its plane."""
    import torch

    if shift[1]:
        above, below = plane[::2], plane[1::2]
        below = below if len(below) == len(above) else torch.cat([below, plane[-1:]])
        plane = (above + below) * 0.5
    if shift[0]:
        here = plane[:, ::2]
        odd = plane[:, 1::2]
        left = torch.cat([plane[:, :1], odd], 1)[:, : here.shape[1]]
        right = odd if odd.shape[1] == here.shape[1] else torch.cat([odd, plane[:, -1:]], 1)
        plane = (left + here * 2 + right) * 0.25
    return plane


def to_rgb(planes: Sequence[np.ndarray], bits: int, shift: Shift, matrix: Matrix = "bt709", full: bool = False) -> np.ndarray:
    """The planes Y', Cb, Cr as R'G'B' `[H, W, 3]`: uint8 of 8 bits, else uint16; chroma is interpolated linearly."""
    import numpy as np
    import torch

    red_weight, blue_weight = WEIGHTS[matrix]
    black, white, chroma = scales(bits, full)
    height, width = planes[0].shape
    zero = float(1 << (bits - 1))
    luma = torch.from_numpy(planes[0].astype(np.float32)).sub_(black).mul_(1 / white)
    blue_difference, red_difference = (
        _enlarged(torch.from_numpy(plane.astype(np.float32)).sub_(zero).mul_(1 / chroma), shift, (height, width)) for plane in planes[1:3]
    )
    red = luma + red_difference * (2 - 2 * red_weight)
    blue = luma + blue_difference * (2 - 2 * blue_weight)
    green = (luma - red * red_weight - blue * blue_weight) * (1 / (1 - red_weight - blue_weight))
    top = 255 if bits == 8 else 65535
    found = torch.stack([red, green, blue], 2).mul_(top).add_(0.5).clamp_(0, top)
    return found.to(torch.int32).numpy().astype(np.uint8 if bits == 8 else np.uint16)


def _enlarged(plane: Tensor, shift: Shift, size: tuple[int, int]) -> Tensor:
    """Chroma at the resolution of the luma, `size` = (height, width)."""
    import torch

    for axis in (0, 1):
        step = 1 << shift[1 - axis]
        if step > 1:
            at = torch.arange(size[axis], dtype=torch.float32) / step
            at = (at + (0.5 / step - 0.5 if axis == 0 else 0)).clamp_(0, plane.shape[axis] - 1)
            first = at.floor().long()
            part = (at - first).unsqueeze(1 - axis)
            after = (first + 1).clamp_(max=plane.shape[axis] - 1)
            near, far = plane.index_select(axis, first), plane.index_select(axis, after)
            plane = torch.lerp(near, far, part.expand_as(near))
    return plane
