"""What all jobs share: lists on the command line, and running a graph."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rotonodes.cli.session import Session
from rotonodes.errors import GraphError, RotoError, UsageError

if TYPE_CHECKING:
    from rotonodes.engine.result import Result
    from rotonodes.graph.graph import Graph


def run_job(
    text: str,
    title: str,
    session: Session,
    device: str = "cpu",
    resume: bool = False,
    precision: str | None = None,
    progress: str = "auto",
) -> tuple[int, Result | None]:
    """Run the graph in `text` without a cache. Returns the exit code, and the result unless the run was interrupted.

    With `resume` outputs that are there already, made from the same, are kept, and so is what is measured over the shot: in the usual
    cache, where `run` and `edit` of the same graph find it.

    `auto` progress is shown on a terminal; elsewhere only warnings and the first failure are.
    """
    from rotonodes.cli.interrupt import StopOnSignal
    from rotonodes.engine.run import run
    from rotonodes.errors import EXIT_INTERRUPTED, Interrupted
    from rotonodes.graph.builder import Builder
    from rotonodes.graph.document import parse_document
    from rotonodes.graph.graph import Graph
    from rotonodes.report.choose import make_reporter
    from rotonodes.report.plain import QuietReporter

    try:
        graph = Graph()
        Builder(parse_document(text, title), {}, {}).build(graph)
    except GraphError as error:  # without line numbers: the user has not seen this text
        raise UsageError("; ".join(fault.message for fault in error.faults)) from None

    def again(frames: str) -> str:
        return ""  # no other command than the one just typed

    if progress == "auto" and sys.stderr.isatty():
        progress = "rich"
    cache = keep_measurements(graph) if resume else "none"
    reporter = QuietReporter(session.verbose, again=again) if progress == "auto" else make_reporter(progress, session.verbose, again=again)
    session.reporter = reporter
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            result = run(graph, cache=cache, force=not resume, device=device, precision=precision, reporter=reporter, stop=stop)
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED, None
    return result.exit_code, result


def keep_measurements(graph: Graph) -> str:
    """Keep nothing of a graph but what is measured over the shot; returns the cache for it, "none" without such a node.

    A folder that cannot be written is no fault: the measurement is made again the next time.
    """
    from rotonodes.io.files import write_bytes
    from rotonodes.plan.make_plan import CACHE_FOLDER

    measured = {name for name, vertex in graph.vertices.items() if vertex.keeps and type(vertex.node).takes_whole_clip()}
    graph.vertices |= {name: replace(vertex, cache=name in measured) for name, vertex in graph.vertices.items()}
    if not measured:
        return "none"
    try:
        write_bytes(Path(CACHE_FOLDER, ".write-test"), b"")
        Path(CACHE_FOLDER, ".write-test").unlink()
    except (OSError, RotoError):
        return "none"
    return CACHE_FOLDER


def split_list(text: str, option: str) -> list[str]:
    """The items of `a,b,c`. Raises UsageError for an empty one."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise UsageError(f"{option} {text}: separate the items by commas: a,b,c")
    return parts


def class_names(text: str) -> list[str]:
    """Names of the classes: those in `a,b,c`; for a number that many, with the background first."""
    if text.isdecimal():
        if not 2 <= int(text) <= 256:
            raise UsageError(f"--classes {text}: 2 to 256 classes; the background is one of them")
        return ["background", *(f"class{number}" for number in range(1, int(text)))]
    return split_list(text, "--classes")


def grey_values(text: str, count: int, option: str) -> list[int]:
    """The grey value of each class in the files. Raises UsageError unless there is one whole number for each class."""
    try:
        found = [int(word) for word in split_list(text, option)]
    except ValueError:
        raise UsageError(f"{option} {text}: write whole numbers separated by commas: 200,40,80") from None
    if len(found) != count or len(set(found)) < count:
        raise UsageError(f"{option} {text}: {len(found)} values for {count} classes: give each class a value of its own")
    return found
