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


# Tags that a file leaves out, or that contradict each other.

STRIP = bytes(range(24))
TAGS = {256: [4], 257: [6], 258: [8], 259: [1], 262: [1], 273: [8], 277: [1], 278: [6], 279: [24], 284: [1], 317: [1], 339: [1]}


def file_of(tags: dict[int, list[int]], strip: bytes = STRIP) -> bytes:
    start = 8 + len(strip) + len(strip) % 2
    return b"II*\0" + start.to_bytes(4, "little") + strip + b"\0" * (len(strip) % 2) + tiff._directory(tags, start)


@pytest.mark.parametrize("tag", [259, 277, 278, 284, 317, 339])
def test_tags_with_a_usual_value_may_be_left_out(tag: int, tmp_path: Path) -> None:
    """TIFF 6.0: no compression, one sample, all rows in one strip, chunky, no predictor, whole numbers."""
    (tmp_path / "a.tif").write_bytes(file_of({key: value for key, value in TAGS.items() if key != tag}))
    found = tiff.read_tiff(tmp_path / "a.tif")
    assert (found.samples.ravel().tolist(), found.premultiplied) == ([*STRIP], False) and found.samples.shape == (6, 4, 1)
    assert found.samples.dtype == np.uint8


def test_a_bilevel_file_may_leave_out_its_bits(tmp_path: Path) -> None:
    tags = {256: [16], 257: [1], 259: [1], 262: [1], 273: [8], 279: [2]}
    (tmp_path / "a.tif").write_bytes(file_of(tags, b"\xa5\x0f"))
    assert tiff.read_tiff(tmp_path / "a.tif").samples.ravel().tolist() == [int(bit) * 255 for bit in "1010010100001111"]


@pytest.mark.parametrize(("bits", "kinds"), [([8, 16, 8], [1, 1, 1]), ([32, 32, 32], [3, 1, 3]), ([32, 32, 32], [1, 3, 3])])
def test_channels_of_several_kinds_are_refused(bits: list[int], kinds: list[int], tmp_path: Path) -> None:
    size = sum(bits) // 8
    tags = TAGS | {256: [1], 257: [1], 258: bits, 262: [2], 277: [3], 279: [size], 339: kinds}
    (tmp_path / "a.tif").write_bytes(file_of(tags, bytes(size)))
    with pytest.raises(FrameError, match=r"a\.tif: a TIFF of 3 channels .*cannot be read: save it with up to 4 channels") as error:
        tiff.read_tiff(tmp_path / "a.tif")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("kind", "text"), [(2, "signed whole number"), (3, "float"), (6, "complex"), (9, "unknown"), (1, "whole number")])
def test_the_refusal_names_channels_bits_kind_and_compression(kind: int, text: str, tmp_path: Path) -> None:
    for count, plural in ((1, ""), (5, "s")):
        for compression, how in ((5, ", compressed as LZW"), (34712, ", compressed as number 34712"), (8, ""), (1, "")):
            tags = TAGS | {258: [24] * count, 259: [compression], 262: [1 if count == 1 else 5], 277: [count], 339: [kind] * count}
            (tmp_path / "a.tif").write_bytes(file_of(tags))
            with pytest.raises(FrameError) as error:
                tiff.read_tiff(tmp_path / "a.tif")
            said = f"{tmp_path}/a.tif: a TIFF of {count} channel{plural} with 24-bit {text} samples{how}, cannot be read: "
            assert str(error.value).startswith(said + "save it with up to 4 channels and ZIP compression, or as EXR")


