"""Tones by object as one plane of classes, and the colour and name of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rotonodes.errors import FrameError
from rotonodes.values.color import parse_hex
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import OUTSIDE

REST = "shape"  # the group of shape that belongs to no object


class PaintedClass(NamedTuple):
    """One class: its `number` in the plane, the object it belongs to ("" for none), its tone, `#rrggbb` and opacity 0 to 1."""

    number: int
    group: str
    tone: str
    color: str
    opacity: float


def classes_by_object(labels: Labels, names: Sequence[str], objects: np.ndarray | None) -> tuple[np.ndarray, list[tuple[int, str, str]]]:
    """int32 `[H, W]` with a class for each tone of each object, and (number, object, tone) of those seen, in the order of painting.

    What lies outside shapes (background, ground shadow) comes first and belongs to no object; then object after object as `names` has
    them, largest first; in each, tones in the order of the labels. Without `objects` no tone has an object.
    """
    tones = labels.data.detach().cpu().numpy().astype(np.int32)
    count = len(labels.classes)
    outside = np.array([name in OUTSIDE for name in labels.classes])
    classes = tones.copy()
    if objects is not None:
        owner = np.where(objects == 0, len(names) + 1, objects)  # what no object covers is painted last
        inside = ~outside[tones.clip(max=count - 1)]
        classes[inside] += owner[inside] * count
    found = []
    for number in np.unique(classes).tolist():
        owner_of, tone = divmod(number, count)
        group = "" if objects is None or not owner_of else REST if owner_of > len(names) else names[owner_of - 1]
        found.append((number, group, labels.classes[tone]))
    return classes, found


def painted(
    classes: np.ndarray, found: Sequence[tuple[int, str, str]], labels: Labels, palette: dict[str, str], image: Image | None
) -> list[PaintedClass]:
    """The classes that are to be seen, with their colours: the palette's, else the one that most of their pixels have in the `image`,
    else the labels' own.

    Without an image the background is painted only where the palette names it; with one, what is transparent in most of its pixels is not.
    """
    from rotonodes.imaging.picture.paint import color_table
    from rotonodes.io.samples import encode

    color_table(labels.classes, labels.colors, palette)  # raises for a class that is not there
    background = "background" if "background" in labels.classes else labels.classes[0]
    own = dict(zip(labels.classes, labels.colors, strict=True)) | {background: "#00000000"} | palette
    samples = None
    if image is not None:
        codes = encode(image.with_data(image.data), "8", "srgb")  # by its pixels: a file's own samples may differ by one code
        samples = codes if codes.shape[2] > 2 else codes[..., [0, 0, 0, *range(1, codes.shape[2])]]
    made = []
    for number, group, tone in found:
        red, green, blue, alpha = parse_hex(own[tone]) if samples is None or tone in palette else _usual(samples[classes == number])
        if alpha:
            made.append(PaintedClass(number, group, tone, f"#{red:02x}{green:02x}{blue:02x}", alpha / 255))
    return made


def check_sizes(labels: Labels, **others: Image | Matte | Layers | None) -> None:
    """Raise FrameError for a picture of another size than the labels."""
    for name, value in others.items():
        if value is not None and (value.width, value.height) != labels.size:
            found = f"{value.width} x {value.height}"
            raise FrameError(f"the {name} is {found}, the labels are {labels.width} x {labels.height}: reformat one of them")


def _usual(samples: np.ndarray) -> tuple[int, int, int, int]:
    """The colour that most of some pixels `[n, 3 or 4]` have."""
    if samples.shape[1] == 3:
        samples = np.concatenate([samples, np.full_like(samples[:, :1], 255)], axis=1)
    packed = np.ascontiguousarray(samples).view(np.uint32)[:, 0]
    values, counts = np.unique(packed, return_counts=True)
    red, green, blue, alpha = np.array([values[counts.argmax()]], np.uint32).view(np.uint8).tolist()
    return red, green, blue, alpha
