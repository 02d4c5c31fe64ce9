"""Pictures of every format: what is read, what is written back, and whose key they carry."""

import struct

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes.errors import FrameError, UsageError
from rotonodes.io import exr, pictures, png, samples, tiff
from rotonodes.values.color import linear_to_srgb, srgb_table
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import CLASSES, COLORS

SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 4))
TONES = ("background", "cast", "form", "mid", "light")


def stored(kind, shape, seed=0):
    """Random samples of a file, alpha zero in the first row."""
    rng = np.random.default_rng(seed)
    whole = np.dtype(kind).kind == "u"
    out = rng.integers(0, np.iinfo(kind).max + 1, shape).astype(kind) if whole else rng.standard_normal(shape).astype(kind)
    if shape[2] in (2, 4):
        out[0, :, -1] = 0
    return out


@settings(max_examples=80, deadline=None)
@given(
    pixels=st.sampled_from([np.uint8, np.uint16, np.float16, np.float32]).flatmap(lambda kind: arrays(kind, SHAPES)),
    colorspace=st.sampled_from(["auto", "srgb", "linear", "raw"]),
    extension=st.sampled_from([".png", ".tif", ".webp", ".bmp"]),
)
def test_read_then_written_is_bit_identical(tmp_path_factory, pixels, colorspace, extension):
    folder = tmp_path_factory.getbasetemp()
    wanted = {".png": "u", ".tif": "uf", ".webp": "1", ".bmp": "1"}[extension]
    if pixels.dtype.kind not in wanted and not (wanted == "1" and pixels.dtype == np.uint8):
        return
    if extension in (".webp", ".bmp"):
        pixels = pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)
        PIL.Image.fromarray(pixels).save(folder / f"a{extension}", lossless=True)
    elif extension == ".png":
        png.write_png(folder / "a.png", pixels)
    else:
        tiff.write_tiff(folder / "a.tif", pixels, premultiplied=pixels.dtype.kind == "f")
    picture = pictures.read_image(folder / f"a{extension}", colorspace)
    pictures.write_image(folder / f"b{extension}", picture, colorspace=colorspace)
    again = pictures.read_image(folder / f"b{extension}", colorspace)
    assert again.encoded.samples.dtype == pixels.dtype and again.encoded.samples.tobytes() == pixels.tobytes()
    assert again.data.numpy().tobytes() == picture.data.numpy().tobytes()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("colorspace", ["srgb", "linear", "raw"])
def test_every_code_survives_the_pixels_alone(tmp_path, kind, colorspace):
    levels = np.iinfo(kind).max + 1
    codes = np.arange(levels, dtype=kind).reshape(256, -1, 1).repeat(4, axis=2)
    codes[..., 3] = np.random.default_rng(0).integers(1, levels, codes.shape[:2])
    png.write_png(tmp_path / "a.png", codes)
    picture = pictures.read_image(tmp_path / "a.png", colorspace)
    depth = "8" if kind == np.uint8 else "16"
    pictures.write_image(tmp_path / "b.png", picture.with_data(picture.data), colorspace=colorspace, depth=depth)
    assert np.array_equal(png.read_png(tmp_path / "b.png"), codes)


def test_rounding_is_exact_half_up():
    values = torch.cat([torch.rand(200_000), torch.from_numpy(srgb_table(256)), torch.logspace(-8, 0, 50_000)]).reshape(1, 1, -1)
    exact = torch.floor(linear_to_srgb(values.double()) * 255 + 0.5).to(torch.uint8)
    assert np.array_equal(samples.encode(Image(values), "8", "srgb")[0, :, 0], exact[0, 0].numpy())


@pytest.mark.parametrize("depth", ["8", "16"])
@pytest.mark.parametrize("colorspace", ["srgb", "linear", "raw"])
def test_values_no_file_can_hold(depth, colorspace):
    values = torch.tensor([[[float("nan"), float("inf"), -float("inf"), -0.0, -3.0, 7.0]]])
    top = 255 if depth == "8" else 65535
    assert samples.encode(Image(values), depth, colorspace)[0, :, 0].tolist() == [0, top, 0, 0, 0, top]


