"""A run that the page has started: its progress, the state of each node, and the loss of a training, as events."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rotonodes.engine.call_timeline import T, Timeline
from rotonodes.engine.events import Reporter
from rotonodes.engine.kept import Kept
from rotonodes.engine.run import run
from rotonodes.errors import Interrupted, RetryError, UsageError
from rotonodes.graph.graph import Graph
from rotonodes.page.preview import Places, Tell, reason
from rotonodes.values.frames import parse_frames
from rotonodes.values.pixels import Clip

if TYPE_CHECKING:
    from rotonodes.engine.result import Result

Event = Callable[[dict[str, Any]], None]
LOG = "log.jsonl"  # in the folder of a training's checkpoints
LOSS = re.compile(r"loss (\d+(?:\.\d+)?)")  # at the beginning of a training's line of progress
_CLOCKS_APART = 20_000_000  # ns by which the times of files may lag behind the clock


class GraphRun:
    """One run in a thread of its own. `send` gets events for the pages, `tell` the states of nodes; both from any thread.

    `over` is called when it has ended, before the pages hear of it.
    """

    def __init__(self, graph: Graph, places: Places, send: Event, tell: Tell, kept: Kept, over: Callable[[], None]) -> None:
        self.graph, self.places, self.send, self.tell, self.kept, self.over = graph, places, send, tell, kept, over
        self.stop = threading.Event()
        self.ended = threading.Event()  # set before the page is told: it may run again at once
        self.thread: threading.Thread | None = None

    def start(self, outputs: Sequence[str], frames: str | None) -> None:
        """Start it. Raises UsageError for frames that are none."""
        if frames:
            parse_frames(frames)
        self.thread = threading.Thread(target=self._run, args=(list(outputs), frames or None), name="page-run", daemon=True)
        self.thread.start()

    @property
    def is_running(self) -> bool:
        return self.thread is not None and not self.ended.is_set()

    def _run(self, outputs: list[str], frames: str | None) -> None:
        reporter = PageReporter(self.send, self.tell)
        over = threading.Event()
        follower = threading.Thread(target=self._follow_losses, args=(reporter, over), name="page-loss", daemon=True)
        follower.start()
        ended: dict[str, Any]
        try:
            result = run(
                self.graph,
                nodes=outputs,
                frames=frames,
                on_error="continue",
                reporter=reporter,
                stop=self.stop,
                kept=self.kept,
                timeline=NodeStates(self.tell),
                **self.places.of_plan(),
            )
            ended = _ended(result)
        except Interrupted:
            ended = {"state": "stopped", "line": "stopped; finished frames are kept, and the next run continues from there"}
        except BaseException as error:  # a node may raise anything: the page is told, the server goes on
            ended = {"state": "failed", "line": reason(error)}
        over.set()
        follower.join()
        self.over()
        self.ended.set()
        self.send({"type": "run", **reporter.counts(), **ended})

    def _follow_losses(self, reporter: PageReporter, over: threading.Event) -> None:
        """Pass on what trainings log, twice a second and once at the end."""
        logs: dict[str, LossLog] = {}
        began = time.time_ns() - _CLOCKS_APART
        while True:
            ending = over.wait(0.5)
            plan = reporter.plan
            for name in plan.todo if plan is not None else ():
                folder = getattr(plan.nodes[name], "checkpoints", "") if plan is not None and type(plan.nodes[name]).shared else ""
                if folder and name not in logs:
                    logs[name] = LossLog(os.path.join(folder, LOG), began)
            for name, log in logs.items():
                for event in log.news():
                    self.send({"type": "loss", "node": name, **event})
            if ending:
                return


def _ended(result: Result) -> dict[str, Any]:
    there = f"{result.delivered} of {result.wanted} frames are there"
    if result.failures:
        first = f"{result.failures[0].node}: {result.failures[0].reason}"
        return {"state": "failed", "line": f"{there}; {first}", "failures": [str(failure) for failure in result.failures[:50]]}
    plan = result.plan
    files = [path for name in plan.sinks for _, path in plan.graph.vertices[name].node.paths("output")] if result.wanted else []
    where = f": {', '.join(files)}" if files else ""
    return {"state": "done" if not result.exit_code else "failed", "line": f"{there}{where}; {result.seconds:.1f} s"}


class LossLog:
    """The log of a training, entry by entry. It may begin anew. What was written `before` (ns) is an earlier training's, and no news."""

    def __init__(self, path: str, before: int) -> None:
        self.path = path
        stamp = _stamp(path)  # a short training may have ended before this looks for the first time
        self._stamp = stamp if stamp is not None and stamp[0] < before else None
        self._seen = -1

    def news(self) -> Iterator[dict[str, Any]]:
        """The entries since the last call; `reset` where the steps begin anew."""
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        entries: list[Any] = []
        with contextlib.suppress(OSError, ValueError), open(self.path, encoding="utf-8") as file:
            entries.extend(json.loads(line) for line in file if line.endswith("\n"))
        if not entries or not all(isinstance(entry, dict) and isinstance(entry.get("step"), int) for entry in entries):
            return
        if entries[-1]["step"] < self._seen or self._seen < 0:
            self._seen = -1
        reset = self._seen < 0
        for entry in entries:
            if entry["step"] > self._seen:
                validation = entry.get("validation") or {}
                yield {
                    "step": entry["step"],
                    "loss": entry.get("loss"),
                    "validation": validation.get("loss"),
                    "scores": {name: value for name, value in validation.items() if isinstance(value, int | float)},
                    **({"reset": True} if reset else {}),
                }
                self._seen, reset = entry["step"], False


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class PageReporter(Reporter):
    """Turns the events of a run into events for the page; at most ten lines of progress a second."""

    interval = 0.5

    def __init__(self, send: Event, tell: Tell) -> None:
        super().__init__()
        self.send, self.tell = send, tell
        self._sent = float("-inf")
        self._step: int | None = None  # of the last loss in a line of progress

    def counts(self) -> dict[str, Any]:
        return {"done": self.frames_done, "total": self.frames_total, "fraction": round(self.fraction, 4)}

    def say(self, line: str, now: bool = False) -> None:
        if now or time.monotonic() - self._sent >= 0.1:
            self._sent = time.monotonic()
            self.send({"type": "run", "state": "running", **self.counts(), "line": line})

    def on_start(self) -> None:
        words = self.plan.precision_words() if self.plan is not None else ""
        self.say(f"{self.wanted} frames{'; ' + words if words else ''}", now=True)
        for name in self.plan.done if self.plan is not None else ():
            if name not in self.plan.todo:  # type: ignore[union-attr]  # there is a plan
                self.tell(name, None, "cached", 0.0, "")

    def on_stage(self) -> None:
        self.say(self.stage_title, now=True)

    def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
        self.say(f"frame {frame}: {f'{seconds:.2f} s' if ok else 'failed'}")

    def on_progress(self, node: str, done: int, total: int, text: str) -> None:
        self.say(f"{node}: {done} of {total}{', ' + text if text else ''}")
        loss = LOSS.match(text)
        if loss is not None and not self._is_logged(node):
            anew = self._step is None or done <= self._step
            self.send({"type": "loss", "node": node, "step": done, "loss": float(loss[1]), **({"reset": True} if anew else {})})
            self._step = done

    def _is_logged(self, node: str) -> bool:
        """Whether a training keeps a log, which says more than its progress."""
        return self.plan is not None and bool(getattr(self.plan.nodes.get(node), "checkpoints", ""))

    def on_percent(self, percent: int) -> None:
        self.say(f"{percent} %")

    def on_warning(self, text: str) -> None:
        self.send({"type": "warning", "message": text})

    def on_failure(self, node: str, frame: int | None, reason: str, trace: str) -> None:
        self.tell(node, frame, "failed", 0.0, reason)


class NodeStates(Timeline):
    """Tells when a node begins and ends, and keeps no spans: a long run would fill the memory with them."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self.tell = tell

    @contextlib.contextmanager
    def span(self, node: str, frames: Sequence[int | None], device: str = "cpu") -> Iterator[None]:
        begun, frame = time.perf_counter(), frames[0] if frames else None
        self.tell(node, frame, "running", 0.0, "")
        try:
            yield
        except (Interrupted, RetryError):
            self.tell(node, frame, "idle", 0.0, "")
            raise
        except BaseException as error:  # a training with parameters that do not fit ends the run without another word about its node
            self.tell(node, frame, "failed", 0.0, reason(error))
            raise
        self.tell(node, frame, "done", (time.perf_counter() - begun) * 1000 / max(1, len(frames)), "")

    def watched(self, node: str, clip: Clip[T]) -> Clip[T]:
        return clip


def refuse_faults(faults: Sequence[Any]) -> None:
    """Raise UsageError with the first fault of a graph and how many there are."""
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UsageError(f"the graph has faults: {faults[0]}{more}")
