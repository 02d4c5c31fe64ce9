"""Which values the masks of a data set hold: black and white, greys, colours, an alpha, or whole numbers in arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.arrays import is_array, read_array

if TYPE_CHECKING:
    import numpy as np

MAX_CLASSES = 256  # labels are bytes
MANY = 16  # lossless masks with more values than this are asked about
COMMON = 0.005  # share of all pixels from which a value of lossy masks is a class of its own
# How far the samples of one class scatter in a lossy file, for greys and for colours (0 to 255): nearly all of them, all of them,
# and the least distance of two classes. Measured on masks of 2 to 6 classes as JPEG of quality 30 to 95.
SPREAD = {1: (2, 8, 20), 3: (6, 16, 40)}


class MaskValues(NamedTuple):
    """The values of the classes in rising order: whole numbers, or colours (`#rrggbb`) where masks have colours.

    `from_alpha` says that masks hold their classes in the alpha. `notes` are remarks for the user about masks that do not hold
    one clear value for each class.
    """

    values: tuple[int, ...]
    colors: tuple[str, ...] = ()
    from_alpha: bool = False
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each class: its value."""
        return self.colors or tuple(map(str, self.values))


class MaskSamples(NamedTuple):
    """One mask: `codes` int64 `[H, W]`, which are 0xrrggbb where `colored`; its `alpha` likewise; whether the file is `lossy`."""

    codes: np.ndarray
    colored: bool = False
    alpha: np.ndarray | None = None
    lossy: bool = False


class _Tally:
    """Counts of the values in masks, greys turned into colours as soon as one mask has colours."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.colored = False

    def add(self, codes: np.ndarray, colored: bool = False) -> None:
        import numpy as np

        if colored and not self.colored:
            self.counts, self.colored = {as_color(value): count for value, count in self.counts.items()}, True
        values, counts = np.unique(codes, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            value = as_color(value) if self.colored and not colored else value
            self.counts[value] = self.counts.get(value, 0) + count


@lru_cache(maxsize=4)
def mask_values(files: tuple[str, ...], changed: tuple[int, ...], count: int | None = None) -> MaskValues:
    """The values in these masks that are classes; `changed` are the files' modification times, so that corrected masks are read again.

    In lossy files (JPEG) and in alpha, near values belong to the common ones: those that hold half a percent of the pixels, or the
    `count` most common ones. Otherwise every value is a class. Raises FrameError for a file that cannot be read or is no mask,
    UsageError for more values than there can be classes.
    """
    exact, lossy, alpha = _Tally(), _Tally(), _Tally()
    has_alpha = bool(files)
    for file in files:
        mask = read_mask_samples(file)
        (lossy if mask.lossy else exact).add(mask.codes, mask.colored)
        has_alpha = has_alpha and mask.alpha is not None
        if has_alpha and mask.alpha is not None:
            alpha.add(mask.alpha)
        if len(exact.counts) > MAX_CLASSES:
            raise UsageError(
                f"{file}: more than {MAX_CLASSES} values in the masks: read soft mattes by LoadMattes, and train them by task: alpha"
            )
    colored = exact.colored or lossy.colored
    for tally in (exact, lossy):
        if colored and not tally.colored:
            tally.counts = {as_color(value): number for value, number in tally.counts.items()}
    if has_alpha and len(exact.counts) + len(lossy.counts) == 1 and len(alpha.counts) > 1:
        values = common_values(alpha.counts, 1, count)
        note = f"the colour of the masks is the same everywhere, so their alpha is taken: classes {', '.join(map(str, values))}"
        return MaskValues(tuple(values), from_alpha=True, notes=(note,))
    common = common_values(lossy.counts, 3 if colored else 1, count, list(exact.counts)) if lossy.counts else []
    values = sorted({*exact.counts, *common})
    colors = tuple(f"#{value:06x}" for value in values) if colored else ()
    return MaskValues(tuple(values), colors, notes=tuple(_notes(exact, lossy, colors or [str(value) for value in values])))


def _notes(exact: _Tally, lossy: _Tally, names: Sequence[str]) -> list[str]:
    """Remarks about masks that do not hold one clear value for each class."""
    if lossy.counts:
        found, merged = len({*lossy.counts, *exact.counts}), f"{len(names)} classes: {', '.join(names[:8])}"
        blurred = f"JPEG blurred the values of the masks: {found} values are read as {merged}; save masks as PNG"
        return [blurred] if found > len(names) else []
    total = sum(exact.counts.values())
    rare = [number for number in exact.counts.values() if number < COMMON * total]
    if len(exact.counts) <= MANY or not rare:
        return []
    share = f"{len(rare)} of which cover {100 * sum(rare) / total:.2g} % of the pixels"
    return [f"{len(exact.counts)} values in the masks become as many classes, {share}: for soft edges train a matte, or save hard masks"]


def common_values(counts: dict[int, int], channels: int, count: int | None = None, known: Sequence[int] = ()) -> list[int]:
    """The values that stand for classes in masks whose samples scatter, rising: the peaks of their histogram.

    `counts` are pixels by value, `channels` 1 for greys and 3 for colours (0xrrggbb). With `count` the highest so many peaks; `known`
    values are classes already. If there is only one peak, the value farthest from it is the other class.
    """
    import numpy as np

    nearly, all_of_it, apart = SPREAD[channels]
    values = np.array(sorted(counts), np.int64)
    weights = np.array([counts[value] for value in values.tolist()], np.float64)
    points = values[:, None] if channels == 1 else np.stack([values >> 16, values >> 8 & 255, values & 255], 1)
    if values.max() > 255 and channels == 1:  # 16 bit
        nearly, all_of_it, apart = (257 * width for width in (nearly, all_of_it, apart))
    peaks: list[int] = []
    places = [at for value in known for at in np.flatnonzero(values == value).tolist()]
    for at in np.argsort(-weights, kind="stable")[:1024].tolist():
        away = np.abs(points - points[at]).max(1)
        near, around = weights[away <= nearly].sum(), weights[away <= all_of_it].sum()
        solid = near >= COMMON * weights.sum() and near >= around / 2
        if (solid or count is not None) and all(away[place] > apart for place in places):
            peaks.append(at)
            places.append(at)
        if count is not None and len(places) >= count:
            break
    if len(places) == 1:  # thin lines have no flat area, so no peak: they reach for the far end
        away = np.abs(points - points[places[0]]).max(1)
        peaks += [int(away.argmax())] if away.max() > 2 * apart else []
    return sorted(values[peaks].tolist())


def rarest_value(files: Sequence[str], found: MaskValues) -> str:
    """The value with the fewest pixels in these masks, and where it first occurs: `77 is the rarest, 1 pixel, first in b.png at x 7, y 3`.

    `found` are all values in them. Reads every mask once more.
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
    """The class of each pixel of a mask, uint8 `[H, W]`: the index of its value in `found`, in a lossy mask that of the nearest value.

    Raises FrameError for a value that is not in `found`.
    """
    import numpy as np

    mask = read_mask_samples(file)
    codes, values = mask.codes, np.array(found.values)
    if found.from_alpha:
        if mask.alpha is None:
            raise FrameError(f"{file}: the mask was changed while the run read it: run again")
        codes = mask.alpha
    elif found.colors and not mask.colored:
        codes = (codes << 16) | (codes << 8) | codes
    if mask.lossy or found.from_alpha:
        return nearest(codes, values, 3 if found.colors else 1)
    indices = np.searchsorted(values, codes).clip(max=len(values) - 1)
    if (values[indices] != codes).any():
        raise FrameError(f"{file}: the mask was changed while the run read it: run again")
    return indices.astype(np.uint8)


