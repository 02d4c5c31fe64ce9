"""The entries of a cache folder as files: how much they take, which are damaged, and which go first when there are too many.

Only files with the names that `Cache` gives count: whatever else lies in the folder is left alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rotonodes.errors import UsageError

VARIABLE = "ROTONODES_CACHE_SIZE"
DEFAULT_LIMIT = 10 << 30
_FOLDER, _ENTRY = re.compile(r"[0-9a-f]{2}"), re.compile(r"[0-9a-f]{64}\.[\w~-]+")
MAGIC = b"rotonodes-cache-2\n"
HEAD = len(MAGIC) + 4  # the line, and the CRC-32 of what follows
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def check(data: bytes) -> None:
    """Raise ValueError unless the bytes are a whole entry, every byte as it was written."""
    from isal import isal_zlib

    if data[: len(MAGIC)] != MAGIC or len(data) <= HEAD:
        raise ValueError("not a cache entry")
    if struct.pack("<I", isal_zlib.crc32(memoryview(data)[HEAD:])) != data[len(MAGIC) : HEAD]:
        raise ValueError("its bytes are not those that were written")


class Entry(NamedTuple):
    """One file: when it was last used (ns), its size in bytes, and its path."""

    used: int
    size: int
    path: Path


def parse_size(text: str, what: str) -> int:
    """`500M`, `10G`, `1.5 GB` in bytes. Raises UsageError that names `what`."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    if found is None:
        raise UsageError(f"{what} {text}: give a size, as 500M or 10G")
    return int(float(found[1]) * _UNITS[found[2]])


def size_limit() -> int:
    """Bytes that a cache may take: 10 GB, or what the environment variable ROTONODES_CACHE_SIZE says."""
    text = os.environ.get(VARIABLE, "")
    return parse_size(text, f"{VARIABLE}:") if text else DEFAULT_LIMIT


def entries(folder: Path) -> Iterator[Entry]:
    """Every entry of a cache."""
    for place in _listed(folder):
        if _FOLDER.fullmatch(place.name) and place.is_dir(follow_symlinks=False):
            for file in _listed(place.path):
                if _ENTRY.fullmatch(file.name) and file.is_file(follow_symlinks=False):
                    with contextlib.suppress(OSError):  # another process removes it meanwhile
                        found = file.stat(follow_symlinks=False)
                        yield Entry(found.st_mtime_ns, found.st_size, Path(file.path))


def names(folder: Path) -> Iterator[str]:
    """The file name of every entry, without a look at the files themselves."""
    for place in _listed(folder):
        if _FOLDER.fullmatch(place.name):
            yield from (file.name for file in _listed(place.path))


def _listed(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def prune(folder: Path, limit: int) -> tuple[int, int]:
    """Remove the entries that were not used for longest until the rest take at most `limit` bytes; returns (entries, bytes) removed."""
    found = sorted(entries(folder))
    over = sum(entry.size for entry in found) - limit
    count = freed = 0
    for entry in found:
        if freed >= over:
            break
        with contextlib.suppress(OSError):
            entry.path.unlink()
            count, freed = count + 1, freed + entry.size
    return count, freed


def damaged_entries(folder: Path) -> tuple[int, list[Path]]:
    """Read every byte of a cache; returns the number of entries, and those that are not as they were written."""
    count, damaged = 0, []
    for entry in entries(folder):
        if not entry.path.is_file():  # gone, or a pipe
            continue
        try:
            count += 1
            check(entry.path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            damaged.append(entry.path)
    return count, damaged
