"""WritePictures: one file for each picture of LoadPictures, called after it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rotonodes.errors import UsageError
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.nodes.output.write_frames import WriteFrames
from rotonodes.values.frames import FilePattern


class WritePictures(WriteFrames):
    """Write each frame under the name of its source picture.

    Formats and options are those of WriteFrames.

    `pictures` says what LoadPictures says in its `path`, and `*` in this `path` stands for the name of each, without its
    extension: `out/*_cut.png`. A picture is never written over.
    """

    path: OutputPath = param(help="the files: a name with * for the picture's name", pixels=False, min_length=1)
    pictures: InputPath | list[InputPath] = param(
        help="what LoadPictures reads: a folder, a name with wildcards, a file, or a list", pixels=False, examples=["in", "in/*.exr"]
    )

    def reads(self, frame: int | None) -> tuple[str, ...]:
        return ()  # their names only

    def writes(self, frame: int | None) -> tuple[str, ...]:
        from rotonodes.io.folder import list_pictures, picture_names

        given = [path for _, path in self.paths("input")]
        files, names = list_pictures(given), picture_names(given)
        if frame is None or not 1 <= frame <= len(names):
            raise UsageError(f"there is no picture {frame}: {self.pictures} has {len(names)}, which are frames 1-{len(names)}")
        path = FilePattern(self.path).path(frame).replace("*", names[frame - 1])
        if os.path.realpath(path) == os.path.realpath(files[frame - 1]):
            raise UsageError(f"{path} is a picture that is read: write somewhere else, or put more into the name ({_more(self.path)})")
        return (path,)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, 1)
        if frames > 1 and "*" not in self.path and not FilePattern(self.path).has_token:
            yield f"{frames} pictures would all be written to {self.path!r}: put * into the name"

    process = WriteFrames.process  # a class is a node where it has one of its own


def _more(path: str) -> str:
    """An example of another name: `out/*_out.png`."""
    return path.replace("*", "*_out", 1)
