"""Files of every format that pictures come in: the same pixels and the same size by every way, upright, with their alpha."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.features
import PIL.Image
import PIL.ImageOps
import pytest

from rotonodes.io import png
from rotonodes.io.pictures import picture_size, read_image, read_labels, write_image
from rotonodes.nodes import LoadFrames, LoadPictures, WriteFrames

tifffile = pytest.importorskip("tifffile")

PLATE = np.random.default_rng(1).integers(0, 256, (6, 10, 3), np.uint8)
Write = Callable[[Path, int], None]


def pillow(form: str = "", **options: Any) -> Write:
    """Writes PLATE with an Exif orientation through Pillow."""

    def write(path: Path, orientation: int) -> None:
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        PIL.Image.fromarray(PLATE).save(path, form or None, exif=exif, **options)

    return write


def pillow_tiff(**options: Any) -> Write:
    def write(path: Path, orientation: int) -> None:
        PIL.Image.fromarray(PLATE).save(path, tiffinfo={274: orientation}, **options)

    return write


def library_tiff(samples: np.ndarray, **options: Any) -> Write:
    def write(path: Path, orientation: int) -> None:
        extra = [(274, 3, 1, orientation, True)]
        tifffile.imwrite(path, samples, photometric="rgb", extratags=extra, **options)

    return write


def png_of(samples: np.ndarray, before: bool = True) -> Write:
    """Our own PNG with an eXIf chunk put before or behind the pixels."""

    def write(path: Path, orientation: int) -> None:
        png.write_png(path, samples)
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        note = png.chunk(b"eXIf", exif.tobytes()[6:])
        data = path.read_bytes()
        at = 33 if before else len(data) - 12
        path.write_bytes(data[:at] + note + data[at:])

    return write


def mpo(path: Path, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    picture = PIL.Image.fromarray(PLATE)
    picture.save(path, format="MPO", save_all=True, append_images=[picture.copy()], exif=exif, quality=100, subsampling=0)


SIXTEEN = PLATE.astype(np.uint16) * 200 + 7
TURNED: dict[str, tuple[str, Write]] = {
    "jpeg": (".jpg", pillow(quality=100, subsampling=0)),
    "mpo": (".jpg", mpo),
    "webp": (".webp", pillow(lossless=True)),
    "png": (".png", pillow()),
    "png 16 bit": (".png", png_of(SIXTEEN)),
    "png, note behind the pixels": (".png", png_of(PLATE, before=False)),
    "tiff": (".tif", pillow_tiff()),
    "tiff zip": (".tif", pillow_tiff(compression="tiff_adobe_deflate")),
    "tiff lzw": (".tif", pillow_tiff(compression="tiff_lzw")),
    "tiff packbits": (".tif", pillow_tiff(compression="packbits")),
    "tiff 16 bit": (".tif", library_tiff(SIXTEEN)),
    "tiff float": (".tif", library_tiff(PLATE.astype(np.float32), compression="zlib")),
    "bigtiff": (".tif", library_tiff(PLATE, bigtiff=True)),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", TURNED)
def test_pictures_stand_upright_by_one_rule_for_size_and_pixels(kind: str, orientation: int, tmp_path: Path) -> None:
    extension, write = TURNED[kind]
    file = tmp_path / f"a.0001{extension}"
    write(file, 1)
    straight = read_image(file, "raw").encoded.samples
    write(file, orientation)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    stored = PIL.Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10))
    stored.getexif().update(exif)
    places = np.array(PIL.ImageOps.exif_transpose(stored))
    image = read_image(file, "raw")
    assert picture_size(file) == image.size == places.shape[1::-1]
    assert np.array_equal(image.encoded.samples, straight.reshape(60, -1)[places.ravel()].reshape(*places.shape, -1))
    assert np.array_equal(image.data.numpy().shape[1:], places.shape)
    for load in (LoadFrames(path=str(tmp_path / f"a.####{extension}")), LoadPictures(path=str(tmp_path))):
        found = load(frame=1)
        assert getattr(found, "image", found).size == image.size


def test_a_palette_picture_of_labels_is_turned_like_any_other(tmp_path: Path) -> None:
    indices = np.arange(6, dtype=np.uint8).reshape(2, 3) % 3
    png.write_palette_png(tmp_path / "a.png", indices, [(0, 0, 0), (9, 9, 9), (99, 9, 9)])
    data = (tmp_path / "a.png").read_bytes()
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.png").write_bytes(data[:33] + png.chunk(b"eXIf", exif.tobytes()[6:]) + data[33:])
    labels = read_labels(tmp_path / "a.png", ("a", "b", "c"))
    assert labels.size == picture_size(tmp_path / "a.png") == (2, 3)
    assert np.array_equal(labels.data.numpy(), indices[::-1].T)


def test_an_orientation_in_xmp_or_out_of_range_is_judged_alike(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>')
    PIL.Image.fromarray(PLATE).save(tmp_path / "xmp.png", pnginfo=notes)
    pillow()(tmp_path / "odd.png", 77)
    for name in ("xmp.png", "odd.png"):
        assert picture_size(tmp_path / name) == read_image(tmp_path / name).size
    assert picture_size(tmp_path / "odd.png") == (10, 6)


# What is transparent.


def test_a_transparent_grey_gif_has_alpha(tmp_path: Path) -> None:
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    PIL.Image.fromarray(codes).save(tmp_path / "a.gif", transparency=5)
    image = read_image(tmp_path / "a.gif", "raw")
    assert image.alpha is not None
    assert np.array_equal(image.alpha[0].numpy() == 0, codes == 5)
    assert np.array_equal(image.encoded.samples[..., 0], codes)


def test_transparent_16_bit_grey_png(tmp_path: Path) -> None:
    samples = np.array([[[0x1234], [0x1235]], [[0x3412], [0xFFFF]]], np.uint16)
    png.write_png(tmp_path / "a.png", samples)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + png.chunk(b"tRNS", b"\x12\x34") + data[33:])
    found = png.read_png(tmp_path / "a.png")
    assert np.array_equal(found[..., 0], samples[..., 0])
    assert found[..., 1].tolist() == [[0, 65535], [65535, 65535]]


# What a PNG notes about its light.


@pytest.mark.parametrize("depth", ["8", "16"])
def test_a_png_written_linear_is_read_linear(depth: Any, tmp_path: Path) -> None:
    image = read_image(_saved(tmp_path / "a.exr", np.full((2, 2, 3), 0.2, np.float32)))
    write_image(tmp_path / "a.png", image, depth=depth, colorspace="linear")
    back = read_image(tmp_path / "a.png")
    assert back.data.numpy() == pytest.approx(0.2, abs=1 / 255)
    write_image(tmp_path / "b.png", back)  # with nothing between, bit for bit and with the same note
    assert np.array_equal(png.read_png(tmp_path / "b.png"), png.read_png(tmp_path / "a.png"))
    assert read_image(tmp_path / "b.png").data.equal(back.data)
    write_image(tmp_path / "c.webp", back)  # other formats have no such note: sRGB
    assert read_image(tmp_path / "c.webp").data.numpy() == pytest.approx(0.2, abs=2 / 255)


@pytest.mark.parametrize(("note", "linear"), [(100_000, True), (45_455, False), (55_556, False)])
def test_only_gamma_1_is_linear_and_srgb_goes_before_it(note: int, linear: bool, tmp_path: Path) -> None:
    png.write_png(tmp_path / "a.png", PLATE, colorspace="raw")
    data = (tmp_path / "a.png").read_bytes()
    gamma = png.chunk(b"gAMA", note.to_bytes(4, "big"))
    (tmp_path / "a.png").write_bytes(data[:33] + gamma + data[33:])
    assert read_image(tmp_path / "a.png").encoded.colorspace == ("linear" if linear else "srgb")
    (tmp_path / "a.png").write_bytes(data[:33] + gamma + png.chunk(b"sRGB", b"\0") + data[33:])
    assert read_image(tmp_path / "a.png").encoded.colorspace == "srgb"


def _saved(path: Path, samples: np.ndarray) -> Path:
    from rotonodes.io.samples import decode

    write_image(path, decode(samples, "linear"), depth="float")
    return path


# Every way that a picture takes through unchanged.


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp", ".bmp", ".exr"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_unchanged_picture_is_written_like_a_copy_of_it(extension: str, channels: int, tmp_path: Path) -> None:
    """The short cut that writes the file's own samples beside the slow path that encodes pixels."""
    if extension == ".bmp" and channels == 4:
        pytest.skip("BMP has no alpha")
    samples = np.random.default_rng(5).integers(1, 256, (6, 10, channels), np.uint8)
    png.write_png(tmp_path / "in.png", samples)
    image = read_image(tmp_path / "in.png")
    assert image.encoded is not None
    copy = image.with_data(image.data.clone())
    assert copy.encoded is None
    for picture, name in ((image, "short"), (copy, "slow")):
        WriteFrames(path=str(tmp_path / f"{name}{extension}"))(image=picture, frame=1)
    short, slow = (read_image(tmp_path / f"{name}{extension}") for name in ("short", "slow"))
    assert short.data.numpy() == pytest.approx(slow.data.numpy(), abs=1e-6)
    assert (short.size, short.channels, short.origin) == (slow.size, slow.channels, slow.origin)


