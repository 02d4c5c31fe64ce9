"""WriteGIF: a clip as an animated GIF."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rotonodes.errors import FrameError, UsageError
from rotonodes.node.annotations import Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Image, Labels, Matte

if TYPE_CHECKING:
    import numpy as np


class WriteGIF(Node):
    """Write the clip as an animated GIF.

    It has the exact colours of flat artwork and the exact duration.

    Up to 256 colours per frame are exact. More are reduced without dithering, to a palette that stays from frame to frame while it
    fits, so that what stands still does not flicker; flat colours in such frames stay exact. Labels are written in their own colours. GIF
    counts hundredths of a second: 24 frames at 24 fps last exactly one second, in steps of 0.04 and 0.05 s. Frames stream:
    memory does not grow with the clip.
    """

    revision: ClassVar[int] = 1  # a palette of our own for frames of more than 256 colours

    path: OutputPath = param(help="file to write (.gif)", pixels=False, pattern=r"(?i)\.gif$")
    fps: float = param(24.0, help="frames per second; above 50 frames are dropped: browsers do not show them", unit="1/s", gt=0, le=1000)
    loop: int = param(0, help="number of times the clip plays; 0: for ever", ge=0, le=65536)
    transparent: bool = param(True, help="transparency where alpha is below 0.5; off: the picture over black")

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if frames == 0:
            yield f"there are no frames to write to {self.path!r}"

    def process(self, image: Clip[Image | Matte | Labels], key: Key) -> Path:
        from rotonodes.io.files import atomic_write
        from rotonodes.io.gif import GifWriter
        from rotonodes.io.seal import seal

        values = iter(image)
        first = next(values, None)
        if first is None:
            raise UsageError(f"there are no frames to write to {self.path!r}")
        palette = first.colors if isinstance(first, Labels) else None
        with atomic_write(self.path) as hidden:
            with (
                open(hidden, "wb") as file,
                GifWriter(file, first.size, self.fps, loop=self.loop, palette=palette, key=key or None) as gif,
            ):
                for value in chain([first], values):
                    gif.add(_indices(value) if isinstance(value, Labels) else self._colors(value))
            seal(hidden)
        return Path(self.path)

    def _colors(self, picture: Image | Matte) -> np.ndarray:
        """RGB or RGBA samples `[H, W, C]`."""
        from rotonodes.io.samples import encode

        samples = encode(picture, "8", "srgb", alpha=self.transparent)
        if samples.shape[2] > 2:
            return samples
        return samples[..., [0, 0, 0, 1][: samples.shape[2] + 2]]


def _indices(labels: Labels) -> np.ndarray:
    indices = labels.to("cpu").data.numpy()
    if indices.max() >= len(labels.colors):
        raise FrameError(f"class index {indices.max()} has no colour: the labels have {len(labels.colors)} classes")
    return indices
