"""Pictures by their names: what a folder, a wildcard or a list of files holds, and the name that each one goes by."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rotonodes.errors import UsageError, did_you_mean_file

# What counts as a picture in a folder; a file that is named is read whatever it is called.
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".exr")


def list_pictures(paths: Sequence[str]) -> tuple[str, ...]:
    """The files that `paths` name, each once: a folder's pictures and a wildcard's files sorted by name, a file as it is.

    Wildcards are `*`, `?` and `[abc]` in the last part of a path. Hidden files do not count. Raises UsageError for a path
    that names nothing.
    """
    given = tuple(paths)
    return _listed(given, tuple(_stamp(folder) for folder in _folders(given)))


def picture_names(paths: Sequence[str]) -> tuple[str, ...]:
    """The name of each of those pictures, without folder and extension. UsageError when two have the same."""
    return _names(list_pictures(paths))


def is_wildcard(path: str) -> bool:
    """True for a path with `*`, `?` or `[`, unless a file is called just that."""
    return glob.has_magic(path) and not os.path.exists(path)


@lru_cache(maxsize=8)
def _folders(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The folders whose content decides what `paths` name."""
    return tuple(dict.fromkeys(folder for path in paths for folder in (path, os.path.dirname(path) or ".") if os.path.isdir(folder)))


def _stamp(folder: str) -> int:
    """Changes whenever a file comes or goes. Asking for this is quicker than listing a folder anew for every frame."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _listed(paths: tuple[str, ...], _: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(file for path in paths for file in _named_by(path)))


def _named_by(path: str) -> list[str]:
    if os.path.isdir(path):
        found = [entry.path for entry in os.scandir(path) if entry.name.lower().endswith(SUFFIXES) and entry.name[:1] != "."]
        if not found:
            folders = sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and entry.name[:1] != ".")
            inside = f"; it has the folders {', '.join(folders[:5])}{' ...' if len(folders) > 5 else ''}" if folders else ""
            raise UsageError(f"there are no pictures in {path} ({' '.join(SUFFIXES)}){inside}")
    elif is_wildcard(path):
        folder = os.path.dirname(path)
        if glob.has_magic(folder) and not os.path.isdir(folder):
            raise UsageError(f"{path}: wildcards may only stand in the last part of a path: name the folders one by one")
        found = [file for file in glob.iglob(os.path.join(glob.escape(folder), os.path.basename(path))) if os.path.isfile(file)]
        if not found:
            raise UsageError(f"{path}: no file has such a name; check the path")
    elif os.path.isfile(path):
        found = [path]
    else:
        raise UsageError(f"{path}: there is no such file or folder{did_you_mean_file(path)}; check the path")
    return sorted(found)


@lru_cache(maxsize=8)
def _names(files: tuple[str, ...]) -> tuple[str, ...]:
    known: dict[str, str] = {}
    for file in files:
        other = known.setdefault(Path(file).stem, file)
        if other != file:
            raise UsageError(f"{other} and {file} go by one name: rename one of them, or take them in two runs")
    return tuple(known)
