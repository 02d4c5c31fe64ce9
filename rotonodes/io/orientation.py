"""The Exif orientation of a picture (Exif 2.32, tag Orientation): one rule for the pixels and the size of every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

TAG = 0x0112
UPRIGHT = 1


def orientation_of(picture: PIL.Image.Image) -> int:
    """The orientation, 1 to 8, that remains to be applied to a picture opened with Pillow; 1 when there is none or it is invalid."""
    try:
        found = picture.getexif().get(TAG, UPRIGHT)
    except Exception:  # Pillow raises many kinds of exceptions on damaged Exif data
        return UPRIGHT
    return known(found)


def known(value: object) -> int:
    """`value` if it is a valid orientation, else 1."""
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Samples `[H, W, ...]` rotated and mirrored to be upright; `[W, H, ...]` for orientations 5 to 8."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(width, height) of the upright picture for a stored `size`."""
    return size[::-1] if orientation >= 5 else size
