"""Progress and logs: one stream of events, told by several voices (plain lines, a terminal, JSON, farm runners).

The engine tells a `Reporter` what happens; the reporter keeps the counts, and its subclass says them. Logs go to stderr; the
voices that a farm's runner reads (openjd, alf, json) speak on stdout, as those runners expect.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.node import Monitor
from rotonodes.summary import Again, at, closing_line, closing_lines, command_for, headline, opening_line, short, stopped

if TYPE_CHECKING:
    from rotonodes.engine import Result
    from rotonodes.plan import Plan

NAMES = ("auto", "rich", "plain", "json", "openjd", "alf", "none")


class Reporter:
    """Keeps the counts of a run; says nothing. Voices override the `on_...` methods.

    Every method may be called from any thread; the `on_...` methods are called one at a time. `fraction` of the whole run is
    (stages finished + how far this stage is) / stages, and never falls. A stage is as far as its frames, or as its long nodes
    where they are behind: a training begins when its frames are read.
    """

    interval = 2.0  # seconds between two lines of a long node's progress

    def __init__(self, verbose: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.verbose, self.clock = verbose, clock
        self.again: Again | None = None
        self.plan: Plan | None = None
        self.result: Result | None = None  # how the run ended
        self.stages = self.stage_index = self.wanted = 0
        self.stage_title = ""
        self.frames_total = self.frames_done = 0
        self.fraction = 0.0
        self.percent = -1
        self._nodes: dict[str, float] = {}  # how far the long nodes of this stage are
        self._told: dict[str, float] = {}  # node -> when its progress was last told
        self._warned: set[str] = set()
        self._over = False
        self._lock = threading.RLock()

    # What the engine tells.

    def start(self, plan: Plan, stages: int, wanted_frames: int) -> None:
        """A run begins: `stages` stages that deliver `wanted_frames` frames."""
        with self._lock:
            self.plan, self.stages, self.wanted = plan, stages, wanted_frames
            self.on_start()

    def stage(self, number: int, count: int, frames: int, title: str) -> None:
        """Stage `number` (from 0) of `count` begins; it passes over `frames` frames."""
        with self._lock:
            self.stage_index, self.stages, self.stage_title = number, count, title
            self.frames_total, self.frames_done = frames, 0
            self._nodes = dict.fromkeys(self._long_nodes(number), 0.0)
            self.on_stage()
            self._move()

    def frame(self, frame: int | None, seconds: float, ok: bool) -> None:
        """A frame of this stage is finished, or has failed. None stands for what is made once."""
        with self._lock:
            if frame is None:
                return
            self.frames_done += 1
            self.on_frame(frame, seconds, ok)
            self._move()

    def progress(self, node: str, done: int, total: int, text: str = "") -> None:
        """A long node (a training) is at `done` of `total` steps. Lines are spaced out, except for the last step."""
        with self._lock:
            if node in self._nodes and total > 0:
                self._nodes[node] = min(1.0, done / total)
            now = self.clock()
            if done >= total > 0 or now - self._told.get(node, float("-inf")) >= self.interval:
                self._told[node] = now
                self.on_progress(node, done, total, short(text))
            self._move()

    def warning(self, text: str) -> None:
        """Something a user should know that does not stop the run; the same text is said once."""
        with self._lock:
            if text not in self._warned:
                self._warned.add(text)
                self.on_warning(short(text))

    def failure(self, node: str, frame: int | None, reason: str, trace: str = "") -> None:
        """A node failed; at a frame, or (None) in making what is made once."""
        with self._lock:
            self.on_failure(node, frame, short(reason), trace if self.verbose else "")

    def end(self, result: Result) -> None:
        """The run is over. What is wrong with the graph itself is raised to the caller, and said there."""
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
        """The run ends with an error that is raised to the caller, who says it; farm voices pass it on to their farm."""
        with self._lock:
            if not self._over:
                self._over = True
                self.on_abort(message)

    def _long_nodes(self, stage: int) -> list[str]:
        """The whole-clip nodes of a stage that tell of their progress."""
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

    # What voices say.

    def on_start(self) -> None: ...
    def on_stage(self) -> None: ...
    def on_frame(self, frame: int, seconds: float, ok: bool) -> None: ...
    def on_progress(self, node: str, done: int, total: int, text: str) -> None: ...
    def on_warning(self, text: str) -> None: ...
    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None: ...
    def on_percent(self, percent: int) -> None: ...
    def on_end(self, result: Result) -> None: ...
    def on_abort(self, message: str) -> None: ...


class Lines:
    """Whole lines to a stream, each flushed. A reader that went away must not stop a run: then the lines end."""

    def __init__(self, stream: TextIO) -> None:
        self.stream: TextIO | None = stream

    def say(self, line: str) -> None:
        if self.stream is None:
            return
        try:
            self.stream.write(line + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            self.stream = None


class PlainReporter(Reporter):
    """`Frame 12 (12 of 24) 0.41 s` and `Progress: 50%`: what every render farm understands."""

    tells_failures = True  # when they happen, not only at the end

    def __init__(self, verbose: int = 0, log: TextIO | None = None, **options: Any) -> None:
        super().__init__(verbose, **options)
        self.log = Lines(log or sys.stderr)

    def on_start(self) -> None:
        self.log.say(opening_line(self.plan))

    def on_stage(self) -> None:
        if self.stages > 1:
            self.log.say(f"Stage {self.stage_index + 1} of {self.stages}: {self.stage_title}")

    def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
        took = f"{seconds:.2f} s" if ok else "failed"
        self.log.say(f"Frame {frame} ({self.frames_done} of {self.frames_total}) {took}")

    def on_progress(self, node: str, done: int, total: int, text: str) -> None:
        self.log.say(f"{node}: {done} of {total}" + (f", {text}" if text else ""))

    def on_percent(self, percent: int) -> None:
        self.log.say(f"Progress: {percent}%")

    def on_warning(self, text: str) -> None:
        self.log.say(f"warning: {text}")

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        self.log.say(f"error: {at(node, frame)}: {reason}")
        if trace:
            self.log.say(trace.rstrip())

    def on_end(self, result: Result) -> None:
        for line in closing_lines(result, self.again, told=self.tells_failures):
            self.log.say(line)


class FaultsReporter(PlainReporter):
    """No progress at all, but a run that fails says why: an exit code alone helps nobody. One that does not says nothing."""

    tells_failures = False

    def on_start(self) -> None: ...
    def on_stage(self) -> None: ...
    def on_frame(self, frame: int, seconds: float, ok: bool) -> None: ...
    def on_progress(self, node: str, done: int, total: int, text: str) -> None: ...
    def on_percent(self, percent: int) -> None: ...
    def on_warning(self, text: str) -> None: ...
    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None: ...

    def on_end(self, result: Result) -> None:
        if result.failures:
            super().on_end(result)


class EndReporter(FaultsReporter):
    """No progress either, but a line that says what was made, and warnings."""

    def on_warning(self, text: str) -> None:
        PlainReporter.on_warning(self, text)

    def on_end(self, result: Result) -> None:
        if result.exit_code or stopped(result):
            PlainReporter.on_end(self, result)
        else:
            self.log.say(closing_line(result))


class QuietReporter(FaultsReporter):
    """Warnings, and of what failed the first in one line."""

    def on_warning(self, text: str) -> None:
        PlainReporter.on_warning(self, text)

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        if trace:
            self.log.say(trace.rstrip())

    def on_end(self, result: Result) -> None:
        if result.failures:
            first = min(result.failures, key=lambda failure: (failure.frame is None, failure.frame or 0))
            self.log.say(f"error: {at(first.node, first.frame)}: {short(first.reason)}")


class OpenJDReporter(PlainReporter):
    """The messages of an Open Job Description session, on stdout; everything else as plain lines on stderr."""

    def __init__(self, verbose: int = 0, log: TextIO | None = None, out: TextIO | None = None, **options: Any) -> None:
        super().__init__(verbose, log, **options)
        self.out = Lines(out or sys.stdout)

    def on_stage(self) -> None:
        self._status(f"stage {self.stage_index + 1} of {self.stages}: {self.stage_title}")

    def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
        super().on_frame(frame, seconds, ok)
        self._status(f"frame {frame} ({self.frames_done} of {self.frames_total})" + ("" if ok else " failed"))

    def on_progress(self, node: str, done: int, total: int, text: str) -> None:
        self._status(f"{node}: {done} of {total}" + (f", {text}" if text else ""))

    def on_percent(self, percent: int) -> None:
        self.out.say(f"openjd_progress: {percent}")

    def on_end(self, result: Result) -> None:
        super().on_end(result)
        (self.on_abort if result.exit_code else self._status)(headline(result))

    def on_abort(self, message: str) -> None:
        # A message is one line: what follows a line break would not be read as part of it.
        self.out.say("openjd_fail: " + "; ".join(message.splitlines()))

    def _status(self, text: str) -> None:
        self.out.say("openjd_status: " + " ".join(text.split()))


class AlfReporter(PlainReporter):
    """Pixar Tractor reads `TR_PROGRESS 050%` on stdout; everything else is plain lines on stderr."""

    def __init__(self, verbose: int = 0, log: TextIO | None = None, out: TextIO | None = None, **options: Any) -> None:
        super().__init__(verbose, log, **options)
        self.out = Lines(out or sys.stdout)

    def on_percent(self, percent: int) -> None:
        self.out.say(f"TR_PROGRESS {percent:03d}%")


class JsonReporter(Reporter):
    """One JSON object a line on stdout, for programs."""

    interval = 0.5

    def __init__(self, verbose: int = 0, out: TextIO | None = None, **options: Any) -> None:
        super().__init__(verbose, **options)
        self.out = Lines(out or sys.stdout)

    def _say(self, event: str, **fields: Any) -> None:
        self.out.say(json.dumps({"event": event, **fields}, default=str))

    def on_start(self) -> None:
        self._say("start", stages=self.stages, frames=self.wanted)

    def on_stage(self) -> None:
        self._say("stage", number=self.stage_index + 1, count=self.stages, frames=self.frames_total, title=self.stage_title)

    def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
        self._say("frame", frame=frame, done=self.frames_done, total=self.frames_total, seconds=round(seconds, 4), ok=ok)

    def on_progress(self, node: str, done: int, total: int, text: str) -> None:
        self._say("progress", node=node, done=done, total=total, text=text)

    def on_percent(self, percent: int) -> None:
        self._say("percent", percent=percent)

    def on_warning(self, text: str) -> None:
        self._say("warning", text=text)

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        self._say("failure", node=node, frame=frame, reason=reason, **({"trace": trace} if trace else {}))

    def on_end(self, result: Result) -> None:
        self._say("end", again=command_for(result, self.again), result=result.as_json())

    def on_abort(self, message: str) -> None:
        self._say("error", message=message)


def make_reporter(name: str, verbose: int = 0, stream: TextIO | None = None) -> Reporter:
    """The voice called `name`. `stream` takes the place of the stream that the voice speaks on (stderr, or stdout for the
    voices that a runner reads). UsageError for a name that is none.

    `auto` is openjd inside an Open Job Description session, rich on a terminal, else plain.
    """
    if name == "auto":
        name = _fitting(stream or sys.stderr)
    if name == "rich":
        from rotonodes.report_rich import RichReporter

        return RichReporter(verbose, stream)
    if name == "plain":
        return PlainReporter(verbose, stream)
    if name in ("openjd", "alf", "json"):
        voice: Callable[..., Reporter] = {"openjd": OpenJDReporter, "alf": AlfReporter, "json": JsonReporter}[name]
        return voice(verbose, out=stream)
    if name == "none":
        return Reporter(verbose)
    raise UsageError(f"there is no progress {name!r}{did_you_mean(name, NAMES)}; there are {', '.join(NAMES)}")


def _fitting(stream: TextIO) -> str:
    if os.environ.get("OPENJD_SESSION_WORKING_DIR"):
        return "openjd"
    return "rich" if stream.isatty() and os.environ.get("TERM") != "dumb" else "plain"
