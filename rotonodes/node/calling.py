"""Calls of a node without an engine: inputs on one device, batches of one picture, values made by `prepare`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from rotonodes.errors import UsageError
from rotonodes.node.outputs import Outputs
from rotonodes.node.signature import FRAME_TYPES, Socket
from rotonodes.values.pixels import Batch, Clip


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


def wrong_input(socket: Socket, value: Any) -> str | None:
    """What is wrong with the type of a value given to an input, in one line; None where it fits."""
    kinds: tuple[type, ...] = socket.types
    singles = [value]
    if value is None and not socket.required:
        singles = []
    elif socket.many or (socket.feed == "clip" and isinstance(value, list | tuple)):
        if not isinstance(value, list | tuple):
            return f"the input {socket.name!r} takes a list of {socket.type_names()}, not {_described(value)}"
        singles = list(value)
        if socket.many and socket.feed == "clip":  # each a clip, a list of frames, or one frame
            singles = [v for one in singles if not isinstance(one, Clip) for v in (one if isinstance(one, list | tuple) else [one])]
    elif socket.feed == "clip" and isinstance(value, Clip):
        singles = []
    elif socket.feed == "batch" and isinstance(value, Batch):
        singles = list(value.like)
    for single in singles:
        if not isinstance(single, kinds):
            hint = f": make one with {kinds[0].__name__}.from_array(...)" if hasattr(single, "shape") and kinds[0] in FRAME_TYPES else ""
            return f"the input {socket.name!r} takes {socket.type_names()}, not {_described(single)}{hint}"
    return None


def as_clips(socket: Socket, value: Any, frame: int) -> Any:
    """What was given to a clip input as the clip, or the list of clips, that the node takes; a single picture is a clip of `frame`."""
    if socket.many:
        return [_as_clip(one, frame) for one in value]
    return _as_clip(value, frame)


def _as_clip(value: Any, frame: int) -> Clip[Any]:
    if isinstance(value, Clip):
        return value
    return Clip.of(value) if isinstance(value, list | tuple) else Clip.of([value], [frame])


def span_of(inputs: Iterable[Any], frame: int) -> tuple[int, int]:
    """The first and the last frame of the clips among the inputs; `frame` where there is none."""
    given = [one for value in inputs for one in (value if isinstance(value, list) else [value])]
    numbers = [number for one in given if isinstance(one, Clip) for number in one.frames] or [frame]
    return min(numbers), max(numbers)


def _described(value: Any) -> str:
    """The type of a value, with the shape of a tensor or array."""
    shape = f" of shape {list(value.shape)}" if hasattr(value, "shape") else ""
    return f"{type(value).__name__}{shape}"


def on_one_device(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Move inputs that are on several devices to the one that is not the CPU; inputs on one device are left as they are."""
    if len(inputs) < 2 and not any(isinstance(given, list) for given in inputs.values()):
        return inputs
    values = [v for given in inputs.values() for v in (given if isinstance(given, list) else [given])]
    devices = {v.device for v in values if hasattr(v, "device")}
    if len(devices) < 2:
        return inputs
    there = next(device for device in devices if device.type != "cpu")

    def move(value: Any) -> Any:
        return [move(v) for v in value] if isinstance(value, list) else value.to(there) if hasattr(value, "device") else value

    return {name: move(value) for name, value in inputs.items()}


def check_frame(type_name: str, frame: Any) -> None:
    """Raise UsageError for a frame number that is none."""
    if not isinstance(frame, int) or isinstance(frame, bool):
        raise UsageError(f"{type_name}: frame is a whole number, not {frame!r}")


def result_of_call(result: Any, single: bool) -> Any:
    """What a call without a graph returns: of a `single` picture that picture's outputs, and names as attributes."""
    made = first_of_batch(result) if single else result
    return Outputs(made) if isinstance(made, dict) else made


def first_of_batch(result: Any) -> Any:
    """The outputs of a single frame, taken out of a batch of one."""
    if isinstance(result, Batch):
        return result.split()[0]
    if isinstance(result, tuple) and hasattr(result, "_make"):
        return result._make(first_of_batch(v) for v in result)
    if isinstance(result, dict):
        return {name: first_of_batch(value) for name, value in result.items()}
    return result
