"""`rotonodes check --files`: opens the files of a graph. Every header is read, and one frame is made, without writing anything."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rotonodes.errors import RotoError
from rotonodes.graph.graph import Graph, Vertex
from rotonodes.plan.plan import Plan


def file_faults(
    graph: Graph, plan: Plan, *, root: str = ".", path_map: Sequence[tuple[str, str]] = (), sandbox: Sequence[str] | None = None
) -> list[str]:
    """The faults that show only in the files: damaged headers, sizes, passes, objects, classes, weights that do not fit.

    The headers of all source files are read, and the first frame whose files are there is made by every node but trainings; writers
    write into a folder that is then removed. Missing files are not reported: the plan has them, as it has what a `sandbox` refuses.
    """
    found = list(header_faults(plan))
    return found or list(first_frame_faults(graph, plan, root, path_map))


def header_faults(plan: Plan) -> Iterator[str]:
    """Source files whose header cannot be read, or whose size is not that of the first frame where it must be."""
    from rotonodes.io.pictures import picture_size

    for name, frames in plan.todo.items():
        node = plan.nodes[name]
        if plan.graph.vertices[name].links or node.available() is None:
            continue
        first: tuple[str, tuple[int, int]] | None = None
        for frame in sorted(frame for frame in frames if frame is not None):
            for path in node.reads(frame) if not node.lacks(frame) else ():
                try:
                    size = picture_size(path)
                except RotoError as error:
                    yield plan.graph.vertices[name].line(str(error))
                    continue
                first = first or (path, size)
                if size != first[1] and getattr(node, "sizes", "any") == "same":
                    (width, height), (path1, (width1, height1)) = size, first
                    yield plan.graph.vertices[name].line(f"{path} is {width} x {height}, but {path1} is {width1} x {height1}")


def first_frame_faults(graph: Graph, plan: Plan, root: str, path_map: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Faults of making one frame: the first of which no file is missing."""
    from rotonodes.engine.events import Reporter
    from rotonodes.engine.run import run

    lacking = {frame for frames in plan.missing.values() for frame in frames}
    frame = next((frame for frame in plan.delivered if frame not in lacking), None)
    left_out = {name for name, vertex in graph.vertices.items() if type(vertex.node).shared or None in plan.missing.get(name, ())}
    with tempfile.TemporaryDirectory() as folder:
        trial = Graph((frame,) if frame is not None else plan.delivered[:1] or (1,), file=graph.file)
        for name, vertex in graph.vertices.items():
            trial.vertices[name] = replace(vertex, node=node_writing_into(folder, vertex), cache=False)
        names = [name for name in trial.vertices if not trial.upstream([name]) & left_out and not trial.vertices[name].disabled]
        if frame is None:
            names = [name for name in names if not plan.keys.per_frame(name) and not type(trial.vertices[name].node).takes_whole_clip()]
        while names:
            reporter = Reporter()
            try:
                targets = [f"{name}.{output}" for name in names for output in trial.outputs_of(name)]  # all outputs, also unused ones
                run(trial, nodes=targets, cache="none", on_error="continue", root=root, path_map=path_map, force=True, reporter=reporter)
            except RotoError as error:  # it ends the run: the other nodes are tried again without the one that raised it
                if reporter.result is None or not reporter.result.failures:
                    yield str(error)
                    return
                fatal = True
            else:
                fatal = False
            failures = reporter.result.failures if reporter.result is not None else []
            yield from dict.fromkeys(str(failure) for failure in failures)
            failed = {failure.node for failure in failures}
            names = [name for name in names if fatal and not trial.upstream([name]) & failed]


def node_writing_into(folder: str, vertex: Vertex) -> Any:
    """The node of a vertex with its output paths inside `folder`."""
    node = vertex.node
    changed: dict[str, Any] = {}
    for parameter, path in node.paths("output"):
        inside = os.path.join(folder, vertex.name.replace("/", "-"), *(part for part in path.split("/") if part not in ("", "..")))
        changed[parameter] = [*changed.get(parameter, ()), inside] if isinstance(getattr(node, parameter), list) else inside
    return node.model_copy(update=changed) if changed else node
