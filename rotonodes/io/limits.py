"""Limits on what one file may ask for, so that a small hostile file cannot take all memory. Checked before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.decoder_output import quiet_pillow
from rotonodes.io.files import read_bytes

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

VARIABLE = "ROTONODES_MAX_PIXELS"
MOST_CHANNELS = 4096
_MOST_PIXELS = 16384 * 16384
_ALWAYS_ALLOWED, _GROWTH = 1 << 27, 1 << 12  # pixels allowed for any file; pixels for each byte: the limit of LZW
_JPEG_ALLOWED, _JPEG_GROWTH = 1 << 22, 1 << 10  # a JPEG has at least one bit for each 8 x 8 pixels, of each channel
_MOST_SCANS = 500  # of a progressive JPEG, which usually has ten: each one passes over all pixels


def most_pixels() -> int:
    """Pixels that a picture may have: 16384 x 16384, or what the environment variable ROTONODES_MAX_PIXELS says."""
    text = os.environ.get(VARIABLE, "")
    if text and not (text.isdecimal() and int(text)):
        raise UsageError(f"{VARIABLE}={text}: give a number of pixels, as 1000000000")
    return int(text) if text else _MOST_PIXELS


def too_large(width: int, height: int) -> str:
    """What is wrong with a picture of more pixels than `most_pixels`, and how to raise the limit; empty for one that is not too large."""
    asked, most = width * height, most_pixels()
    return "" if asked <= most else f"{width} x {height} pixels are more than the limit of {most}; to read it, set {VARIABLE}={asked}"


def check_size(path: str | os.PathLike[str], width: int, height: int) -> None:
    """Raise FrameError for a picture of more pixels than `most_pixels`."""
    if message := too_large(width, height):
        raise FrameError(f"{path}: {message}")


def check_growth(path: str | os.PathLike[str], width: int, height: int) -> None:
    """Raise FrameError for a file that is too small for the pixels it claims, and as `check_size` does."""
    check_size(path, width, height)
    size = os.path.getsize(path)
    if width * height > max(_ALWAYS_ALLOWED, size * _GROWTH):
        raise FrameError(f"{path}: damaged picture: it claims {width} x {height} pixels in {size} bytes")


def check_jpeg(path: str | os.PathLike[str], width: int, height: int) -> None:
    """Raise FrameError for a JPEG that is too small for the pixels it claims, or passes over them more often than any camera's."""
    data = read_bytes(path)
    if width * height > max(_JPEG_ALLOWED, len(data) * _JPEG_GROWTH):
        raise FrameError(f"{path}: damaged picture: it claims {width} x {height} pixels in {len(data)} bytes")
    scans = data.count(b"\xff\xda")  # the marker of a scan; pixels are stored so that they never contain it
    if scans > _MOST_SCANS:
        raise FrameError(f"{path}: a JPEG of {scans} scans, more than {_MOST_SCANS}, is not read: save it again, as PNG or a plain JPEG")


def open_with_pillow(source: str | os.PathLike[str] | IO[bytes], formats: Sequence[str]) -> ImageFile:
    """A picture opened by Pillow, without its own limit, which is lower than ours and prints: check the size of what is returned."""
    import PIL.Image

    quiet_pillow()
    PIL.Image.MAX_IMAGE_PIXELS = None
    return PIL.Image.open(source, formats=list(formats))  # type: ignore[return-value]
