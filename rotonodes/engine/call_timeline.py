"""The timeline of a run: which thread worked on which node and frames, from when to when, and how long the processor was at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from rotonodes.values.pixels import Clip

T = TypeVar("T")


class Span(NamedTuple):
    """One call of a node, or what a whole-clip node did with one frame; times are seconds since the timeline began.

    `frames` is empty for a value made once. `cpu` is the processor time of the thread alone: on a GPU the work is elsewhere.
    """

    node: str
    frames: tuple[int, ...]
    thread: str
    begin: float
    end: float
    cpu: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class Timeline:
    """Spans of a run, in the order in which they ended. Any thread may add to it."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.spans: list[Span] = []

    @contextmanager
    def span(self, node: str, frames: Sequence[int | None], device: str = "cpu") -> Iterator[None]:
        """Measure what is done inside. Work that was sent to a GPU is waited for, or the next node would pay for it."""
        begin, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
            if device != "cpu":
                import torch

                torch.cuda.synchronize(device)
        finally:
            self._add(node, tuple(f for f in frames if f is not None), begin, cpu)

    def watched(self, node: str, clip: Clip[T]) -> Clip[T]:
        """The same clip, which measures what its reader does with each frame: from one frame being handed over until the next is asked
        for. Waiting for a frame is not counted."""

        def frames() -> Iterator[T]:
            for frame, value in clip.items():
                begin, cpu = time.perf_counter(), time.thread_time()
                yield value
                self._add(node, (frame,), begin, cpu)

        return Clip(clip.frames, frames)

    def _add(self, node: str, frames: tuple[int, ...], begin: float, cpu: float) -> None:
        spent = time.thread_time() - cpu
        name = threading.current_thread().name
        self.spans.append(Span(node, frames, name, begin - self.began, time.perf_counter() - self.began, spent))

    def as_trace(self) -> dict[str, Any]:
        """The spans as a Chrome trace ("Trace Event Format"), which Perfetto and chrome://tracing show."""
        threads = {name: number for number, name in enumerate(sorted({span.thread for span in self.spans}), 1)}
        events: list[dict[str, Any]] = [
            {"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": name}} for name, number in threads.items()
        ]
        for span in self.spans:
            event = {"name": span.node, "ph": "X", "pid": 1, "tid": threads[span.thread]}
            event |= {"ts": round(span.begin * 1e6, 1), "dur": round(span.seconds * 1e6, 1)}
            events.append(event | {"args": {"frames": list(span.frames), "cpu_ms": round(span.cpu * 1e3, 3)}})
        return {"traceEvents": events, "displayTimeUnit": "ms"}
