"""Files below the root, and no others: what the page may list, read and write."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import Any

from rotonodes.errors import UsageError
from rotonodes.values.frames import format_frames

MOST_LISTED = 5000  # entries of a folder
_NUMBER = re.compile(r"(?<!\d)(-?\d{3,8})(?=\D*$)")


class OutsideRoot(UsageError):
    """A path that does not lie below the root."""


def below_root(root: str, path: str) -> str:
    """The path on this machine of a relative path below the root. Raises OutsideRoot for any other, also behind links."""
    drive = re.match(r"[A-Za-z]:|[/\\~]", path)
    if drive or "\0" in path or not path.isprintable() or ".." in re.split(r"[/\\]", path):
        raise OutsideRoot(f"{path!r} does not lie below the root")
    real_root = os.path.realpath(root)
    whole = os.path.join(real_root, path)
    real = os.path.realpath(whole)
    if real != real_root and not real.startswith(os.path.join(real_root, "")):
        raise OutsideRoot(f"{path!r} leads out of the root")
    return os.path.normpath(os.path.join(root, path))


def listed_files(root: str, folder: str, pattern: str = "*") -> dict[str, Any]:
    """The folders, files and numbered sequences in a folder below the root; hidden ones are left out. Raises UsageError."""
    place = below_root(root, folder)
    folders, files = [], []
    try:
        with os.scandir(place) as found:
            for number, entry in enumerate(found):
                if number >= MOST_LISTED:
                    break
                if entry.name.startswith(".") or not entry.name.isprintable():
                    continue
                try:
                    below_root(root, os.path.join(folder, entry.name))
                except OutsideRoot:
                    continue  # a link that leads out
                if entry.is_dir():
                    folders.append(entry.name)
                elif fnmatch.fnmatch(entry.name.lower(), (pattern or "*").lower()):
                    files.append(entry.name)
    except OSError as error:
        raise UsageError(f"{folder or '.'}: {(error.strerror or str(error)).lower()}") from None
    return {"folders": sorted(folders), "files": sorted(files), "sequences": _sequences(files)}


def _sequences(files: list[str]) -> list[dict[str, str]]:
    """Files that differ only in a frame number, as a pattern with #### and its frames."""
    groups: dict[str, list[int]] = {}
    for name in files:
        match = _NUMBER.search(os.path.splitext(name)[0])
        if match:
            digits = len(match[1].lstrip("-"))
            groups.setdefault(name[: match.start(1)] + "#" * digits + name[match.end(1) :], []).append(int(match[1]))
    return [
        {"pattern": pattern, "frames": format_frames(sorted(numbers))} for pattern, numbers in sorted(groups.items()) if len(numbers) > 1
    ]
