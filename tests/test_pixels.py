"""Values: frozen, named planes, data windows, batches and clips."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.values.pixels import Batch, Box, Clip, Encoded, Image, Labels, Layers, Matte, cut, rgb_names

corner = st.integers(-6, 6)
side = st.integers(1, 6)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corner, corner, side, side)


def picture(width: int = 4, height: int = 3, channels: int = 4) -> Image:
    return Image(torch.arange(channels * height * width, dtype=torch.float32).reshape(channels, height, width))


@pytest.mark.parametrize("count", range(1, 7))
def test_planes_have_names(count: int) -> None:
    names = rgb_names(count)
    assert len(names) == count == len(set(names))
    assert ("A" in names) == (count in (2, 4, 5, 6))
    assert picture(channels=count).channels == names


def every_kind() -> list[object]:
    """One value of each kind, made anew."""
    image, labels = picture(), Labels(torch.zeros(2, 2, dtype=torch.uint8), ("a",), ("#000000",))
    layers = Layers({"Z": np.zeros((2, 3))}, Box(0, 0, 3, 2), (3, 2))
    return [image, Matte(torch.zeros(1, 2, 2)), labels, layers, Batch.of([image]), Encoded(np.zeros((2, 2, 1), np.uint8), "srgb")]


def test_values_are_frozen() -> None:
    """Nodes hand the same value to several others: none may change it for the rest."""
    for value in every_kind():
        for field in dataclasses.fields(value):  # type: ignore[arg-type]
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, field.name, getattr(value, field.name))


def test_values_are_equal_only_to_themselves() -> None:
    """Comparing tensors gives a tensor, which is neither true nor false; as keys, values count as themselves."""
    for one, other in zip(every_kind(), every_kind(), strict=True):
        assert one == one and one != other
        assert {one: 1}[one] == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Image(torch.zeros(2, 2)), "2 dimensions"),
        (lambda: Image(torch.zeros(3, 2, 2), ("R", "G")), "3 planes but 2 channel names"),
        (lambda: Matte(torch.zeros(2, 2, 2)), "a matte is"),
        (lambda: Labels(torch.zeros(1, 2, 2), ("a",), ("#000000",)), "labels are"),
        (lambda: Labels(torch.zeros(2, 2), ("a", "b"), ("#000000",)), "2 class names but 1 colours"),
    ],
)
def test_a_wrong_shape_says_what_came(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]


@given(boxes, boxes)
def test_boxes_meet_and_join(a: Box, b: Box) -> None:
    def pixels(box: Box) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box.left, box.right) for y in range(box.top, box.bottom)}

    assert pixels(a.intersect(b)) == pixels(a) & pixels(b)
    assert pixels(a.union(b)) >= pixels(a) | pixels(b)
    assert a.intersect(b).width * a.intersect(b).height == len(pixels(a) & pixels(b))


@given(boxes, boxes)
def test_cut_gives_the_pixels_or_zero(box: Box, wanted: Box) -> None:
    data = torch.arange(1, box.width * box.height + 1).reshape(1, box.height, box.width)
    found = cut(data, box, wanted)
    assert found.shape == (1, wanted.height, wanted.width)
    for y in range(wanted.top, wanted.bottom):
        for x in range(wanted.left, wanted.right):
            inside = box.left <= x < box.right and box.top <= y < box.bottom
            expected = int(data[0, y - box.top, x - box.left]) if inside else 0
            assert int(found[0, y - wanted.top, x - wanted.left]) == expected


@given(boxes, side, side)
def test_a_data_window_is_laid_on_its_frame(box: Box, width: int, height: int) -> None:
    image = Image(torch.ones(3, box.height, box.width), origin=(box.left, box.top), size=(width, height))
    assert image.box == box
    assert (image.width, image.height) == (width, height)
    whole = image.on_frame()
    assert whole.box == Box(0, 0, width, height)
    common = box.intersect(Box(0, 0, width, height))
    assert whole.data.sum() == 3 * common.width * common.height
    assert whole.on_frame() is whole


def test_color_and_alpha_are_found_by_name() -> None:
    image = picture().with_data(picture(channels=5).data, ("id", "B", "A", "R", "G"))
    assert torch.equal(image.color, image.data[[3, 4, 1]])
    assert torch.equal(image.alpha, image.data[2:3])
    assert picture(channels=3).alpha is None
    assert image.plane("Z") is None


def test_changed_pixels_are_no_longer_the_files_own() -> None:
    image = dataclasses.replace(picture(), encoded=Encoded(np.zeros((3, 4, 4), np.uint8), "srgb"))
    assert image.with_data(image.data).encoded is None
    assert image.on(Box(0, 0, 1, 1)).encoded is None


@pytest.mark.parametrize("kind", ["image", "matte", "labels"])
def test_a_batch_splits_into_what_it_was_made_of(kind: str) -> None:
    def one(seed: int) -> Image | Matte | Labels:
        data = torch.full((1, 2, 3), float(seed))
        if kind == "image":
            return Image(data, ("Z",), (seed, 1), (9, 9), {"seed": seed})
        return Matte(data) if kind == "matte" else Labels(data[0].byte(), ("a",), ("#000000",))

    values = [one(seed) for seed in range(3)]
    batch = Batch.of(values)
    assert len(batch) == 3
    for value, again in zip(values, batch.split(), strict=True):
        assert type(again) is type(value)
        assert torch.equal(again.data, value.data)
        if isinstance(value, Image):
            assert (again.channels, again.origin, again.size, again.metadata) == (value.channels, value.origin, value.size, value.metadata)
    doubled = batch.with_data(batch.data * 2).split()
    assert torch.equal(doubled[2].data, values[2].data * 2)


def test_a_clip_can_be_iterated_again_and_knows_its_frames() -> None:
    clip = Clip.of(["a", "b"], frames=[1001, 1003])
    assert list(clip) == list(clip) == ["a", "b"]
    assert list(clip.items()) == [(1001, "a"), (1003, "b")]
    assert len(clip) == 2
    assert Clip.of(["a"]).frames == (1,)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        list(Clip.of(["a"], frames=[1, 2]).items())


def test_layers_become_pictures_of_named_planes() -> None:
    planes = {f"View.Normal.{c}": np.full((2, 3), i, np.float16) for i, c in enumerate("XYZ")}
    image = Layers(planes, Box(1, 1, 4, 3), (8, 8)).image(["View.Normal.Z", "View.Normal.X"])
    assert image.channels == ("Z", "X")
    assert image.data.dtype == torch.float32
    assert (image.box, image.size) == (Box(1, 1, 4, 3), (8, 8))
    assert image.data[:, 0, 0].tolist() == [2, 0]


def test_printing_a_value_is_one_line() -> None:
    picture = Image(torch.zeros(4, 600, 800), origin=(-8, 0), size=(784, 600))
    assert repr(picture) == "Image(R G B A, 784 x 600, data window -8 0 792 600, cpu)"
    assert repr(Image(torch.zeros(9, 2, 3))) == "Image(R G B A extra4 extra5 and 3 more, 3 x 2, cpu)"
    assert repr([Matte(torch.zeros(1, 2, 3))]) == "[Matte(3 x 2, cpu)]"
    assert repr(Labels(torch.zeros(2, 3, dtype=torch.uint8), ("a", "b"), ("#000000",) * 2)) == "Labels(a b, 3 x 2, cpu)"
    layers = Layers({"Combined.R": np.zeros((2, 3))}, Box(0, 0, 3, 2), (3, 2), path="a.exr")
    assert repr(layers) == "Layers(Combined.R, 3 x 2, a.exr)"
    assert repr(Batch.of([picture, picture])) == f"Batch(2 of {picture!r})"
    assert repr(Clip.of([1, 2, 3], [1, 2, 5])) == "Clip(3 frames: 1-2,5)"
    assert repr(Encoded(np.zeros((600, 800, 4), np.uint8), "srgb")) == "Encoded(uint8, srgb)"


@pytest.mark.parametrize(
    "value", [Image(torch.ones(3, 2, 2)), Matte(torch.ones(1, 2, 2)), Labels(torch.ones(2, 2).byte(), ("a",), ("#fff",))]
)
def test_every_picture_takes_other_pixels(value: Image | Matte | Labels) -> None:
    changed = value.with_data(value.data * 0)
    assert type(changed) is type(value) and not changed.data.any() and value.data.all()
    assert changed.with_data(value.data).data is value.data


@given(st.data())
def test_the_box_around_a_mask(data: st.DataObject) -> None:
    height, width, margin = (data.draw(st.integers(low, 7)) for low in (1, 1, 0))
    mask = np.array(data.draw(st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=height, max_size=height)))
    rows, columns = np.nonzero(mask)
    wanted = None
    if len(rows):
        inner = (columns.min() - margin, rows.min() - margin, columns.max() + 1 + margin, rows.max() + 1 + margin)
        wanted = Box(*map(int, inner)).intersect(Box(0, 0, width, height))
    assert Box.around(mask, margin) == wanted
    assert Box.around(torch.from_numpy(mask), margin) == wanted
    if wanted is not None:
        assert mask[wanted.slices].sum() == mask.sum()
