"""TIFF: samples of every width, layout and compression, or the true reason why not."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from rotonodes.errors import FrameError
from rotonodes.io import tiff
from rotonodes.io.pictures import picture_size, read_image, read_labels

tifffile = pytest.importorskip("tifffile")

PLATE = np.random.default_rng(1).integers(0, 256, (6, 10, 3), np.uint8)


def _values(kind: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    if kind[0] == "f":
        return rng.normal(size=(17, 23, 3)).astype(kind)
    return rng.integers(0, np.iinfo(kind).max, (17, 23, 3), np.uint64 if kind == "u8" else np.int64).astype(kind)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"planarconfig": "separate"}, {"tile": (16, 16)}, {"bigtiff": True}, {"rowsperstrip": 5}],
    ids=str,
)
def test_tiff_samples_of_every_width_come_as_stored(kind: str, byteorder: Any, options: dict[str, Any], tmp_path: Path) -> None:
    samples = _values(kind)
    stored = samples.transpose(2, 0, 1) if "planarconfig" in options else samples
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", byteorder=byteorder, **options)
    found = tiff.read_tiff(tmp_path / "a.tif").samples
    assert found.dtype == (np.float32 if kind == "f8" else kind)
    assert np.array_equal(found, samples.astype(found.dtype))
    assert picture_size(tmp_path / "a.tif") == (23, 17)
    image = read_image(tmp_path / "a.tif", "raw")
    scale = 1 if kind[0] == "f" else np.iinfo(kind).max
    assert image.data.numpy() == pytest.approx((samples / scale).transpose(2, 0, 1), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_float_predictor(kind: str, channels: int, tmp_path: Path) -> None:
    """Built by the rule of Technical Note 3 itself: bytes high to low, each less the one of the pixel before."""
    samples = np.random.default_rng(4).normal(size=(5, 7, channels)).astype(kind)
    size = samples.dtype.itemsize
    planes = samples.astype(f">{kind}").view(np.uint8).reshape(5, 7 * channels, size).transpose(0, 2, 1).reshape(5, -1)
    differences = planes.copy()
    differences[:, channels:] -= planes[:, :-channels]
    strip = zlib.compress(differences.tobytes())
    tags = {256: [7], 257: [5], 258: [8 * size] * channels, 259: [8], 262: [1 if channels == 1 else 2], 273: [8], 277: [channels],
            278: [5], 279: [len(strip)], 284: [1], 317: [3], 339: [3] * channels}  # fmt: skip
    start = 8 + len(strip) + len(strip) % 2
    body = b"II*\0" + start.to_bytes(4, "little") + strip + b"\0" * (len(strip) % 2) + tiff._directory(tags, start)
    (tmp_path / "a.tif").write_bytes(body)
    assert np.array_equal(tiff.read_tiff(tmp_path / "a.tif").samples, samples.astype("f4" if kind == "f8" else kind))


@pytest.mark.parametrize("compression", ["group3", "group4", "raw", "tiff_lzw", "packbits"])
def test_bilevel_tiff_masks(compression: str, tmp_path: Path) -> None:
    mask = PLATE[..., 0] > 128
    PIL.Image.fromarray(mask).save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(tiff.read_tiff(tmp_path / "a.tif").samples[..., 0], np.where(mask, 255, 0))


@pytest.mark.parametrize(("bits", "dtype"), [(2, "u1"), (4, "u1"), (12, "u2")])
def test_tiff_samples_of_2_4_and_12_bits_are_scaled(bits: int, dtype: str, tmp_path: Path) -> None:
    top = (1 << bits) - 1
    values = range(top + 1)  # all of them: what is rounded is rounded to the nearest
    strip = int("".join(f"{value:0{bits}b}" for value in values), 2).to_bytes(len(values) * bits // 8, "big")
    tags = {256: [len(values)], 257: [1], 258: [bits], 259: [1], 262: [1], 273: [8], 277: [1], 278: [1], 279: [len(strip)]}
    start = 8 + len(strip) + len(strip) % 2
    (tmp_path / "a.tif").write_bytes(
        b"II*\0" + start.to_bytes(4, "little") + strip + b"\0" * (len(strip) % 2) + tiff._directory(tags, start)
    )
    found = tiff.read_tiff(tmp_path / "a.tif").samples
    assert found.dtype == dtype
    assert found.ravel().tolist() == [round(value * np.iinfo(dtype).max / top) for value in values]


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_tiff_where_white_is_zero(kind: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 4), 100, kind), photometric="miniswhite")
    assert tiff.read_tiff(tmp_path / "a.tif").samples.ravel().tolist() == [np.iinfo(kind).max - 100] * 16


@pytest.mark.parametrize(("extra", "premultiplied"), [("unassalpha", False), ("assocalpha", True), ("unspecified", False)])
@pytest.mark.parametrize(("kind", "compression"), [("u2", None), ("f4", "zlib"), ("u4", "lzma"), ("f4", "lzma")])
def test_what_alpha_means_is_as_the_file_says(kind: str, compression: str | None, extra: str, premultiplied: bool, tmp_path: Path) -> None:
    """Whoever decodes: plain and deflated files are read here, LZMA by tifffile."""
    samples = _values(kind)[..., [0, 1, 2, 0]]
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[extra], compression=compression)
    found = tiff.read_tiff(tmp_path / "a.tif")
    assert found.premultiplied is premultiplied and np.array_equal(found.samples, samples)


def test_16_bit_lzw_tiff_where_white_is_zero(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.full((4, 4), 1000, np.uint16)).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={262: 0})
    if tiff._tags((tmp_path / "a.tif").read_bytes())[0][262] == (0,):
        assert tiff.read_tiff(tmp_path / "a.tif").samples.ravel().tolist() == [64535] * 16


def test_a_tiff_that_cannot_be_read_says_of_what_kind_it_is(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "six.tif", np.zeros((4, 5, 6), np.uint16), photometric="rgb", planarconfig="contig")
    with pytest.raises(FrameError, match=r"a TIFF of 6 channels with 16-bit whole number samples, cannot be read: save it with up to 4"):
        tiff.read_tiff(tmp_path / "six.tif")
    tifffile.imwrite(tmp_path / "complex.tif", np.zeros((4, 4), np.complex64))
    with pytest.raises(FrameError, match=r"64-bit complex samples"):
        tiff.read_tiff(tmp_path / "complex.tif")


def test_labels_in_32_bit_tiff(tmp_path: Path) -> None:
    for kind in ("u4", "i4", "i2", "i8"):
        tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 1], [2, 1]], kind))
        assert read_labels(tmp_path / "a.tif", ("a", "b", "c")).data.tolist() == [[0, 1], [2, 1]]


@pytest.mark.parametrize("kind", ["f4", "f2", "u4"])
def test_other_compressions_with_imagecodecs(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    samples = _values(kind)
    for compression in ("lzw", "zstd"):
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", compression=compression, predictor=kind != "f2")
        assert np.array_equal(tiff.read_tiff(tmp_path / "a.tif").samples, samples)


@pytest.mark.parametrize(("tag", "count"), [(273, 2), (273, 4), (279, 2), (279, 4)])
def test_a_tiff_with_too_few_or_too_many_strips_is_damaged(tag: int, count: int, tmp_path: Path) -> None:
    """Three strips of two rows: as many addresses and lengths, or it is not known what lies where."""
    strip = bytes(range(24))
    tags = {256: [4], 257: [6], 258: [8], 259: [1], 262: [1], 273: [8, 16, 24], 277: [1], 278: [2], 279: [8, 8, 8]}
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + (32).to_bytes(4, "little") + strip + tiff._directory(tags, 32))
    assert tiff.read_tiff(path).samples.ravel().tolist() == [*strip]
    tags[tag] = (tags[tag] * 2)[:count]
    path.write_bytes(b"II*\0" + (32).to_bytes(4, "little") + strip + tiff._directory(tags, 32))
    with pytest.raises(FrameError, match="damaged TIFF"):
        tiff.read_tiff(path)


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_planes_apart_by_tifffile(kind: str, tmp_path: Path) -> None:
    """LZMA, which neither we nor Pillow read: the planes of a planar file become channels."""
    samples = _values(kind)
    tifffile.imwrite(tmp_path / "a.tif", samples.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", compression="lzma")
    assert np.array_equal(tiff.read_tiff(tmp_path / "a.tif").samples, samples)
