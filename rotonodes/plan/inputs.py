"""What a run reads is decided once, before it writes anything; and no output lands on an input or on another output."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rotonodes.errors import PlanFault
from rotonodes.graph.overwriting import OverwriteRule, any_meet, has_links
from rotonodes.node.base import Node
from rotonodes.values.frames import FilePattern, literal

if TYPE_CHECKING:
    from rotonodes.plan.plan import Plan
    from rotonodes.plan.sandbox import Sandbox


def list_files(nodes: Mapping[str, Node], sinks: Sequence[str]) -> dict[str, Node]:
    """The nodes with the files listed that they find on disk. Results that these nodes wrote in an earlier run are no inputs.

    One exception: a numbered sequence that consists of nothing else is what another output of this graph made, and is an input where
    that output is not among the `sinks` (`-X png`, then `-X gif` of the PNGs).
    """
    from rotonodes.io.folder import own_results

    def patterns(names: Iterable[str]) -> list[str]:
        return [path for name in names for _, path in nodes[name].paths("output")]

    def own(files: Sequence[str], sources: Sequence[str]) -> set[str]:
        found = own_results(files, sources, patterns(nodes))
        if found and not sources and len(found) == len(set(files)):
            return own_results(files, sources, patterns(sinks))
        return found

    return {name: node.with_files_listed(own) for name, node in nodes.items()}


def files_read(plan: Plan) -> Iterator[tuple[str, str]]:
    """(node, file) of all files that may ever be read, not of those to do: what comes from the cache today is read again tomorrow."""
    every = sorted({*plan.delivered, *plan.keys.clip})
    for name in plan.graph.upstream(plan.sinks):
        if not plan.graph.vertices[name].disabled and next(plan.nodes[name].paths("input"), None):
            beyond = (*plan.todo.get(name, ()), *plan.cached.get(name, ()))  # where a node asks for frames outside the shot
            numbers: Iterable[int | None] = dict.fromkeys([*every, *beyond]) if plan.keys.per_frame(name) else (None,)
            yield from ((name, path) for frame in numbers for path in plan.nodes[name].reads(frame))


def files_written(plan: Plan) -> Iterator[tuple[str, str]]:
    """(node, file) of all files that the outputs write."""
    for name in plan.sinks:
        delivered: tuple[int | None, ...] = plan.delivered if plan.keys.per_frame(name) else (None,)
        yield from ((name, path) for frame in delivered for path in plan.nodes[name].writes(frame))


def refuse_misplaced(plan: Plan, sandbox: Sandbox | None) -> None:
    """Raise PlanFault for an output file that the run also reads, or that two outputs write, in whatever spelling; with a `sandbox`
    also for a file outside of it.
    """
    if sandbox is None and not _may_overwrite(plan):
        return
    rule = OverwriteRule()
    for name, path in files_read(plan):
        if fault := sandbox.fault(path, written=False) if sandbox is not None else "":
            raise PlanFault(plan.graph.vertices[name].line(fault))
        rule.reads(name, path)
    for name, path in files_written(plan):
        if fault := (sandbox.fault(path, written=True) if sandbox is not None else "") or rule.writes(name, path):
            raise PlanFault(plan.graph.vertices[name].line(fault))


def _may_overwrite(plan: Plan) -> bool:
    """Whether any file of the run can be another's, by the patterns of their paths: with a million frames, no file need be looked at."""
    nodes, per_frame = plan.nodes, plan.keys.per_frame
    readers = [name for name in plan.graph.upstream(plan.sinks) if not plan.graph.vertices[name].disabled]
    readers = [name for name in readers if next(nodes[name].paths("input"), None)]
    read = [nodes[name].read_patterns() for name in readers]
    written = [nodes[name].written_patterns() if per_frame(name) else tuple(map(literal, nodes[name].writes(None))) for name in plan.sinks]
    if None in read or None in written:
        return True
    sources = [path for paths in read for path in paths or ()]
    if any(has_links(FilePattern(os.path.dirname(path)).path(None)) for path in sources):
        return True
    of_sinks = [(at, path) for at, paths in enumerate(written) for path in paths or ()]
    if any(per_frame(plan.sinks[at]) and len(plan.delivered) > 1 and not FilePattern(path).has_token for at, path in of_sinks):
        return True
    return any_meet([*of_sinks, *((-1, source) for source in sources)])
