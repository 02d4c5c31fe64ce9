"""Feeds whole clips to a node: frames are passed on in order while they are made; a clip can be iterated again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from rotonodes.values.pixels import Clip


class Upstream(Exception):
    """An input failed or was stopped. The cause is reported where it happened, so this error is not reported."""


class ClipFeed:
    """Passes the frames of a node's clip inputs to the thread that runs the node.

    Inputs that are iterated in step share one stage pass: a frame is released when all of them are past it, and until then
    the engine does not run further ahead. An input that falls behind, or is iterated again, gets a stage pass of its own
    from `again(input)`. When `broken` returns True, frames that are not there will never come.
    """

    def __init__(
        self,
        frames: Sequence[int],
        inputs: Sequence[str],
        again: Callable[[str], Iterator[Any]],
        broken: Callable[[], bool] = lambda: False,
    ) -> None:
        self.frames = tuple(frames)
        self.wanted = frozenset(frames)
        self._place = {frame: i for i, frame in enumerate(self.frames)}
        self.inputs = tuple(inputs)
        self._again, self._broken = again, broken
        self._changed = threading.Condition()
        self._ready: dict[int, tuple[dict[str, Any], Callable[[], None]]] = {}
        self._failed: set[int] = set()
        self._passed = dict.fromkeys(inputs, 0)  # input -> number of frames it is past; only inputs that share the stage pass
        self._begun: set[str] = set()
        self._closed = False

    def clip(self, name: str) -> Clip[Any]:
        """The clip of one input."""
        return Clip(self.frames, lambda: self._start(name))

    def put(self, frame: int, values: dict[str, Any], done: Callable[[], None]) -> None:
        """Provide a frame of every input; `done` is called when the node is past it."""
        with self._changed:
            if not self._closed:
                self._ready[frame] = (values, done)
                self._changed.notify_all()
                return
        done()

    def fail(self, frame: int) -> None:
        """Mark a frame as failed: it will not be provided."""
        with self._changed:
            self._failed.add(frame)
            self._changed.notify_all()

    def close(self) -> None:
        """Release all frames: the node has returned, or no input is iterated."""
        with self._changed:
            self._closed = True
            self.wanted = frozenset()
            ready, self._ready = self._ready, {}
            self._changed.notify_all()
        for _, done in ready.values():
            done()

    def _start(self, name: str) -> Iterator[Any]:
        with self._changed:
            live = name in self._passed and name not in self._begun and not self._closed
            self._begun.add(name)
        return self._live(name) if live else self._again(name)

    def _live(self, name: str) -> Iterator[Any]:
        try:
            for position, frame in enumerate(self.frames):
                found, value = self._wait(name, position, frame)
                if not found:
                    yield from islice(self._again(name), position, None)
                    return
                yield value
                self._pass(name, position)
        finally:
            self._detach([name])

    def _wait(self, name: str, position: int, frame: int) -> tuple[bool, Any]:
        """(True, value) when the frame is there; (False, None) when this input now needs a stage pass of its own."""
        while True:
            with self._changed:
                if name not in self._passed or self._closed:
                    return False, None
                if frame in self._failed or (frame not in self._ready and self._broken()):
                    raise Upstream(f"frame {frame}")
                if frame in self._ready:
                    return True, self._ready[frame][0].get(name)
                # In step, inputs are at most one frame apart; one that lags further would block the stage pass for ever.
                behind = [other for other, at in self._passed.items() if at < position - 1]
                if not behind:
                    self._changed.wait(timeout=1.0)
                    continue
            self._detach(behind)

    def _pass(self, name: str, position: int) -> None:
        with self._changed:
            if name in self._passed:
                self._passed[name] = position + 1
        self._release()

    def _detach(self, names: Sequence[str]) -> None:
        with self._changed:
            for name in names:
                self._passed.pop(name, None)
            empty = not self._passed
            self._changed.notify_all()
        if empty:
            self.close()
        else:
            self._release()

    def _release(self) -> None:
        """Release the frames that every input is past."""
        with self._changed:
            position = min(self._passed.values(), default=len(self.frames))
            past = [frame for frame in self._ready if self._place[frame] < position]
            finished = [self._ready.pop(frame)[1] for frame in past]
        for done in finished:
            done()
