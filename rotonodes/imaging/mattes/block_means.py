"""Means over large windows, computed from small blocks of pixels, for methods of large radius."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample


def pooled(planes: Tensor, block: int) -> Tensor:
    """Means of `[C, H, W]` over blocks of `block` x `block` px; pixels beyond the frame count as 0."""
    return avg_pool2d(planes, block, ceil_mode=True, divisor_override=block * block) if block > 1 else planes


def filled(planes: Tensor, block: int) -> Tensor:
    """Share of each block that lies inside the frame of `[C, H, W]`: `[1, h, w]`, 0 to 1."""
    shares = []
    for count in planes.shape[-2:]:
        share = torch.ones(-(-count // block), dtype=planes.dtype, device=planes.device)
        share[-1] = ((count - 1) % block + 1) / block
        shares.append(share)
    return (shares[0][:, None] * shares[1])[None]


def windows(count: int, reach: int, like: Tensor) -> Tensor:
    """A matrix `[count, count]` that takes means over windows of radius `reach`; values beyond the ends count as 0."""
    at = torch.arange(count, device=like.device)
    return ((at[:, None] - at).abs() <= reach).to(like) / (2 * reach + 1)


def window_means(blocks: Tensor, radius: float, block: int) -> Tensor:
    """Means of blocks `[C, h, w]` over square windows of `radius` px, rounded to whole blocks."""
    reach = max(0, round(((2 * radius + 1) / block - 1) / 2))
    down, across = (windows(count, reach, blocks) for count in blocks.shape[-2:])
    return down @ blocks @ across.T


def at_pixels(blocks: Tensor, block: int, rows: Tensor, columns: Tensor) -> Tensor:
    """Values of blocks `[C, h, w]` at pixels, `[C, n]`: bilinear between block centres, the edge block's value beyond them."""
    height, width = blocks.shape[-2:]
    grid = torch.stack([(2 * columns + 1) / (block * width) - 1, (2 * rows + 1) / (block * height) - 1], dim=-1)
    return grid_sample(blocks[None], grid[None, None].to(blocks), align_corners=False, padding_mode="border")[0, :, 0]
