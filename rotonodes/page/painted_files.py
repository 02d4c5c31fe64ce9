"""Labels painted on the page: palette PNGs below the root, which LoadLabels reads, and which frame needs them most."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.page.preview import Previews, Wish
from rotonodes.page.root_files import below_root
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import CLASSES, known_colors

MOST_PIXELS = 100_000_000
DOUBT = 0.6  # a pixel whose best class is less probable is uncertain


def painted_path(root: str, path: str, frame: int) -> str:
    """The file of a frame's labels, relative to the root. Raises UsageError for a path outside of it, or of another kind."""
    if not path.lower().endswith(".png"):
        raise UsageError(f"{path}: labels are palette PNGs: end the name in .png")
    relative = FilePattern(path).path(frame)
    below_root(root, relative)
    return relative


def write_painted(root: str, path: str, frame: int, png: bytes, classes: Sequence[str] = CLASSES) -> str:
    """Write the labels of a frame from a PNG whose samples are class indices; returns its path relative to the root.

    Raises UsageError for a PNG of another kind, an index that no class has, and a file there that is no picture of labels.
    """
    import numpy as np
    import PIL.Image
    import torch

    from rotonodes.io.pictures import write_labels

    relative = painted_path(root, path, frame)
    target = below_root(root, relative)
    if os.path.exists(target) and not is_palette(target):
        raise UsageError(f"{relative} is there already and is no picture of labels: choose another name")
    try:
        with PIL.Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UsageError(f"{picture.width} x {picture.height} px are too many for labels")
            if picture.mode not in ("P", "L"):
                raise UsageError("labels are sent as a palette PNG: the index of the class is the value")
            indices = np.array(picture, np.uint8)
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise UsageError(f"this is no PNG that could be read: {error}") from None
    top = int(indices.max(initial=0))
    if top >= len(classes):
        raise UsageError(f"a pixel has the class {top}, and there are {len(classes)} classes: {', '.join(classes)}")
    write_labels(target, Labels(torch.from_numpy(indices), tuple(classes), known_colors(classes)))
    return relative


def is_palette(path: str) -> bool:
    """Whether a file is a palette PNG."""
    from rotonodes.io.png import read_palette

    try:
        return read_palette(path) is not None
    except FrameError:
        return False


def labels_png(labels: Labels) -> bytes:
    """Labels as a palette PNG: the index is the class, the colours are what is seen."""
    file = io.BytesIO()
    labels.to_pil().save(file, "PNG", compress_level=1)
    return file.getvalue()


def read_painted(root: str, path: str, frame: int) -> bytes | None:
    """The painted labels of a frame as they are; None where there are none. Raises UsageError for a path outside of the root."""
    target = below_root(root, painted_path(root, path, frame))
    if not os.path.isfile(target) or os.path.getsize(target) > MOST_PIXELS or not is_palette(target):
        return None
    with open(target, "rb") as file:
        return file.read()


def worst_frames(previews: Previews, node: str, frames: Sequence[int], scale: int, cancelled: Callable[[], bool]) -> list[dict[str, Any]]:
    """How sure a network is of each frame, the least sure frame first; frames that fail are left out.

    `uncertain` is the share of pixels whose best class has a probability below DOUBT, `certainty` the mean of the best probability.
    Raises UsageError for a node without probabilities.
    """
    found = list(_certainties(previews, node, frames, scale, cancelled))
    return sorted(found, key=lambda one: (-one["uncertain"], one["certainty"]))


def _certainties(
    previews: Previews, node: str, frames: Sequence[int], scale: int, cancelled: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    failure: RotoError | None = None
    made = 0
    for frame in frames:
        try:
            value = previews.value(Wish(node, "probabilities", frame, scale), cancelled)
        except RotoError as error:
            if cancelled():
                raise
            failure = error
            continue
        if not isinstance(value, Image):
            raise UsageError(f"{node} gives no probabilities")
        best = value.data.amax(0)
        made += 1
        yield {"frame": frame, "uncertain": float((best < DOUBT).float().mean()), "certainty": float(best.mean())}
    if failure is not None and not made:
        raise UsageError(str(failure))
