"""Arrays in memory up to a budget, the rest in a scratch file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rotonodes.io.files import write_error


class Store:
    """A list of entries of several arrays each, of any types and shapes.

    The first `budget` bytes stay in memory; the rest goes to a scratch file in `folder` (default: the system's), deleted with
    this object. Call `close` after the last `add`.
    """

    def __init__(self, budget: int, folder: Path | None) -> None:
        self._budget, self._folder = budget, folder
        self._entries: list[tuple[np.ndarray, ...]] = []
        self._spilled: list[list[tuple[int, tuple[int, ...], np.dtype]]] = []
        self._file: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._map: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._entries) + len(self._spilled)

    def add(self, *arrays: np.ndarray) -> None:
        size = sum(array.nbytes for array in arrays)
        if size <= self._budget and self._file is None:
            self._budget -= size
            self._entries.append(arrays)
            return
        places = []
        with self._writing():
            self._file = self._file or tempfile.NamedTemporaryFile(prefix="rotonodes-", dir=self._folder)  # noqa: SIM115
            for array in arrays:
                places.append((self._file.tell(), array.shape, array.dtype))
                self._file.write(array.tobytes())
        self._spilled.append(places)

    def close(self) -> None:
        if self._file is not None:
            with self._writing():
                self._file.flush()
            self._map = np.memmap(self._file, dtype=np.uint8, mode="r")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn errors of a full or failing disk into RetryError or UsageError naming the folder."""
        try:
            yield
        except OSError as error:
            folder = self._folder or tempfile.gettempdir()
            raise write_error(
                f"{folder}, where training frames beyond the memory budget are stored (TMPDIR sets another)", error
            ) from error

    def shape(self, place: int, index: int) -> tuple[int, ...]:
        """The shape of one array of an entry, without reading it."""
        if place < len(self._entries):
            return self._entries[place][index].shape
        return self._spilled[place - len(self._entries)][index][1]

    def __getitem__(self, place: int) -> tuple[np.ndarray, ...]:
        if place < len(self._entries):
            return self._entries[place]
        return tuple(self._read(*where) for where in self._spilled[place - len(self._entries)])

    def _read(self, start: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        assert self._map is not None
        size = int(np.prod(shape)) * dtype.itemsize
        return np.array(self._map[start : start + size]).view(dtype).reshape(shape)