def test_alpha_is_straight_in_files_and_premultiplied_in_links(tmp_path):
    png.write_png(tmp_path / "a.png", np.array([[[255, 188, 0, 128], [255, 255, 255, 0]]], np.uint8))
    data = pictures.read_image(tmp_path / "a.png").data
    assert data[3, 0].tolist() == [np.float32(128 / 255), 0] and data[:3, 0, 1].tolist() == [0, 0, 0]
    assert data[0, 0, 0] == data[3, 0, 0] and abs(float(data[1, 0, 0] / data[3, 0, 0]) - 0.5) < 0.01
    raw = pictures.read_image(tmp_path / "a.png", "raw").data
    assert raw[:, 0, 1].tolist() == [1, 1, 1, 0]


def test_formats_without_alpha_stand_on_black(tmp_path):
    half = Image(torch.tensor([0.5, 0.25, 0.0, 0.5]).reshape(4, 1, 1))
    pictures.write_image(tmp_path / "a.bmp", half)
    assert pictures.read_image(tmp_path / "a.bmp").encoded.samples.tolist() == [[[188, 137, 0]]]


def test_jpeg_quality_orientation_and_grey(tmp_path):
    ramp = torch.linspace(0, 1, 64).expand(3, 32, 64).clone()
    pictures.write_image(tmp_path / "a.jpg", Image(ramp))
    found = pictures.read_image(tmp_path / "a.jpg")
    assert (linear_to_srgb(found.data) - linear_to_srgb(ramp)).abs().max() < 0.02
    pictures.write_image(tmp_path / "b.jpg", Image(ramp), quality=10)
    assert (tmp_path / "b.jpg").stat().st_size < (tmp_path / "a.jpg").stat().st_size
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn right
    with PIL.Image.open(tmp_path / "a.jpg") as picture:
        picture.save(tmp_path / "c.jpg", exif=exif)
    turned = pictures.read_image(tmp_path / "c.jpg")
    assert turned.size == (32, 64) and turned.data[0, 0].mean() < turned.data[0, -1].mean()
    pictures.write_image(tmp_path / "d.jpg", Image(ramp[:1].clone()))
    assert pictures.read_image(tmp_path / "d.jpg").channels == ("Y",)


@pytest.mark.parametrize(
    ("mode", "compression"),
    [(m, c) for m in ("L", "RGB", "RGBA", "I;16") for c in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")]
    + [("F", None), ("F", "tiff_adobe_deflate")],
)
def test_tiff_by_pillow(tmp_path, mode, compression):
    rng = np.random.default_rng(0)
    shape = (9, 7, len(mode)) if mode in ("RGB", "RGBA") else (9, 7)
    pixels = {"I;16": rng.integers(0, 65536, shape).astype(np.uint16), "F": rng.random(shape).astype(np.float32)}.get(
        mode, rng.integers(0, 256, shape).astype(np.uint8)
    )
    PIL.Image.fromarray(pixels).save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(tiff.read_tiff(tmp_path / "a.tif").samples.reshape(shape), pixels)


def test_float_tiff_of_other_compression_says_what_to_do(tmp_path):
    plane = np.random.default_rng(2).normal(size=(4, 5)).astype(np.float32)
    PIL.Image.fromarray(plane).save(tmp_path / "grey.tif", compression="tiff_lzw")
    assert np.array_equal(tiff.read_tiff(tmp_path / "grey.tif").samples[..., 0], plane)
    tiff.write_tiff(tmp_path / "a.tif", np.ones((4, 5, 3), np.float32))
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data.replace(struct.pack("<HHIH", 259, 3, 1, 8), struct.pack("<HHIH", 259, 3, 1, 5)))
    with pytest.raises(FrameError, match="3 channels with 32-bit float samples, compressed as LZW, cannot be read: save it with"):
        pictures.read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("count", [3, 4])
def test_16_bit_colour_tiff_of_any_compression_is_exact(tmp_path, count):
    pixels = stored(np.uint16, (40, 30, count))
    tiff.write_tiff(tmp_path / "a.tif", pixels)
    data = (tmp_path / "a.tif").read_bytes()
    tags, _ = tiff._tags(data)
    assert np.array_equal(tiff._read_with_pillow(data, tags).samples, pixels)


