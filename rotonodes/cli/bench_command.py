"""The command bench: how fast a graph runs, and what limits it."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from rotonodes.cli.options import (
    batch_option,
    device_option,
    frames_option,
    graph_argument,
    graph_options,
    job_options,
    json_name,
    only_option,
    path_options,
    precision_option,
    threads_option,
    verbose_option,
)
from rotonodes.cli.session import Session, load, paths, say, write_json
from rotonodes.errors import EXIT_INTERRUPTED, EXIT_OK, Interrupted, UsageError

if TYPE_CHECKING:
    from rotonodes.graph.graph import Graph


def _png_name(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value and not value.lower().endswith(".png"):
        raise UsageError(f"{option.opts[0]} {value}: name a file that ends in .png")
    return value


@click.command()
@graph_argument
@frames_option
@only_option
@job_options
@graph_options
@device_option
@precision_option
@batch_option
@threads_option
@path_options
@click.option("--picture", metavar="FILE.png", callback=_png_name, help="Write the timeline of some frames as a picture.")
@click.option("--trace", metavar="FILE.json", callback=json_name, help="Write the timeline as a trace for Perfetto or chrome://tracing.")
@click.option("--json", "as_json", is_flag=True, help="The measurements as JSON.")
@verbose_option
@click.pass_context
def bench(context: click.Context, /, graph_file: str, as_json: bool, picture: str | None, trace: str | None, **given: Any) -> int:
    """Measure a graph: frames per second, each node's share, what limits the run, peak memory.

    Everything is made anew, without a cache, into a folder that is removed at the end: outputs that are there stay as they are.
    """
    import json

    from rotonodes.cli.interrupt import StopOnSignal
    from rotonodes.cli.timeline_picture import draw_timeline
    from rotonodes.engine.call_timeline import Timeline
    from rotonodes.engine.events import Reporter
    from rotonodes.machine.cores import cpu_count
    from rotonodes.machine.devices import peak_gpu_memory
    from rotonodes.report.measured import measured

    session = context.ensure_object(Session)
    graph, located, timeline, stop = load(graph_file, given), paths(given), Timeline(), threading.Event()
    reporter = session.reporter = Reporter(session.verbose)
    cores = given["threads"] or cpu_count()
    options: dict[str, Any] = {name: given[name] for name in ("frames", "device", "precision", "batch", "threads")}
    with StopOnSignal(stop) as signals, tempfile.TemporaryDirectory(prefix=".rotonodes-bench-", dir=given["root"]) as folder:
        try:
            from rotonodes.engine.run import run

            trial = writing_into(graph, os.path.abspath(folder))
            options |= {"cache": "none", "force": True, "reporter": reporter, "stop": stop, "timeline": timeline}
            result = run(trial, nodes=given["only"], **options, **located)
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED
    if result.exit_code:
        for failure in result.failures[:1]:
            say(f"error: {failure}")
        return result.exit_code
    if not timeline.spans:
        raise UsageError(f"{graph_file}: nothing to measure: no node makes anything")
    found = measured(result, timeline.spans, cores, peak_gpu_memory(result.device))
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        click.echo("\n".join(found.lines()))
    if trace:
        write_json(trace, timeline.as_trace())
    if picture:
        title = f"{os.path.basename(graph.file)}: {found.fps:.3g} frames a second; limited by {found.limit}"
        draw_timeline(picture, timeline.spans, graph.order(), title)
    return EXIT_OK


def writing_into(graph: Graph, folder: str) -> Graph:
    """The same graph, whose outputs go into a folder, each below the name of its node."""
    from rotonodes.cli.file_check import node_writing_into
    from rotonodes.graph.graph import Graph as Core

    trial = Core(graph.frames, file=graph.file)
    trial.subgraphs, trial.subgraph_inputs = graph.subgraphs, graph.subgraph_inputs
    for name, vertex in graph.vertices.items():
        trial.vertices[name] = replace(vertex, node=node_writing_into(folder, vertex), cache=False)
    return trial
