"""Reporter: receives the events of a run and keeps counts and percentages. The subclasses in report/ print them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rotonodes.engine.result import stopped
from rotonodes.errors import UsageError
from rotonodes.node.annotations import Monitor

if TYPE_CHECKING:
    from rotonodes.engine.result import Result
    from rotonodes.plan.plan import Plan


class Reporter:
    """Keeps the counts of a run and prints nothing. Subclasses override the `on_...` methods.

    Every method may be called from any thread; the `on_...` methods are called one at a time. `fraction` of the whole run is
    (finished stages + progress of this stage) / stages, and never decreases. The progress of a stage is that of its frames or of
    its slowest long node, whichever is less: a training starts when its frames are read.
    """

    interval = 2.0  # seconds between two lines of a long node's progress
    uses_stdout = False  # whether stdout belongs to a program that reads the progress

    def __init__(self, verbose: int = 0, clock: Callable[[], float] = time.monotonic, again: Again | None = None) -> None:
        self.verbose, self.clock, self.again = verbose, clock, again
        self.plan: Plan | None = None
        self.result: Result | None = None  # how the run ended
        self.stages = self.stage_index = self.wanted = 0
        self.stage_title = ""
        self.frames_total = self.frames_done = 0
        self.fraction = 0.0
        self.percent = -1
        self._nodes: dict[str, float] = {}  # long node of this stage -> its progress, 0 to 1
        self._reported: dict[str, float] = {}  # node -> time of its last progress line
        self._warned: set[str] = set()
        self._over = False
        self._lock = threading.RLock()

    # Called by the engine.

    def start(self, plan: Plan, stages: int, wanted_frames: int) -> None:
        """A run starts: `stages` stages that deliver `wanted_frames` frames."""
        with self._lock:
            self.plan, self.stages, self.wanted = plan, stages, wanted_frames
            self.on_start()

    def stage(self, number: int, count: int, frames: int, title: str) -> None:
        """Stage `number` (from 0) of `count` starts; it runs over `frames` frames."""
        with self._lock:
            self.stage_index, self.stages, self.stage_title = number, count, title
            self.frames_total, self.frames_done = frames, 0
            self._nodes = dict.fromkeys(self._long_nodes(number), 0.0)
            self.on_stage()
            self._move()

    def frame(self, frame: int | None, seconds: float, ok: bool) -> None:
        """A frame of this stage is finished or (not `ok`) has failed. None stands for a value made once."""
        with self._lock:
            if frame is None:
                return
            self.frames_done += 1
            self.on_frame(frame, seconds, ok)
            self._move()

    def progress(self, node: str, done: int, total: int, text: str = "") -> None:
        """A long node (a training) is at step `done` of `total`. Lines are at least `interval` seconds apart, except for the last step."""
        with self._lock:
            if node in self._nodes and total > 0:
                self._nodes[node] = min(1.0, done / total)
            now = self.clock()
            if done >= total > 0 or now - self._reported.get(node, float("-inf")) >= self.interval:
                self._reported[node] = now
                self.on_progress(node, done, total, short(text))
            self._move()

    def warning(self, text: str) -> None:
        """A warning that does not stop the run; the same text is reported once."""
        with self._lock:
            if text not in self._warned:
                self._warned.add(text)
                self.on_warning(short(text))

    def note(self, text: str) -> None:
        """A fact that is no fault, in one line."""
        with self._lock:
            self.on_note(short(text))

    def failure(self, node: str, frame: int | None, reason: str, trace: str = "") -> None:
        """A node failed, at a frame or (None) in a value made once."""
        with self._lock:
            self.on_failure(node, frame, short(reason), trace if self.verbose else "")

    def end(self, result: Result) -> None:
        """The run is over. A fault of the graph itself is raised to the caller, who reports it."""
        self.result = result
        fatal = next((f.error for f in result.failures if isinstance(f.error, UsageError)), None)
        if fatal is not None:
            self.abort(str(fatal))
            return
        with self._lock:
            self._over = True
            if result.exit_code == 0 and not stopped(result):
                self._set(1.0)
            self.on_end(result)

    def abort(self, message: str) -> None:
        """The run ends with an error that is raised to the caller, who reports it; farm reporters pass it on to their farm."""
        with self._lock:
            if not self._over:
                self._over = True
                self.on_abort(message)

    def place_of(self, node: str) -> str:
        """`graph.yaml:7:30: ` of a node, to stand before a message about it; empty where it is not from a file."""
        vertex = self.plan.graph.vertices.get(node) if self.plan is not None else None
        return f"{vertex.place}: " if vertex is not None and vertex.place else ""

    def _long_nodes(self, stage: int) -> list[str]:
        """The whole-clip nodes of a stage that report progress."""
        if self.plan is None or stage >= len(self.plan.stages):
            return []
        return [
            name
            for name, frames in self.plan.stages[stage].sinks.items()
            if frames is None and Monitor in type(self.plan.nodes[name]).signature.asks.values()
        ]

    def _move(self) -> None:
        parts = [*self._nodes.values(), *([self.frames_done / self.frames_total] if self.frames_total else [])]
        self._set((self.stage_index + min([1.0, *parts] if parts else [0.0])) / max(1, self.stages))

    def _set(self, fraction: float) -> None:
        self.fraction = max(self.fraction, min(1.0, fraction))
        percent = int(self.fraction * 100 + 1e-6)
        if percent > self.percent:
            self.percent = percent
            self.on_percent(percent)

    # Overridden by subclasses.

    def on_start(self) -> None: ...
    def on_stage(self) -> None: ...
    def on_frame(self, frame: int, seconds: float, ok: bool) -> None: ...
    def on_progress(self, node: str, done: int, total: int, text: str) -> None: ...
    def on_warning(self, text: str) -> None: ...
    def on_note(self, text: str) -> None: ...
    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None: ...
    def on_percent(self, percent: int) -> None: ...
    def on_end(self, result: Result) -> None: ...
    def on_abort(self, message: str) -> None: ...


Again = Callable[[str], str]  # missing frames -> the command that renders only those


def short(text: str) -> str:
    """A message with paths below the current directory written relative to it."""
    try:
        return text.replace(os.getcwd() + os.sep, "")
    except OSError:  # the current folder was removed
        return text
