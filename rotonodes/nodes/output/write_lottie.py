"""WriteLottie: flat art as a Lottie animation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from pydantic import field_validator

from rotonodes.errors import FrameError, UsageError
from rotonodes.node.annotations import Key
from rotonodes.node.parameters import OutputPath, param
from rotonodes.nodes.output.vector_art import VectorArtWriter
from rotonodes.values.pixels import Clip, Image, Labels, Layers, Matte
from rotonodes.values.rates import checked_rate, exact_rate


class WriteLottie(VectorArtWriter):
    """Write the clip's tones as a Lottie animation.

    Filled paths in one JSON file, sharp at every size, for web pages, apps and After Effects.

    Groups, paths and colours are those of WriteSVG: one group an object, one a tone, in the colours of `palette`, else of the linked
    `image` (a painted picture), else of the labels; `ink` lies on top. Each frame is a shape layer that shows for its frames; held
    frames are one layer. Nothing moves between frames, and a file has as many paths as there are frames: flat art on twos and a larger
    `tolerance` keep it small. Frames stream: memory does not grow with the clip.
    """

    path: OutputPath = param(help="file to write (.json)", pixels=False, pattern=r"(?i)\.json$", examples=["out/flat.json", "out/b.json"])
    fps: float | str = param(24.0, help="frames per second: 24, 23.976 or 24000/1001", unit="1/s", examples=[24, "24000/1001"])

    @field_validator("fps")
    @classmethod
    def _rate(cls, fps: float | str) -> float | str:
        return checked_rate(fps)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if frames == 0:
            yield f"there are no frames to write to {self.path!r}"

    def process(
        self,
        labels: Clip[Labels],
        key: Key,
        image: Clip[Image] | None = None,
        layers: Clip[Layers] | None = None,
        ink: Clip[Image | Matte] | None = None,
    ) -> Path:
        from rotonodes.io.files import atomic_write
        from rotonodes.io.lottie import LottieWriter
        from rotonodes.io.seal import seal

        values = zip(labels, *(repeat(None) if one is None else one for one in (image, layers, ink)), strict=False)
        first = next(values, None)
        if first is None:
            raise UsageError(f"there are no frames to write to {self.path!r}")
        with atomic_write(self.path) as hidden:
            with (
                open(hidden, "wb") as file,
                LottieWriter(file, first[0].size, exact_rate(self.fps), len(labels), overlap=self.overlap, key=key or None) as lottie,
            ):
                lottie.add(self.shapes_of(*first))
                for tones, picture, passes, lines in values:
                    self._check_size(tones, first[0])
                    lottie.add(self.shapes_of(tones, picture, passes, lines))
            seal(hidden)
        return Path(self.path)

    def _check_size(self, labels: Labels, first: Labels) -> None:
        if labels.size != first.size:
            raise FrameError(f"a frame is {labels.width} x {labels.height}, the first is {first.width} x {first.height}: reformat it")
