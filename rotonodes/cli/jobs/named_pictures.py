"""Where the pictures of an everyday job come from and go to: files of any names, or a numbered sequence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.folder import list_pictures, picture_names
from rotonodes.values.frames import FilePattern, format_frames, literal

Body = dict[str, Any]


class Pictures:
    """The pictures named on a command line: folders, wildcards and files, or one pattern with a frame token.

    Raises UsageError when there are none, or when two of them would write one file.
    """

    def __init__(self, images: Sequence[str]) -> None:
        self.images = list(images)
        self.frames = ""  # those of a sequence; of other pictures the graph finds out
        self.sequence = len(images) == 1 and FilePattern(images[0]).has_token and not os.path.exists(images[0])
        if self.sequence:
            there = FilePattern(images[0]).on_disk()
            if not there:
                raise UsageError(f"{images[0]}: there is no such frame; check the path")
            self.frames, self.count = format_frames(there), len(there)
        else:
            self.count = len(picture_names(self.images))

    @property
    def listed(self) -> str | list[str]:
        """As LoadPictures and WritePictures take them."""
        return self.images[0] if len(self.images) == 1 else self.images

    def first(self) -> str:
        """The file of the first picture."""
        if self.sequence:
            pattern = FilePattern(self.images[0])
            return pattern.find(pattern.on_disk()[0])
        return list_pictures(self.images)[0]

    def load(self) -> Body:
        """The node that reads them."""
        return {"type": "LoadFrames" if self.sequence else "LoadPictures", "path": self.listed}

    def write(self, link: str, output: str, suffix: str = "", **options: Any) -> Body:
        """The node that writes a link's values under the pictures' names; see `path`."""
        body: Body = {"type": "WriteFrames" if self.sequence else "WritePictures", "in": link}
        if not self.sequence:
            body["pictures"] = self.listed
        return {**body, "path": self.path(output, suffix), **options}

    def path(self, output: str, suffix: str = "") -> str:
        """The files to write: `output` is a folder, or a name with `*` (of a sequence, with a frame token); one picture's file.

        `suffix` goes behind the name. UsageError when many pictures would be written to one file.
        """
        if os.path.isdir(output) or not Path(output).suffix:
            name = Path(self.images[0]).stem if self.sequence else "*"
            folder = literal(output) if FilePattern(os.path.join(output, "")).has_token else output  # a folder is no pattern
            return os.path.join(folder, f"{name}{suffix}.png")
        if self.count > 1 and "*" not in output and not FilePattern(output).has_token:
            raise UsageError(f"-o {output}: {self.count} pictures do not go into one file: name a folder, or put * into the name")
        stem, extension = os.path.splitext(output)
        return f"{stem}{suffix}{extension}"

    def written(self, output: str, suffix: str = "") -> str:
        """The file of the first picture."""
        path = self.path(output, suffix)
        if self.sequence:
            return FilePattern(path).path(FilePattern(self.images[0]).on_disk()[0])
        return FilePattern(path).path(1).replace("*", picture_names(self.images)[0])


def refuse_other_size(one: str, other: str) -> None:
    """UsageError for two files of different size, which names both."""
    from rotonodes.io.pictures import picture_size

    try:
        (width, height), (across, down) = picture_size(one), picture_size(other)
    except FrameError:
        return  # the run will say what is wrong with the file
    if (width, height) != (across, down):
        raise UsageError(f"{one} is {width} x {height}, but {other} is {across} x {down}: reformat one of them")
