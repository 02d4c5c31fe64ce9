"""Missing input files: the frames that need them, and their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rotonodes.errors import RotoError, did_you_mean_file
from rotonodes.values.frames import frames_named, parse_frames

if TYPE_CHECKING:
    from rotonodes.plan.plan import Plan


def missing_frames(plan: Plan) -> dict[str, list[int | None]]:
    """Node -> frames to make whose input files are missing. Whether that is a fault is decided by the run."""
    missing: dict[str, list[int | None]] = {}
    for name, frames in plan.todo.items():
        for frame in sorted(frames, key=lambda f: (f is not None, f or 0)):
            if plan.nodes[name].lacks(frame):
                missing.setdefault(name, []).append(frame)
    return missing


def missing_files(plan: Plan, name: str) -> list[str]:
    """The missing files of a node, each once, in the order of its frames."""
    return list(dict.fromkeys(path for frame in plan.missing.get(name, ()) for path in plan.nodes[name].lacks(frame)))


def missing_words(plan: Plan, name: str) -> str:
    """`shot/beauty.0013.exr and 11 more (frames 13-24)`; where the whole sequence is missing, a similar name is suggested."""
    first, *others = missing_files(plan, name)
    more = f" and {len(others)} more" if others else ""
    numbers = [frame for frame in plan.missing[name] if frame is not None]
    where = f" ({frames_named(numbers)})" if others and numbers else ""
    try:
        there = plan.nodes[name].available()
    except RotoError:  # the run reports it
        there = None
    return first + more + where + (frames_advice(plan, numbers) if there else did_you_mean_file(first))


def frames_advice(plan: Plan, missing: Sequence[int]) -> str:
    """The way out where the graph, or a node that learns or measures, names frames that are not on disk.

    `; the graph says frames 1-24: --set frames=auto takes those on disk`.
    """
    for name, vertex in plan.graph.vertices.items():
        own = getattr(vertex.node, "frames", None)
        if isinstance(own, str) and own and type(vertex.node).takes_whole_clip() and set(missing) & set(parse_frames(own)):
            return f"; {name} names frames {own}: --set {name}.frames=RANGE names others"
    named = plan.graph.frames
    if not named or not set(missing) & set(named):
        return ""
    return f"; the graph says {frames_named(named)}: --set frames=auto takes those on disk"


def missing_lines(plan: Plan) -> Iterator[str]:
    """One line for each node with missing files, with its place in the graph: `torus.yaml:7:30: render: not there: ...`."""
    for name, vertex in plan.graph.vertices.items():
        if name in plan.missing:
            yield vertex.line(f"not there: {missing_words(plan, name)}")
