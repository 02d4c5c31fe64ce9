# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an EXR was written to its end: Blender says "Saved" on a full disk, too. Needs no Blender.

The layout is that of the OpenEXR file format: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

import struct
from pathlib import Path
from typing import BinaryIO

MAGIC, MULTI_PART, DEEP, TILED = 20000630, 0x1000, 0x800, 0x200
LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # of a chunk, by the number of the compression


def is_whole(path: Path) -> bool:
    """Whether all chunks that the header announces are in a file of scanlines. The place of each is written last, after the pixels."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            magic, flags = struct.unpack("<II", _exactly(file, 8))
            if magic != MAGIC or flags & (DEEP | TILED):
                return False
            several = bool(flags & MULTI_PART)
            counts = []
            while (attributes := _header(file)) and (several or not counts):
                counts.append(_chunks(attributes))
                if not several:
                    break
            places = [place for count in counts for place in struct.unpack(f"<{count}Q", _exactly(file, 8 * count))]
            return bool(places) and all(0 < place < size for place in places) and _end(file, max(places), several) <= size
    except (OSError, ValueError, KeyError, struct.error):
        return False


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise ValueError("truncated")
    return data


def _text(file: BinaryIO) -> str:
    found = bytearray()
    while (byte := _exactly(file, 1)) != b"\0":
        found += byte
    return found.decode("latin-1")


def _header(file: BinaryIO) -> dict[str, bytes]:
    """The attributes of one part; none where the list of parts ends."""
    found = {}
    while name := _text(file):
        _text(file)  # the type
        found[name] = _exactly(file, *struct.unpack("<I", _exactly(file, 4)))
    return found


def _chunks(attributes: dict[str, bytes]) -> int:
    if "chunkCount" in attributes:
        return struct.unpack("<i", attributes["chunkCount"])[0]
    _, top, _, bottom = struct.unpack("<4i", attributes["dataWindow"])
    return -(-(bottom - top + 1) // LINES[attributes["compression"][0]])


def _end(file: BinaryIO, place: int, several: bool) -> int:
    """Where the chunk ends that begins at `place`: number of its part, first line, size, pixels."""
    file.seek(place + (4 if several else 0) + 4)
    return file.tell() + 4 + struct.unpack("<i", _exactly(file, 4))[0]
