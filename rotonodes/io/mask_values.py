"""Which values the masks of a data set hold: black and white, greys, colours, or whole numbers in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.arrays import is_array, read_array

if TYPE_CHECKING:
    import numpy as np

MOST = 256  # labels are bytes


class MaskValues(NamedTuple):
    """Values in rising order: whole numbers, or colours (`#rrggbb`) where there are colours."""

    values: tuple[int, ...]
    colors: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each class: its value."""
        return self.colors or tuple(map(str, self.values))


@lru_cache(maxsize=4)
def mask_values(files: tuple[str, ...], stamps: tuple[int, ...]) -> MaskValues:
    """All values in these masks. `stamps` are the files' times of change, so that masks which were corrected are read again.

    Raises FrameError for a file that cannot be read or is no mask, UsageError for more values than there can be classes.
    """
    import numpy as np

    found: np.ndarray = np.empty(0, np.int64)
    colored = False
    for file in files:
        codes, has_colors = mask_codes(file)
        own = np.unique(codes)
        if has_colors and not colored:
            found = as_colors(found)  # greys so far
        found, colored = np.union1d(found, as_colors(own) if colored and not has_colors else own), colored or has_colors
        if len(found) > MOST:
            raise UsageError(f"{file}: more than {MOST} values in the masks: read soft mattes by LoadMattes, and learn them by task: alpha")
    values = tuple(found.tolist())
    return MaskValues(values, tuple(f"#{value:06x}" for value in values) if colored else ())


def rarest_value(files: Sequence[str], found: MaskValues) -> str:
    """The value with the fewest pixels in these masks, and where it is first: `77 is the rarest, 1 pixel, first in b.png at x 7, y 3`.

    `found` are all values in them. Reads every mask once more: for what is wrong with a data set.
    """
    import numpy as np

    counts = np.zeros(len(found.values), np.int64)
    first: dict[int, tuple[str, int, int]] = {}
    for file in files:
        indices = class_indices(file, found)
        counts += np.bincount(indices.ravel(), minlength=len(counts))
        for index in set(np.unique(indices).tolist()) - first.keys():
            y, x = (int(at[0]) for at in (indices == index).nonzero())
            first[index] = (file, x, y)
    rarest = int(counts.argmin())
    file, x, y = first[rarest]
    pixels = f"{counts[rarest]} pixel{'' if counts[rarest] == 1 else 's'}"
    return f"{found.names[rarest]} is the rarest, {pixels}, first in {file} at x {x}, y {y}"


def class_indices(file: str, found: MaskValues) -> np.ndarray:
    """The place of each pixel's value among those found, uint8 `[H, W]`. Raises FrameError for a value that is not among them."""
    import numpy as np

    codes, has_colors = mask_codes(file)
    if found.colors and not has_colors:
        codes = as_colors(codes)
    values = np.array(found.values)
    indices = np.searchsorted(values, codes).clip(max=len(values) - 1)
    if (values[indices] != codes).any():
        raise FrameError(f"{file}: the mask was changed while the run read it: run again")
    return indices.astype(np.uint8)


def mask_codes(file: str) -> tuple[np.ndarray, bool]:
    """The values of one mask, int64 `[H, W]`; and whether they are colours, 0xrrggbb. A palette's are its indices."""
    import numpy as np

    from rotonodes.io import png
    from rotonodes.io.pictures import read_image

    with open(file, "rb") as opened:
        start = opened.read(8)
    if is_array(start):
        array = read_array(file)
        if array.ndim != 2 or array.dtype.kind not in "bui":
            raise FrameError(f"{file}: masks are whole numbers [H, W], this array is {array.dtype} {list(array.shape)}")
        return array.astype(np.int64), False
    palette = png.read_palette(file) if start.startswith(png.SIGNATURE) else None
    if palette is not None:
        return palette.indices.astype(np.int64), False
    image = read_image(file, "raw")
    if image.encoded is None or image.encoded.samples.dtype.kind not in "ui":
        raise FrameError(f"{file}: masks are pictures of whole numbers, this one holds floats")
    stored = image.encoded.samples.astype(np.int64)
    if stored.shape[2] < 3 or (stored[..., :1] == stored[..., 1:3]).all():
        return stored[..., 0], False
    return (stored[..., 0] << 16) | (stored[..., 1] << 8) | stored[..., 2], True


def as_colors(greys: np.ndarray) -> np.ndarray:
    """Greys 0 to 255 as colours, 0xrrggbb."""
    return (greys << 16) | (greys << 8) | greys


def stamps_of(files: Sequence[str]) -> tuple[int, ...]:
    """When each file was changed last, in nanoseconds. Raises FrameError for one that is not there."""
    import os

    from rotonodes.io.files import read_error

    found = []
    for file in files:
        try:
            found.append(os.stat(file).st_mtime_ns)
        except OSError as error:
            raise read_error(file, error) from error
    return tuple(found)
