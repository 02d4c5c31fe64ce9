"""Normals are turned with the frames that they belong to."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.data.window import Window
from rotonodes.train.settings import NONE

SIDE = 32


def half_ball() -> Tensor:
    """A frame filled by half a ball: red where it looks right, the normals x, y in camera space `[5, SIDE, SIDE]`."""
    y, x = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    right, up = (x - SIDE / 2) / SIDE, (SIDE / 2 - y) / SIDE
    return torch.stack((torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x), right, up))


@pytest.mark.parametrize("names", [("Normal.X", "Normal.Y"), ("Beauty.Normal.X", "Beauty.Normal.Y")])
@pytest.mark.parametrize(("strength", "steps"), [({}, 1), ({"flip": 1}, 1), ({"quarter": 1}, 6), ({"rotate": 0.3, "flip": 0.5}, 6)])
def test_a_ball_looks_outwards_however_it_is_turned(names: tuple[str, str], strength: dict[str, float], steps: int) -> None:
    frames = LabelledFrames([(1, half_ball(), torch.zeros(SIDE, SIDE, dtype=torch.uint8))], classes=2, channels=("R", "G", "B", *names))
    _, _, _, right, up = half_ball()
    middle = slice(8, -8)  # what is turned in from beyond the frame is reflected, and the rest is not
    for step in range(steps):
        seen = frames.batch(step, 1, SIDE, replace(NONE, **strength), seed=3).pictures[0]
        assert torch.allclose(seen[3, middle, middle], right[middle, middle], atol=0.02)
        assert torch.allclose(seen[4, middle, middle], up[middle, middle], atol=0.02)


def test_vectors_turn_as_places_do() -> None:
    """A vector from one pixel to another points from the one's place in the window to the other's."""
    for window in (Window(3, 5, 20, 20, 0.4, 1, True), Window(3, 5, 20, 20, -0.2, 3, False), Window(0, 0, 20, 20, 0, 0, True)):
        here, there = torch.tensor([10.0, 12.0]), torch.tensor([13.0, 7.0])
        moved = (window.grid(there) - window.grid(here)) * window.side / 2
        along = there - here
        turned = window.vectors(torch.stack((along[0], -along[1])).view(2, 1, 1)).flatten()
        assert torch.allclose(turned, torch.stack((moved[0], -moved[1])), atol=1e-5)
