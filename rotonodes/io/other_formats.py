"""Reads picture formats without a reader of their own (TGA, JPEG 2000, PNM, SGI, DDS, AVIF, ...) through imageio."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError
from rotonodes.io.limits import check_size, open_with_pillow
from rotonodes.io.orientation import known, orientation_of, upright, upright_size

if TYPE_CHECKING:
    import numpy as np

# Pillow's names of the formats. Left out are formats that start other programs (EPS) or hold layers (PSD).
FORMATS = ("TGA", "JPEG2000", "PPM", "SGI", "DDS", "AVIF", "QOI", "PCX", "ICO", "ICNS", "DIB", "SUN", "XBM")
_AS_RGB = ("CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa")
_JPEG = b"\xff\xd8\xff"


def other_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """(width, height) of an upright picture of these formats, from its header; None for a file of another kind."""
    import PIL.Image

    PIL.Image.init()
    try:
        with open_with_pillow(path, [name for name in FORMATS if name in PIL.Image.OPEN]) as picture:
            size = upright_size(picture.size, orientation_of(picture))
    except (PIL.UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    check_size(path, *size)
    return size


def read_other(path: str | os.PathLike[str]) -> np.ndarray | None:
    """Samples `[H, W, C]` as stored (uint8, uint16, float32), upright; None for a file of another kind.

    Raises FrameError for a damaged one.
    """
    if other_size(path) is None:
        return None
    import imageio.v3 as imageio
    import numpy as np

    try:
        plugin: Any = "pillow"
        file: Any
        with imageio.imopen(os.path.abspath(path), "r", plugin=plugin) as file:  # a whole path: imageio reads URLs too
            notes = file.metadata(index=0, exclude_applied=False)
            stored = str(notes["mode"])
            clear = "transparency" in notes
            mode = "LA" if clear and stored == "L" else "RGBA" if clear and stored in ("P", "RGB") else None
            mode = mode or {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", **dict.fromkeys(_AS_RGB, "RGB")}.get(stored)
            samples = np.asarray(file.read(index=0, mode=mode))
    except Exception as error:  # decoders raise many kinds of exceptions
        raise FrameError(f"{path}: damaged picture: {' '.join(str(error).lower().split())[:200]}; render the frame again") from error
    if stored == "I":  # Pillow widens 16-bit grey of some formats to 32 bits
        samples = samples.clip(0, 65535).astype(np.uint16)
    samples = samples.astype(np.uint16) if samples.dtype.kind == "u" and samples.dtype.itemsize == 2 else samples
    samples = samples[..., None] if samples.ndim == 2 else samples
    return upright(samples, known(notes.get("Orientation", 1)))


def no_picture(path: str | os.PathLike[str]) -> FrameError:
    """The error for a file that no reader supports, with the specific reason where it is known."""
    try:
        with open(path, "rb") as file:
            start = file.read(1 << 16)
    except OSError:
        start = b""
    bits = _jpeg_bits(start) if start.startswith(_JPEG) else 8
    if bits != 8:
        return FrameError(f"{path}: a JPEG with {bits} bits, which is not supported: save it as PNG or TIFF with 16 bits")
    if start.startswith(b"8BPS"):
        return FrameError(f"{path}: a PSD: read its layers by LoadParts, or save it as PNG, TIFF or EXR")
    if not start:
        return FrameError(f"{path}: the file is empty; render the frame again")
    return FrameError(f"{path}: not a picture (PNG, JPEG, TIFF, WebP, BMP, GIF, EXR, TGA, JPEG 2000, PPM, ...)")


def _jpeg_bits(start: bytes) -> int:
    """Bits per sample of a JPEG, from its frame header (ITU-T T.81, B.2.2); 8 when there is none."""
    at = 2
    while at + 5 <= len(start) and start[at] == 0xFF:
        marker = start[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return start[at + 4]
        at += 2 + int.from_bytes(start[at + 2 : at + 4], "big")
    return 8
