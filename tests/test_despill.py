"""Despill: the limits by hand, the luminance that comes back, and what stays."""

from __future__ import annotations

import pytest
import torch

from rotonodes.errors import FrameError
from rotonodes.nodes import Despill
from rotonodes.values.color import luminance
from rotonodes.values.pixels import Image, Matte

LEFT = {"average": 0.4, "double_red": 0.5, "double_other": 0.3, "red": 0.7, "other": 0.1, "maximum": 0.7, "minimum": 0.1}


def pixel(*values: float) -> Image:
    return Image(torch.tensor(values)[:, None, None])


def values(image: Image) -> list[float]:
    return [round(value, 5) for value in image.data[:, 0, 0].tolist()]


@pytest.mark.parametrize(("limit", "left"), LEFT.items())
def test_limits_of_a_green_and_of_a_blue_screen(limit: str, left: float) -> None:
    assert values(Despill(limit=limit)(pixel(0.7, 0.9, 0.1))) == pytest.approx([0.7, left, 0.1], abs=1e-5)
    assert values(Despill(limit=limit, screen="blue")(pixel(0.7, 0.1, 0.9))) == pytest.approx([0.7, 0.1, left], abs=1e-5)


def test_what_has_no_spill_stays_to_the_bit() -> None:
    image = Image(torch.tensor([[0.9, 0.2], [0.5, 0.1], [0.3, 0.0]])[:, None])
    assert torch.equal(Despill(restore=1)(image).data, image.data)


def test_amount_and_mask_fade() -> None:
    assert values(Despill(amount=0.25)(pixel(0.2, 1.0, 0.2, 1.0))) == [0.2, 0.8, 0.2, 1.0]
    image = Image(torch.tensor([0.2, 1.0, 0.2])[:, None, None].expand(3, 1, 3))
    made = Despill()(image, Matte(torch.tensor([[[0.0, 0.5, 1.0]]])))
    assert made.data[1, 0].tolist() == pytest.approx([1.0, 0.6, 0.2])


@pytest.mark.parametrize("screen", ["green", "blue"])
def test_restore_keeps_luminance(screen: str) -> None:
    image = Image(torch.rand(3, 6, 5, generator=torch.Generator().manual_seed(1)))
    dull, whole = (Despill(screen=screen, restore=restore)(image).data for restore in (0, 1))
    torch.testing.assert_close(luminance(whole), luminance(image.data))
    assert (luminance(image.data) - luminance(dull)).max() > 0.01


def test_premultiplied_colour_loses_what_straight_colour_does() -> None:
    straight = torch.tensor([0.3, 0.9, 0.2])
    thin = Despill(restore=0.5)(pixel(*(0.25 * straight).tolist(), 0.25)).data[:3, 0, 0]
    assert torch.allclose(thin, 0.25 * Despill(restore=0.5)(pixel(*straight.tolist())).data[:, 0, 0])


def test_a_grey_picture_is_refused() -> None:
    with pytest.raises(FrameError, match="spill needs a colour picture, this one has only Y"):
        Despill()(pixel(0.5))
