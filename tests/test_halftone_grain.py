"""Halftone and PaperGrain: light is kept, textures stand still, and what is transparent stays so."""

from __future__ import annotations

import pytest
import torch

from rotonodes import Image
from rotonodes.errors import UsageError
from rotonodes.nodes import Halftone, PaperGrain
from rotonodes.values.color import hex_to_linear


@pytest.mark.parametrize("shape", ["dots", "lines", "grid"])
@pytest.mark.parametrize("angle", [0, 20, 45])
@pytest.mark.parametrize("light", [0.1, 0.35, 0.7, 0.95])
def test_ink_covers_what_gives_the_same_light(shape: str, angle: float, light: float) -> None:
    flat = Image(torch.full((3, 240, 240), light))
    made = Halftone(shape=shape, angle=angle, pitch=12, ink="#000000", paper="#ffffff")(flat)
    assert made.data.mean().item() == pytest.approx(light, abs=0.02)
    assert made.data.min() >= 0 and made.data.max() <= 1


def test_black_and_white_are_solid_and_colours_are_exact() -> None:
    ink, paper = "#203050", "#f0e0c0"
    black, white = (Halftone(ink=ink, paper=paper)(Image(torch.full((3, 20, 20), v))).data for v in (0.0, 1.0))
    assert black[:, 5, 5].tolist() == pytest.approx(hex_to_linear(ink)[:3]) and white[:, 5, 5].tolist() == pytest.approx(
        hex_to_linear(paper)[:3]
    )


def test_dots_have_their_pitch_and_angle() -> None:
    made = Halftone(pitch=10, angle=0, ink="#000000", paper="#ffffff")(Image(torch.full((3, 100, 100), 0.6))).data[0]
    torch.testing.assert_close(made[:90], made[10:], atol=1e-3, rtol=0)
    torch.testing.assert_close(made[:, :90], made[:, 10:], atol=1e-3, rtol=0)
    assert not torch.allclose(made[:95], made[5:], atol=0.1)
    lines = Halftone(shape="lines", pitch=10, angle=0)(Image(torch.full((3, 40, 40), 0.6))).data[0]
    assert (lines - lines[:, :1]).abs().max() < 1e-4, "at 0 degrees lines are level"


def test_edges_of_dots_are_soft_and_a_pixel_wide() -> None:
    made = Halftone(pitch=24, angle=0, ink="#000000", paper="#ffffff")(Image(torch.full((3, 96, 96), 0.5))).data[0]
    soft = ((made > 0.02) & (made < 0.98)).float().mean()
    assert 0.05 < soft < 0.25


def test_ink_alone_has_alpha_and_a_picture_in_its_own_colours_keeps_its_hue() -> None:
    flat = Image(torch.tensor([0.4, 0.2, 0.1]).view(3, 1, 1).expand(3, 40, 40).clone())
    clear = Halftone(paper="none", ink="#000000")(flat)
    assert clear.channels == ("R", "G", "B", "A") and 0.5 < clear.data[3].mean() < 0.95 and not clear.data[:3].any()
    own = Halftone(ink="picture", paper="none")(flat).data
    assert (own[0] / own[2])[own[3] > 0.9].mean().item() == pytest.approx(4, rel=1e-3)


def test_transparent_stays_transparent_and_does_not_darken_what_is_beside_it() -> None:
    planes = torch.full((4, 40, 40), 0.7)
    planes[3] = 1
    planes[:, :, 20:] = 0
    made = Halftone(ink="#000000", paper="#ffffff")(Image(planes)).data
    assert not made[:, :, 20:].any()
    whole = Halftone(ink="#000000", paper="#ffffff")(Image(torch.full((3, 40, 40), 0.7))).data
    assert (made[:3, :, :20] - whole[:, :, :20]).abs().mean() < 0.03


def test_a_wrong_colour_is_refused() -> None:
    with pytest.raises(UsageError, match="'red' is not a colour"):
        Halftone(ink="red")


@pytest.mark.parametrize("method", ["paper", "film"])
def test_grain_keeps_brightness_and_has_its_strength(method: str) -> None:
    grey = Image(torch.full((3, 300, 300), 0.4))
    made = PaperGrain(method=method, amount=0.3)(grey).data
    assert made.mean().item() == pytest.approx(0.4, rel=0.01)
    assert (made / 0.4).std().item() == pytest.approx(0.1, rel=0.12)
    assert torch.equal(made[0], made[1])


def test_grain_stands_still_unless_it_moves() -> None:
    grey = Image(torch.full((4, 30, 40), 0.4))
    still = [PaperGrain()(grey, frame=frame).data for frame in (1, 2)]
    moving = [PaperGrain(moving=True)(grey, frame=frame).data for frame in (1, 2, 2)]
    assert torch.equal(*still) and not torch.equal(moving[0], moving[1]) and torch.equal(moving[1], moving[2])
    assert not torch.equal(PaperGrain(seed=1)(grey).data, still[0])
    assert torch.equal(still[0][3], grey.data[3])


def test_the_sheet_lies_in_the_frame_whatever_is_rendered_of_it() -> None:
    whole = Image(torch.full((3, 30, 40), 0.4))
    part = Image(torch.full((3, 10, 12), 0.4), origin=(5, 7), size=(40, 30))
    assert torch.equal(PaperGrain()(part).data, PaperGrain()(whole).data[:, 7:17, 5:17])


def test_no_grain_is_no_change() -> None:
    grey = Image(torch.full((3, 3, 3), 0.4))
    assert PaperGrain(amount=0)(grey) is grey
