"""`rotonodes watch`: for those who stay in their editor. At every save the graph is checked, and one frame or all outputs made again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rotonodes.cli.options import (
    device_option,
    frame_range,
    graph_argument,
    graph_options,
    place_options,
    precision_option,
    verbose_option,
)
from rotonodes.cli.session import Session, graph_file, load, places, say
from rotonodes.errors import (
    EXIT_HUNG_UP,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    EXIT_USAGE,
    GraphError,
    Interrupted,
    RotoError,
    machine_error,
)

if TYPE_CHECKING:
    from rotonodes.engine.kept import Kept
    from rotonodes.graph.graph import Graph

POLL = 0.2  # seconds between two looks at the files; file servers do not tell of changes
QUIET = 0.1  # an editor that writes a file in pieces is left alone for so long


@click.command()
@graph_argument
@click.option("-X", "--node", "target", metavar="NODE[.OUT]", help="Show this node's picture at one frame.  [default: make all outputs]")
@click.option(
    "-F", "--frames", metavar="RANGE", callback=frame_range, help="The frame to show; without -X those to deliver.  [default: all]"
)
@click.option("-o", "--output", metavar="FILE.png", help="With -X: the picture to write.  [default: NODE.OUTPUT.FRAME.png]")
@click.option("--once", is_flag=True, help="Do it once and end: to try what would be shown.")
@graph_options
@device_option
@precision_option
@place_options
@verbose_option
@click.pass_context
def watch(context: click.Context, /, graph_file: str, once: bool, **given: Any) -> int:
    """Check a graph at every save, and make one frame of a node (-X, -F) or all outputs again.

    One line tells what became of each save. `edit` shows the same in a browser; `run --watch` makes all with progress.
    """
    from rotonodes.cli.interrupt import StopOnSignal
    from rotonodes.engine.kept import KeptRecently

    kept, stop, code = KeptRecently(), threading.Event(), EXIT_OK
    with StopOnSignal(stop) as signals:
        for file in saves(graph_file, stop):
            lines, code = look_again(file, given, kept, stop)
            for line in lines:
                say(line)
            if once:
                break
    return signals.code or (code if once else EXIT_OK)


def saves(path: str, stop: threading.Event, wait: Callable[[float], object] = time.sleep) -> Iterator[str]:
    """The graph's file: now, and again each time that it, or a graph file that it uses, was saved; until `stop` is set.

    A file that is removed is waited for. Raises GraphError for one that is not there at all.
    """
    file = graph_file(path)
    seen: object = None
    while not stop.is_set():
        stamps = _stamps(file)
        if stamps != seen and stamps[0] is not None:
            wait(QUIET)
            if _stamps(file) != stamps:
                continue  # it is still being written
            seen = stamps
            yield file
            continue
        wait(POLL)


def _stamps(file: str) -> tuple[object, ...]:
    """Time and size of a graph file and of those that it uses; the first is None where it is not there."""
    found: dict[str, object] = {}
    stack = [file]
    while stack:
        path = stack.pop()
        if path in found:
            continue
        try:
            stat = Path(path).stat()
        except OSError:
            found[path] = None
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        stack += _graphs_in(path)
    return (found[file], tuple(sorted(found.items(), key=lambda item: item[0])))


def _graphs_in(path: str) -> Iterator[str]:
    """The graph files that are nodes of a graph file; none of one that cannot be read."""
    from rotonodes.graph.builder import is_graph_file
    from rotonodes.graph.document import read_document

    try:
        nodes = read_document(path).data.get("nodes")
    except GraphError:
        return
    for body in nodes.values() if isinstance(nodes, dict) else ():
        if is_graph_file(body):
            beside = Path(path).parent / body["type"]
            yield str(beside if beside.is_file() else Path(body["type"]))


def look_again(file: str, given: dict[str, Any], kept: Kept, stop: threading.Event) -> tuple[list[str], int]:
    """Check the graph and make what is to be shown; returns the lines to say and the exit code."""
    begun = time.perf_counter()
    try:
        graph = load(file, given)
    except GraphError as error:
        return str(error).split("\n"), EXIT_USAGE
    except RotoError as error:
        return [f"error: {error}"], error.exit_code
    count = len(graph.vertices)
    head = f"{file}: ok, {count} node{'' if count == 1 else 's'}"
    try:
        made, code = make_again(graph, given, kept, stop)
    except Interrupted:
        return [], EXIT_OK
    except (RotoError, OSError, MemoryError) as error:
        known = error if isinstance(error, RotoError) else machine_error(error)
        return [f"{head}; {known}"], known.exit_code
    return [f"{head}; {made}, {time.perf_counter() - begun:.2f} s"], code


def make_again(graph: Graph, given: dict[str, Any], kept: Kept, stop: threading.Event) -> tuple[str, int]:
    """Make the picture that is looked at, or all outputs; returns what was made, or what failed first."""
    from rotonodes.cli.view import view_node
    from rotonodes.engine.run import run

    options: dict[str, Any] = {**places(given), "device": given["device"], "precision": given["precision"], "kept": kept, "stop": stop}
    if given["target"]:
        path, result = view_node(graph, given["target"], given["frames"], given["output"], **options)
        made = f"{given['target']} in {path}"
    else:
        result = run(graph, frames=given["frames"], on_error="continue", **options)
        made = f"{result.delivered} of {result.wanted} frames are there"
    return (str(result.failures[0]) if result.failures else made), result.exit_code


def run_at_saves(path: str, session: Session, once: Callable[[], int]) -> int:
    """`run --watch`: run now and at every save; networks stay loaded. Ends with the exit code of a signal."""
    from rotonodes.engine.kept import KeptRecently

    session.kept = session.kept or KeptRecently()
    for _ in saves(path, threading.Event()):
        code = EXIT_OK
        try:
            code = once()
        except RotoError as error:
            say(str(error) if isinstance(error, GraphError) else f"error: {error}")
        if code in (EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED):
            return code
        session.reporter = None
        say(f"waiting for the next save of {path}; Ctrl-C ends")
    return EXIT_OK
