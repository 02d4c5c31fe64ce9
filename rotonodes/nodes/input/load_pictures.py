"""LoadPictures: pictures whose names hold no frame numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

from rotonodes.errors import UsageError
from rotonodes.node.annotations import Frame
from rotonodes.node.parameters import InputPath, param
from rotonodes.nodes.input.listed_pictures import ListedPictures
from rotonodes.values.color import Colorspace
from rotonodes.values.pixels import Image


class LoadPictures(ListedPictures):
    """Read pictures of any names and sizes.

    They are those of a folder, those that a wildcard finds, or a list of files.

    Frame 1 is the first of them in natural order (`cat2` before `cat10`); a list keeps its order. WritePictures gives each result
    its picture's name. A run lists the pictures once, before it writes anything; what earlier runs of the same graph wrote among
    them does not count. Keys hold files, not frame numbers: one more picture in a folder makes none of the others again.
    """

    revision: ClassVar[int] = 1  # as in FileSource

    path: InputPath | list[InputPath] = param(
        help="a folder, a name with wildcards (imgs/*.jpg), a file, or a list of them", min_length=1, examples=["in", "in/*.exr"]
    )
    colorspace: Colorspace | Literal["auto"] = param("auto", help="how the files are encoded; auto: EXR linear, others srgb")

    def picture_paths(self) -> list[str]:
        return [path for _, path in self.paths("input")]

    def available(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.listing().files) + 1))

    def reads(self, frame: int | None) -> tuple[str, ...]:
        try:
            files = self.listing().files
        except UsageError:
            return tuple(self.picture_paths())  # which are not there; the run says so
        return files if frame is None else files[max(frame - 1, 0) : frame]

    def process(self, frame: Frame) -> Image:
        from rotonodes.io.pictures import read_image

        return read_image(self.listing().file(frame), self.colorspace)