def nearest(codes: np.ndarray, values: np.ndarray, channels: int) -> np.ndarray:
    """The index of the nearest of some values for each pixel, uint8 `[H, W]`; of colours by Euclidean distance in 0xrrggbb."""
    import numpy as np

    shifts = (0,) if channels == 1 else (16, 8, 0)
    mask = 255 if channels == 3 else -1
    own, inverse = np.unique(codes, return_inverse=True)
    distances = sum((((own[:, None] >> s) & mask) - ((values[None] >> s) & mask)) ** 2 for s in shifts)
    found: np.ndarray = np.asarray(distances).argmin(1)[inverse].reshape(codes.shape).astype(np.uint8)
    return found


def read_mask_samples(file: str) -> MaskSamples:
    """Read one mask. The codes of a palette are its indices. Raises FrameError for a file that is no mask."""
    import numpy as np

    from rotonodes.io import png
    from rotonodes.io.pictures import read_image

    with open(file, "rb") as opened:
        start = opened.read(64)
    if is_array(start):
        array = read_array(file)
        if array.ndim != 2 or array.dtype.kind not in "bui":
            raise FrameError(f"{file}: masks are whole numbers [H, W], this array is {array.dtype} {list(array.shape)}")
        return MaskSamples(array.astype(np.int64))
    palette = png.read_palette(file) if start.startswith(png.SIGNATURE) else None
    if palette is not None:
        return MaskSamples(palette.indices.astype(np.int64))
    image = read_image(file, "raw")
    if image.encoded is None or image.encoded.samples.dtype.kind != "u":
        raise FrameError(f"{file}: masks are 8 or 16 bit pictures, this one holds floats")
    stored = image.encoded.samples.astype(np.int64)
    alpha = stored[..., -1] if stored.shape[2] in (2, 4) else None
    if stored.shape[2] < 3 or (stored[..., :1] == stored[..., 1:3]).all():
        return MaskSamples(stored[..., 0], False, alpha, is_lossy(start))
    return MaskSamples((stored[..., 0] << 16) | (stored[..., 1] << 8) | stored[..., 2], True, alpha, is_lossy(start))


def is_lossy(start: bytes) -> bool:
    """True for the first 64 bytes of a JPEG or of a lossy WebP, whose samples are not the ones that were saved."""
    return start.startswith(b"\xff\xd8\xff") or (start[:4] == b"RIFF" and b"VP8 " in start)


def as_color(grey: int) -> int:
    """A grey of 0 to 255 as a colour, 0xrrggbb."""
    return (grey << 16) | (grey << 8) | grey


def modification_times(files: Sequence[str]) -> tuple[int, ...]:
    """When each file was last changed, in nanoseconds. Raises FrameError for a missing one."""
    from rotonodes.io.files import read_error

    found = []
    for file in files:
        try:
            found.append(os.stat(file).st_mtime_ns)
        except OSError as error:
            raise read_error(file, error) from error
    return tuple(found)
