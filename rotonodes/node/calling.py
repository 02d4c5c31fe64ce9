"""Calls of a node without an engine: inputs on one device, batches of one picture, values made by `prepare`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rotonodes.values.pixels import Batch


class _Entry(NamedTuple):
    identity: Any
    sources: tuple[Any, ...]
    value: Any


class RecentValues:
    """Keeps the last few costly values. Each is found by an identity (compared by value) and its source objects (compared by `is`)."""

    def __init__(self, most: int) -> None:
        self._entries: deque[_Entry] = deque(maxlen=most)
        self._lock = threading.Lock()

    def get(self, identity: Any, sources: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return the value kept for `identity` and `sources`, else a new one from `make`; the least recently used is dropped."""
        with self._lock:
            found = next((e for e in self._entries if e.identity == identity and _same_objects(e.sources, sources)), None)
            if found is None:
                found = _Entry(identity, sources, make())
            else:
                self._entries = deque((e for e in self._entries if e is not found), maxlen=self._entries.maxlen)
            self._entries.append(found)
            return found.value


def _same_objects(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


PREPARED = RecentValues(most=4)  # values made by `prepare` for calls without an engine


def on_one_device(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Move inputs that are on several devices to the one that is not the CPU; inputs on one device are left as they are."""
    values = [v for given in inputs.values() for v in (given if isinstance(given, list) else [given])]
    devices = {v.device for v in values if hasattr(v, "device")}
    if len(devices) < 2:
        return inputs
    there = next(device for device in devices if device.type != "cpu")

    def move(value: Any) -> Any:
        return [move(v) for v in value] if isinstance(value, list) else value.to(there) if hasattr(value, "device") else value

    return {name: move(value) for name, value in inputs.items()}


def first_of_batch(result: Any) -> Any:
    """The outputs of a single frame, taken out of a batch of one."""
    if isinstance(result, Batch):
        return result.split()[0]
    if isinstance(result, tuple) and hasattr(result, "_make"):
        return result._make(first_of_batch(v) for v in result)
    if isinstance(result, dict):
        return {name: first_of_batch(value) for name, value in result.items()}
    return result
