"""Denoise, against scipy and the formula; fireflies, guides, bad pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from rotonodes import Image, Matte
from rotonodes.errors import FrameError, UsageError
from rotonodes.nodes import Denoise
from rotonodes.values.color import linear_to_srgb, luminance


@pytest.fixture(scope="module")
def picture() -> Image:
    return Image(torch.rand(4, 41, 37, generator=torch.Generator().manual_seed(5)))


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_median(picture: Image, radius: int) -> None:
    side = 2 * radius + 1
    wanted = ndimage.median_filter(picture.data.numpy(), (1, side, side), mode="nearest")
    np.testing.assert_array_equal(Denoise(radius=radius, channels="all")(picture).data, wanted)


def test_median_of_bad_pixels_is_that_of_the_others() -> None:
    flat = torch.full((3, 9, 9), 0.5)
    flat[:, 4, 4], flat[:, 2, 2] = float("nan"), float("inf")
    torch.testing.assert_close(Denoise()(Image(flat)).data, torch.full((3, 9, 9), 0.5))


def by_formula(planes: np.ndarray, likeness: np.ndarray, radius: int) -> np.ndarray:
    made, (height, width) = np.zeros_like(planes), planes.shape[1:]
    for y in range(height):
        for x in range(width):
            total = weights = 0.0
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    inside = 0 <= y + dy < height and 0 <= x + dx < width and dx * dx + dy * dy <= radius * (radius + 1)
                    if inside:
                        apart = ((likeness[:, y, x] - likeness[:, y + dy, x + dx]) ** 2).sum()
                        weight = np.exp(-(dx * dx + dy * dy) / (radius / 2) ** 2 / 2 - apart / 2)
                        total, weights = total + weight * planes[:, y + dy, x + dx], weights + weight
            made[:, y, x] = total / weights
    return made


@pytest.mark.parametrize("radius", [2, 4])
def test_bilateral_is_its_formula(radius: int) -> None:
    generator = torch.Generator().manual_seed(6)
    image, normals, albedo = (Image(torch.rand(3, 40, 11, generator=generator)) for _ in range(3))
    brightness = linear_to_srgb(luminance(image.data)).numpy().astype(np.float64)
    likeness = np.concatenate([brightness / 0.4, normals.data.numpy() / 0.7, albedo.data.numpy() / 0.5])
    node = Denoise(method="bilateral", radius=radius, difference=0.4, normal=0.7, albedo_difference=0.5)
    np.testing.assert_allclose(
        node(image, normals, albedo).data, by_formula(image.data.numpy().astype(np.float64), likeness, radius), atol=2e-6
    )


def test_guides_keep_edges_that_noise_hides() -> None:
    """Light noise of 0.3 on two faces of one brightness each: the normals tell them apart."""
    generator = torch.Generator().manual_seed(7)
    truth = torch.where(torch.arange(40) < 20, 0.5, 0.3).view(1, 1, 40).expand(3, 40, 40)
    noisy = Image(truth + 0.1 * torch.randn(1, 40, 40, generator=generator))
    normals = Image(torch.where(torch.arange(40) < 20, 1.0, 0.0).view(1, 1, 40).expand(3, 40, 40).clone(), ("X", "Y", "Z"))
    plain = Denoise(method="bilateral", radius=5, difference=5)(noisy)
    made = Denoise(method="bilateral", radius=5, difference=5)(noisy, normals)

    def error(image: Image) -> float:
        return float((image.data - truth).abs().mean())

    assert error(made) < 0.25 * error(noisy) and error(made) < error(plain)
    assert (made.data - truth)[:, :, 18:22].abs().max() < 0.5 * (plain.data - truth)[:, :, 18:22].abs().max()


def test_a_firefly_goes_and_alpha_stays(picture: Image) -> None:
    bright = picture.with_data(picture.data.clone())
    bright.data[:3, 20, 20] = 1e4
    made = Denoise()(bright)
    assert made.data[:3].max() <= 1 and torch.equal(made.data[3], picture.data[3])
    assert Denoise(radius=0)(picture) is picture
    assert isinstance(Denoise()(Matte(picture.data[:1])), Matte)


def test_bad_pixels_are_filled_from_around() -> None:
    flat = torch.full((3, 15, 15), 0.5)
    flat[:, 7, 7] = float("nan")
    torch.testing.assert_close(Denoise(method="bilateral", radius=3)(Image(flat)).data, torch.full((3, 15, 15), 0.5))
    alone = Image(torch.full((3, 1, 1), float("nan")))
    assert Denoise(method="bilateral", radius=3)(alone).data.isnan().all()


def test_what_is_wrong_is_said(picture: Image) -> None:
    with pytest.raises(FrameError, match="normals: the pass is 2 x 2, the picture 37 x 41: crop and reformat both alike"):
        Denoise(method="bilateral")(picture, Image(torch.zeros(3, 2, 2)))
    with pytest.raises(UsageError, match="radius: a median looks at most 3 px far, not 9"):
        Denoise(radius=9)(picture)
    assert "`normals` is linked, but method: median does not use it" in next(iter(Denoise().faults(frozenset({"image", "normals"}), 1)))
