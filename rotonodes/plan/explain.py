"""A plan as lines of text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rotonodes.plan.missing_files import MOST_NAMED, missing_count, missing_files, missing_words
from rotonodes.plan.plan import Plan
from rotonodes.values.frames import format_frames, frames_named


def explain(plan: Plan) -> list[str]:
    """The plan as lines of text: its stages, and for each node what is done, cached or to make, and why."""
    lines = []
    total = {name: len(plan.todo.get(name, ())) for name in plan.graph.vertices}
    if plan.is_empty:
        lines.append("nothing to do: every output is there and carries the right key")
    for number, stage in enumerate(plan.stages, 1):
        lines.append(
            f"stage {number} of {len(plan.stages)}: {', '.join(stage.sinks)}" + (f", {frames_named(stage.frames)}" if stage.frames else "")
        )
    width = max((len(name) for name in plan.graph.vertices), default=0)
    for name in plan.graph.order():
        vertex = plan.graph.vertices[name]
        parts = []
        if vertex.disabled:
            parts.append("disabled")
        if total[name]:
            parts.append(f"{total[name]} to make" if plan.keys.per_frame(name) else "to make")
        if plan.cached.get(name):
            parts.append(f"{len(plan.cached[name])} from the cache" if plan.keys.per_frame(name) else "from the cache")
        if plan.done.get(name):
            parts.append(f"{len(plan.done[name])} done" if plan.keys.per_frame(name) else "done")
        if plan.missing.get(name):
            parts.append(f"lacks {missing_words(plan, name)}")
        for reason, frames in plan.reasons.get(name, {}).items():
            numbers = [f for f in frames if f is not None]
            parts.append(reason + (f": {format_frames(numbers)}" if numbers else ""))
        lines.append(f"  {name:{width}}  {type(vertex.node).type_name:16} {', '.join(parts) or 'not needed'}")
    lines += [plan.precision_words()] if plan.precision_words() else []
    lines += [f"warning: {text}" for text in plan.warnings]
    if plan.memory.get("peak"):
        lines.append(f"peak memory about {plan.memory['peak'] / (1 << 20):.0f} MB")
    return lines


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, for `plan --json` and farms."""

    def numbers(frames: Iterable[int | None]) -> str | bool:
        real = [f for f in frames if f is not None]
        return format_frames(real) if real else True

    return {
        "frames": format_frames(plan.delivered) if plan.delivered else "",
        "cache": str(plan.cache.folder) if plan.cache.folder else None,
        "empty": plan.is_empty,
        "memory": plan.memory,
        "precision": plan.precision,
        "warnings": plan.warnings,
        "stages": [
            {
                "frames": format_frames(s.frames) if s.frames else "",
                "sinks": {n: (format_frames(f) if f else None) for n, f in s.sinks.items()},
            }
            for s in plan.stages
        ],
        "nodes": {
            name: {
                "type": type(plan.graph.vertices[name].node).type_name,
                "todo": numbers(plan.todo[name]) if plan.todo.get(name) else None,
                "todo_count": len(plan.todo.get(name, ())),
                "cached_count": len(plan.cached.get(name, ())),
                "done_count": len(plan.done.get(name, ())),
                "missing": numbers(plan.missing[name]) if plan.missing.get(name) else None,
                "missing_files": missing_files(plan, name, MOST_NAMED),
                "missing_count": missing_count(plan, name),
                "reasons": {reason: numbers(frames) for reason, frames in plan.reasons.get(name, {}).items()},
            }
            for name in plan.graph.order()
        },
    }
