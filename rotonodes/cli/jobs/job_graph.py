"""What all jobs share: lists on the command line, the text of a graph, and its run."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rotonodes.cli.session import Session
from rotonodes.errors import GraphError, UsageError

if TYPE_CHECKING:
    from rotonodes.engine.result import Result


def graph_text(frames: str, nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """A graph file; without `frames`, of all the frames that are there.

    Values are written as JSON, which YAML reads as the same; a `$` is no variable here.
    """

    def written(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False).replace("$", "$$")

    lines = ["rotonodes: 1", *([f"frames: {written(frames)}"] if frames else []), "nodes:"]
    for name, body in nodes.items():
        lines.append(f"  {name}:")
        lines += [f"    {key}: {value if key == 'type' else written(value)}" for key, value in body.items()]
    return "\n".join(lines) + "\n"


def run_job(text: str, title: str, session: Session, device: str = "cpu") -> tuple[int, Result | None]:
    """Run the graph in `text`, whole and without a cache: the exit code, and the result unless it was interrupted.

    On a terminal progress is shown; elsewhere only warnings and the first failure are said.
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
    except GraphError as error:  # whose lines nobody has seen
        raise UsageError("; ".join(fault.message for fault in error.faults)) from None

    def again(frames: str) -> str:
        return ""  # it is the command that the user has just written

    terminal = sys.stderr.isatty()
    reporter = make_reporter("rich", session.verbose, again=again) if terminal else QuietReporter(session.verbose, again=again)
    session.reporter = reporter
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            result = run(graph, cache="none", force=True, device=device, reporter=reporter, stop=stop)
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED, None
    return result.exit_code, result


def words(text: str, option: str) -> list[str]:
    """The parts of `a,b,c`; UsageError for an empty one."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise UsageError(f"{option} {text}: write them with commas between, a,b,c")
    return parts


def class_names(text: str) -> list[str]:
    """Names of the classes: those given, or for a number so many, the first of which is the background."""
    if text.isdecimal():
        if not 2 <= int(text) <= 256:
            raise UsageError(f"--classes {text}: 2 to 256 classes; the background is one of them")
        return ["background", *(f"class{number}" for number in range(1, int(text)))]
    return words(text, "--classes")


def greys(text: str, count: int, option: str) -> list[int]:
    """The value of each class in the files; UsageError unless there is one whole number for each."""
    try:
        found = [int(word) for word in words(text, option)]
    except ValueError:
        raise UsageError(f"{option} {text}: write whole numbers with commas between, 200,40,80") from None
    if len(found) != count or len(set(found)) < count:
        raise UsageError(f"{option} {text}: {len(found)} values for {count} classes: give one for each class, each another")
    return found
