"""Missing input files: the frames that need them, and their names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from rotonodes.errors import RotoError, did_you_mean_file
from rotonodes.values.frames import FilePattern, frames_named, parse_frames

if TYPE_CHECKING:
    from rotonodes.plan.plan import Plan


MOST_NAMED = 1000  # missing files of a node in a plan's JSON; further ones are counted


def missing_frames(plan: Plan) -> dict[str, Collection[int | None]]:
    """Node -> frames to make whose input files are missing, rising. Whether that is a fault is decided by the run."""
    found = ((name, plan.nodes[name].lacking(frames)) for name, frames in plan.todo.items())
    return {name: frames for name, frames in found if frames}


def missing_files(plan: Plan, name: str, most: int | None = None) -> list[str]:
    """The missing files of a node, each once, in the order of its frames; with `most`, of so many frames at most."""
    frames = islice(plan.missing.get(name, ()), most)
    return list(dict.fromkeys(path for frame in frames for path in plan.nodes[name].lacks(frame)))


def missing_count(plan: Plan, name: str) -> int:
    """The number of missing files of a node."""
    frames, patterns = plan.missing.get(name, ()), plan.nodes[name].read_patterns() or ()
    if len(patterns) == 1 and FilePattern(patterns[0]).has_token:  # one file a frame
        return len(frames)
    if patterns and not any(FilePattern(pattern).has_token for pattern in patterns):  # the same files for every frame
        return len(missing_files(plan, name, 1))
    return len(missing_files(plan, name))


def missing_words(plan: Plan, name: str) -> str:
    """`shot/beauty.0013.exr and 11 more (frames 13-24)`; where the whole sequence is missing, a similar name is suggested."""
    first, others = missing_files(plan, name, 1)[0], missing_count(plan, name) - 1
    more = f" and {others} more" if others else ""
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
