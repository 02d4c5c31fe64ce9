"""Grade and Composite: formulas against plain float64, frames, windows, channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import OPERATIONS, _window, merge, multiplied
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes.picture.composite import Composite
from rotonodes.nodes.picture.grade import Grade
from rotonodes.values.pixels import Box, Image, Matte

NAN, INF = float("nan"), float("inf")


def pixel(*values: float, names: tuple[str, ...] = ()) -> Image:
    return Image(torch.tensor(values).view(-1, 1, 1), names)


def values(image: Image) -> list[float]:
    return image.data.flatten().tolist()


def noise(planes: int, seed: int, low: float = -0.5, high: float = 2.0, size: tuple[int, int] = (7, 5)) -> Image:
    data = torch.rand(planes, size[1], size[0], generator=torch.Generator().manual_seed(seed)) * (high - low) + low
    if planes == 4:
        data[3] = data[3].clamp(0, 1)
    return Image(data)


# Grade.


def test_grade_by_hand() -> None:
    assert values(Grade(gain=2, offset=0.5)(pixel(0.25, 1.0, -1.0))) == [1.0, 2.5, -1.5]
    assert values(Grade(gain=[1, 2, 3])(pixel(1.0, 1.0, 1.0))) == [1, 2, 3]
    assert values(Grade(gamma=2)(pixel(0.25, 4.0, 0.0))) == [0.5, 2.0, 0.0]
    assert values(Grade(gamma=2)(pixel(-0.25, 1.0, 1.0)))[0] == -0.25
    assert values(Grade(saturation=0)(pixel(1.0, 0.0, 0.0))) == pytest.approx([0.2126] * 3)
    assert values(Grade(saturation=2)(pixel(0.0, 1.0, 0.0))) == pytest.approx([-0.7152, 1.2848, -0.7152])


def test_grade_without_parameters_gives_the_picture_itself() -> None:
    image = noise(4, 1)
    assert Grade()(image) is image


def test_grade_order_against_numpy() -> None:
    image = noise(3, 2)
    gain, offset, gamma, saturation = np.array([1.2, 0.8, 1.0]), np.array([0.1, -0.05, 0.0]), np.array([1.1, 2.0, 0.5]), 1.3
    x = image.data.double().numpy() * gain[:, None, None] + offset[:, None, None]
    x = np.where(x > 0, np.abs(x) ** (1 / gamma)[:, None, None], x)
    grey = np.tensordot([0.2126, 0.7152, 0.0722], x, 1)
    oracle = grey + (x - grey) * saturation
    graded = Grade(gain=gain.tolist(), offset=offset.tolist(), gamma=gamma.tolist(), saturation=saturation)(image)
    assert np.allclose(graded.data.numpy(), oracle, atol=2e-6)


def test_grade_of_premultiplied_colour_is_that_of_straight_colour() -> None:
    straight, alpha = noise(3, 3, 0.01, 1.5).data, torch.rand(1, 5, 7, generator=torch.Generator().manual_seed(4)) * 0.9 + 0.1
    grade = Grade(gain=1.3, offset=0.1, gamma=1.8, saturation=0.4)
    graded = grade(Image(torch.cat([straight * alpha, alpha])))
    assert torch.allclose(graded.data[:3], grade(Image(straight)).data * alpha, atol=2e-6)
    assert torch.equal(graded.data[3:], alpha)


def test_grade_keeps_light_without_alpha() -> None:
    glow = pixel(0.25, 1.0, 0.0, 0.0)
    assert values(Grade(gain=2)(glow)) == [0.5, 2.0, 0.0, 0.0]
    assert values(Grade(offset=1)(glow)) == [0.25, 1.0, 0.0, 0.0]


def test_grade_mask_fades_and_shuts_a_nan_out() -> None:
    image = Image(torch.ones(3, 1, 3))
    masked = Grade(gain=3)(image, Matte(torch.tensor([[[0.0, 0.5, 1.0]]])))
    assert masked.data[0, 0].tolist() == [1.0, 2.0, 3.0]
    infinite = Grade(gain=1e38, offset=1e38)(Image(torch.full((3, 1, 1), 1e38)), Matte(torch.zeros(1, 1, 1)))
    assert values(infinite) == pytest.approx([1e38] * 3)
    with pytest.raises(FrameError, match="the matte is 2 x 1, the picture 3 x 1"):
        Grade(gain=3)(image, Matte(torch.ones(1, 1, 2)))


def test_grade_keeps_alpha_extras_order_and_nan() -> None:
    image = pixel(7.0, NAN, 2.0, 3.0, 0.5, names=("Z", "B", "G", "R", "A"))
    graded = Grade(gain=[1, 2, 4])(image)
    assert graded.channels == image.channels
    assert values(graded)[:1] + values(graded)[2:] == [7.0, 4.0, 3.0, 0.5]
    assert values(graded)[1] != values(graded)[1]
    assert values(image)[2] == 2.0


def test_grade_of_grey_takes_one_number() -> None:
    assert values(Grade(gain=2, saturation=0)(pixel(0.5))) == [1.0]
    with pytest.raises(FrameError, match="give one number"):
        Grade(gain=[1, 2, 3])(pixel(0.5))
    for wrong in ({"gamma": 0}, {"gamma": [1, 1, -1]}, {"gain": [1, 2]}, {"offset": "x"}):
        ((_, message),) = parameter_faults(Grade, wrong)
        assert "or three as [r, g, b], not " in message


# Composite.


def oracle(operation: str, A: Any, B: Any, a: Any, b: Any) -> Any:
    """Every formula once more, in numpy float64."""
    if operation == "screen":
        return np.where((A <= 1) | (B <= 1), A + B - A * B, np.maximum(A, B))
    if operation in ("overlay", "hard-light"):
        decides = B if operation == "overlay" else A
        return np.where(decides < 0.5, 2 * A * B, 1 - 2 * (1 - A) * (1 - B))
    if operation == "soft-light":
        return np.where(A * B < 1, B * (2 * A + B * (1 - A * B)), 2 * A * B)
    return {
        "over": lambda: A + B * (1 - a),
        "under": lambda: A * (1 - b) + B,
        "plus": lambda: A + B,
        "multiply": lambda: A * B,
        "in": lambda: A * b,
        "out": lambda: A * (1 - b),
        "mask": lambda: B * a,
        "stencil": lambda: B * (1 - a),
        "atop": lambda: A * b + B * (1 - a),
        "xor": lambda: A * (1 - b) + B * (1 - a),
        "max": lambda: np.maximum(A, B),
        "min": lambda: np.minimum(A, B),
        "difference": lambda: np.abs(A - B),
    }[operation]()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_composite_formulas(operation: str) -> None:
    fg, bg = noise(4, 5), noise(4, 6)
    A, B = fg.data.double().numpy(), bg.data.double().numpy()
    merged = Composite(operation=operation)(fg, bg)
    assert merged.channels == ("R", "G", "B", "A")
    assert np.allclose(merged.data.numpy(), oracle(operation, A, B, A[3:], B[3:]), atol=1e-5)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(OPERATIONS)), st.lists(st.floats(-4, 4, width=32), min_size=8, max_size=8), st.floats(0, 1, width=32))
def test_composite_formulas_hold_for_any_pixel(operation: str, numbers: list[float], mix: float) -> None:
    A, B = np.array(numbers[:4]), np.array(numbers[4:])
    merged = merge(pixel(*numbers[:4]), pixel(*numbers[4:]), operation, mix)  # type: ignore[arg-type]
    wanted = B + (oracle(operation, A, B, A[3:], B[3:]) - B) * mix
    assert np.allclose(values(merged), wanted, atol=1e-3, rtol=1e-5)


def test_composite_over_by_hand() -> None:
    assert values(Composite()(pixel(0.25, 0, 0, 0.5), pixel(1, 1, 0, 0.5))) == [0.75, 0.5, 0.0, 0.75]
    half = Composite(mix=0.5)(pixel(0.25, 0, 0, 0.5), pixel(1, 1, 0, 0.5))
    assert values(half) == [0.875, 0.75, 0.0, 0.625]


def test_composite_takes_a_picture_without_alpha_as_opaque() -> None:
    fg, bg = pixel(0.2, 0.4, 0.6), pixel(1, 1, 1)
    assert values(Composite()(fg, bg)) == pytest.approx([0.2, 0.4, 0.6])
    over = Composite()(pixel(0.25, 0, 0, 0.5), bg)
    assert over.channels == ("R", "G", "B", "A")
    assert values(over) == [0.75, 0.5, 0.5, 1.0]
    assert values(Composite(operation="out")(pixel(0.25, 0, 0, 0.5), bg)) == [0, 0, 0, 0]


def test_composite_of_grey_and_colour_is_colour() -> None:
    merged = Composite(operation="plus")(pixel(0.5), pixel(1, 2, 3))
    assert merged.channels == ("R", "G", "B")
    assert values(merged) == [1.5, 2.5, 3.5]
    assert values(Composite(operation="plus")(pixel(1, 2, 3), pixel(0.5))) == [1.5, 2.5, 3.5]


def test_composite_keeps_the_other_channels_of_bg() -> None:
    bg = pixel(7.0, 1.0, 1.0, 1.0, 0.5, 9.0, names=("Z", "R", "G", "B", "A", "id"))
    merged = Composite()(pixel(0, 0, 0, 1.0), bg)
    assert dict(zip(merged.channels, values(merged), strict=True)) == {"R": 0, "G": 0, "B": 0, "A": 1, "Z": 7, "id": 9}
    small = Image(bg.data.expand(6, 4, 4), bg.channels)
    inside = Composite(operation="in")(Image(torch.ones(4, 1, 1), size=(4, 4)), small)
    assert inside.on_frame().data[4].tolist() == [[7.0] * 4] * 4


def test_composite_windows() -> None:
    left = Image(torch.ones(4, 4, 4), origin=(0, 0), size=(10, 10))
    right = Image(torch.ones(4, 4, 4), origin=(2, 2), size=(10, 10))
    for operation, box in {
        "over": (0, 0, 6, 6),
        "plus": (0, 0, 6, 6),
        "in": (2, 2, 4, 4),
        "mask": (2, 2, 4, 4),
        "multiply": (2, 2, 4, 4),
        "out": (0, 0, 4, 4),
        "stencil": (2, 2, 6, 6),
        "atop": (2, 2, 6, 6),
    }.items():
        assert Composite(operation=operation)(left, right).box == box, operation


@pytest.mark.parametrize("operation", OPERATIONS)
def test_composite_windows_change_no_pixel(operation: str) -> None:
    fg = Image(noise(4, 7, size=(3, 4)).data, origin=(1, 0), size=(6, 5))
    bg = Image(noise(4, 8, size=(4, 3)).data, origin=(2, 2), size=(6, 5))
    merged = Composite(operation=operation)(fg, bg)
    whole = Composite(operation=operation)(fg.on_frame(), bg.on_frame())
    if operation in ("overlay", "hard-light"):  # these are not 0 where both are: 2AB is, and it is taken
        assert (whole.data[:, 0, 0] == 0).all()
    assert torch.allclose(merged.on_frame().data, whole.on_frame().data)
    far = Image(fg.data, origin=(20, 20), size=(6, 5))
    beside = Composite(operation=operation)(far, bg), Composite(operation=operation)(far.on_frame(), bg)
    assert torch.allclose(beside[0].on_frame().data, beside[1].on_frame().data)


def test_composite_opaque_windows_are_transparent_outside() -> None:
    fg = Image(torch.full((3, 2, 2), 0.5), origin=(1, 1), size=(4, 4))
    bg = Image(torch.ones(3, 4, 4))
    merged = Composite()(fg, bg)
    assert merged.channels == ("R", "G", "B")
    assert merged.data[0].tolist() == [[1, 1, 1, 1], [1, 0.5, 0.5, 1], [1, 0.5, 0.5, 1], [1, 1, 1, 1]]


def test_composite_of_opaque_windows_side_by_side_is_transparent_between() -> None:
    left, right = (Image(torch.ones(3, 1, 1), origin=(x, 0), size=(3, 1)) for x in (0, 2))
    merged = Composite()(left, right)
    assert merged.channels == ("R", "G", "B", "A")
    assert merged.data[3].tolist() == [[1, 0, 1]]


def test_composite_has_the_frame_of_bg() -> None:
    small, large = Image(torch.ones(4, 2, 2)), Image(torch.zeros(4, 3, 5))
    assert Composite()(small, large).size == (5, 3)
    assert Composite()(small, large).on_frame().data[0].tolist() == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0] * 5]
    cut = Composite()(large, small)
    assert cut.size == (2, 2)
    assert cut.box == Box(0, 0, 5, 3)


def test_composite_mask_shows_bg_where_it_is_shut() -> None:
    fg, bg = Image(torch.tensor([NAN, 2.0, 2.0]).expand(3, 1, 3)), Image(torch.ones(3, 1, 3))
    merged = Composite(mix=0.5)(fg, bg, Matte(torch.tensor([[[0.0, 0.5, 1.0]]])))
    assert merged.data[0, 0].tolist() == [1.0, 1.25, 1.5]
    with pytest.raises(FrameError, match="the matte is 1 x 1"):
        Composite()(fg, bg, Matte(torch.ones(1, 1, 1)))


def test_composite_mixes_infinite_light() -> None:
    dim, bright, mask = pixel(1.0, 1.0, INF), pixel(1.0, INF, INF), Matte(torch.full((1, 1, 1), 0.25))
    brighter = Composite(operation="max", mix=0.5)
    assert values(brighter(bright, dim)) == values(brighter(bright, dim, mask)) == [1.0, INF, INF]
    assert values(Composite(operation="max")(bright, dim, Matte(torch.ones(1, 1, 1)))) == [1.0, INF, INF]
    assert values(Composite(operation="max")(bright, dim, Matte(torch.zeros(1, 1, 1)))) == [1.0, 1.0, INF]


def test_composite_lets_nan_and_bright_light_through() -> None:
    merged = values(Composite()(pixel(NAN, 5.0, INF, 0.5), pixel(1.0, 2.0, 3.0, 1.0)))
    assert merged[0] != merged[0]
    assert merged[1:] == [6.0, INF, 1.0]
    assert values(Composite(operation="screen")(pixel(3.0, 1.0, 0, 1), pixel(2.0, 3.0, 0, 1)))[:2] == [3.0, 1.0]


def test_what_lies_outside_a_matte_is_gone_whatever_it_was() -> None:
    """Infinity and NaN too; inside they stay, and channels that are no colour stay everywhere."""
    picture = Image(
        torch.tensor([[[NAN, 2.0, INF]], [[INF, 2.0, 1.0]], [[-INF, 2.0, 1.0]], [[0.5, 1.0, 1.0]], [[7.0, NAN, 9.0]]]), tuple("RGBAZ")
    )
    made = multiplied(picture, torch.tensor([[[0.0, 0.5, 1.0]]]))
    assert made.channels == tuple("RGBAZ")
    assert made.data[:4, 0].T.tolist() == [[0, 0, 0, 0], [1, 1, 1, 0.5], [INF, 1, 1, 1]]
    assert made.data[4, 0, [0, 2]].tolist() == [7, 9] and made.data[4, 0, 1].isnan()


def test_composite_joins_its_inputs_where_fg_is() -> None:
    fg, bg = noise(4, 9).to("meta"), noise(4, 10)
    assert Composite()(fg, bg).device.type == "meta"
    assert bg.device.type == "cpu"


def test_composite_leaves_its_inputs_alone() -> None:
    fg, bg = noise(4, 9), noise(4, 10)
    before = fg.data.clone(), bg.data.clone()
    for operation in OPERATIONS:
        merge(fg, bg, operation, 0.3, Matte(torch.full((1, 5, 7), 0.5)))  # type: ignore[arg-type]
    assert torch.equal(fg.data, before[0])
    assert torch.equal(bg.data, before[1])


def test_the_window_of_a_composite() -> None:
    """The least that holds the result; with a mask or a mix all of the background; never nothing."""
    fg, bg, apart = Box(0, 0, 4, 4), Box(2, 1, 6, 5), Box(9, 9, 12, 11)
    both, inside = Box(0, 0, 6, 5), Box(2, 1, 4, 4)
    for operation, expected in (("over", both), ("plus", both), ("in", inside), ("multiply", inside), ("out", fg), ("atop", bg)):
        assert _window(fg, bg, operation, False) == expected  # type: ignore[arg-type]
        assert _window(fg, bg, operation, True) == expected.union(bg)  # type: ignore[arg-type]
    for whole in (False, True):
        assert _window(apart, bg, "in", whole) == bg
