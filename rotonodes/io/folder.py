"""Pictures by name: the files of a folder, a wildcard or a list, in natural order, and a run's own results among them."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from rotonodes.errors import FrameError, UsageError, did_you_mean_file
from rotonodes.values.frames import FilePattern, literal

# What counts as a picture in a folder; a file that is named is read whatever its extension.
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".exr", ".tga", ".jp2")
NAME, PART = "*", "{part}"  # stand for a picture's and a part's name in the path of a mask or an output


class PictureList:
    """Pictures in order, frame 1 first. A run makes this list once, so files that it writes cannot change it.

    `given` is what the user wrote, for messages.
    """

    def __init__(self, files: Sequence[str], given: str | Sequence[str]) -> None:
        self.files = tuple(files)
        self.given = given

    @classmethod
    def of(cls, paths: str | Sequence[str]) -> PictureList:
        """List a folder, a wildcard, a file, or several of them, anew. Raises UsageError as `list_pictures` does."""
        given = [paths] if isinstance(paths, str) else paths
        return cls(tuple(dict.fromkeys(file for path in given for file in _named_by(path))), paths)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each picture, without folder and extension. Raises UsageError when two have the same."""
        return unique_names(self.files)

    @cached_property
    def _places(self) -> frozenset[str]:
        return frozenset(map(os.path.realpath, self.files))

    def file(self, frame: int) -> str:
        """The file of one frame; frames count from 1. Raises FrameError beyond the last."""
        if not 1 <= frame <= len(self.files):
            given = self.given if isinstance(self.given, str) or len(self.given) != 1 else self.given[0]
            raise FrameError(f"there is no picture {frame}: {given} has {len(self.files)}, which are frames 1-{len(self.files)}")
        return self.files[frame - 1]

    def holds(self, path: str) -> bool:
        """Whether `path` is one of the pictures."""
        return os.path.realpath(path) in self._places

    def without(self, own: Iterable[str]) -> PictureList:
        """The same list without the files in `own`."""
        taken = set(own)
        return PictureList([file for file in self.files if file not in taken], self.given) if taken else self


def list_pictures(paths: Sequence[str]) -> tuple[str, ...]:
    """The files that `paths` name, each once: a folder's pictures and a wildcard's files in natural order, a file as it is.

    Wildcards are `*`, `?` and `[abc]` in the last part of a path; the case of an extension does not matter. Hidden files do not
    count. Raises UsageError for a path that names nothing.
    """
    given = tuple(paths)
    return _listed(given, tuple(_changed(folder) for folder in _folders(given)))


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Sorting key that puts `frame2` before `frame10`: runs of digits compare as numbers, the rest as text."""
    return [int(part) if at % 2 else part for at, part in enumerate(re.split(r"(\d+)", name))], name


def unique_names(files: Sequence[str]) -> tuple[str, ...]:
    """The name of each file, without folder and extension. Raises UsageError when two have the same."""
    known: dict[str, str] = {}
    for file in files:
        other = known.setdefault(Path(file).stem, file)
        if other != file:
            raise UsageError(f"{other} and {file} have the same name: rename one of them, or process them in two runs")
    return tuple(known)


def with_name(path: str, name: str) -> str:
    """`path` with each `*` replaced by a picture's name, but for an existing folder of exactly that name (`shots*`)."""
    *folders, file = path.split("/")
    kept = [NAME in folder and os.path.isdir("/".join(folders[: depth + 1])) for depth, folder in enumerate(folders)]
    return "/".join(
        [*(part if keep else part.replace(NAME, name) for part, keep in zip(folders, kept, strict=True)), file.replace(NAME, name)]
    )


def takes_name(path: str) -> bool:
    """Whether a `*` in `path` stands for a picture's name."""
    return NAME in path and with_name(path, "") != path


