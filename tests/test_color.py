"""sRGB, premultiplication, luminance and colours of palettes, against their definitions; negative values keep their sign."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.node.parameters import WrongParameter
from rotonodes.nodes import Backdrop, Composite, Grade, PaintTones, Reformat, WritePSD
from rotonodes.values.color import checked_palette, linear_to_srgb, luminance, premultiply, srgb_to_linear, unpremultiply
from rotonodes.values.pixels import Image

wide = st.floats(-4, 4, width=32, allow_subnormal=False)


@given(wide)
def test_the_curve_is_odd_and_its_own_inverse(value: float) -> None:
    """Light below zero, as filters and wide gamuts leave it, is mirrored: neither its sign nor its amount is lost."""
    x = torch.tensor([value])
    for curve, back in ((linear_to_srgb, srgb_to_linear), (srgb_to_linear, linear_to_srgb)):
        made = curve(x)
        torch.testing.assert_close(curve(-x), -made, rtol=0, atol=0)
        torch.testing.assert_close(back(made), x, rtol=1e-4, atol=1e-6)
        assert torch.equal(made.sign(), x.sign()) or abs(value) < 1e-30


@pytest.mark.parametrize(
    ("linear", "code"), [(0.0, 0.0), (1.0, 1.0), (0.0031308, 0.04045), (0.21404114, 0.5), (-0.21404114, -0.5), (4.0, 1.8248)]
)
def test_the_curve_of_the_standard(linear: float, code: float) -> None:
    assert float(linear_to_srgb(torch.tensor(linear))) == pytest.approx(code, abs=1e-4)


@given(wide, wide, wide, st.floats(0.01, 1))
def test_what_is_premultiplied_comes_back(red: float, green: float, blue: float, alpha: float) -> None:
    color, cover = torch.tensor([red, green, blue]).view(3, 1, 1), torch.tensor(alpha).view(1, 1, 1)
    torch.testing.assert_close(unpremultiply(premultiply(color, cover), cover), color)
    assert torch.equal(unpremultiply(color, cover * 0), color)


def test_negative_colours_keep_their_sign_in_nodes() -> None:
    color = torch.tensor([-0.5, 0.25, -0.125]).view(3, 1, 1).repeat(1, 6, 6)
    picture = Image(torch.cat([color, torch.ones(1, 6, 6)]))
    assert torch.equal(Grade(gamma=2.2)(picture).data[[0, 2]], picture.data[[0, 2]])
    torch.testing.assert_close(Grade(gain=2)(picture).data[:3], 2 * color)
    assert torch.equal(Reformat(scale=2, filter="nearest")(picture).data[:3, ::2, ::2], color)
    assert torch.equal(Composite()(picture, Image(torch.ones(3, 6, 6))).data[:3], color)
    assert float(luminance(color)[0, 0, 0]) == pytest.approx(-0.5 * 0.2126 + 0.25 * 0.7152 - 0.125 * 0.0722)


@pytest.mark.parametrize(
    "make", [lambda: PaintTones(palette={"a": "red"}), lambda: WritePSD(path="a.psd", palette={"a": "red"}), lambda: Backdrop(color="red")]
)
def test_a_wrong_colour_is_a_wrong_parameter(make: object) -> None:
    """In every node that takes one: said with the others, not as an error of its own."""
    with pytest.raises(WrongParameter, match="'red' is not a colour: write") as error:
        make()  # type: ignore[operator]
    assert [name for name, _ in error.value.faults] in (["palette"], ["color"])


def test_all_wrong_colours_of_a_palette_are_said() -> None:
    with pytest.raises(ValueError, match=r"a: 'red' is not a colour.*; c: '#12' is not"):
        checked_palette({"a": "red", "b": "#112233", "c": "#12"})
