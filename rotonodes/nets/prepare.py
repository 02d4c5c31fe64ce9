"""What a network gets to see: pictures in its encoding, at sizes it can take."""

from __future__ import annotations

import torch
from torch import Tensor

from rotonodes.color import linear_to_srgb

# The largest half-precision value: raw channels beyond it are cut, so that no precision turns them into infinity.
RAW_LIMIT = 65504.0


def encode(linear: Tensor, encoding: str) -> Tensor:
    """Scene-linear `[..., C, H, W]` -> finite values in a network's encoding, same shape, float32.

    "srgb" and "linear" are clamped to 0..1, "raw" to the range of half precision; NaN becomes 0. This is for the network's
    eyes only: the picture itself stays as it is.
    """
    low, high = (-RAW_LIMIT, RAW_LIMIT) if encoding == "raw" else (0.0, 1.0)
    finite = torch.nan_to_num(linear.float(), nan=0.0, posinf=high, neginf=low).clamp(low, high)
    return linear_to_srgb(finite) if encoding == "srgb" else finite


def pad(picture: Tensor, multiple: int) -> Tensor:
    """Reflect `[..., H, W]` to the right and down until both sizes are multiples of `multiple`; any size from 1x1 on."""
    height, width = picture.shape[-2:]
    more_rows, more_columns = -height % multiple, -width % multiple
    if more_rows:
        picture = picture.index_select(-2, mirror(torch.arange(height + more_rows, device=picture.device), height))
    if more_columns:
        picture = picture.index_select(-1, mirror(torch.arange(width + more_columns, device=picture.device), width))
    return picture


def mirror(index: Tensor, size: int) -> Tensor:
    """Fold any whole numbers into 0..size-1 by reflection at the edge pixels: ... 2 1 0 1 2 ... size-1 size-2 ..."""
    period = max(2 * (size - 1), 1)
    index = index % period
    return torch.minimum(index, period - index) if size > 1 else index
