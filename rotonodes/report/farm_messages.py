"""Reporters that programs read: Open Job Description, Tractor, JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

from rotonodes.engine.events import Reporter
from rotonodes.report.plain import Lines, PlainReporter
from rotonodes.report.summary import command_for, headline, outputs_written

if TYPE_CHECKING:
    from rotonodes.engine.result import Result


class FarmReporter(PlainReporter):
    """Base of reporters whose farm reads messages on stdout; everything else goes to stderr as plain lines."""

    uses_stdout = True

    def __init__(self, verbose: int = 0, log: TextIO | None = None, out: TextIO | None = None, **options: Any) -> None:
        super().__init__(verbose, log, **options)
        self.out = Lines(out or sys.stdout)


class OpenJDReporter(FarmReporter):
    """Messages of an Open Job Description session on stdout; everything else as plain lines on stderr."""

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
        # A message is one line: text after a line break would not be read as part of it.
        self.out.say("openjd_fail: " + "; ".join(message.splitlines()))

    def _status(self, text: str) -> None:
        self.out.say("openjd_status: " + " ".join(text.split()))


class AlfReporter(FarmReporter):
    """`TR_PROGRESS 050%` on stdout, as Pixar Tractor reads it; everything else as plain lines on stderr."""

    def on_percent(self, percent: int) -> None:
        self.out.say(f"TR_PROGRESS {percent:03d}%")


class JsonReporter(Reporter):
    """One JSON object per line on stdout, for programs."""

    uses_stdout = True

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

    def on_note(self, text: str) -> None:
        self._say("note", text=text)

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        place = self.place_of(node).removesuffix(": ")
        more = {**({"place": place} if place else {}), **({"trace": trace} if trace else {})}
        self._say("failure", node=node, frame=frame, reason=reason, **more)

    def on_end(self, result: Result) -> None:
        self._say("end", again=command_for(result, self.again), written=outputs_written(result.plan), result=result.as_json())

    def on_abort(self, message: str) -> None:
        self._say("error", message=message)
