"""PNG: every kind of file exactly, and nothing from a damaged one. Pillow is the check of what we write."""

import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes.errors import FrameError
from rotonodes.io import png

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))


@settings(max_examples=60, deadline=None)
@given(samples=st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: arrays(kind, SHAPES)))
def test_round_trip(tmp_path_factory, samples):
    path = tmp_path_factory.getbasetemp() / "round.png"
    png.write_png(path, samples)
    again = png.read_png(path)
    assert again.dtype == samples.dtype and np.array_equal(again, samples)
    with PIL.Image.open(path) as picture:
        if samples.dtype == np.uint8:
            assert np.array_equal(np.array(picture).reshape(samples.shape), samples)


def encode_16(samples, filters, interlaced=False, key=None):
    """A 16-bit PNG with a filter type for each row, written the plain way."""
    height, width, count = samples.shape
    bpp = 2 * count

    def filtered(block):
        out, above = b"", bytes(block.shape[1] * bpp)
        for y, row in enumerate(block):
            raw, kind = row.astype(">u2").tobytes(), filters[y % len(filters)]
            out += bytes([kind]) + bytes((v - predicted(raw, above, i, bpp, kind)) & 255 for i, v in enumerate(raw))
            above = raw
        return out

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    blocks = [samples[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [samples]
    data = b"".join(filtered(block) for block in blocks if block.size)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, interlaced))]
    chunks += [(b"tRNS", key)] if key else []
    return png.SIGNATURE + b"".join(png.chunk(*c) for c in [*chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")])


def predicted(raw, above, i, bpp, kind):
    a, b, c = raw[i - bpp] if i >= bpp else 0, above[i], above[i - bpp] if i >= bpp else 0
    paeth = min((a, b, c), key=lambda v: abs(a + b - c - v))
    return (0, a, b, (a + b) // 2, paeth)[kind]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_16_bit_with_every_filter(tmp_path, count, interlaced):
    samples = np.random.default_rng(count).integers(0, 65536, (11, 13, count)).astype(np.uint16)
    (tmp_path / "x.png").write_bytes(encode_16(samples, [4, 3, 2, 1, 0], interlaced))
    assert np.array_equal(png.read_png(tmp_path / "x.png"), samples)


def test_16_bit_transparent_colour_compares_all_16_bits(tmp_path):
    samples = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint16)
    (tmp_path / "x.png").write_bytes(encode_16(samples, [0], key=struct.pack(">3H", 1, 2, 3)))
    assert png.read_png(tmp_path / "x.png")[..., 3].tolist() == [[0, 65535]]


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3)])
def test_pillow_files(tmp_path, mode, channels):
    picture = PIL.Image.effect_noise((13, 9), 80).convert(mode)
    picture.save(tmp_path / "x.png")
    wanted = np.array(picture.convert({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]))
    assert np.array_equal(png.read_png(tmp_path / "x.png"), wanted.reshape(9, 13, channels))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_every_depth(tmp_path, bits):
    indices = (np.arange(15).reshape(3, 5) % (1 << bits)).astype(np.uint8)
    picture = PIL.Image.fromarray(indices).convert("P")
    picture.putpalette(bytes(range(48)))
    picture.putdata(indices.ravel().tolist())
    picture.save(tmp_path / "x.png", bits=bits)
    assert np.array_equal(png.read_palette(tmp_path / "x.png").indices, indices)


def test_transparent_palette_entry_becomes_alpha(tmp_path):
    picture = PIL.Image.new("P", (2, 1))
    picture.putpalette([9, 9, 9, 7, 7, 7])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "x.png", transparency=0)
    assert png.read_png(tmp_path / "x.png").tolist() == [[[9, 9, 9, 0], [7, 7, 7, 255]]]


def test_palette_round_trip_and_text(tmp_path):
    indices = np.array([[0, 1, 2], [2, 2, 0]], np.uint8)
    colors = [(1, 2, 3), (4, 5, 6), (255, 0, 9)]
    png.write_palette_png(tmp_path / "x.png", indices, colors, text={png.KEY: "abc"})
    palette = png.read_palette(tmp_path / "x.png")
    assert np.array_equal(palette.indices, indices) and palette.colors.tolist() == [list(c) for c in colors]
    assert png.read_text(tmp_path / "x.png") == {png.KEY: "abc"}
    with PIL.Image.open(tmp_path / "x.png") as picture:
        assert picture.mode == "P" and picture.text[png.KEY].split()[0] == "abc"
    with pytest.raises(FrameError, match="index 2 has no colour"):
        png.write_palette_png(tmp_path / "y.png", indices, colors[:2])


def test_every_cut_and_every_flipped_byte_is_an_error(tmp_path):
    path = tmp_path / "x.png"
    png.write_png(path, np.arange(60, dtype=np.uint8).reshape(4, 5, 3), text={png.KEY: "abc"})
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(FrameError):
            png.read_png(path)
        assert png.read_text(path) == {}
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with pytest.raises(FrameError) as error:
            png.read_png(path)
        assert "\n" not in str(error.value)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FrameError, match="no such file"):
        png.read_png(tmp_path / "none.png")
    (tmp_path / "x.png").write_bytes(b"GIF89a" + bytes(50))
    with pytest.raises(FrameError, match="not a PNG"):
        png.read_png(tmp_path / "x.png")
    assert png.read_text(tmp_path / "x.png") == png.read_text(tmp_path / "none.png") == {}
