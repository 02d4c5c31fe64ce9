"""Members of ZIP files, and how large they may be: a few bytes can claim gigabytes, and unpack to them."""

from __future__ import annotations

import os
import zipfile
from typing import IO

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what others unpack to is not limited by what they claim
_ALWAYS_ALLOWED, _GROWTH = 64 << 20, 4


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The bytes of a member. Raises ValueError when they are more than `most`, or packed in an unusual way, and what zipfile raises."""
    found = archive.getinfo(name)
    if found.compress_type not in _PLAIN:
        raise ValueError(f"{name} is packed in a way that is not read: store or deflate it")
    if found.file_size > most:
        raise ValueError(f"{name} has {found.file_size:,} bytes, more than {most:,}")
    return archive.read(found)


def check_unpacked_size(file: str | os.PathLike[str] | IO[bytes], size: int) -> None:
    """Raise ValueError for an archive of `size` bytes whose members claim far more than that, as no file of weights does."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise ValueError("its list of members is damaged") from error
    if any(member.compress_type not in _PLAIN for member in members):
        raise ValueError("its members are packed in a way that is not read")
    claimed = sum(member.file_size for member in members)
    if claimed > _ALWAYS_ALLOWED + _GROWTH * size:
        raise ValueError(f"its members claim {claimed:,} bytes in {size:,}")
