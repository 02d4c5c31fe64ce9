"""Means over blocks and windows, against sums that look at every pixel; values between the blocks' centres."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rotonodes.imaging.mattes.block_means import at_pixels, filled, pooled, window_means, windows


def planes(height: int, width: int) -> torch.Tensor:
    return torch.rand(2, height, width, generator=torch.Generator().manual_seed(height * width), dtype=torch.float64)


@pytest.mark.parametrize("block", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(6, 9), (7, 5), (1, 4)])
def test_blocks_are_means_with_black_beyond_the_frame(size: tuple[int, int], block: int) -> None:
    data, (down, across) = planes(*size), (-(-size[0] // block), -(-size[1] // block))
    whole = np.zeros((2, down * block, across * block))
    whole[:, : size[0], : size[1]] = data
    np.testing.assert_allclose(pooled(data, block), whole.reshape(2, down, block, across, block).mean((2, 4)))
    inside = np.zeros_like(whole[:1])
    inside[:, : size[0], : size[1]] = 1
    np.testing.assert_allclose(filled(data, block), inside.reshape(1, down, block, across, block).mean((2, 4)))


def test_windows_reach_equally_far_to_both_sides() -> None:
    assert (windows(4, 1, torch.zeros(1)) * 3).tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]
    assert windows(2, 0, torch.zeros(1)).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("radius", "block", "reach"), [(0.0, 1, 0), (1.0, 1, 1), (2.0, 1, 2), (7.0, 5, 1), (2.0, 5, 0), (13.0, 9, 1), (0.0, 9, 0)]
)
def test_windows_of_whole_blocks(radius: float, block: int, reach: int) -> None:
    data, side = planes(6, 7), 2 * reach + 1
    around = np.pad(data.numpy(), ((0, 0), (reach, reach), (reach, reach)))
    expected = np.lib.stride_tricks.sliding_window_view(around, (side, side), (1, 2)).mean((-1, -2))
    np.testing.assert_allclose(window_means(data, radius, block), expected)


def test_between_the_centres_of_blocks_values_change_evenly() -> None:
    """A slope over blocks of four pixels: the centre of block i lies at 4 i + 1.5, beyond the last ones the value stays."""
    down, across = torch.meshgrid(torch.arange(3.0), torch.arange(5.0), indexing="ij")
    blocks = torch.stack([down, across])
    rows, columns = (one.flatten() for one in torch.meshgrid(torch.arange(12), torch.arange(20), indexing="ij"))
    found = at_pixels(blocks, 4, rows, columns)
    torch.testing.assert_close(found[0], ((rows - 1.5) / 4).clamp(0, 2))
    torch.testing.assert_close(found[1], ((columns - 1.5) / 4).clamp(0, 4))
