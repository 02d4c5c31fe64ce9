"""The first and last lines of a run: delivered frames, failures with their reasons, the command for missing frames."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.engine.events import Again, short
from rotonodes.engine.result import stopped
from rotonodes.errors import Interrupted, RotoError
from rotonodes.machine.durations import duration
from rotonodes.values.frames import format_frames, frames_named

if TYPE_CHECKING:
    from rotonodes.engine.result import Result
    from rotonodes.plan.plan import Plan

ADVICE = "to render only what is missing:"  # the line above that command


def opening_line(plan: Plan | None) -> str:
    """`torus.yaml: frames 1-24; cache: .rotonodes; network in bfloat16`."""
    assert plan is not None
    frames = f"{frames_named(plan.delivered)}; " if plan.delivered else ""
    cache = short(str(plan.cache.folder)) if plan.cache.folder else "none"
    networks = plan.precision_words()
    return f"{plan.graph.file or 'graph'}: {frames}cache: {cache}" + (f"; {networks}" if networks else "")


class FailureGroup(NamedTuple):
    """The same failure of one node at one or many frames."""

    node: str
    frames: tuple[int, ...]  # empty for a value made once
    reason: str
    place: str = ""

    def __str__(self) -> str:
        where = f", {frames_named(self.frames)}" if self.frames else ""
        return f"{f'{self.place}: ' if self.place else ''}{self.node}{where}: {self.reason}"


def group_failures(failures: Iterable[Any]) -> list[FailureGroup]:
    """Groups failures of one node with the same reason; reasons that differ only in the frame number are the same."""
    found: dict[tuple[str, str, str], list[tuple[int | None, str]]] = {}
    for failure in failures:
        reason = short(failure.reason)
        kind = (failure.node, without_number(reason, failure.frame), failure.place)
        found.setdefault(kind, []).append((failure.frame, reason))
    groups = []
    for (node, pattern, place), members in found.items():
        frames = tuple(sorted({frame for frame, _ in members if frame is not None}))
        groups.append(FailureGroup(node, frames, pattern if len(frames) > 1 else members[0][1], place))
    return groups


def output_counts(result: Result) -> list[str]:
    """One line for each output of a run that failed or stopped in the middle: `png: 22 of 24 frames`, `gif: not made`.

    Empty when nothing is there, and for a single output of frames, which the headline counts.
    """
    if not any(there for there, _ in result.outputs.values()) or len(result.outputs) < 2:
        return []
    per_frame = result.plan.keys.per_frame
    return [
        f"{name}: {there} of {counted(wanted)}" if per_frame(name) else f"{name}: {'there' if there else 'not made'}"
        for name, (there, wanted) in result.outputs.items()
    ]


def without_number(reason: str, frame: int | None) -> str:
    """`cannot read a.0012.png` as `cannot read a.####.png`: only frame numbers inside a file name are replaced."""
    if frame is None:
        return reason
    sign = "-" if frame < 0 else ""
    return re.sub(rf"(?<=[A-Za-z._/-]){sign}0*{abs(frame)}(?=[._/])", lambda m: "#" * len(m[0]), reason)


def headline(result: Result) -> str:
    """The result of a run in one line."""
    seconds, wanted = duration(result.seconds), counted(result.wanted)
    if stopped(result):
        counts = [numbers for numbers in result.outputs.values() if numbers[1] == result.wanted]
        made = counts[0][0] if len(counts) == 1 else result.delivered
        several = ", ".join(output_counts(result))
        there = f"; {several}" if several else (f"; {made} of {wanted} are there" if result.wanted else "")
        return f"stopped after {seconds}{there}; the same command continues from here"
    if result.exit_code:
        failed = len(set(result.failed_frames()).intersection(result.plan.delivered))  # not frames of a training only
        what = f"{failed} of {wanted} failed" if failed else f"failed after {seconds}"
        rest = missing_frames(result) - failed
        return what + (f", {rest} more {'is' if rest == 1 else 'are'} not there" if failed and rest > 0 else "")
    if result.plan.is_empty:
        return "nothing to do: every output is there" + (f" ({wanted})" if result.wanted else "")
    return f"delivered {wanted} in {seconds}" if result.wanted else f"finished in {seconds}"


def missing_frames(result: Result) -> int:
    """Frames with an output of their own that is not there. Where all outputs are whole clips, the frames of the clip that was not made."""
    per_frame = [there for name, (there, wanted) in result.outputs.items() if result.plan.keys.per_frame(name)]
    return result.wanted - min(per_frame) if per_frame else len(result.missing)


def counted(frames: int) -> str:
    """`1 frame`, `24 frames`."""
    return f"{frames} frame{'' if frames == 1 else 's'}"


def outputs_written(plan: Plan) -> list[str]:
    """The output paths of a plan's writers, as the graph writes them."""
    nodes = [plan.graph.vertices[name].node for name in plan.sinks]
    return [path for node in nodes if type(node).is_writer() for _, path in node.paths("output")]


