"""Blur, against scipy; what the frame's edge, data windows and bad pixels do."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from rotonodes import Image, Matte
from rotonodes.nodes import Blur
from rotonodes.values.pixels import Box


@pytest.fixture(scope="module")
def picture() -> Image:
    return Image(torch.rand(4, 41, 57, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("sigma", [(0.4, 0.4), (2.0, 2.0), (3.0, 0.0), (1.5, 9.0)])
def test_gaussian(picture: Image, sigma: tuple[float, float]) -> None:
    wanted = ndimage.gaussian_filter(picture.data.numpy().astype(np.float64), (0, sigma[1], sigma[0]), mode="nearest", truncate=4)
    np.testing.assert_allclose(Blur(size=sigma)(picture).data, wanted, atol=2e-6)


@pytest.mark.parametrize("half", [(1, 1), (2, 5), (30, 0)])
def test_box(picture: Image, half: tuple[int, int]) -> None:
    wanted = ndimage.uniform_filter(picture.data.numpy().astype(np.float64), (1, 2 * half[1] + 1, 2 * half[0] + 1), mode="nearest")
    np.testing.assert_allclose(Blur(method="box", size=half)(picture).data, wanted, atol=2e-6)


def test_a_box_of_a_fraction_counts_its_last_pixels_less() -> None:
    line = Image(torch.tensor([0, 0, 0, 1.0, 0, 0, 0]).view(1, 1, 7))
    made = Blur(method="box", size=(1.25, 0))(line).data.flatten()
    assert made.tolist() == pytest.approx([0, 0.25 / 3.5, 1 / 3.5, 1 / 3.5, 1 / 3.5, 0.25 / 3.5, 0])


@pytest.mark.parametrize("angle, axis", [(0, 1), (90, 0), (180, 1)])
def test_directional(angle: float, axis: int) -> None:
    dot = torch.zeros(1, 21, 21)
    dot[0, 10, 10] = 1
    made = Blur(method="directional", size=8, angle=angle)(Image(dot)).data[0]
    assert made.sum().item() == pytest.approx(1) and made.sum(axis).max().item() == pytest.approx(1, abs=1e-3)
    assert (made > 1e-3).sum() == 9 and made[10, 10].item() == pytest.approx(1 / 8, abs=1e-3)


def test_a_slanted_line_goes_up_to_the_right() -> None:
    dot = torch.zeros(1, 21, 21)
    dot[0, 10, 10] = 1
    made = Blur(method="directional", size=10, angle=45)(Image(dot)).data[0]
    assert made[7, 13] > 0.05 and made[7, 7] == 0
    torch.testing.assert_close(made, made.T.flip(0, 1))


def test_size_0_changes_nothing_and_chosen_channels_alone_are_blurred(picture: Image) -> None:
    assert Blur()(picture) is picture
    made = Blur(size=2, channels="R")(picture)
    assert torch.equal(made.data[1:], picture.data[1:]) and not torch.equal(made.data[0], picture.data[0])


def test_edges() -> None:
    white = Image(torch.ones(3, 20, 20))
    assert Blur(size=3)(white).data.min() > 0.99999
    black = Blur(size=3, edge="black")(white).data[0]
    assert black[0, 10] == pytest.approx(0.5, abs=0.07) and black[10, 10] > 0.99


def test_a_data_window_grows_inside_the_frame_alone() -> None:
    window = Image(torch.ones(4, 10, 10), origin=(0, 15), size=(60, 40))
    made = Blur(method="box", size=4)(window)
    assert made.box == Box(0, 10, 15, 30)
    assert made.on_frame().data[3, 20, 0] == 1, "the frame's edge is repeated"
    assert made.on_frame().data[3, 14, 0] == pytest.approx(4 / 9) and made.on_frame().data[3, 20, 12] == pytest.approx(2 / 9)


def test_an_infinite_pixel_is_filled_from_around() -> None:
    flat = torch.full((3, 15, 15), 0.25)
    for bad in (float("inf"), float("nan")):
        flat[:, 7, 7] = bad
        for method in ("gaussian", "box", "directional"):
            torch.testing.assert_close(Blur(size=3, method=method)(Image(flat)).data, torch.full((3, 15, 15), 0.25))


def test_mattes_and_masks() -> None:
    matte = Matte(torch.zeros(1, 9, 9).index_fill(2, torch.arange(5, 9), 1.0))
    soft = Blur(size=1)(matte)
    assert isinstance(soft, Matte) and 0.4 < soft.data[0, 4, 5] < 0.8
    mask = Matte(torch.zeros(1, 9, 9).index_fill(1, torch.arange(0, 4), 1.0))
    half = Blur(size=1)(matte, mask)
    assert torch.equal(half.data[0, 4:], matte.data[0, 4:]) and torch.equal(half.data[0, :4], soft.data[0, :4])
