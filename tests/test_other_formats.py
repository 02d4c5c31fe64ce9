"""Formats without a reader of their own, through imageio, and what is said of files that are no pictures."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.features
import PIL.Image
import pytest

from rotonodes.errors import FrameError
from rotonodes.io.other_formats import no_picture
from rotonodes.io.pictures import picture_size, read_image
from rotonodes.nodes import LoadFrames

PLATE = np.random.default_rng(1).integers(0, 256, (6, 10, 3), np.uint8)

OTHERS = {"a.tga": "TGA", "a.ppm": "PPM", "a.jp2": "JPEG2000", "a.sgi": "SGI", "a.pcx": "PCX"}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_read_through_imageio(name: str, tmp_path: Path) -> None:
    if OTHERS[name] == "JPEG2000" and not PIL.features.check("jpg_2000"):
        pytest.skip("this Pillow has no JPEG 2000")
    PIL.Image.fromarray(PLATE).save(tmp_path / name, OTHERS[name])
    image = read_image(tmp_path / name)
    assert np.array_equal(image.encoded.samples, PLATE) and image.channels == ("R", "G", "B")
    assert picture_size(tmp_path / name) == image.size == (10, 6)
    assert np.array_equal(LoadFrames(path=str(tmp_path / name))(frame=1).image.data, image.data)


@pytest.mark.parametrize(("mode", "channels"), [("L", ("Y",)), ("RGBA", ("R", "G", "B", "A")), ("1", ("Y",)), ("P", ("R", "G", "B"))])
def test_other_formats_keep_grey_and_alpha(mode: str, channels: tuple[str, ...], tmp_path: Path) -> None:
    name = "a.pcx" if mode == "1" else "a.tga"
    PIL.Image.fromarray(np.dstack([PLATE, PLATE[..., 0]])).convert(mode).save(tmp_path / name)
    assert read_image(tmp_path / name).channels == channels


def test_16_bit_pnm(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 65535\n\x12\x34\xff\xff")
    image = read_image(tmp_path / "a.pgm", "raw")
    assert image.encoded.samples.dtype == np.uint16
    assert image.encoded.samples.ravel().tolist() == [0x1234, 0xFFFF]


def test_what_is_no_picture_gets_the_true_reason(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(PLATE).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 4] = 12
    contents = {"12 bits": bytes(data), "not a picture": b"some text", "empty": b"", "LoadParts": b"8BPS\0\1", "PNG": b"%!PS-Adobe"}
    for reason, content in contents.items():
        (tmp_path / "a.jpg").write_bytes(content)
        for read in (read_image, picture_size):
            with pytest.raises(FrameError, match=reason) as caught:
                read(tmp_path / "a.jpg")
            assert "\n" not in str(caught.value)


def test_importing_the_readers_imports_no_library() -> None:
    code = (
        "import sys, rotonodes.io.pictures, rotonodes.io.movies, rotonodes.nodes.input.load_movie;"
        "print([m for m in sys.modules if m in 'imageio tifffile PIL torch av'.split()])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_jpeg_without_a_frame_header_is_no_jpeg_of_other_bits(tmp_path: Path) -> None:
    """Cut off within its first segments: how many bits it has is not known."""
    file = tmp_path / "a.jpg"
    for end in (b"", b"\xff", b"\xff\xe0\x00\x10JFIF", b"\xff\xe0\x00\x04ab\xff\xc4\x00\x04ab", b"\xff\xc0\x00"):
        file.write_bytes(b"\xff\xd8\xff"[: 2 if end else 3] + end)
        assert "bits" not in str(no_picture(file))
    file.write_bytes(b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc1\x00\x0b\x0c\x00")
    assert str(no_picture(file)) == f"{file}: a JPEG with 12 bits, which is not supported: save it as PNG or TIFF with 16 bits"
