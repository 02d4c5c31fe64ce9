"""Following vectors to the next frame or the last: where a pixel goes, and how far that can be trusted."""

from __future__ import annotations

import pytest
import torch

from rotonodes.imaging.temporal.motion import Positions, follow

HEIGHT, WIDTH = 6, 8


def grid() -> Positions:
    y, x = torch.meshgrid(torch.arange(float(HEIGHT)), torch.arange(float(WIDTH)), indexing="ij")
    return Positions(x, y)


def vectors(x: float, y: float) -> torch.Tensor:
    """Vectors of a whole frame that moves by (x, y), y down, a frame: as they are found by `follow` in both directions."""
    zero = torch.zeros(4, HEIGHT, WIDTH)
    zero[0], zero[1], zero[2], zero[3] = -x, y, -x, y
    return zero


@pytest.mark.parametrize("step", [1, -1])
def test_what_moves_evenly_is_trusted_inside_the_frame(step: int) -> None:
    moving = vectors(2, 1)
    to, trust = follow(moving, moving, step, grid())
    assert torch.equal(to.x, grid().x + 2 * step) and torch.equal(to.y, grid().y + step)
    inside = (to.x >= 0) & (to.x <= WIDTH - 1) & (to.y >= 0) & (to.y <= HEIGHT - 1)
    assert torch.equal(trust, inside.float())


def test_trust_falls_with_the_distance_between_there_and_back() -> None:
    still = vectors(0, 0)
    for off in (0.0, 1.0, 2.0):
        there = vectors(0, 0)
        there[0] = off  # the way back leads elsewhere
        _, trust = follow(still, there, 1, grid())
        torch.testing.assert_close(trust[3, 4].item(), float(torch.exp(torch.tensor(-(off**2) / 2))))


def test_a_vector_that_is_not_a_number_is_not_trusted() -> None:
    still, there = vectors(0, 0), vectors(0, 0)
    there[:, 2, 3] = torch.nan
    _, trust = follow(still, there, 1, grid())
    assert trust[2, 3] == 0 and trust[0, 0] == 1 and trust[5, 7] == 1
    broken = vectors(0, 0)
    broken[:, 1, 1] = torch.nan
    assert follow(broken, still, 1, grid())[1][1, 1] == 0


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5)])
def test_half_a_pixel_beyond_the_edge_is_outside(x: float, y: float) -> None:
    moving = vectors(x, y)
    _, trust = follow(moving, moving, 1, grid())
    assert (trust.sum(0) == 0).sum() + (trust.sum(1) == 0).sum() == 1, "one row or column has left the frame"
