"""How a camera was held (Exif 2.32, tag Orientation): one rule for the pixels and the size of every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

TAG = 0x0112
UPRIGHT = 1


def orientation_of(picture: PIL.Image.Image) -> int:
    """The orientation 1 to 8 that a picture opened by Pillow still has; 1 where it says none, or nonsense."""
    try:
        found = picture.getexif().get(TAG, UPRIGHT)
    except Exception:  # Pillow raises whatever its parser runs into
        return UPRIGHT
    return known(found)


def known(value: object) -> int:
    """`value` if it is an orientation, else 1."""
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Samples `[H, W, ...]` turned and mirrored so that the picture stands upright; `[W, H, ...]` from orientation 5 on."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(width, height) of the upright picture, of one that is stored as `size`."""
    return size[::-1] if orientation >= 5 else size
