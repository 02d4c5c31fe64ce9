"""`rotonodes check --files`: opens the files of a graph. Every header is read, and one frame is made, without writing anything."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from rotonodes.errors import RotoError
from rotonodes.graph.graph import Graph, Vertex
from rotonodes.plan.plan import Plan

MOST = 24  # frames of a training that are opened


def file_faults(
    graph: Graph, plan: Plan, *, root: str = ".", path_map: Sequence[tuple[str, str]] = (), sandbox: Sequence[str] | None = None
) -> list[str]:
    """The faults that show only in the files: damaged headers, sizes, passes, objects, classes, weights that do not fit.

    The headers of all source files are read, and the first frame whose files are there is made by every node but trainings; writers
    write into a folder that is then removed. What a training learns from is made for the frames that it names, at most MOST of them.
    Missing files are not reported: the plan has them, as it has what a `sandbox` refuses.
    """
    found = list(header_faults(plan))
    tried = (first_frame_faults(graph, plan, root, path_map), own_file_faults(plan), training_faults(graph, plan, root, path_map))
    return found or list(dict.fromkeys(chain(*tried)))


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
    lacking = {frame for frames in plan.missing.values() for frame in frames}
    frame = next((frame for frame in plan.delivered if frame not in lacking), None)
    left_out = {name for name, vertex in graph.vertices.items() if type(vertex.node).shared or None in plan.missing.get(name, ())}
    left_out |= only_for_trainings(graph)
    names = [name for name in graph.vertices if not graph.upstream([name]) & left_out and not graph.vertices[name].disabled]
    if frame is None:
        names = [name for name in names if not plan.keys.per_frame(name) and not type(graph.vertices[name].node).takes_whole_clip()]
    targets = {name: graph.outputs_of(name) for name in names}  # all outputs, also unused ones
    yield from trial_faults(graph, (frame,) if frame is not None else plan.delivered[:1] or (1,), targets, root, path_map)


def own_file_faults(plan: Plan) -> Iterator[str]:
    """Files of trainings themselves that cannot be used: what their networks start from."""
    for name, node in plan.nodes.items():
        vertex = plan.graph.vertices[name]
        if type(node).shared and not vertex.disabled:
            try:
                node.open_files()
            except RotoError as error:
                yield vertex.line(str(error))


def only_for_trainings(graph: Graph) -> set[str]:
    """The nodes that nothing but trainings is made from: hand-painted labels are there for the frames of a training alone."""
    users: dict[str, set[str]] = {}
    for name, vertex in graph.vertices.items():
        for _, link in vertex.all_links():
            users.setdefault(graph.source_of(link).node, set()).add(name)
    found = set[str]()
    for name in reversed(graph.order()):
        if name in users and all(user in found or type(graph.vertices[user].node).shared for user in users[name]):
            found.add(name)
    return found


def training_faults(graph: Graph, plan: Plan, root: str, path_map: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Faults of making what trainings learn from, of the frames that they name."""
    for name, vertex in graph.vertices.items():
        if not type(vertex.node).shared or vertex.disabled or name not in plan.nodes:
            continue
        lacking = {frame for source in graph.upstream([name]) for frame in plan.missing.get(source, ())}
        frames = sorted({frame for _, frame in plan.keys.tasks(name, None) if frame is not None} - lacking)
        last = len(frames) - 1
        chosen = [frames[last * index // (MOST - 1)] for index in range(MOST)] if last >= MOST else frames  # from first to last
        targets: dict[str, list[str]] = {}
        for link in dict.fromkeys(graph.source_of(link) for _, link in vertex.all_links()):
            if plan.keys.per_frame(link.node):
                targets.setdefault(link.node, []).append(link.output)
        if chosen and targets:
            yield from trial_faults(graph, tuple(chosen), targets, root, path_map)


def trial_faults(
    graph: Graph, frames: Sequence[int], targets: Mapping[str, Iterable[str]], root: str, path_map: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """Faults of making some outputs, by node, of some frames; writers write into a folder that is then removed."""
    from rotonodes.engine.events import Reporter
    from rotonodes.engine.run import run

    with tempfile.TemporaryDirectory() as folder:
        trial = Graph(frames, file=graph.file)
        for name, vertex in graph.vertices.items():
            trial.vertices[name] = replace(vertex, node=node_writing_into(folder, vertex), cache=False)
        names = list(targets)
        while names:
            reporter = Reporter()
            try:
                wanted = [f"{name}.{output}" for name in names for output in targets[name]]
                run(trial, nodes=wanted, cache="none", on_error="continue", root=root, path_map=path_map, force=True, reporter=reporter)
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
