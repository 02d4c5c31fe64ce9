"""WriteAnimation: a clip as an APNG or an animated WebP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import field_validator

from rotonodes.errors import UsageError
from rotonodes.node.annotations import Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Image, Labels, Matte
from rotonodes.values.rates import checked_rate, exact_rate

if TYPE_CHECKING:
    import numpy as np


class WriteAnimation(Node):
    """Write the clip as an APNG or an animated WebP.

    Unlike GIF they hold soft alpha and all colours. Both are shown by browsers.

    Without loss, unless WebP has a `quality`. APNG lasts exactly; WebP counts milliseconds, frame i is shown from round(1000 i / fps)
    on. Alpha is kept where the first picture has it. Labels are written in their own colours. Frames stream: memory does not grow with
    the clip.
    """

    path: OutputPath = param(
        help="file to write (.png .apng .webp)", pixels=False, pattern=r"(?i)\.(png|apng|webp)$", examples=["out/clip.webp", "out/b.webp"]
    )
    fps: float | str = param(24.0, help="frames per second: 24, 23.976 or 24000/1001", unit="1/s", examples=[24, "24000/1001"])
    loop: int = param(0, help="number of times the clip plays; 0: for ever", ge=0, le=65535)
    alpha: bool = param(True, help="alpha; off: the picture over black")
    quality: int | None = param(None, help="quality of WebP's colour; default: without loss", ge=0, le=100, examples=[80])

    @field_validator("fps")
    @classmethod
    def _rate(cls, fps: float | str) -> float | str:
        return checked_rate(fps)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if frames == 0:
            yield f"there are no frames to write to {self.path!r}"
        if self.quality is not None and not self.path.lower().endswith(".webp"):
            yield f"quality: only WebP has one: end the path in .webp, not {Path(self.path).suffix!r}"

    def process(self, image: Clip[Image | Matte | Labels], key: Key) -> Path:
        from rotonodes.io.animation import AnimationWriter, Apng, WebP
        from rotonodes.io.files import atomic_write

        for fault in self.faults(frozenset({"image"}), len(image)):
            raise UsageError(fault)
        values = (_samples(value, self.alpha) for value in image)
        first = next(values)
        size, rate = (first.shape[1], first.shape[0]), exact_rate(self.fps)
        with atomic_write(self.path, key or None) as hidden, open(hidden, "wb") as file:
            channels = first.shape[2]
            if self.path.lower().endswith(".webp"):
                form: Apng | WebP = WebP(file, size, rate, self.loop, channels, key, self.quality)
            else:
                form = Apng(file, size, rate, len(image), self.loop, channels, key)
            with AnimationWriter(form) as animation:
                for samples in chain([first], values):
                    animation.add(samples)
        return Path(self.path)


def _samples(picture: Image | Matte | Labels, alpha: bool) -> np.ndarray:
    """RGB or RGBA samples `[H, W, C]`."""
    from rotonodes.io.samples import encode, label_samples

    if isinstance(picture, Labels):
        return label_samples(picture)
    samples = encode(picture, "8", "srgb", alpha=alpha)
    return samples if samples.shape[2] > 2 else samples[..., [0, 0, 0, 1][: samples.shape[2] + 2]]
