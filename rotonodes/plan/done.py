"""What is done already: a writer's files that are complete and carry the right key, or values in the cache."""

from __future__ import annotations

import os

from rotonodes.errors import UsageError
from rotonodes.plan.differences import History
from rotonodes.plan.plan import Plan


def is_done(plan: Plan, name: str, frame: int | None, force: bool, verify: bool, history: History | None) -> tuple[bool, str]:
    """(whether a sink need not be made at a frame, None being made once; why it must, for one that writes files).

    A sink that writes no files is done when its values are in the cache. With `force` nothing is done; with `verify` every byte of
    its files is read. `history` says what changed since a file was made.
    """
    try:
        writes = plan.nodes[name].writes(frame)
    except UsageError as error:
        raise plan.graph.vertices[name].located(error) from None
    if not writes:
        return not force and name in plan.kept and plan.in_cache(name, frame), ""
    reason = "forced" if force else why_not_done(plan, name, frame, verify, history)
    return not reason, reason


def why_not_done(plan: Plan, name: str, frame: int | None, verify: bool, history: History | None) -> str:
    """Why the files that a writer has for a frame do not count: not there, damaged, or of another key; empty when they do.

    Size, structure and key are checked, with `verify` also the checksum of all bytes.
    """
    from rotonodes.io.pictures import is_as_written, read_key

    node = plan.nodes[name]
    for path in node.writes(frame):
        found = read_key(path)
        if found is None and not os.path.exists(path):
            return "not there"
        if node.keeps_corrections and found != plan.keys.of(name, frame) and (found is None or not is_as_written(path)):
            continue  # a person changed it
        if found != plan.keys.of(name, frame):
            changed = history.changed(name, frame, found) if found and history is not None else ""
            otherwise = "made from something else" + (f" ({changed})" if changed else "")
            return otherwise if found else "damaged, or not made by rotonodes"
        if verify and not node.keeps_corrections and not is_as_written(path):
            return "changed since it was written"
    return ""


def is_lost(plan: Plan, name: str, frame: int | None) -> str:
    """What became of the files that a run has written for a frame: empty when they are there, else one line about the first that is not."""
    from rotonodes.io.pictures import read_key

    for path in plan.nodes[name].writes(frame):
        if not os.path.exists(path):
            return f"{path} was written and is gone: something removed it while the run went on; run again"
        if not plan.nodes[name].keeps_corrections and read_key(path) not in (None, plan.keys.of(name, frame)):
            return f"{path} was written and then replaced by another run; give each run its own folder"
    return ""


def sweep_unfinished(plan: Plan) -> None:
    """Remove what killed runs left half-written in the folders that a run of the plan writes to, and in its cache."""
    from rotonodes.io.files import sweep

    per_frame = plan.keys.per_frame
    written = (path for name in plan.sinks for f in (plan.delivered if per_frame(name) else (None,)) for path in plan.nodes[name].writes(f))
    for folder in {os.path.dirname(path) or "." for path in written}:
        sweep(folder)
    plan.cache.sweep()
