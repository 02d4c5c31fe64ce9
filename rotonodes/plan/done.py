"""What is done already: a writer's files that are complete and carry the right key, or values in the cache."""

from __future__ import annotations

import os

from rotonodes.errors import UsageError
from rotonodes.plan.plan import Plan


def is_done(plan: Plan, name: str, frame: int | None, force: bool) -> bool:
    """True when a sink need not be made at a frame (None: made once); otherwise the reason is added to `plan.reasons`.

    A sink that writes no files is done when its values are in the cache. With `force` nothing is done.
    """
    try:
        writes = plan.nodes[name].writes(frame)
    except UsageError as error:
        raise plan.graph.vertices[name].located(error) from None
    if not writes:
        outputs = sorted(plan.outputs.get(name, ()))
        return not force and name in plan.kept and plan.cache.has(plan.keys.of(name, frame), outputs)
    reason = "forced" if force else why_not_done(plan, name, frame)
    if reason:
        plan.reasons.setdefault(name, {}).setdefault(reason, []).append(frame)
    return not reason


def why_not_done(plan: Plan, name: str, frame: int | None) -> str:
    """Why the files that a writer has for a frame do not count: not there, damaged, or of another key; empty when they do."""
    from rotonodes.io.pictures import read_key

    for path in plan.nodes[name].writes(frame):
        if not os.path.exists(path):
            return "not there"
        found = read_key(path)
        if found != plan.keys.of(name, frame):
            return "made from something else" if found else "damaged, or not made by rotonodes"
    return ""
