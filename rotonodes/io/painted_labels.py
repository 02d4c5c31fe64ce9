"""Labels that somebody painted with a soft brush, or that a lossy format blurred: each pixel is of the nearest class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotonodes.errors import FrameError
from rotonodes.io.pictures import read_image, read_labels
from rotonodes.values.color import parse_hex
from rotonodes.values.pixels import Labels
from rotonodes.values.tones import default_colors

if TYPE_CHECKING:
    import numpy as np

REACH = 2  # px: how far a soft brush mixes the colours of two classes


def painted_labels(
    path: str | os.PathLike[str], classes: Sequence[str], colors: Sequence[str] | None = None, values: Sequence[int] | None = None
) -> tuple[Labels, int]:
    """A label picture as `read_labels` reads it, and the number of its pixels that are off the palette.

    Such a pixel gets the class with the nearest colour (or grey, with `values`) of those within 2 px of it, for a soft brush mixes the
    colours of neighbours: the middle of black and white is no third class. Without `colors` the classes have their default ones.
    Raises FrameError for a file that cannot be read as a picture of 8 or 16 bits.
    """
    import numpy as np

    try:
        return read_labels(path, classes, colors, values), 0
    except FrameError as error:
        image = read_image(path, "raw").on_frame()
        if image.data.dtype.is_floating_point and image.encoded is not None and image.encoded.samples.dtype.kind not in "ui":
            raise FrameError(str(error)) from None  # not a picture of colours
    shown = tuple(colors or default_colors(len(classes)))
    if values is not None:
        samples, wanted = image.color[:1].numpy(), np.array(values, np.float32)[None] / 255
    else:
        samples = image.color.expand(3, -1, -1).numpy()
        wanted = np.array([parse_hex(color)[:3] for color in shown], np.float32).T / 255
    distances = np.stack([((samples - color[:, None, None]) ** 2).sum(0) for color in wanted.T])
    indices = distances.argmin(0).astype(np.uint8)
    off = distances.min(0) > (0.6 / 255) ** 2
    distances[~_near_by(np.where(off, 255, indices), len(classes))] += 4 * len(samples)  # only where no class is near, all of them
    indices = np.where(off, distances.argmin(0), indices).astype(np.uint8)
    import torch

    return Labels(torch.from_numpy(indices), tuple(classes), shown), int(off.sum())


def _near_by(indices: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` classes occur within REACH of each pixel, bool `[count, H, W]`."""
    import numpy as np

    height, width = indices.shape
    padded = np.pad(indices, REACH, constant_values=255)
    shifts = [(y, x) for y in range(2 * REACH + 1) for x in range(2 * REACH + 1)]
    windows = [padded[y : y + height, x : x + width] for y, x in shifts]
    return np.stack([np.any([window == index for window in windows], axis=0) for index in range(count)])
