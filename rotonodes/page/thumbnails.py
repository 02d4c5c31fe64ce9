"""Small pictures on disk by the key of what they show: a graph that is opened again shows itself at once, and its frames as far as seen."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import threading
from pathlib import Path

from rotonodes.errors import RotoError
from rotonodes.io.files import sweep, write_bytes
from rotonodes.plan.make_plan import CACHE_FOLDER

WIDEST = 512  # px; larger pictures are made again
MOST_BYTES = 200_000_000
_HEAD = struct.Struct("<4sII")  # mark, width and height of the frame
_MARK = b"RNt1"


def pictures_folder(root: str, cache: str | None) -> str | None:
    """The folder of small pictures for the options `--root` and `--cache`; None for a cache that keeps nothing."""
    return None if cache == "none" else os.path.join(root, cache or CACHE_FOLDER, "page", "pictures")


class Thumbnails:
    """PNGs by a text that names them, in a folder (None: nothing is kept). The least recently used go beyond MOST_BYTES."""

    def __init__(self, folder: str | os.PathLike[str] | None, most: int = MOST_BYTES) -> None:
        self.folder, self.most = Path(folder) if folder is not None else None, most
        self._stored = most  # bytes since the last prune: the first picture looks what is there
        self._lock = threading.Lock()

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        digest = hashlib.sha256(name.encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:40]}.png"

    def get(self, name: str) -> tuple[bytes, tuple[int, int]] | None:
        """(PNG, size of the frame in px), or None. A damaged file counts as none."""
        if self.folder is None:
            return None
        path = self._path(name)
        try:
            data = path.read_bytes()
            mark, width, height = _HEAD.unpack_from(data)
        except (OSError, struct.error):
            return None
        if mark != _MARK or not data.endswith(b"IEND\xaeB`\x82"):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return data[_HEAD.size :], (width, height)

    def put(self, name: str, png: bytes, size: tuple[int, int]) -> None:
        """Keep a picture; a folder that cannot be written costs only time."""
        if self.folder is None:
            return
        data = _HEAD.pack(_MARK, *size) + png
        with contextlib.suppress(RotoError, OSError):
            write_bytes(self._path(name), data)
            with self._lock:
                self._stored += len(data)
                due, self._stored = self._stored > self.most // 10, 0 if self._stored > self.most // 10 else self._stored
            if due:
                self.prune()

    def prune(self) -> None:
        """Remove the least recently used beyond the limit, and what killed pages left half-written."""
        found = []
        for place in self.folder.glob("??") if self.folder is not None else ():
            sweep(place)
        for path in self.folder.glob("??/*.png") if self.folder is not None else ():
            with contextlib.suppress(OSError):
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        left = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if left <= self.most:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            left -= size