def tables(result: Result) -> list[str]:
    """The values of whole-clip nodes that have a table for people (scores), each below the name of its node."""
    found = [(name, value) for name, values in result.values.items() for value in values.values() if hasattr(value, "table")]
    return [f"{name}:\n{value.table()}" for name, value in found]


def command_for(result: Result, again: Again | None) -> str:
    """The command that renders only missing frames; empty when nothing is missing, or when it is unknown or would fail again."""
    file = result.plan.graph.file
    if result.exit_code == 0 or stopped(result) or (again is None and not file) or nothing_to_read(result):
        return ""
    # The user's own range is kept when everything is missing, as for a whole clip, which must not be made from fewer frames.
    frames = format_frames(result.missing) if 0 < len(result.missing) < result.wanted else ""
    return again(frames) if again else f"rotonodes run {file}" + (f" -F {frames}" if frames else "")


def nothing_to_read(result: Result) -> bool:
    """True when a failed node has none of its files: then a path is wrong, and rendering again does not help."""
    plan = result.plan

    def finds_nothing(name: str) -> bool:
        try:
            there = plan.nodes[name].available()
        except RotoError:
            there = None
        # a value made once has no frames to list: its file is missing or not
        return not there if there is not None else len(plan.missing[name]) == len(plan.todo[name])

    return any(plan.missing.get(f.node) and finds_nothing(f.node) for f in result.failures)


def closing_lines(result: Result, again: Again | None = None, shown: bool = False) -> list[str]:
    """The outputs of a run, or its failures with their reasons and the command that renders only missing frames.

    `shown` means that each failure was printed when it happened: then a single one is not printed twice.
    """
    if stopped(result):
        return [headline(result), *what_is_kept(result)]
    if result.exit_code == 0:
        return [headline(result), *(f"  {path}" for path in outputs_written(result.plan))]
    groups = group_failures(result.failures)
    if len(result.failures) == 1:
        lines = [] if shown else [f"error: {groups[0]}"]
        lines += [headline(result)] if counts_frames(result) else []
    else:
        lines = [headline(result), *(f"  {group}" for group in groups)]
    lines += [f"  {line}" for line in output_counts(result)]
    command = advised(result, again)
    return [*lines, ADVICE, f"  {command}"] if command else lines


def what_is_kept(result: Result) -> list[str]:
    """What the trainings that a stop has interrupted say: the step that is saved."""
    nodes, stops = result.plan.nodes, [failure for failure in result.failures if isinstance(failure.error, Interrupted)]
    return [f"  {failure.node}: {failure.reason}" for failure in stops if type(nodes[failure.node]).shared]


def counts_frames(result: Result) -> bool:
    """True when the headline of a failed run adds a count of frames to its failures."""
    return result.wanted > 1 and bool(set(result.failed_frames()).intersection(result.plan.delivered))


def advised(result: Result, again: Again | None) -> str:
    """The command that renders only missing outputs; empty when nothing is there yet: it would be the command just given."""
    partly = any(there for there, _ in result.outputs.values()) and len(result.failures) > 1
    return command_for(result, again) if 0 < len(result.missing) < result.wanted or partly else ""


def closing_line(result: Result) -> str:
    """The result of a run without failures in one line: `delivered 24 frames in 8.30 s: out/torus.gif, out/torus.####.png`."""
    written = outputs_written(result.plan)
    return headline(result) + (f": {', '.join(written)}" if written else "")


def at(node: str, frame: int | None) -> str:
    """`roto, frame 12`, or `train` for a value made once."""
    return node if frame is None else f"{node}, frame {frame}"
