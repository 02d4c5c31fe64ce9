"""Means over large windows, put together from small blocks of pixels: what methods of large radius share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample


def pooled(planes: Tensor, block: int) -> Tensor:
    """Sums over blocks of `block` x `block` px of `[C, H, W]`, over the area of a whole block: beyond the frame is 0."""
    return avg_pool2d(planes, block, ceil_mode=True, divisor_override=block * block) if block > 1 else planes


def filled(planes: Tensor, block: int) -> Tensor:
    """How much of each block is inside the frame of `[C, H, W]`: `[1, h, w]`, up to 1."""
    shares = []
    for count in planes.shape[-2:]:
        share = torch.ones(-(-count // block), dtype=planes.dtype, device=planes.device)
        share[-1] = ((count - 1) % block + 1) / block
        shares.append(share)
    return (shares[0][:, None] * shares[1])[None]


def windows(count: int, reach: int, like: Tensor) -> Tensor:
    """A matrix whose product with `count` values is their mean over windows of radius `reach`, those outside being 0."""
    at = torch.arange(count, device=like.device)
    return ((at[:, None] - at).abs() <= reach).to(like) / (2 * reach + 1)


def window_means(blocks: Tensor, radius: float, block: int) -> Tensor:
    """Means of blocks `[C, h, w]` over square windows of `radius` px, to the nearest whole number of blocks."""
    reach = max(0, round(((2 * radius + 1) / block - 1) / 2))
    down, across = (windows(count, reach, blocks) for count in blocks.shape[-2:])
    return down @ blocks @ across.T


def at_pixels(blocks: Tensor, block: int, rows: Tensor, columns: Tensor) -> Tensor:
    """Values of blocks `[C, h, w]` at pixels, `[C, n]`: bilinear between the middles of blocks, those of the edge beyond."""
    height, width = blocks.shape[-2:]
    grid = torch.stack([(2 * columns + 1) / (block * width) - 1, (2 * rows + 1) / (block * height) - 1], dim=-1)
    return grid_sample(blocks[None], grid[None, None].to(blocks), align_corners=False, padding_mode="border")[0, :, 0]
