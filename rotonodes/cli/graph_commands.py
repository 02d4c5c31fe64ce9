"""Commands that take a graph: run, check, plan, draw, view."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from rotonodes.cli.options import (
    ForceCommand,
    batch_option,
    device_option,
    force_option,
    frame_range,
    frames_option,
    graph_argument,
    graph_options,
    job_options,
    json_name,
    only_option,
    path_options,
    place_options,
    precision_option,
    progress_option,
    threads_option,
    verbose_option,
    verify_option,
)
from rotonodes.cli.session import Session, again, load, paths, places, say, write_json
from rotonodes.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, GraphError, Interrupted, PlanFault, RotoError, UsageError
from rotonodes.report.choose import reporter_for

if TYPE_CHECKING:
    from rotonodes.graph.graph import Graph


@click.command(cls=ForceCommand)
@graph_argument
@frames_option
@click.option("--part", metavar="K/N", help="Deliver only the K-th of N parts of the frames: for farms that number their tasks.")
@only_option
@job_options
@graph_options
@device_option
@precision_option
@batch_option
@threads_option
@place_options
@force_option
@verify_option
@click.option(
    "--on-error", type=click.Choice(["stop", "continue"]), default="stop", help="After a failed frame: stop, or make the other frames."
)
@click.option("--isolate-readers", is_flag=True, help="Decode files in helper processes: a decoder that crashes is one failed frame.")
@progress_option
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.option("--stats", metavar="FILE.json", callback=json_name, help="Write counts and times of all nodes to a file.")
@click.option("--watch", "at_saves", is_flag=True, help="Run again at every save of the graph, until Ctrl-C.")
@verbose_option
@click.pass_context
def run(context: click.Context, /, graph_file: str, at_saves: bool, **given: Any) -> int:
    """Run a graph: make every frame that is not there yet."""
    if not at_saves:
        return _run_once(context, graph_file, given)
    from rotonodes.cli.watch_command import run_at_saves

    return run_at_saves(graph_file, context.ensure_object(Session), lambda: _run_once(context, graph_file, given))


def _run_once(context: click.Context, graph_file: str, given: dict[str, Any]) -> int:
    from rotonodes.cli.interrupt import StopOnSignal
    from rotonodes.machine import torchrun

    session = context.ensure_object(Session)
    reporter = session.reporter = reporter_for(given["progress"], given["quiet"], session.verbose, lambda frames: again(context, frames))
    graph = load(graph_file, given, reporter.warning)
    frames = part_frames(graph, given["frames"], given["part"], given["only"]) if given["part"] else given["frames"]
    if frames == ():
        click.echo(f"nothing to do: part {given['part']} has no frames", err=True)
        return EXIT_OK
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            from rotonodes.engine.run import run as run_graph
            from rotonodes.report.summary import tables

            result = run_graph(
                graph,
                frames=frames,
                nodes=given["only"],
                device=given["device"],
                precision=given["precision"],
                batch=given["batch"],
                threads=given["threads"],
                force=given["force"],
                verify=given["verify"],
                on_error=given["on_error"],
                isolate_readers=given["isolate_readers"],
                reporter=reporter,
                stop=stop,
                kept=session.kept,
                **places(given),
            )
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED
        finally:
            if given["stats"] and reporter.result is not None and torchrun.is_first():
                write_json(given["stats"], reporter.result.as_json())
        for table in tables(result) if torchrun.is_first() and not given["quiet"] else ():
            with contextlib.suppress(BrokenPipeError):  # nobody reads it: every file is written all the same
                click.echo(table, err=reporter.uses_stdout)
        for failure in () if torchrun.is_first() else result.failures:
            say(f"error: {failure}")
        return signals.code if signals.code and result.exit_code else result.exit_code


def part_frames(graph: Graph, frames: str | None, part: str, only: Sequence[str]) -> tuple[int, ...]:
    """The frames of `--part`. Raises UsageError where they are unknown, and for an output that needs the whole clip."""
    from rotonodes.graph.graph import select
    from rotonodes.values.frames import parse_frames, part_of

    every = parse_frames(frames) if frames is not None else graph.frames
    if every is None:
        raise UsageError(f"--part {part}: of which frames? name them with -F or --set frames=1-100")
    try:
        chosen = part_of(every, part)
    except UsageError as error:
        raise UsageError(f"--part: {error}") from None
    for name in [link.node for link in select(graph, only)] if only else graph.sinks():
        cls = type(graph.vertices[name].node)
        if cls.is_writer() and cls.takes_whole_clip():
            raise UsageError(f"--part {part}: {name} writes the whole clip: make it in a task of its own (-X {name}), and others with -X")
    return chosen


@click.command()
@click.argument("graph_files", metavar="GRAPH...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--files", is_flag=True, help="Open the files too: sizes, passes, objects, classes, weights. Makes one frame, writes nothing."
)
@click.option("--strict", is_flag=True, help="Warnings end with exit code 2.")
@job_options
@graph_options
@path_options
@verbose_option
def check(graph_files: Sequence[str], files: bool, strict: bool, **given: Any) -> int:
    """Check graphs: every fault with its line and column.

    Missing input files are warnings, not faults: they may not be rendered yet. Missing optional libraries are faults.
    """
    located, code = paths(given), EXIT_OK
    for path in graph_files:
        try:
            graph = load(path, given)
            faults, warnings, gone = judge(graph, located, files)
        except GraphError as error:
            faults, warnings, gone = str(error).split("\n"), [], ""
        for line in faults:
            say(line)
        for line in warnings:
            say(f"warning: {line}")
        if faults or (strict and warnings):
            code = EXIT_USAGE
        else:
            count = len(graph.vertices)
            click.echo(f"{path}: ok, {count} node{'' if count == 1 else 's'}{gone if files else ''}")
    return code


def judge(graph: Graph, located: dict[str, Any], files: bool) -> tuple[list[str], list[str], str]:
    """(faults, warnings, what is missing) of a graph beyond its file: libraries, input files, and with `files` what is in them.

    A graph that is only a node of other graphs has no input files of its own.
    """
    from rotonodes.cli.file_check import file_faults
    from rotonodes.engine.libraries import library_faults
    from rotonodes.plan.make_plan import make_plan
    from rotonodes.plan.missing_files import missing_lines

    faults = list(library_faults(graph, graph.vertices))
    if graph.open_inputs:
        return faults, [], ""
    try:
        plan = make_plan(graph, cache="none", force=True, **located)
    except RotoError as error:
        placed = any(vertex.place and str(error).startswith(vertex.place) for vertex in graph.vertices.values())
        line = str(error) if placed else f"{graph.file}: {error}"
        # No frames, no pictures in a folder: they may not be rendered yet.
        return ([*faults, line], [], "") if isinstance(error, PlanFault) else (faults, [line], "; no file was there to check")
    if files and not faults:
        faults = file_faults(graph, plan, **located)
    missing = list(plan.missing.values())
    gone = sum(any(frame in frames for frames in missing) for frame in plan.delivered) if missing else 0
    said = f"; {gone} of {len(plan.delivered)} frames are not there" if gone else ""
    return faults, [*missing_lines(plan), *(f"{graph.file}: {text}" for text in plan.warnings)], said


@click.command()
@graph_argument
@click.option("--format", "form", type=click.Choice(["mermaid", "dot", "svg"]), default="mermaid", help="Format of the drawing.")
@graph_options
@verbose_option
def draw(graph_file: str, form: str, **given: Any) -> int:
    """Draw a graph: Mermaid or DOT text, or an SVG picture, on stdout."""
    from rotonodes.describe.draw import draw_graph

    click.echo(draw_graph(load(graph_file, given), form), nl=False)
    return EXIT_OK


@click.command()
@graph_argument
@click.argument("target", metavar="NODE[.OUT]")
@click.option("-F", "--frames", metavar="N", callback=frame_range, help="The frame to show; with --contact a range.  [default: the first]")
@click.option("-o", "--output", metavar="FILE", help="The picture to write.  [default: NODE.OUTPUT.FRAME.png]")
@click.option("--contact", is_flag=True, help="All frames on one contact sheet.")
@graph_options
@device_option
@place_options
@verbose_option
@click.pass_context
def view(context: click.Context, /, graph_file: str, target: str, output: str | None, contact: bool, **given: Any) -> int:
    """Write one frame of any node as a picture to look at."""
    from rotonodes.cli.interrupt import StopOnSignal
    from rotonodes.cli.view import view_node
    from rotonodes.report.choose import make_reporter

    session = context.ensure_object(Session)
    graph = load(graph_file, given)
    shown = contact and sys.stderr.isatty()
    reporter = session.reporter = make_reporter("rich" if shown else "none", session.verbose)
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            path, result = view_node(
                graph,
                target,
                given["frames"],
                output,
                contact=contact,
                device=given["device"],
                reporter=reporter,
                stop=stop,
                **places(given),
            )
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED
    for failure in () if shown else result.failures:  # the reporter of --contact prints them itself
        say(f"error: {failure}")
    if not result.exit_code:
        click.echo(path)
    return result.exit_code
