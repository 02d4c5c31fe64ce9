"""No halo: a rendered frame of fur, whose true colour and alpha are known, cut out and put before another background."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from rotonodes.metrics.matte_errors import matte_errors
from rotonodes.nodes import CleanPlate, Composite, EstimateForeground, LoadFrames, MultipassDecode, SolveAlpha, Trimap
from rotonodes.values.color import linear_to_srgb
from rotonodes.values.pixels import Image, Matte

FRAME = Path(__file__).parent.parent / "examples" / "shots" / "fur" / "cutout.0001.exr"


class Fur(NamedTuple):
    """The picture, the true cut-out (premultiplied), and the wall behind it."""

    picture: Image
    cutout: Image
    wall: Image

    @property
    def alpha(self) -> Matte:
        return Matte(self.cutout.data[3:])


@pytest.fixture(scope="module")
def fur() -> Fur:
    layers = LoadFrames(path=str(FRAME)).run({}, wanted=["layers"]).layers
    names = ("Beauty.Combined", "Cutout.Combined", "Wall.Combined")
    return Fur(*(MultipassDecode(passes=names)(layers)[name] for name in names))


def wrong(made: Image, true: Image, region: torch.Tensor) -> float:
    """Mean difference of colour where `region` is, in codes of 8-bit sRGB."""
    codes = [255 * linear_to_srgb(picture.data[:3, region[0]]) for picture in (made, true)]
    return float((codes[0] - codes[1]).abs().mean())


def test_composite_is_the_render(fur: Fur) -> None:
    """C = a F + (1 - a) B in linear light: what Composite makes of cut-out and wall is the picture that the renderer made of both."""
    assert wrong(Composite()(fur.cutout, fur.wall), fur.picture, fur.alpha.data >= 0) < 0.3


@pytest.mark.parametrize("light", [0.02, 1.0])
def test_no_halo_where_the_foreground_is_estimated(fur: Fur, light: float) -> None:
    """With the true alpha, a tenth of the halo is left; without the estimate all of it is there."""
    wall = Image(torch.full_like(fur.picture.data, light))
    true = Composite()(fur.cutout, wall)
    edge = (fur.alpha.data > 0) & (fur.alpha.data < 1)
    halo = wrong(Composite()(fur.picture, wall, mask=fur.alpha), true, edge)
    assert halo > 12
    for method in ("blur_fusion", "multi_level"):
        made = Composite()(EstimateForeground(method=method)(fur.picture, fur.alpha), wall)
        assert wrong(made, true, edge) < 0.2 * halo


@pytest.mark.parametrize("method", ["closed_form", "guided"])
def test_from_a_rough_mask_to_a_clean_composite(fur: Fur, method: str) -> None:
    rough = Matte((fur.alpha.data > 0.5).float())
    trimap = Trimap(erode=8, dilate=8)(rough)
    alpha = SolveAlpha(method=method)(fur.picture, trimap)
    unknown = trimap.data == 0.5
    solved, hard = (matte_errors(matte.data, fur.alpha.data, unknown).as_json() for matte in (alpha, rough))
    for name, least in {"sad": 0.4, "mse": 0.2, "gradient": 0.6, "connectivity": 0.4}.items():
        assert solved[name] < least * hard[name], name
    wall = Image(torch.full_like(fur.picture.data, 0.6))
    true = Composite()(fur.cutout, wall)
    made = Composite()(EstimateForeground()(fur.picture, alpha), wall)
    assert wrong(made, true, unknown) < 0.4 * wrong(Composite()(fur.picture, wall, mask=rough), true, unknown)
    assert wrong(made, true, unknown) < 0.5 * wrong(Composite()(fur.picture, wall, mask=alpha), true, unknown)


FLAT = (0.75, 0.37, 0.09)  # a tone's colour, linear


def painted(size: Image) -> Image:
    """One flat tone in a frame's size."""
    return Image(torch.tensor(FLAT).view(3, 1, 1).repeat(1, size.height, size.width))


@pytest.mark.parametrize("bright", [False, True], ids=["as rendered", "before a wall four times as bright"])
def test_no_fringe_around_flat_tones(fur: Fur, bright: bool) -> None:
    """Flat tones over a plate by the same matte: the shape's old colour is gone from the edge when the plate is cleaned."""
    wall = fur.wall.with_data(fur.wall.data * 4) if bright else fur.wall
    plate = Composite()(fur.cutout, wall)
    true = Composite()(painted(plate), wall, mask=fur.alpha)
    edge = (fur.alpha.data > 0) & (fur.alpha.data < 1)
    fringe = wrong(Composite()(painted(plate), plate, mask=fur.alpha), true, edge)
    cleaned = CleanPlate()(plate, fur.alpha)
    clean = wrong(Composite()(painted(plate), cleaned, mask=fur.alpha), true, edge)
    assert fringe > 5 and clean < 0.3 * fringe
    outside, inside = fur.alpha.data[0] == 0, fur.alpha.data[0] == 1
    assert torch.equal(cleaned.data[:, outside], plate.data[:, outside]) and torch.equal(cleaned.data[:, inside], plate.data[:, inside])


def test_a_plate_with_alpha_is_cleaned_of_the_shapes_alpha_too() -> None:
    """A render without background: beside the shape there is nothing, so nothing of it may stay."""
    alpha = torch.linspace(0, 1, 12).repeat(8, 1)[None]
    plate = Image(torch.cat([alpha * 0.5, alpha * 0.25, alpha * 0.1, alpha]))
    found = CleanPlate()(plate, Matte(alpha))
    assert found.data[:, :, :11].abs().max() < 1e-6


def test_a_clean_plate_is_like_its_surroundings() -> None:
    """A bright shape with a darker rim: what is seen through the edge is neither darker nor brighter than the plain wall around it."""
    y, x = torch.meshgrid(torch.arange(80.0), torch.arange(80.0), indexing="ij")
    away = torch.hypot(x - 40, y - 40)
    alpha = ((26 - away) / 2 + 0.5).clamp(0, 1)[None]
    wall = torch.tensor([0.03, 0.06, 0.08]).view(3, 1, 1)
    shape = torch.where(away < 23, torch.tensor([1.0, 0.9, 0.7]).view(3, 1, 1), torch.tensor([0.3, 0.1, 0.02]).view(3, 1, 1))
    plate = Image(alpha * shape + (1 - alpha) * wall)
    found = CleanPlate()(plate, Matte(alpha)).data
    edge = (alpha[0] > 0) & (alpha[0] < 0.9)
    assert (found - wall).abs()[:, edge].max() < 0.02
    assert (plate.data - wall).abs()[:, edge].max() > 0.15
