"""The pictures of an everyday job, and where its results go: files of any names, or a numbered sequence."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rotonodes.cli.session import say
from rotonodes.errors import FrameError, UsageError
from rotonodes.io.folder import list_pictures, own_results, takes_name
from rotonodes.values.frames import FilePattern, format_frames, literal

NodeFields = dict[str, Any]  # a node as the graph file writes it: its type, `in` and parameters
MATTE, VIZ = "_matte", "_viz"  # behind the name of a further result


class InputPictures:
    """The pictures named on a command line: folders, wildcards and files, or one pattern with a frame token.

    Raises UsageError when there are none.
    """

    def __init__(self, images: Sequence[str]) -> None:
        self.images = list(images)
        self.frames = ""  # the frame range of a sequence; LoadPictures counts other pictures itself
        self.sequence = len(images) == 1 and FilePattern(images[0]).has_token and not os.path.exists(images[0])
        if self.sequence:
            there = FilePattern(images[0]).on_disk()
            if not there:
                raise UsageError(f"{images[0]}: there is no such frame; check the path")
            self.frames = format_frames(there)
            self.files = tuple(FilePattern(images[0]).find(frame) for frame in there)
        else:
            self.files = list_pictures(self.images)
            self.leave_out_results()

    def leave_out_results(self) -> None:
        """Leave out what earlier commands wrote beside the pictures, unless it is named file by file."""
        named = {path for path in self.images if os.path.isfile(path)}
        results = derived_results([file for file in self.files if file not in named], self.files)
        if results:
            self.files = tuple(file for file in self.files if file not in results)
            self.images = list(self.files)
            say(f"{len(results)} result{'s' * (len(results) > 1)} of earlier commands left out, as {min(results)}; name a file to take it")

    @property
    def path_parameter(self) -> str | list[str]:
        """The pictures as LoadPictures and WritePictures take them."""
        return self.images[0] if len(self.images) == 1 else self.images

    def load(self) -> NodeFields:
        """The node that reads the pictures."""
        return {"type": "LoadFrames" if self.sequence else "LoadPictures", "path": self.path_parameter}

    def write(self, link: str, output: str, suffix: str = "", **options: Any) -> NodeFields:
        """The node that writes the values of a link under the names of the pictures; see `path`."""
        fields: NodeFields = {"type": "WriteFrames" if self.sequence else "WritePictures", "in": link}
        if not self.sequence:
            fields["pictures"] = self.path_parameter
        return {**fields, "path": self.path(output, suffix), **options}

    def write_layers(self, layers: Mapping[str, str], labels: str, output: str) -> NodeFields:
        """The node that writes a PSD for each picture: `layers` (name -> link) below a layer for each class of `labels`."""
        linked: dict[str, Any] = {"pictures": list(layers.values()), **({"labels": labels} if labels else {})}
        fields: NodeFields = {"type": "WritePSD" if self.sequence else "WritePicturePSD", "in": linked, "names": list(layers)}
        if not self.sequence:
            fields["named_after"] = self.path_parameter
        return {**fields, "path": self.path(output)}

    def path(self, output: str, suffix: str = "") -> str:
        """The path of the results, with `suffix` behind the name.

        `output` is a folder, or a name with `*` (for a sequence: with a frame token), or for a single picture a file. Raises UsageError
        when several pictures would be written to one file.
        """
        if os.path.isdir(output) or not Path(output).suffix:
            name = Path(self.images[0]).stem if self.sequence else "*"
            folder = literal(output) if FilePattern(os.path.join(output, "")).has_token else output  # a folder is no pattern
            return os.path.join(folder, f"{name}{suffix}.png")
        stem, extension = os.path.splitext(output)
        if not takes_name(output) and not FilePattern(output).has_token:
            results = [f"{stem}{behind}{extension}" for behind in ("", MATTE, VIZ)]
            count = len(self.files) - len(own_results(self.files, self.files, results))
            if count > 1:
                raise UsageError(f"-o {output}: {count} pictures do not go into one file: name a folder, or put * into the name")
        return f"{stem}{suffix}{extension}"


def derived_results(files: Sequence[str], pictures: Sequence[str]) -> set[str]:
    """Those of `files` that carry a key and whose name is that of a picture without a key plus more: `cat_mask.png` beside `cat.jpg`."""
    from rotonodes.io.pictures import read_key

    stems = {Path(file).stem: file for file in pictures}
    found = set()
    for file in files:
        stem = Path(file).stem
        names = {stem[:end] for end in range(1, len(stem))} | {stem[start:] for start in range(1, len(stem))}
        origins = [stems[name] for name in names if name in stems]
        if origins and read_key(file) is not None and any(read_key(origin) is None for origin in origins):
            found.add(file)
    return found


def check_same_size(one: str, other: str) -> None:
    """Raise UsageError that names both files if they differ in size."""
    from rotonodes.io.pictures import picture_size

    try:
        (width, height), (across, down) = picture_size(one), picture_size(other)
    except FrameError:
        return  # the run reports what is wrong with the file
    if (width, height) != (across, down):
        raise UsageError(f"{one} is {width} x {height}, but {other} is {across} x {down}: reformat one of them")
