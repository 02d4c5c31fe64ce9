"""What all jobs share: lists on the command line, the text of a graph, and running it."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rotonodes.cli.session import Session
from rotonodes.errors import GraphError, UsageError
from rotonodes.graph.document import scalar

if TYPE_CHECKING:
    from rotonodes.engine.result import Result

LINE = 140  # characters
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")  # text that needs no quotes in YAML, unless it is `true`, `null` and the like


def graph_text(frames: str, nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a graph file. Empty `frames` stands for all frames on disk.

    A node is one line where it fits, else a line for each of its fields. A `$` in values is escaped, since a job's graph has no
    variables.
    """
    lines = ["rotonodes: 1", *([f"frames: {_flow(frames)}"] if frames else []), "nodes:"]
    for name, fields in nodes.items():
        line = f"  {name}: {_flow(dict(fields))}"
        lines += [line] if len(line) <= LINE else [f"  {name}:", *_block(fields, "    ")]
    return "\n".join(lines) + "\n"


def _block(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    """A mapping with a line for each entry, and mappings in it that are too long for a line likewise."""
    for key, value in fields.items():
        line = f"{indent}{_flow(key)}: {_flow(value)}"
        if len(line) <= LINE or not isinstance(value, dict):
            yield line
        elif len(f"{indent}  {_flow(value)}") <= LINE:
            yield from (f"{indent}{_flow(key)}:", f"{indent}  {_flow(value)}")
        else:
            yield f"{indent}{_flow(key)}:"
            yield from _block(value, indent + "  ")


def _flow(value: Any) -> str:
    """A value as YAML on one line: words as they are, other text in quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _WORD.fullmatch(value) and scalar(value) == value:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")


def run_job(
    text: str, title: str, session: Session, device: str = "cpu", resume: bool = False, precision: str | None = None
) -> tuple[int, Result | None]:
    """Run the graph in `text` without a cache. Returns the exit code, and the result unless the run was interrupted.

    With `resume` outputs that are there already, made from the same, are kept.

    On a terminal progress is shown; elsewhere only warnings and the first failure.
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

    terminal = sys.stderr.isatty()
    reporter = make_reporter("rich", session.verbose, again=again) if terminal else QuietReporter(session.verbose, again=again)
    session.reporter = reporter
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            result = run(graph, cache="none", force=not resume, device=device, precision=precision, reporter=reporter, stop=stop)
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED, None
    return result.exit_code, result


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
