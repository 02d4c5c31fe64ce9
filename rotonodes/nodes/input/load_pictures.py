"""LoadPictures: pictures whose names hold no frame numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

from rotonodes.errors import FrameError, UsageError
from rotonodes.node.asks import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.color import Colorspace
from rotonodes.values.pixels import Image


class LoadPictures(Node):
    """Read pictures of any names and sizes.

    They are those of a folder, those that a wildcard finds, or a list of files.

    Frame 1 is the first of them, sorted by name (a list keeps its order). WritePictures gives each result its picture's name.
    Results are told by their files, not by their numbers: one more picture in a folder makes none of the others again.
    """

    revision: ClassVar[int] = 1  # as in FileSource

    path: InputPath | list[InputPath] = param(
        help="a folder, a name with wildcards (imgs/*.jpg), a file, or a list of them", min_length=1, examples=["in", "in/*.exr"]
    )
    colorspace: Colorspace | Literal["auto"] = param("auto", help="how the files are encoded; auto: EXR linear, others srgb")

    def listed(self) -> tuple[str, ...]:
        """The files in order. UsageError when there are none."""
        from rotonodes.io.folder import list_pictures

        return list_pictures([path for _, path in self.paths("input")])

    def available(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.listed()) + 1))

    def reads(self, frame: int | None) -> tuple[str, ...]:
        try:
            files = self.listed()
        except UsageError:
            return tuple(path for _, path in self.paths("input"))  # which are not there; the run says so
        return files if frame is None else files[max(frame - 1, 0) : frame]

    def process(self, frame: Frame) -> Image:
        from rotonodes.io.pictures import read_image

        files = self.listed()
        if not 1 <= frame <= len(files):
            raise FrameError(f"there is no picture {frame}: {self.path} has {len(files)}, which are frames 1-{len(files)}")
        return read_image(files[frame - 1], self.colorspace)
