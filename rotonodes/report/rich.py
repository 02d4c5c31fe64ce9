"""The reporter for a terminal: a live progress bar below the messages, and a summary at the end."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rotonodes.engine.events import Reporter
from rotonodes.engine.result import stopped
from rotonodes.errors import visible
from rotonodes.machine.durations import time_left
from rotonodes.report.summary import (
    ADVICE,
    FailureGroup,
    advised,
    at,
    counts_frames,
    group_failures,
    headline,
    opening_line,
    output_counts,
    outputs_written,
    without_number,
)

if TYPE_CHECKING:
    from rotonodes.engine.result import Result

SLOWEST = 5  # nodes in the closing table
WINDOW = 24  # frames over which the speed is averaged


class RichReporter(Reporter):
    """A live bar with frames, speed, remaining time and the stage; warnings scroll above it."""

    interval = 0.1

    def __init__(self, verbose: int = 0, stream: TextIO | None = None, console: Console | None = None, **options: Any) -> None:
        super().__init__(verbose, **options)
        self.console = console or Console(file=stream, stderr=stream is None, highlight=False)
        self.live: Live | None = None
        self.text = ""  # progress of the long node of this stage
        self.failed = 0
        self.shown: set[tuple[str, str]] = set()  # (node, reason) of failures above the bar
        self.times: deque[float] = deque(maxlen=WINDOW + 1)
        self.spinner = Spinner("dots", style="cyan")

    def on_start(self) -> None:
        self._above(Text(opening_line(self.plan), style="dim"))
        if self.plan is not None and not self.plan.is_empty:
            self.live = Live(get_renderable=self.screen, console=self.console, refresh_per_second=10, transient=True)
            with contextlib.suppress(OSError):
                self.live.start()

    def on_stage(self) -> None:
        self.text = ""
        self.times.clear()
        self.times.append(self.clock())

    def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
        self.times.append(self.clock())
        self.failed += not ok

    def on_progress(self, node: str, done: int, total: int, text: str) -> None:
        self.text = f"{node} {done} of {total}" + (f"  {text}" if text else "")

    def on_warning(self, text: str) -> None:
        self._above(Text.assemble(("! ", "bold yellow"), (text, "yellow")))

    def on_note(self, text: str) -> None:
        self._above(Text(text))

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        kind = (node, without_number(reason, frame))
        if kind in self.shown and not trace:
            return  # the bar counts it, and the summary lists every frame
        self.shown.add(kind)
        place = (self.place_of(node), "dim")
        self._above(Text.assemble(("✗ ", "bold red"), place, (at(node, frame), "bold"), ": ", visible(reason)))
        if trace:
            self._above(Text(trace.rstrip(), style="dim"))

    def on_end(self, result: Result) -> None:
        self._stop()
        with contextlib.suppress(OSError):
            for line in self.closing(result):
                self.console.print(line, soft_wrap=not isinstance(line, Padding | Table))

    def on_abort(self, message: str) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.live is not None:
            with contextlib.suppress(OSError):
                self.live.stop()
            self.live = None

    def _above(self, text: Text) -> None:
        with contextlib.suppress(OSError):  # a terminal that was closed must not stop the run
            self.console.print(text, soft_wrap=True)

    # The screen.

    def speed(self) -> float:
        """Frames per second over the last frames of this stage; 0 before the first."""
        span = self.times[-1] - self.times[0] if len(self.times) > 1 else 0.0
        return (len(self.times) - 1) / span if span > 0 else 0.0

    def screen(self) -> RenderableType:
        """The live part: a line for the bar, one for the stage, and one for the progress of its long node.

        It reads without the reporter's lock: the display's thread holds a lock that a message above the bar waits for.
        """
        bar = Table.grid(padding=(0, 1))
        cells: list[RenderableType] = [
            self.spinner,
            ProgressBar(total=1.0, completed=self.fraction, width=max(10, min(44, self.console.width - 56)), complete_style="cyan"),
            Text(f"{max(0, self.percent):3d}%", style="bold"),
        ]
        if self.frames_total:
            cells.append(Text(f"{self.frames_done}/{self.frames_total} frames"))
        # After the last frame a long node is at work, which reports its own speed.
        speed = self.speed() if self.frames_done < self.frames_total else 0.0
        if speed:
            left = (self.frames_total - self.frames_done) / speed
            cells.append(Text(f"{speed:.1f} fps" if speed >= 0.95 else f"{1 / speed:.1f} s/frame", style="dim"))
            cells.append(Text(f"{time_left(left)} left", style="dim"))
        if self.failed:
            cells.append(Text(f"{self.failed} failed", style="red"))
        bar.add_row(*cells)
        stage = f"stage {self.stage_index + 1} of {self.stages}  " if self.stages > 1 else ""
        doing = Text.assemble((f"  {stage}", "dim"), self.stage_title, no_wrap=True, overflow="ellipsis")
        progress = [Text(f"  {self.text}", style="dim", no_wrap=True, overflow="ellipsis")] if self.text else []
        return Group(bar, doing, *progress)

    def closing(self, result: Result) -> list[RenderableType]:
        """The summary: delivered frames, their files and the slowest nodes; or the failures and what to do."""
        ok = result.exit_code == 0 and not stopped(result)
        mark = ("✓ ", "bold green") if ok else (("■ ", "bold yellow") if stopped(result) else ("✗ ", "bold red"))
        moving = ok and result.wanted > 1 and result.seconds > 0 and not result.plan.is_empty
        rate = f"  {result.wanted / result.seconds:.1f} fps" if moving else ""
        lines: list[RenderableType] = [Text.assemble(mark, (headline(result), "bold"), (rate, "dim"))]
        if ok:
            lines += [Text(f"  {path}", style="cyan") for path in outputs_written(result.plan)]
        elif not stopped(result):
            single = len(result.failures) == 1
            if single and not counts_frames(result):
                lines = []
            if not (single and self.shown):
                lines += [_failed(group, ("✗ ", "bold red") if single else "  ") for group in group_failures(result.failures)]
            lines += [Text(f"  {line}") for line in output_counts(result)]
        table = self.slowest(result) if ok else None
        if table is not None:
            lines += ["", Padding(table, (0, 0, 0, 2))]
        command = advised(result, self.again)
        if command:
            lines += ["", Text(f"  {ADVICE}", style="dim"), Text(f"  {command}", style="cyan")]
        return lines

    def slowest(self, result: Result) -> Table | None:
        """The slowest nodes; None when nothing ran."""
        worked = sorted(((s.seconds, name, s) for name, s in result.stats.items() if s.ran or s.cached), key=lambda x: -x[0])
        if not worked or result.plan.is_empty:
            return None
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
        table.add_column("node")
        table.add_column("type", style="dim")
        for heading in ("made", "cached", "seconds"):
            table.add_column(heading, justify="right")
        for seconds, name, stats in worked[:SLOWEST]:
            kind = type(result.plan.nodes[name]).type_name
            table.add_row(name, kind, str(stats.ran or "-"), str(stats.cached or "-"), f"{seconds:.2f}")
        if len(worked) > SLOWEST:
            rest = sum(seconds for seconds, _, _ in worked[SLOWEST:])
            table.add_row(f"{len(worked) - SLOWEST} more", "", "", "", f"{rest:.2f}", style="dim")
        return table


def _failed(group: FailureGroup, mark: str | tuple[str, str]) -> Text:
    where = str(group).removesuffix(f": {group.reason}")
    return Text.assemble(mark, (where, "bold"), ": ", group.reason)
