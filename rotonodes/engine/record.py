"""The record of a run: statistics, failures, finished outputs, and the request to stop."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec

from rotonodes.engine.clip_feed import Upstream
from rotonodes.engine.events import Reporter
from rotonodes.engine.result import Failure, NodeStats, Result
from rotonodes.errors import (
    EXIT_FRAME_FAILED,
    EXIT_INTERRUPTED,
    EXIT_RETRY,
    FrameError,
    Interrupted,
    RetryError,
    RotoError,
    UsageError,
    machine_error,
)
from rotonodes.machine.memory import peak_memory
from rotonodes.node.annotations import Monitor
from rotonodes.node.base import Node
from rotonodes.plan.done import is_lost
from rotonodes.plan.missing_files import frames_advice
from rotonodes.plan.plan import Plan
from rotonodes.values.frames import format_frames

P = ParamSpec("P")


class Record:
    """The state of a run; any thread may write it.

    `stop` is set when the run should end: by the caller's event, by the first failure unless `keep_going`, or by a fatal error.
    """

    def __init__(self, plan: Plan, device: str, keep_going: bool, reporter: Reporter, asked_to_stop: threading.Event) -> None:
        self.plan, self.keep_going, self.reporter, self.asked_to_stop = plan, keep_going, reporter, asked_to_stop
        self.stop = EitherEvent(asked_to_stop)
        self.result = Result(plan, stats=done_stats(plan), device=device, wanted=len(plan.delivered))
        self.fatal: BaseException | None = None
        self.broken = threading.Event()  # a job was lost: nothing waits for it any more
        self.made: dict[str, set[int | None]] = {name: set() for name in plan.graph.vertices}  # finished tasks of sinks
        self._lock = threading.Lock()

    def note(self, name: str, count: int, seconds: float, cached: bool = False) -> None:
        """Count `count` calls of a node, or values of it that came from the cache."""
        with self._lock:
            stats = self.result.stats[name]
            stats.seconds += seconds
            if cached:
                stats.cached += count
            else:
                stats.ran += count

    def report(self, event: Callable[P, None], *values: P.args, **named: P.kwargs) -> None:
        """Call a method of the reporter. A reporter that raises (a closed pipe) ends the run, but never leaves it hanging."""
        try:
            event(*values, **named)
        except Exception as error:
            self.fatal = self.fatal or error
            self.stop.set()

    def warn(self, text: str) -> None:
        """Report a warning."""
        self.report(self.reporter.warning, text)

    def guard(self, name: str, frame: int | None, call: Callable[[], Any]) -> None:
        """Run `call` and record its failure."""
        try:
            call()
        except BaseException as error:  # a node may call sys.exit: the run must not hang on that
            self.fail(name, frame, error)

    def fail(self, name: str, frame: int | None, error: BaseException) -> None:
        """Record that a task failed. Tasks that depend on it fail with Upstream, which is not reported."""
        if isinstance(error, Upstream):
            if frame is None and not self.stop.is_set():
                self.warn(f"{name}: not made, because a frame that it needs failed")
            return
        if isinstance(error, Interrupted) and not self.asked_to_stop.is_set():
            return  # a long node that stopped because another node failed
        if isinstance(error, OSError | MemoryError) and not isinstance(error, RotoError):
            error = machine_error(error)
        gaps = ""
        if isinstance(error, FrameError) and frame is not None:
            try:
                gaps = self._gaps(name)
            except Exception:  # a node that cannot list its frames either: the run must not hang on that
                gaps = ""
        if isinstance(error, RotoError):
            reason, trace = str(error) + gaps, ""
        else:
            reason = f"{type(error).__name__}: {error}{_line_of(type(self.plan.graph.vertices[name].node), error)}"
            trace = "".join(traceback.format_exception(error))
        vertex = self.plan.graph.vertices[name]
        reason = vertex.advised(reason)
        # The traceback would keep the pictures of every stack frame in memory.
        error = error.with_traceback(None)
        error.__context__ = error.__cause__ = None
        with self._lock:
            fatal = isinstance(error, UsageError | Interrupted)
            if fatal and self.fatal is not None:
                return  # every frame would report the same
            self.result.failures.append(Failure(name, frame, reason, error, trace, vertex.place))
            self.result.stats[name].failed += 1
            if fatal:
                placed = isinstance(error, Interrupted) or (isinstance(error, UsageError) and error.placed)
                self.fatal = error if placed else UsageError(vertex.line(reason))
            if fatal or not self.keep_going:
                self.stop.set()
        if not fatal:
            self.report(self.reporter.failure, name, frame, reason, trace)

    def lose(self, error: BaseException) -> None:
        """End the run because a call of a worker thread was lost, most likely for want of memory."""
        known = machine_error(error) if isinstance(error, OSError | MemoryError) and not isinstance(error, RotoError) else error
        self.fatal = self.fatal or known
        self.stop.set()
        self.broken.set()

    def _gaps(self, name: str) -> str:
        """The missing frames of a source that this run needs, when there are several, and what to do about it."""
        gone = [frame for frame in self.plan.missing.get(name, ()) if frame is not None]
        several = f"; this run needs frames {format_frames(gone)}, which are missing" if len(gone) > 1 else ""
        return several + (frames_advice(self.plan, gone) if gone and self.plan.nodes[name].available() else "")

    def finish(self, seconds: float) -> Result:
        """The result, when all stages have run."""
        self._refuse_lost()
        result = self.result
        result.seconds = seconds
        result.peak_bytes = peak_memory()
        if result.failures:
            retry = all(isinstance(f.error, RetryError) for f in result.failures)
            result.exit_code = EXIT_RETRY if retry else EXIT_FRAME_FAILED
        missing: set[int] = set()
        clips = []
        for name, frames in ((name, frames) for stage in self.plan.stages for name, frames in stage.sinks.items()):
            if frames is not None:
                missing.update(f for f in frames if f not in self.made[name])
            elif None not in self.made[name]:
                clips.append(name)
        if self.asked_to_stop.is_set() and (clips or missing):
            result.exit_code = EXIT_INTERRUPTED
        elif (clips or missing) and not result.exit_code:
            result.exit_code = EXIT_FRAME_FAILED
        result.outputs = {name: self._there(name) for name in self.plan.sinks}
        result.missing_clips = tuple(clips)
        result.missing = tuple(f for f in self.plan.delivered if clips or f in missing)
        return result

    def _refuse_lost(self) -> None:
        """Count files that this run wrote and that are not there any more as failures."""
        for name in self.plan.sinks:
            for frame in sorted(self.made[name], key=lambda f: (f is not None, f or 0)):
                if lost := is_lost(self.plan, name, frame):
                    self.made[name].discard(frame)
                    self.fail(name, frame, FrameError(lost))

    def _there(self, name: str) -> tuple[int, int]:
        """(tasks of a sink that are there, those of earlier runs included; tasks wanted)."""
        wanted: set[int | None] = set(self.plan.delivered) if self.plan.keys.per_frame(name) else {None}
        there = self.made[name] | self.plan.done.get(name, set()) | self.plan.cached.get(name, set())
        return len(there & wanted), len(wanted)


def _line_of(cls: type[Node], error: BaseException) -> str:
    """` (darker.py:13)`: the last line of a node's own file that an error came through; empty where there is none."""
    code = getattr(getattr(cls, "process", None), "__code__", None)
    file = code.co_filename if code is not None else ""
    lines = [number for frame, number in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return f" ({os.path.basename(file)}:{lines[-1]})" if file and lines else ""


class RecordMonitor(Monitor):
    """Passes the progress and warnings of a long node to the reporter, and the request to stop to the node."""

    def __init__(self, record: Record, name: str) -> None:
        self._record, self._name = record, name

    def progress(self, done: int, total: int, text: str = "") -> None:
        self._record.report(self._record.reporter.progress, self._name, done, total, text)

    def warn(self, text: str) -> None:
        self._record.warn(f"{self._name}: {text}")

    def note(self, text: str) -> None:
        self._record.report(self._record.reporter.note, f"{self._name}: {text}")

    def stopping(self) -> bool:
        return self._record.stop.is_set()


class EitherEvent:
    """An event of the run's own that also counts as set when the caller's event is set."""

    def __init__(self, other: threading.Event) -> None:
        self._own, self._other = threading.Event(), other

    def set(self) -> None:
        self._own.set()

    def is_set(self) -> bool:
        return self._own.is_set() or self._other.is_set()


def done_stats(plan: Plan) -> dict[str, NodeStats]:
    """Statistics before anything ran: the tasks finished by earlier runs."""
    return {name: NodeStats(done=len(plan.done.get(name, ()))) for name in plan.graph.vertices}
