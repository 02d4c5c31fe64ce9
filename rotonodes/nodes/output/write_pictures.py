"""WritePictures: one file for each picture of LoadPictures, named after it."""

from __future__ import annotations

from collections.abc import Iterator

from rotonodes.io.folder import takes_name
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.nodes.input.listed_pictures import ListedPictures
from rotonodes.nodes.output.write_frames import WriteFrames
from rotonodes.values.frames import FilePattern


class WritePictures(WriteFrames, ListedPictures):
    """Write each frame under the name of its source picture.

    Formats and options are those of WriteFrames.

    `pictures` is what LoadPictures has as its `path`, and `*` in this `path` stands for the name of each picture, without its
    extension: `out/*_cut.png`. An input picture is never overwritten.
    """

    path: OutputPath = param(help="the files: a name with * for the picture's name", pixels=False, min_length=1)
    pictures: InputPath | list[InputPath] = param(
        help="what LoadPictures reads: a folder, a name with wildcards, a file, or a list", pixels=False, examples=["in", "in/*.exr"]
    )

    def reads(self, frame: int | None) -> tuple[str, ...]:
        return ()  # their names only

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.result_path(self.path, frame),)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, 1)
        if frames > 1 and not takes_name(self.path) and not FilePattern(self.path).has_token:
            yield f"{frames} pictures would all be written to {self.path!r}: put * into the name"

    process = WriteFrames.process  # a class is a node where it has one of its own
