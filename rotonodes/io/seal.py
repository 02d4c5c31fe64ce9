"""The checksum that a file carries beside its key, so that a change of any byte is found.

Formats that hold a key have it in a field `rotonodes:key` that reads `KEY sha256:DIGITS`: the digits are those of the whole file
without them.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import BinaryIO

_BLANK = "sha256:" + "0" * 64
_FIELD = re.compile(rb"rotonodes:key.{1,200}? sha256:([0-9a-f]{64})", re.DOTALL)
_HEAD = 1 << 22  # the field lies in the header of every format


def with_seal(key: str) -> str:
    """The text of the field for a key; `seal` fills in its digits when the file is complete."""
    return f"{key} {_BLANK}"


def without_seal(text: str) -> str:
    """The key in the text of the field."""
    return text.partition(" sha256:")[0]


def seal(path: str | os.PathLike[str]) -> None:
    """Fill in the checksum of a complete file that was written with `with_seal`. Raises OSError."""
    with open(path, "r+b") as file:
        hole = _hole(file)
        if hole is not None:
            digits = _digest(file, hole)
            file.seek(hole)
            file.write(digits.encode())


def seal_bytes(data: bytes) -> bytes:
    """The same for a file in memory."""
    found = _FIELD.search(data, 0, _HEAD)
    if found is None:
        return data
    digest = hashlib.sha256(memoryview(data)[: found.start(1)])
    digest.update(memoryview(data)[found.end(1) :])
    return data[: found.start(1)] + digest.hexdigest().encode() + data[found.end(1) :]


def holds(path: str | os.PathLike[str]) -> bool:
    """True when a file carries a checksum and every byte is as it was written. All of it is read."""
    try:
        with open(path, "rb") as file:
            hole = _hole(file)
            if hole is None:
                return False
            file.seek(hole)
            return file.read(64) == _digest(file, hole).encode()
    except OSError:
        return False


def _hole(file: BinaryIO) -> int | None:
    """Where the digits begin."""
    file.seek(0)
    found = _FIELD.search(file.read(_HEAD))
    return found.start(1) if found else None


def _digest(file: BinaryIO, hole: int) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    digest.update(file.read(hole))
    file.seek(64, os.SEEK_CUR)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
