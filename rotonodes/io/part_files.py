"""Names of the files that hold the parts of a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from rotonodes.io.folder import with_name
from rotonodes.values.frames import FilePattern


def part_words(parts: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Part -> its word in the names of files."""
    return dict(parts) if isinstance(parts, Mapping) else {name: name for name in parts}


def part_file(pattern: str, picture: str | None, frame: int | None, *, on_disk: bool = False) -> str:
    """A path with its frame token replaced, and `*` by the picture's name; `on_disk` as a file to read (see `FilePattern.find`)."""
    path = FilePattern(pattern).find(frame) if on_disk else FilePattern(pattern).path(frame)
    return path if picture is None else with_name(path, os.path.splitext(os.path.basename(picture))[0])
