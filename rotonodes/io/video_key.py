"""Keys in videos, and whether a video is whole, without a decoder: MP4 and MOV (ISO/IEC 14496-12), Matroska and WebM (RFC 8794, 9559)."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

_PREFIX = "rotonodes:key "
_KEY = re.compile(re.escape(_PREFIX.encode()) + rb"([0-9A-Za-z:.-]+);")  # comments end where they like
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _TAGS = 0x18538067, 0x1254C367
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_MOST = 1 << 28  # bytes of one block of metadata; larger ones are not read


def comment_of(key: str) -> str:
    """The comment that carries a key."""
    return f"{_PREFIX}{key};"


def is_video(start: bytes) -> bool:
    """Whether a file that begins so is MP4, MOV, Matroska or WebM."""
    return start.startswith(_EBML) or start[4:8] in _BOXES


def read_key(path: str | os.PathLike[str]) -> str | None:
    """The key in the comment of a complete video; None when it is missing, truncated, or was not written by rotonodes."""
    try:
        with open(path, "rb") as file:
            blocks = _whole_blocks(file)
            if blocks is None:
                return None
            for at, size in blocks:
                file.seek(at)
                found = _KEY.search(file.read(min(size, _MOST)))
                if found:
                    return found[1].decode()
    except (OSError, struct.error, ValueError, IndexError):
        return None
    return None


def is_whole(path: str | os.PathLike[str]) -> bool:
    """False for a video that ends before its own sizes say; True where the container tells no size."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
            return not is_video(start) or _whole_blocks(file) is not None
    except (OSError, struct.error, ValueError, IndexError):
        return False


def _whole_blocks(file: BinaryIO) -> list[tuple[int, int]] | None:
    """(place, size) of the blocks that hold metadata; None when the file is not complete."""
    file.seek(0)
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    blocks = list(_elements(file, length) if file.read(4) == _EBML else _boxes(file, length))
    if any(at + size > length for _, at, size in blocks):
        return None
    names = {name for name, _, _ in blocks}
    if _SEGMENT in names:
        return [(at, size) for name, at, size in blocks if name == _TAGS]
    return [(at, size) for name, at, size in blocks if name == b"moov"] or None


def _boxes(file: BinaryIO, length: int) -> Iterator[tuple[bytes, int, int]]:
    """The outer boxes of an MP4: their kind, and the place and size of their content."""
    at = 0
    while at < length:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", file.read(8)), 16
        size = size or length - at  # 0: up to the end of the file
        if size < header:
            raise ValueError("a box that is smaller than its header")
        yield kind, at + header, size - header
        at += size


def _elements(file: BinaryIO, length: int) -> Iterator[tuple[int, int, int]]:
    """The outer elements of a Matroska file and those of its segment: id, place and size of their content."""
    at = 0
    while at < length:
        file.seek(at)
        head = file.read(12)
        id_length = _length_of(head[0])
        size_length = _length_of(head[id_length])
        name = int.from_bytes(head[:id_length], "big")
        size = int.from_bytes(head[id_length : id_length + size_length], "big") & ((1 << 7 * size_length) - 1)
        at += id_length + size_length
        if size == (1 << 7 * size_length) - 1:  # unknown: written to a pipe, up to the end of the file
            size = length - at
        yield name, at, size
        at += 0 if name == _SEGMENT else size


def _length_of(first: int) -> int:
    """The length in bytes of a number of EBML by its first byte."""
    if not first:
        raise ValueError("not a number of EBML")
    return 9 - first.bit_length()