def test_every_cut_tiff_is_an_error(tmp_path):
    tiff.write_tiff(tmp_path / "a.tif", stored(np.uint16, (9, 7, 3)))
    whole = (tmp_path / "a.tif").read_bytes()
    for end in range(0, len(whole), 3):
        (tmp_path / "b.tif").write_bytes(whole[:end])
        with pytest.raises(FrameError) as error:
            pictures.read_image(tmp_path / "b.tif")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("extension", ["jpg", "webp", "bmp"])
def test_truncated_pictures(tmp_path, extension):
    pictures.write_image(tmp_path / f"a.{extension}", Image(torch.rand(3, 40, 40)))
    whole = (tmp_path / f"a.{extension}").read_bytes()
    for end in (0, 5, 20, len(whole) // 2):
        (tmp_path / f"b.{extension}").write_bytes(whole[:end])
        with pytest.raises(FrameError) as error:
            pictures.read_image(tmp_path / f"b.{extension}")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("extension", "depth", "kind"),
    [("png", "16", np.uint16), ("tif", "half", np.float16), ("tif", "float", np.float32), ("exr", "float", np.float32)],
)
def test_mattes_are_raw(tmp_path, extension, depth, kind):
    path = tmp_path / f"m.{extension}"
    matte = Matte(torch.tensor([[[0.0, 0.25, 1.0]]]))
    pictures.write_image(path, matte, depth=depth)
    again = pictures.read_image(path, "raw")
    assert again.encoded.samples.dtype == kind and again.channels == ("Y",)
    assert (again.data - matte.data).abs().max() < 1e-5


def test_overscan_is_cut_and_missing_pixels_are_black(tmp_path):
    picture = Image(torch.ones(3, 4, 4), origin=(-2, 1), size=(3, 3))
    pictures.write_image(tmp_path / "a.png", picture)
    assert png.read_png(tmp_path / "a.png")[..., 0].tolist() == [[0, 0, 0], [255, 255, 0], [255, 255, 0]]


def test_exr_in_srgb_and_back(tmp_path):
    picture = Image(torch.rand(4, 5, 6))
    pictures.write_image(tmp_path / "a.exr", picture, colorspace="srgb", depth="float")
    assert (pictures.read_image(tmp_path / "a.exr", "srgb").data - picture.data).abs().max() < 1e-5
    assert (pictures.read_image(tmp_path / "a.exr").data - picture.data).abs().max() > 0.01
    pictures.write_image(tmp_path / "b.exr", pictures.read_image(tmp_path / "a.exr", "raw"))
    assert torch.equal(pictures.read_image(tmp_path / "b.exr").data, pictures.read_image(tmp_path / "a.exr").data)


@pytest.mark.parametrize("depth", ["half", "float"])
def test_exr_keeps_its_depth_and_bits(tmp_path, depth):
    pixels = torch.randn(4, 5, 7) * 100
    exr.write_exr(tmp_path / "a.exr", Image(pixels), depth=depth)
    pictures.write_image(tmp_path / "b.exr", pictures.read_image(tmp_path / "a.exr"))
    a, b = (pictures.read_image(tmp_path / f"{name}.exr").encoded.samples for name in "ab")
    assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "webp", "bmp", "exr"])
