"""Ramp and Noise: exact gradients, textures that are the same everywhere."""

import math

import pytest
import torch
from torch.nn.functional import interpolate

from rotonodes import Matte
from rotonodes.errors import UsageError
from rotonodes.imaging.picture import texture_noise
from rotonodes.nodes import Noise, Ramp
from rotonodes.values.color import linear_to_srgb


def test_a_straight_ramp_has_even_steps() -> None:
    made = Ramp(size=(4, 2), start=(0, 0), end=(4, 0), mix="linear")()
    assert made.data[0].tolist() == [[0.125, 0.375, 0.625, 0.875]] * 2
    codes = linear_to_srgb(Ramp(size=(4, 2), start=(0, 0), end=(4, 0))().data[0])
    torch.testing.assert_close(codes, torch.tensor([[0.125, 0.375, 0.625, 0.875]] * 2))


def test_a_ramp_unasked_runs_from_top_to_bottom_and_radial_from_the_centre() -> None:
    down = Ramp(size=(3, 4), mix="linear")().data[0, :, 0]
    assert down.tolist() == [0.125, 0.375, 0.625, 0.875]
    round_about = Ramp(size=(5, 5), shape="radial", mix="linear")().data[0]
    assert round_about[2, 2] == 0 and round_about[0, 2] == pytest.approx(2 / 12.5**0.5)
    torch.testing.assert_close(round_about, round_about.flip(0, 1))


def test_a_slanted_ramp_is_constant_across_its_direction() -> None:
    made = Ramp(size=(6, 6), start=(0, 0), end=(6, 6), mix="linear")().data[0]
    assert made[0, 5] == pytest.approx(0.5) and made[5, 0] == pytest.approx(0.5) and made[2, 3] == pytest.approx(0.5)


def test_a_smooth_ramp_and_one_with_alpha() -> None:
    assert Ramp(size=(1, 4), mix="linear", ease="smooth")().data[0, 0, 0] == pytest.approx(0.125**2 * (3 - 0.25))
    clear = Ramp(size=(1, 2), color_start="#ffffff00", color_end="#ffffff", mix="linear")()
    assert clear.channels == ("R", "G", "B", "A")
    assert clear.data[0].flatten().tolist() == clear.data[3].flatten().tolist() == [0.25, 0.75]


def test_a_ramp_of_no_length_is_refused() -> None:
    with pytest.raises(UsageError, match=r"start and end are the same point \(2, 3\): move one of them"):
        Ramp(size=(4, 4), start=(2, 3), end=(2, 3))()


def test_noise_is_the_same_for_the_same_seed() -> None:
    first = Noise(size=(40, 30), spots=8)()
    assert torch.equal(first.data, Noise(size=(40, 30), spots=8).run({}, frame=7).data)
    assert not torch.equal(first.data, Noise(size=(40, 30), spots=8, seed=1)().data)
    # Philox's numbers are the same on every machine; these stand for all.
    assert Noise(size=(3, 1), method="white")().data[0, 0].tolist() == pytest.approx([0.135623, 0.014067, 0.937732], abs=1e-6)


def test_moving_noise_has_a_texture_for_each_frame() -> None:
    node = Noise(size=(40, 30), spots=8, moving=True)
    frames = [node.run({}, frame=frame).data for frame in (-1, 0, 1, 1)]
    assert not torch.equal(frames[0], frames[1]) and not torch.equal(frames[1], frames[2]) and not torch.equal(frames[0], frames[2])
    assert torch.equal(frames[2], frames[3])


@pytest.mark.parametrize("octaves", [1, 5])
def test_fractal_noise_uses_its_range_evenly(octaves: int) -> None:
    made = Noise(size=(600, 400), spots=24, octaves=octaves, low=-1, high=3)().data[0]
    assert -1 <= made.min() < -0.6 and 2.6 < made.max() <= 3
    assert made.mean() == pytest.approx(1, abs=0.1) and made.std() == pytest.approx(0.8, abs=0.12)


def test_spots_have_their_size() -> None:
    """Pixels a quarter of a spot apart are alike, pixels two spots apart are not."""
    made = Noise(size=(800, 600), spots=(40, 20), octaves=1)().data[0] - 0.5

    def likeness(x: int, y: int) -> float:
        one, other = made[: 600 - y or None, : 800 - x or None], made[y:, x:]
        return float((one * other).mean() / made.square().mean())

    assert likeness(10, 0) > 0.75 and likeness(0, 5) > 0.75
    assert abs(likeness(80, 0)) < 0.15 and abs(likeness(0, 40)) < 0.15
    assert likeness(0, 10) == pytest.approx(likeness(20, 0), abs=0.1)


def test_noise_takes_its_size_from_a_matte() -> None:
    assert Noise()(Matte(torch.ones(1, 4, 6))).size == (6, 4)


@pytest.mark.parametrize("spacing", [(40.0, 24.0), (300.0, 300.0), (1.0, 90.0)])
def test_spots_wider_than_a_picture_are_cut_out_of_a_larger_one(spacing: tuple[float, float]) -> None:
    """What is seen of them is what the whole lattice would give."""
    across, down = spacing
    lattice = texture_noise.white((math.ceil(13 / across) + 3, math.ceil(7 / down) + 3), (5,))
    size = (math.ceil(lattice.shape[0] * down), math.ceil(lattice.shape[1] * across))
    whole = interpolate(lattice[None, None], size=size, mode="bicubic", align_corners=False)[0, 0]
    top, left = int(1.5 * down), int(1.5 * across)
    torch.testing.assert_close(
        texture_noise._interpolated((13, 7), across, down, (5,)), whole[top : top + 7, left : left + 13], atol=2e-6, rtol=0
    )
