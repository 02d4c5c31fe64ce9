"""Names of the files that hold the parts of a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from rotonodes.errors import FrameError
from rotonodes.values.frames import FilePattern

PART, NAME = "{part}", "*"


def part_words(parts: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Part -> what it is called in the files."""
    return dict(parts) if isinstance(parts, Mapping) else {name: name for name in parts}


def pictures_of(pictures: str | Sequence[str]) -> tuple[str, ...]:
    """The pictures that a folder, a wildcard or a list of files names, frame 1 first."""
    from rotonodes.io.folder import list_pictures

    return list_pictures([pictures] if isinstance(pictures, str) else list(pictures))


def nth_picture(pictures: str | Sequence[str], frame: int) -> str:
    """The file of picture `frame`, which count from 1."""
    files = pictures_of(pictures)
    if not 1 <= frame <= len(files):
        raise FrameError(f"there is no picture {frame}: {pictures} has {len(files)}, which are frames 1-{len(files)}")
    return files[frame - 1]


def part_file(pattern: str, picture: str | None, frame: int | None, *, on_disk: bool = False) -> str:
    """A path with its frame token replaced, and `*` by the picture's name; `on_disk` as a file to read (see `FilePattern.find`)."""
    path = FilePattern(pattern).find(frame) if on_disk else FilePattern(pattern).path(frame)
    return path if picture is None else path.replace(NAME, os.path.splitext(os.path.basename(picture))[0])
