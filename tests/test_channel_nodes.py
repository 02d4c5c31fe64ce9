"""Nodes that compute with channels: right values, by hand, and one line for what cannot be computed."""

import pytest
import torch

from rotonodes import Image, Matte
from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.channel_choice import filled
from rotonodes.nodes import ApplyMatte, Composite, Constant, Invert, Math, Merge, Premultiply, ShuffleChannels, Unpremultiply
from rotonodes.values.pixels import Box


def pixel(*values: float, channels: tuple[str, ...] = ()) -> Image:
    return Image(torch.tensor(values, dtype=torch.float32).view(-1, 1, 1), channels)


def values(picture: Image | Matte) -> list[float]:
    return [round(float(v), 5) for v in picture.data.flatten()]


def test_premultiply_and_back() -> None:
    straight = pixel(0.8, 0.4, 2.0, 0.5, 7.0, channels=("R", "G", "B", "A", "depth"))
    assert values(Premultiply()(straight)) == [0.4, 0.2, 1.0, 0.5, 7.0]
    assert values(Unpremultiply()(Premultiply()(straight))) == values(straight)
    assert values(Premultiply(channels="color depth")(straight))[-1] == 3.5


def test_premultiply_clears_what_is_outside_and_unpremultiply_keeps_it() -> None:
    outside = pixel(float("inf"), float("nan"), 1.0, 0.0)
    assert values(Premultiply()(outside)) == [0, 0, 0, 0]
    assert values(Unpremultiply()(pixel(0.3, 0.2, 0.1, 0.0))) == [0.3, 0.2, 0.1, 0.0]


def test_a_picture_without_alpha_is_opaque() -> None:
    opaque = pixel(0.3, 0.2, 0.1)
    assert Premultiply()(opaque) is opaque and Unpremultiply()(opaque) is opaque


@pytest.mark.parametrize(
    "given, wanted",
    [
        ({}, [0.1, 0.05, 0.025, 0.125]),
        ({"invert": True}, [0.3, 0.15, 0.075, 0.375]),
        ({"operation": "replace"}, [0.4, 0.2, 0.1, 0.25]),
    ],
)
def test_apply_matte(given: dict, wanted: list[float]) -> None:
    assert values(ApplyMatte(**given)(pixel(0.4, 0.2, 0.1, 0.5), Matte(torch.full((1, 1, 1), 0.25)))) == wanted


def test_a_matte_of_another_size_is_refused() -> None:
    with pytest.raises(FrameError, match="the matte is 2 x 1, the picture 1 x 1: crop or reformat one of them"):
        ApplyMatte()(pixel(1, 1, 1), Matte(torch.ones(1, 1, 2)))


@pytest.mark.parametrize("size", [(1, 3), (3, 1), (4, 4)])
def test_a_second_picture_of_another_size_is_refused(size: tuple[int, int]) -> None:
    """Larger or smaller, pictures and mattes."""
    width, height = size
    said = rf"b is {width} x {height}, the picture 2 x 2: crop or reformat one of them"
    with pytest.raises(FrameError, match=said):
        Math(operation="add")(Image(torch.zeros(3, 2, 2)), b=Image(torch.zeros(3, height, width)))
    with pytest.raises(FrameError, match=said):
        Math(operation="add")(Matte(torch.zeros(1, 2, 2)), b=Matte(torch.zeros(1, height, width)))


def test_invert() -> None:
    assert values(Invert()(pixel(0.25, 1.0, 3.0))) == [0.75, 0.0, -2.0]
    assert values(Invert()(Matte(torch.full((1, 1, 1), 0.25)))) == [0.75]
    # Straight 0.8 becomes straight 0.2: 0.4 of alpha 0.5 becomes 0.1.
    assert values(Invert()(pixel(0.4, 0.0, 0.5, 0.5))) == [0.1, 0.5, 0.0, 0.5]
    assert values(Invert(channels="alpha")(pixel(0.4, 0.0, 0.5, 0.25))) == [0.4, 0.0, 0.5, 0.75]
    half = Matte(torch.full((1, 1, 1), 0.5))
    assert values(Invert()(pixel(0.25, 1.0, 0.5), half)) == [0.5, 0.5, 0.5]


def test_invert_grows_the_data_window_only_where_it_must() -> None:
    opaque = Image(torch.ones(3, 1, 1), origin=(1, 1), size=(3, 3))
    assert Invert()(opaque).box == Box(0, 0, 3, 3) and Invert()(opaque).data[0].sum() == 8
    cut = Image(torch.ones(4, 1, 1), origin=(1, 1), size=(3, 3))
    assert Invert()(cut).box == cut.box
    assert Invert(channels="A")(cut).data[3].sum() == 8


@pytest.mark.parametrize(
    "operation, value, wanted",
    [
        ("add", 0.5, [0.5, 1.0, -1.5]),
        ("subtract", 0.5, [-0.5, 0.0, -2.5]),
        ("multiply", 3, [0.0, 1.5, -6.0]),
        ("divide", 4, [0.0, 0.125, -0.5]),
        ("divide", 0, [0.0, 0.0, 0.0]),
        ("power", 2, [0.0, 0.25, -2.0]),
        ("min", 0.25, [0.0, 0.25, -2.0]),
        ("max", 0.25, [0.25, 0.5, 0.25]),
        ("difference", 0.25, [0.25, 0.25, 2.25]),
        ("add", [1, 2, 3], [1.0, 2.5, 1.0]),
    ],
)
def test_math_with_a_number(operation: str, value: object, wanted: list[float]) -> None:
    assert values(Math(operation=operation, value=value)(pixel(0.0, 0.5, -2.0))) == wanted


