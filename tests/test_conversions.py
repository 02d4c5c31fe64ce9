"""Pictures, mattes and labels from arrays and Pillow pictures, and back; how a notebook shows them; what does not fit."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.errors import UsageError
from rotonodes.values.color import parse_hex
from rotonodes.values.looks import LOOK, SQUARES, picture_channels
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte

RNG = np.random.default_rng(7)


def codes(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


@given(st.sampled_from(["L", "LA", "RGB", "RGBA"]), st.integers(1, 9), st.integers(1, 9))
def test_pictures_of_pillow_come_back_as_they_were(mode: str, width: int, height: int) -> None:
    samples = codes(height, width, len(mode))
    if "A" in mode:  # a transparent pixel has no colour of its own once it is premultiplied
        samples[samples[..., -1] == 0] = 0
    picture = PIL.Image.fromarray(samples[..., 0] if mode == "L" else samples)
    made = Image.from_pil(picture)
    assert (made.channels, made.size) == (tuple(mode.replace("L", "Y")), (width, height))
    back = made.to_pil()
    assert back.mode == mode
    assert np.array_equal(np.asarray(back), np.asarray(picture))


def test_whole_numbers_are_srgb_and_floats_linear() -> None:
    assert Image.from_array(np.full((2, 3, 3), 188, np.uint8)).data[0, 0, 0] == pytest.approx(0.5029, abs=1e-4)
    assert Image.from_array(np.full((2, 3, 3), 0xFFFF, np.uint16)).data.eq(1).all()
    assert Image.from_array(np.full((2, 3), 0.5)).data.eq(0.5).all()
    assert Image.from_array(np.full((2, 3), 0.5), colorspace="srgb").data[0, 0, 0] == pytest.approx(0.2140, abs=1e-4)
    assert Image.from_array(np.full((2, 3), 51, np.uint8), colorspace="raw").data.eq(0.2).all()
    assert Image.from_array(torch.full((2, 3), 0.25)).data.eq(0.25).all()


def test_alpha_is_straight_outside_and_premultiplied_inside() -> None:
    array = np.zeros((1, 1, 4), np.float32)
    array[0, 0] = 0.8, 0.4, 0.2, 0.5
    made = Image.from_array(array)
    assert made.data[:, 0, 0].tolist() == pytest.approx([0.4, 0.2, 0.1, 0.5])
    assert np.allclose(made.to_numpy(), array)
    assert np.allclose(made.to_numpy(colorspace="raw")[0, 0], [0.4, 0.2, 0.1, 0.5])


def test_values_and_arrays_do_not_share_memory() -> None:
    array = np.zeros((2, 2, 3), np.float32)
    made = Image.from_array(array)
    array[:] = 1
    assert made.data.eq(0).all()
    made.to_numpy()[:] = 1
    assert made.data.eq(0).all()
    matte = Matte.from_array(np.zeros((2, 2), np.float32))
    matte.to_numpy()[:] = 1
    assert matte.data.eq(0).all()


def test_only_the_frame_and_its_picture_go_out() -> None:
    planes = torch.arange(5 * 4 * 6).reshape(5, 4, 6) / 120
    wide = Image(planes, ("R", "G", "B", "Z", "A"), origin=(-1, -1), size=(4, 2))
    assert wide.to_numpy().shape == (2, 4, 5)
    assert wide.to_pil().mode == "RGBA"
    assert wide.to_pil().size == (4, 2)


@pytest.mark.parametrize(("mode", "like"), [("P", "RGB"), ("1", "L"), ("CMYK", "RGB"), ("F", "F"), ("I;16", "I;16")])
def test_other_modes_of_pillow(mode: str, like: str) -> None:
    picture = PIL.Image.new(mode, (3, 2), 1)
    made = Image.from_pil(picture)
    assert made.size == (3, 2)
    assert len(made.channels) == len(like.partition(";")[0])
    if mode == "I;16":
        assert made.data.flatten().tolist() == pytest.approx([1 / 65535 / 12.92] * 6)


def test_mattes_and_labels_there_and_back() -> None:
    array = codes(3, 4)
    assert np.array_equal(np.asarray(Matte.from_array(array).to_pil()), array)
    assert np.array_equal(np.asarray(Matte.from_pil(PIL.Image.fromarray(array)).to_pil()), array)
    assert Matte.from_array(np.eye(3, dtype=bool)).data.sum() == 3
    labels = Labels.from_array(array % 3, ["background", "cast_shadow", "midtone"])
    assert labels.data.dtype == torch.uint8
    assert np.array_equal(labels.to_numpy(), array % 3)
    shown = labels.to_pil()
    assert shown.mode == "P"
    assert np.array_equal(np.asarray(shown), array % 3)
    assert (shown.getpalette() or [])[:3] == list(parse_hex(labels.colors[0])[:3])
    own = Labels.from_array(array % 2, ["a", "b"], ["#010203", "#040506"]).to_pil().convert("RGB")
    assert {tuple(rgb) for rgb in np.asarray(own).reshape(-1, 3).tolist()} <= {(1, 2, 3), (4, 5, 6)}


FAULTS = [
    (
        lambda: Image.from_array(np.zeros((2, 2, 2, 2))),
        r"an array of a picture is \[height, width\] or \[height, width, channels\], not \[2, 2, 2, 2\]",
    ),
    (lambda: Image.from_array(np.zeros((0, 2, 3))), r"not \[0, 2, 3\]"),
    (lambda: Image.from_array(np.zeros((2, 2), np.int64)), "uint8, uint16, float or bool values, not int64"),
    (lambda: Image.from_array("a.png"), r"not \[\]"),
    (lambda: Image.from_pil("a.png"), "from_pil takes a picture of Pillow, not str"),
    (lambda: Image(np.zeros((3, 2, 2))), r"Image: data is a torch tensor, not ndarray: Image.from_array\(array\) makes one"),
    (lambda: Matte([[0.5]]), "Matte: data is a torch tensor, not list"),
    (lambda: Labels(np.zeros((2, 2)), ("a",), ("#fff",)), "Labels: data is a torch tensor, not ndarray"),
    (lambda: Labels.from_array(np.full((2, 2), 3), ["a", "b"]), "the array has the class 3, but there are 2 classes"),
    (lambda: Labels.from_array(np.full((2, 2), -1), ["a", "b"]), "the array has the class -1"),
    (lambda: Labels.from_array(np.zeros((2, 2)), ["a"]), r"labels are whole numbers \[height, width\], not float64 \[2, 2\]"),
]


@pytest.mark.parametrize(("make", "words"), FAULTS)
def test_what_does_not_fit_is_one_line(make: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def notebook(value: Image | Matte | Labels | Layers) -> np.ndarray:
    """What a notebook shows: RGB codes."""
    with PIL.Image.open(io.BytesIO(value._repr_png_())) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_notebook_shows_pictures() -> None:
    grey = Image(torch.full((3, 2, 2), 0.5))
    assert notebook(grey)[0, 0].tolist() == [188, 188, 188]
    assert notebook(Matte(torch.full((1, 2, 2), 0.5)))[0, 0].tolist() == [128, 128, 128]
    labels = Labels(torch.tensor([[0, 1]], dtype=torch.uint8), ("a", "b"), ("#102030", "#ffeedd"))
    assert notebook(labels)[0].tolist() == [[16, 32, 48], [255, 238, 221]]
    clear = notebook(Image(torch.zeros(4, 16, 16)))
    assert len(np.unique(clear)) == len(SQUARES)
    normals = Image(torch.tensor([0.0, 0.0, 1.0])[:, None, None].expand(3, 2, 2).clone(), ("X", "Y", "Z"))
    assert notebook(Image(torch.cat([normals.data[:, :1], -normals.data[:, :1]], 1), ("X", "Y", "Z")))[0, 0].tolist() == [128, 128, 255]


def test_a_notebook_shows_large_pictures_smaller() -> None:
    for value in (Image(torch.zeros(3, 20, 3 * LOOK)), Matte(torch.zeros(1, 20, 3 * LOOK))):
        assert notebook(value).shape == (7, LOOK, 3)


def test_a_notebook_shows_the_picture_of_a_multipass_frame() -> None:
    red = {"View.Combined.R": 1.0, "View.Combined.G": 0.0, "View.Combined.B": 0.0, "View.Normal.X": 0.5, "View.Depth.Z": 9.0}
    layers = Layers({name: np.full((2, 3), value, np.float32) for name, value in red.items()}, Box(0, 0, 3, 2), (3, 2))
    assert notebook(layers)[0, 0].tolist() == [255, 0, 0]
    assert picture_channels(["albedo.R", "albedo.G", "albedo.B", "R", "G", "B", "A"]) == ["R", "G", "B", "A"]
    assert picture_channels(["albedo.R", "albedo.G", "albedo.B", "Z"]) == ["albedo.R", "albedo.G", "albedo.B"]
    assert picture_channels(["depth.Z", "id.X"]) == ["depth.Z"]