# Size and pixels of every kind of file.


def _kinds(folder: Path) -> list[Path]:
    """A file of every kind that is read, in sizes that are not square."""
    import torch

    from rotonodes.io import exr
    from rotonodes.values.pixels import Image

    grey = PIL.Image.fromarray(PLATE[..., 0])
    clip = [PIL.Image.fromarray(np.roll(PLATE, i, axis=0)) for i in range(3)]
    for name in ("a.bmp", "a.jpg", "a.webp", "a.tga", "a.ppm", "a.gif", "a.png"):
        PIL.Image.fromarray(PLATE).save(folder / name)
        grey.save(folder / f"grey{name}")
    grey.convert("1").save(folder / "bits.png")
    grey.convert("P").save(folder / "palette.png", transparency=3)
    clip[0].save(folder / "clip.gif", save_all=True, append_images=clip[1:])
    clip[0].save(folder / "clip.png", save_all=True, append_images=clip[1:])
    for kind in ("u1", "u2", "u4", "i2", "f2", "f4", "f8"):
        tifffile.imwrite(folder / f"{kind}.tif", PLATE.astype(kind), photometric="rgb", bigtiff=kind == "u2")
    exr.write_exr(folder / "over.exr", Image(torch.rand(3, 8, 14), origin=(-2, -1), size=(10, 6)))
    exr.write_exr(folder / "part.exr", Image(torch.rand(3, 3, 4), origin=(5, 2), size=(10, 6)))
    return sorted(folder.iterdir())


def test_the_size_by_the_header_is_the_size_of_the_pixels(tmp_path: Path) -> None:
    files = _kinds(tmp_path)
    assert len(files) > 20
    for file in files:
        image = read_image(file)
        assert picture_size(file) == image.size == (10, 6), file.name
        assert tuple(image.on_frame().data.shape[1:]) == (6, 10), file.name


@pytest.mark.parametrize("kind", ["<u1", "<i8", ">u2", "|b1"])
def test_the_size_of_labels_in_arrays(kind: str, tmp_path: Path) -> None:
    import torch

    plane = (PLATE[..., 0] % 2).astype(kind)
    np.save(tmp_path / "a.npy", plane)
    torch.save(torch.from_numpy(plane.astype(np.uint8)), tmp_path / "a.pt")
    for name in ("a.npy", "a.pt"):
        labels = read_labels(tmp_path / name, ("a", "b"))
        assert picture_size(tmp_path / name) == labels.size == (10, 6)
        assert np.array_equal(labels.data.numpy(), PLATE[..., 0] % 2)
