"""Reporters that write plain lines to stderr: all events, failures only, or only the end.

The engine calls a `Reporter`, which keeps the counts; its subclasses print them. Reporters for farm runners (openjd, alf, json)
write to stdout, as these runners expect.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

from rotonodes.engine.events import Reporter, short
from rotonodes.engine.result import stopped
from rotonodes.errors import visible
from rotonodes.report.summary import at, closing_line, closing_lines, opening_line, without_number

if TYPE_CHECKING:
    from rotonodes.engine.result import Result


class Lines:
    """Writes whole lines to a stream and flushes each. A closed or full stream must not stop a run: its lines are dropped."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream

    def say(self, line: str) -> None:
        """Write one line."""
        if self.stream is None:
            return
        try:
            self.stream.write("\n".join(map(visible, line.split("\n"))) + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            self.stream = None


class PlainReporter(Reporter):
    """`Frame 12 (12 of 24) 0.41 s` and `Progress: 50%`: lines that every render farm understands."""

    shows_failures_at_once = True  # False: only at the end

    def __init__(self, verbose: int = 0, log: TextIO | None = None, **options: Any) -> None:
        super().__init__(verbose, **options)
        self.log = Lines(log or sys.stderr)
        self.shown: set[tuple[str, str]] = set()  # (node, reason) of failures, without their frame numbers

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

    def on_note(self, text: str) -> None:
        self.log.say(text)

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        kind = (node, without_number(reason, frame))
        if kind in self.shown and not trace:
            return  # the summary lists every frame
        self.shown.add(kind)
        self.log.say(f"error: {self.place_of(node)}{at(node, frame)}: {reason}")
        if trace:
            self.log.say(trace.rstrip())

    def on_end(self, result: Result) -> None:
        for line in closing_lines(result, self.again, shown=self.shows_failures_at_once):
            self.log.say(line)


class FaultsReporter(PlainReporter):
    """No output, except for a run that fails: it reports why."""

    shows_failures_at_once = False

    def on_start(self) -> None: ...
    def on_stage(self) -> None: ...
    def on_frame(self, frame: int, seconds: float, ok: bool) -> None: ...
    def on_progress(self, node: str, done: int, total: int, text: str) -> None: ...
    def on_percent(self, percent: int) -> None: ...
    def on_warning(self, text: str) -> None: ...
    def on_note(self, text: str) -> None: ...
    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None: ...

    def on_end(self, result: Result) -> None:
        if result.failures:
            super().on_end(result)


class EndReporter(FaultsReporter):
    """No progress: warnings, notes, and one line at the end with the outputs, or the failures."""

    def on_warning(self, text: str) -> None:
        PlainReporter.on_warning(self, text)

    def on_note(self, text: str) -> None:
        PlainReporter.on_note(self, text)

    def on_end(self, result: Result) -> None:
        if result.exit_code or stopped(result):
            PlainReporter.on_end(self, result)
        else:
            self.log.say(closing_line(result))


class QuietReporter(FaultsReporter):
    """Warnings, notes, and the first failure in one line."""

    def on_warning(self, text: str) -> None:
        PlainReporter.on_warning(self, text)

    def on_note(self, text: str) -> None:
        PlainReporter.on_note(self, text)

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        if trace:
            self.log.say(trace.rstrip())

    def on_end(self, result: Result) -> None:
        if result.failures:
            first = min(result.failures, key=lambda failure: (failure.frame is None, failure.frame or 0))
            self.log.say(f"error: {self.place_of(first.node)}{at(first.node, first.frame)}: {short(first.reason)}")