def own_results(files: Sequence[str], sources: Sequence[str], patterns: Iterable[str]) -> set[str]:
    """Those of `files` that an earlier run made from `sources`: they lie where `patterns` put the results, and carry a key.

    `patterns` are the paths of a run's outputs: `*` stands for a source's name, `####` for a frame, `{part}` for any word. A file
    that carries no key of rotonodes is never taken for a result, whatever its name.
    """
    from rotonodes.io.pictures import read_key

    folders = {os.path.realpath(folder) for folder in {os.path.dirname(file) for file in files}}
    found: set[str] = set()
    for pattern in patterns:
        folder = os.path.dirname(pattern)
        fixed = not FilePattern(folder).has_token and not takes_name(os.path.join(folder, "")) and PART not in folder
        if fixed and os.path.realpath(folder) not in folders:
            continue  # most runs write into another folder
        for source in sources if takes_name(pattern) else [""]:
            results = existing(with_name(pattern, literal(Path(source).stem)))
            found.update(place for place in map(os.path.realpath, results) if not source or place != os.path.realpath(source))
    return {file for file in files if os.path.realpath(file) in found and read_key(file) is not None} if found else set()


def existing(pattern: str) -> list[str]:
    """The files that a path names with an optional frame token and `{part}`, as far as they exist."""
    numbered = FilePattern(pattern)
    if PART in pattern:
        return numbered.names_on_disk(PART)
    if numbered.has_token:
        return [numbered.path(frame) for frame in numbered.on_disk()]
    return [pattern] if os.path.isfile(pattern) else []


def is_wildcard(path: str) -> bool:
    """True for a path with `*`, `?` or `[`, unless a file has exactly that name."""
    return glob.has_magic(path) and not os.path.exists(path)


def names_in(folder: str) -> dict[str, list[str]]:
    """The file names in a folder by their lower-case form; empty for a folder that cannot be listed."""
    return _names_in(folder, _changed(folder))


@lru_cache(maxsize=8)
def _names_in(folder: str, _: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return found
    for name in names:
        found.setdefault(name.lower(), []).append(name)
    return found


@lru_cache(maxsize=8)
def _folders(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The folders whose content decides what `paths` name."""
    return tuple(dict.fromkeys(folder for path in paths for folder in (path, os.path.dirname(path) or ".") if os.path.isdir(folder)))


def _changed(folder: str) -> int:
    """Changes whenever a file comes or goes. Asking for this is quicker than listing a folder anew for every frame."""
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _listed(paths: tuple[str, ...], _: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(file for path in paths for file in _named_by(path)))


def _named_by(path: str) -> list[str]:
    """The files that one path names, in natural order."""
    if os.path.isdir(path):
        entries = _entries(path)
        found = [entry.path for entry in entries if entry.name.lower().endswith(SUFFIXES)]
        if not found:
            folders = sorted((entry.name for entry in entries if entry.is_dir()), key=natural_order)
            inside = f"; it has the folders {', '.join(folders[:5])}{' ...' if len(folders) > 5 else ''}" if folders else ""
            raise UsageError(f"there are no pictures in {path} ({' '.join(SUFFIXES)}){inside}")
    elif is_wildcard(path):
        folder, pattern = os.path.split(path)
        if glob.has_magic(folder) and not os.path.isdir(folder):
            raise UsageError(f"{path}: wildcards may only stand in the last part of a path: name the folders one by one")
        named = _matcher(pattern)
        entries = _entries(folder) if os.path.isdir(folder or ".") else []
        found = [os.path.join(folder, entry.name) for entry in entries if named(entry.name) and entry.is_file()]
        if not found:
            raise UsageError(f"{path}: no file has such a name; check the path")
    elif os.path.isfile(path):
        found = [path]
    else:
        raise UsageError(f"{path}: there is no such file or folder{did_you_mean_file(path)}; check the path")
    return sorted(found, key=natural_order)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What lies in a folder, hidden files left out. Raises UsageError for a folder that may not be read."""
    try:
        with os.scandir(folder or ".") as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be listed: {(error.strerror or str(error)).lower()}") from None


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name fits a wildcard, in whatever case its extension is written."""
    stem, ending = os.path.splitext(pattern)
    exact = re.compile(fnmatch.translate(pattern))
    loose = re.compile(fnmatch.translate(f"{stem}{ending.lower()}"))

    def fits(name: str) -> bool:
        root, extension = os.path.splitext(name)
        return exact.match(name) is not None or loose.match(root + extension.lower()) is not None

    return fits