@pytest.mark.parametrize(
    ("bits", "kind", "stored", "wanted"),
    [
        (6, "u1", [0, 1, 31, 63], [0, 4, 125, 255]),
        (10, "u2", [0, 1, 511, 1023], [0, 64, 32735, 65535]),
        (14, "u2", [0, 1, 8192, 16383], [0, 4, 32770, 65535]),
        (24, "u4", [0, 1, 1 << 23, (1 << 24) - 1], [0, 256, 2147483776, (1 << 32) - 1]),
        (32, "u4", [0, 1, (1 << 32) - 1], [0, 1, (1 << 32) - 1]),
    ],
)
def test_samples_of_an_odd_width_are_scaled_to_their_type(
    bits: int, kind: str, stored: list[int], wanted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tifffile unpacks them (with imagecodecs) into the next wider type as they are."""
    import imageio.v3 as imageio

    tags = TAGS | {256: [len(stored)], 257: [1], 258: [bits], 259: [50000]}
    (tmp_path / "a.tif").write_bytes(file_of(tags))
    monkeypatch.setattr(imageio, "imread", lambda *_, **__: np.array([stored], kind))
    found = tiff.read_tiff(tmp_path / "a.tif").samples
    assert found.dtype == kind and found.ravel().tolist() == wanted


@pytest.mark.parametrize("size", [(0, 6), (4, 0), (1 << 17, 1), ((1 << 17) + 1, 1), (1, (1 << 17) + 1)])
def test_the_size_of_a_picture_has_bounds(size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(file_of(TAGS | {256: [size[0]], 257: [size[1]]}))
    if min(size) > 0 and max(size) <= 1 << 17:
        assert tiff.tiff_size(tmp_path / "a.tif") == size
    else:
        with pytest.raises(FrameError, match=f"damaged TIFF: {size[0]} x {size[1]} pixels make no sense; render the frame again"):
            tiff.tiff_size(tmp_path / "a.tif")
    with pytest.raises(FrameError, match=r"a\.tif"):  # its strip holds 24 samples
        tiff.read_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize(("count", "premultiplied", "extra", "photometric"), [
    (1, False, None, 1), (2, False, 2, 1), (2, True, 1, 1), (3, True, None, 2), (4, False, 2, 2), (4, True, 1, 2)
])  # fmt: skip
@pytest.mark.parametrize("kind", ["u1", "u2", "f2", "f4"])
def test_what_is_written_is_tagged_as_it_is(
    count: int, premultiplied: bool, extra: int | None, photometric: int, kind: str, tmp_path: Path
) -> None:
    """And tifffile, which other programs use, reads the same samples; strips are of about 256 KB."""
    samples = np.resize(_values(kind)[..., :1], (300, 301, count))
    tiff.write_tiff(tmp_path / "a.tif", samples, premultiplied=premultiplied)
    found = tiff.read_tiff(tmp_path / "a.tif")
    assert np.array_equal(found.samples, samples) and found.premultiplied is (premultiplied and extra is not None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
        assert np.array_equal(np.squeeze(samples), file.pages[0].asarray())
    assert tags[262] == photometric and tags.get(338, (None,))[0] == extra and tags[277] == count and tags[259] == 8
    assert tags[317] == (2 if kind[0] == "u" else 1)
    assert tags[278] == (1 << 18) // (301 * count * samples.itemsize)


# 16-bit colour in compressions that Pillow decodes, but hands over with its high bytes alone.


def packbits(data: bytes) -> bytes:
    """Literal runs of at most 128 bytes."""
    return b"".join(bytes([len(data[at : at + 128]) - 1]) + data[at : at + 128] for at in range(0, len(data), 128))


def lzw(data: bytes) -> bytes:
    """Codes of 9 bits: each byte for itself, the table cleared before it needs longer ones."""
    codes = [256]
    for at in range(0, len(data), 200):
        codes += [*data[at : at + 200], 256]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


@pytest.mark.parametrize(("number", "packed"), [(32773, packbits), (5, lzw)], ids=["packbits", "lzw"])
@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("orientation", [1, 6])
def test_16_bit_colour_keeps_its_low_bytes(number: int, packed: Any, count: int, orientation: int, tmp_path: Path) -> None:
    samples = np.random.default_rng(5).integers(0, 65536, (5, 7, count)).astype("<u2")
    strip = packed(samples.tobytes())
    tags = TAGS | {256: [7], 257: [5], 258: [16] * count, 259: [number], 262: [2], 277: [count], 278: [5], 279: [len(strip)]}
    tags |= {339: [1] * count, 274: [orientation]} | ({338: [2]} if count == 4 else {})
    (tmp_path / "a.tif").write_bytes(file_of(tags, strip))
    found = tiff.read_tiff(tmp_path / "a.tif")
    assert found.samples.dtype == np.uint16 and not found.premultiplied
    assert np.array_equal(found.samples, samples if orientation == 1 else np.rot90(samples, -1))
    assert tiff.tiff_size(tmp_path / "a.tif") == ((7, 5) if orientation == 1 else (5, 7))