def test_size_from_the_header(tmp_path, extension):
    path = tmp_path / f"a.{extension}"
    pictures.write_image(path, Image(torch.rand(3, 4, 5), origin=(1, 1), size=(7, 6)))
    assert pictures.picture_size(path) == (7, 6)
    path.write_bytes(b"nothing")
    with pytest.raises(FrameError):
        pictures.picture_size(path)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match=r"cannot write \.pgn \(did you mean '.png'"):
        pictures.write_image(tmp_path / "a.pgn", Image(torch.zeros(3, 1, 1)))
    with pytest.raises(UsageError, match=r"\.jpg files hold depth 8, not 'half'"):
        pictures.write_image(tmp_path / "a.jpg", Image(torch.zeros(3, 1, 1)), depth="half")
    with pytest.raises(FrameError, match="not a picture"):
        (tmp_path / "a.png").write_text("hello")
        pictures.read_image(tmp_path / "a.png")


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "webp", "bmp", "exr"])
def test_keys(tmp_path, extension):
    path = tmp_path / f"a.{extension}"
    assert pictures.read_key(path) is None
    pictures.write_image(path, Image(torch.rand(3, 4, 5)), key="0123abcd")
    assert pictures.read_key(path) == "0123abcd"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert pictures.read_key(path) is None
    path.write_bytes(whole)
    pictures.write_image(path, Image(torch.rand(3, 4, 5)))
    assert pictures.read_key(path) is None


def test_labels_round_trip(tmp_path):
    data = torch.tensor([[0, 1, 2], [3, 4, 0]], dtype=torch.uint8)
    labels = Labels(data, TONES, ("#000000", "#112233", "#445566", "#778899", "#ffffff"))
    pictures.write_labels(tmp_path / "a.png", labels, key="k")
    again = pictures.read_labels(tmp_path / "a.png", TONES)
    assert torch.equal(again.data, data) and again.colors == labels.colors and pictures.read_key(tmp_path / "a.png") == "k"
    with pytest.raises(FrameError, match=r"value 3, 4 is no class \(first at x 0, y 1\); the classes are 0, 1, 2"):
        pictures.read_labels(tmp_path / "a.png", TONES[:3])
    with pytest.raises(UsageError, match="palette PNGs"):
        pictures.write_labels(tmp_path / "a.jpg", labels)


def test_labels_that_a_paint_program_saved_as_colours_are_labels_still(tmp_path):
    """By the colours that labels are written in; a picture that hardly has any is none, and the colours to give are said."""
    indices = np.array([[0, 1, 2], [3, 4, 4]])
    codes = np.array([[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in COLORS], np.uint8)
    png.write_png(tmp_path / "a.png", codes[indices])
    assert pictures.read_labels(tmp_path / "a.png", CLASSES).data.tolist() == indices.tolist()
    strange = codes[indices]
    strange[0, 0] = 255, 0, 0
    png.write_png(tmp_path / "a.png", strange)
    with pytest.raises(FrameError, match=r"value #ff0000 is no class \(first at x 0, y 0\)"):
        pictures.read_labels(tmp_path / "a.png", CLASSES)
    png.write_png(tmp_path / "b.png", 255 - codes[indices])
    with pytest.raises(FrameError, match=r"b.png: a coloured picture, not labels: .* as `colors: \['#2b2d42', "):
        pictures.read_labels(tmp_path / "b.png", CLASSES)


def test_labels_as_grey_values_or_colours(tmp_path):
    greys = np.array([[200, 40], [255, 80]], np.uint8)
    png.write_png(tmp_path / "a.png", greys)
    found = pictures.read_labels(tmp_path / "a.png", TONES, values=[200, 40, 80, 125, 255])
    assert found.data.tolist() == [[0, 1], [4, 2]]
    with pytest.raises(FrameError, match=r"a\.png: value 40, 80, 200, 255 is no class"):
        pictures.read_labels(tmp_path / "a.png", TONES)
    png.write_png(tmp_path / "b.png", np.array([[[1, 2, 3], [255, 0, 9]]], np.uint8))
    found = pictures.read_labels(tmp_path / "b.png", ("a", "b"), colors=("#ff0009", "#010203"))
    assert found.data.tolist() == [[1, 0]] and found.colors == ("#ff0009", "#010203")
    with pytest.raises(FrameError, match="a coloured picture, not labels"):
        pictures.read_labels(tmp_path / "b.png", ("a", "b"))
    with pytest.raises(FrameError, match="value #010203 is no class"):
        pictures.read_labels(tmp_path / "b.png", ("a", "b"), colors=("#ff0009", "#010204"))
    with pytest.raises(UsageError, match="5 classes but 1 values"):
        pictures.read_labels(tmp_path / "a.png", TONES, values=[0])
