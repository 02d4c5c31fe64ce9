"""The rule that keeps data: no node writes a file that a node reads, or that another one writes.

A graph file is checked by the paths in it, a plan by the files of every frame.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import PurePath

from rotonodes.values.frames import FilePattern


class OverwriteRule:
    """Told of every file that is read, then of those that are written, it says which would be lost."""

    def __init__(self) -> None:
        self._read, self._written = FilesByPlace(), FilesByPlace()

    def reads(self, node: str, path: str) -> None:
        """Note that `node` reads a file, and what it is a link to."""
        self._read.add(path, node)
        if os.path.islink(path):
            self._read.add(os.path.realpath(path), node)

    def writes(self, node: str, path: str) -> str:
        """The fault of `node` writing a file; empty, and noted, where nothing is lost. Of two writers the second one has the fault."""
        if reader := self._read.owner(path):
            return f"{path} is what {reader} reads: write somewhere else"
        if (other := self._written.owner(path)) not in (None, node):
            return f"{path} is what {other} writes: give one of them another name"
        self._written.add(path, node)
        return ""


def any_meet(paths: Iterable[tuple[int, str]]) -> bool:
    """Whether two paths of different owners, with frame tokens, can name one file, at whichever frames; in doubt they can.

    `paths` are (owner, path). The cost grows with the paths, not with their pairs: in the order of names, those that begin another name
    lie right before it.
    """
    listed = list(paths)
    if len({owner for owner, _ in listed}) < 2:
        return False
    identity, folders = cache(_folder_identity), defaultdict[object, list[tuple[str, str, int]]](list)
    for owner, path in listed:
        folder, name = _split(path)
        if FilePattern(folder).has_token:
            return True
        place = identity(FilePattern(folder).path(None))  # `[#]` is a `#`
        folders[place].append((*_ends(os.path.join(folder, name)), owner))
    return any(_names_meet(sorted(names)) for names in folders.values())


def _names_meet(names: Sequence[tuple[str, str, int]]) -> bool:
    """The same for sorted (before the tokens, behind them, owner) of one folder."""
    before: list[tuple[str, str, int]] = []  # names whose beginnings begin the present one
    for first, last, owner in names:
        while before and not first.startswith(before[-1][0]):
            before.pop()
        if any(other != owner and (last.endswith(end) or end.endswith(last)) for _, end, other in before):
            return True
        before.append((first, last, owner))
    return False


def has_links(folder: str) -> bool:
    """Whether a folder holds links, whose files may lie anywhere."""
    try:
        with os.scandir(folder or ".") as entries:
            return any(entry.is_symlink() for entry in entries)
    except OSError:
        return False


def _split(path: str) -> tuple[str, str]:
    """The folder and the name of a file; `a.png/` and `a.png/.` are written as a.png."""
    folder, name = os.path.split(path)
    return os.path.split(PurePath(path)) if name in ("", ".") else (folder, name)


def _ends(path: str) -> tuple[str, str]:
    """The name of a file before and behind its frame tokens, whole where it has none, as disks compare names."""
    first, last = FilePattern(path).around()
    return unicodedata.normalize("NFC", first).casefold(), unicodedata.normalize("NFC", last).casefold()


class FilesByPlace:
    """Which node a file belongs to, whichever spelling of its path is asked for.

    Folders are compared by their identity on the disk, so links and mounts do not hide that two are one. On disks that ignore case (or
    the way an accent is stored), names that differ only so are one file.
    """

    def __init__(self) -> None:
        self._folder_of = cache(_folder_identity)
        self._known: dict[tuple[object, str], dict[str, tuple[str, str]]] = {}

    def add(self, path: str, node: str) -> None:
        """Note that `node` reads or writes a file."""
        place, name = self._place(path)
        self._known.setdefault(place, {}).setdefault(name, (path, node))

    def owner(self, path: str) -> str | None:
        """The node that a file was added for, or None."""
        place, name = self._place(path)
        alike = self._known.get(place, {})
        if name in alike:
            return alike[name][1]
        return next((node for other, node in alike.values() if _same_file(other, path)), None)

    def _place(self, path: str) -> tuple[tuple[object, str], str]:
        folder, name = _split(path)
        return (self._folder_of(folder), unicodedata.normalize("NFC", name).casefold()), name


def _folder_identity(folder: str) -> object:
    for place in (folder or ".", os.path.realpath(folder)):  # the second: `a/new/..` while `a/new` is not there
        try:
            found = os.stat(place)
        except OSError:  # made by the run
            continue
        return found.st_dev, found.st_ino
    return os.path.realpath(folder)


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
