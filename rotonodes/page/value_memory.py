"""Values by key in memory, as many as fit: a change far down a graph is computed from what its inputs were a moment ago."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

Values = dict[str, Any]
SHARE = 0.2  # of the machine's memory
MOST_BYTES = 4_000_000_000


class ValueMemory:
    """The outputs of tasks by their keys; the least recently used go first when there are more than `limit` bytes."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = min(MOST_BYTES, int(machine_memory() * SHARE)) if limit is None else limit
        self.size = 0
        self._values: OrderedDict[str, tuple[Values, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, outputs: Iterable[str]) -> Values | None:
        """The outputs of a task; None when one of them is not there."""
        with self._lock:
            found = self._values.get(key)
            if found is None or any(found[0].get(output) is None for output in outputs):
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: str, values: Mapping[str, Any]) -> None:
        """Keep the outputs of a task, beside those of it that are known."""
        with self._lock:
            before, size = self._values.pop(key, ({}, 0))
            self.size -= size
            merged = {**before, **{name: value for name, value in values.items() if value is not None}}
            size = sum(bytes_of(value) for value in merged.values())
            if size <= self.limit:
                self._values[key] = merged, size
                self.size += size
            while self.size > self.limit:
                _, (_, gone) = self._values.popitem(last=False)
                self.size -= gone

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self.size = 0


def bytes_of(value: Any) -> int:
    """The memory of a value: its pixels, a byte more for each that a file of it is made of, and a file's own samples.

    A small constant for other values.
    """
    size = 500
    data = getattr(value, "data", None)
    if data is not None and hasattr(data, "element_size"):
        size += data.numel() * (data.element_size() + 1)
    samples = getattr(getattr(value, "encoded", None), "samples", None)
    if samples is not None:
        size += samples.nbytes
    planes = getattr(value, "planes", None)
    if isinstance(planes, Mapping):
        size += sum(plane.nbytes for plane in planes.values())
    return size


def machine_memory() -> int:
    """The memory of this machine in bytes, or of its container where that is less; 8 GB where it cannot be told."""
    found = 8_000_000_000
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                found = min(found, int(file.read()))
        except (OSError, ValueError):
            continue
    return found
