"""What a process keeps from one run to the next: networks on their device, and other values made once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any


class Kept:
    """Values by identity. What a whole run has not asked for is dropped at the next, so that memory does not grow with the runs."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Any] = {}
        self._asked: set[Hashable] = set()
        self._lock = threading.Lock()

    def start_run(self) -> None:
        """Drop what the last run did not ask for."""
        with self._lock:
            self._values = {identity: value for identity, value in self._values.items() if identity in self._asked}
            self._asked.clear()

    def get(self, identity: Hashable, make: Callable[[], Any]) -> tuple[Any, bool]:
        """(the value, whether it was there). `make` makes it when it was not; two threads that ask at once may both make it."""
        with self._lock:
            self._asked.add(identity)
            if identity in self._values:
                return self._values[identity], True
        value = make()
        with self._lock:
            return self._values.setdefault(identity, value), False


class KeptRecently(Kept):
    """Keeps the values asked for last, whatever each run asks for: previews look at one node now and at another one then."""

    def __init__(self, most: int = 16) -> None:
        super().__init__()
        self.most = most

    def start_run(self) -> None:
        """Drop the oldest values beyond the limit."""
        with self._lock:
            for identity in list(self._values)[: max(0, len(self._values) - self.most)]:
                del self._values[identity]

    def get(self, identity: Hashable, make: Callable[[], Any]) -> tuple[Any, bool]:
        value, was_there = super().get(identity, make)
        with self._lock:
            if identity in self._values:
                self._values[identity] = self._values.pop(identity)  # now the youngest
        return value, was_there