def test_math_clamps_last() -> None:
    assert values(Math(operation="clamp", low=0, high=1)(pixel(-1, 0.5, 7))) == [0, 0.5, 1]
    assert values(Math(operation="multiply", value=4, high=1.5)(pixel(-1, 0.25, 7))) == [-4, 1, 1.5]


def test_math_with_a_picture_a_matte_and_a_mask() -> None:
    image = pixel(0.5, 1.0, 2.0, 0.5)
    assert values(Math(operation="multiply")(image, pixel(2.0, 3.0, 4.0))) == [1.0, 3.0, 8.0, 0.5]
    half = Matte(torch.full((1, 1, 1), 0.5))
    assert values(Math(operation="multiply", channels="all")(image, half)) == [0.25, 0.5, 1.0, 0.25]
    assert values(Math(value=1, channels="R")(image, mask=half)) == [1.0, 1.0, 2.0, 0.5]
    assert values(Math(value=0.75)(half)) == [1.0]


def test_math_joins_data_windows() -> None:
    left, right = (Image(torch.ones(3, 1, 1), origin=(x, 0), size=(3, 1)) for x in (0, 2))
    made = Math(operation="add")(left, right)
    assert made.box == Box(0, 0, 3, 1) and made.data[0].tolist() == [[1, 0, 1]]


def test_math_says_what_is_wrong() -> None:
    with pytest.raises(FrameError, match="channels: there is no channel 'dpth' \\(did you mean 'depth'\\?\\); the picture has Y depth"):
        Math(channels="dpth")(pixel(1, 2, channels=("Y", "depth")))
    with pytest.raises(FrameError, match="value: 2 numbers for 3 channels: give one number, or one for each of them"):
        Math(value=[1, 2])(pixel(1, 2, 3))
    with pytest.raises(FrameError, match="b has no channel 'R': it has X Y2"):
        Math()(pixel(1, 2, 3), pixel(1, 2, channels=("X", "Y2")))
    with pytest.raises(UsageError, match="low: 2 is above high: 1: swap them"):
        Math(low=2, high=1)
    assert list(Math(operation="clamp").faults(frozenset({"image"}), 1)) == ["operation: clamp needs `low`, `high` or both"]


def test_shuffle() -> None:
    image, other = pixel(0.1, 0.2, 0.3), pixel(0.7, 0.8, channels=("R", "Depth.Z"))
    made = ShuffleChannels(channels={"R": "B", "A": "b.R", "Z": "b.Depth.Z", "mask": 1})(image, other)
    assert made.channels == ("R", "G", "B", "A", "Z", "mask")
    assert values(made) == [0.3, 0.2, 0.3, 0.7, 0.8, 1.0]
    swapped = ShuffleChannels(channels={"R": "B", "B": "R"})(image)
    assert values(swapped) == [0.3, 0.2, 0.1]


def test_shuffle_says_what_is_wrong() -> None:
    with pytest.raises(FrameError, match=r"there is no channel 'b\.R' \(`b` is not linked\); there are R G B"):
        ShuffleChannels(channels={"A": "b.R"})(pixel(1, 1, 1))
    with pytest.raises(FrameError, match=r"there is no channel 'b\.Dept' \(did you mean 'b\.Depth'\?\)"):
        ShuffleChannels(channels={"A": "b.Dept"})(pixel(1, 1, 1), pixel(1, channels=("Depth",)))
    with pytest.raises(UsageError, match="lacks a name"):
        ShuffleChannels(channels={"A": " "})


def test_merge_is_composite_again_and_again() -> None:
    pictures = [Image(torch.rand(4, 3, 4, generator=torch.Generator().manual_seed(i))) for i in range(3)]
    for operation in ("over", "plus", "screen"):
        node = Composite(operation=operation)
        assert torch.equal(Merge(operation=operation)(pictures).data, node(pictures[2], node(pictures[1], pictures[0])).data)
    assert Merge()(pictures[:1]) is pictures[0]
    with pytest.raises(UsageError, match="the list is empty"):
        Merge()([])


def test_merge_opacity_is_that_of_each_layer() -> None:
    back, red, green = pixel(0, 0, 0), pixel(1, 0, 0), pixel(0, 1, 0)
    assert values(Merge(mix=0.5)([back, red, green])) == [0.25, 0.5, 0.0]


def test_constant() -> None:
    assert values(Constant(size=(1, 1), color="#ff000080")()) == [round(128 / 255, 5), 0, 0, round(128 / 255, 5)]
    assert values(Constant(size=(1, 1), color=(4, 2, 1))()) == [4, 2, 1]
    like = Matte(torch.ones(1, 3, 5))
    assert Constant()(like).size == (5, 3) and Constant()(like).channels == ("R", "G", "B")
    assert list(Constant().faults(frozenset(), 1)) == ["the picture has no size: give `size`, as in size: [1920, 1080], or link `like`"]
    with pytest.raises(UsageError, match="the picture has no size"):
        Constant()()


@pytest.mark.parametrize(("words", "placed"), [("all", True), ("R G", True), ("A", True), ("R B", False)])
@pytest.mark.parametrize("masked", [False, True])
def test_planes_side_by_side_are_written_once_into_the_new_picture(words: str, placed: bool, masked: bool) -> None:
    picture = Image(torch.rand(4, 3, 5))
    places = []

    def fill(planes: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        places.append(out)
        return torch.mul(planes, 2, out=out)

    made = filled(picture, words, fill, Matte(torch.ones(1, 3, 5)) if masked else None)
    (place,) = places
    assert (place is not None) == (placed and not masked)
    if place is not None:
        assert place.untyped_storage().data_ptr() == made.data.untyped_storage().data_ptr()
    doubled = "RGBA" if words == "all" else words
    for name, before, after in zip(picture.channels, picture.data, made.data, strict=True):
        assert torch.equal(after, before * 2 if name in doubled else before)
