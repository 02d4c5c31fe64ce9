"""Sizes of batches and chunks, and an estimate of the memory that a run needs."""

from __future__ import annotations

import os

from rotonodes.errors import RotoError
from rotonodes.machine.cores import cpu_count
from rotonodes.node.base import Node
from rotonodes.plan.plan import Plan

CHUNKS_IN_FLIGHT = 3
GPU_BATCH = 8
BASE_BYTES = 640 << 20  # the interpreter with torch and the CUDA libraries it loads


def batch_of(node: Node, device: str, override: int | None) -> int:
    """Frames that a node takes at once: its `batch` or `override`, else 1 on the CPU (where batches gain nothing) and 8 on a GPU."""
    if not type(node).signature.is_batch or type(node).signature.one_by_one:
        return 1
    own = override or getattr(node, "batch", None)
    return int(own) if own else (1 if device == "cpu" else GPU_BATCH)


def chunk_size(plan: Plan, device: str, batch: int | None, workers: int) -> int:
    """Frames in a chunk: a multiple of the largest batch, and at least one for every core."""
    largest = max((batch_of(plan.nodes[name], device, batch) for name in plan.todo), default=1)
    return largest * max(1, -(-min(workers, 16) // largest))


def estimate_memory(plan: Plan) -> dict[str, int]:
    """Memory in bytes, estimated from the size of the first source frame: `frame` (one float32 RGBA) and `peak` (resident).

    Empty when the size of no source is known.
    """
    first = _first_source(plan)
    if first is None:
        return {}
    size, stored = first
    # Four float channels, or all passes of a file, which packs them to an eighth at best.
    frame = max(size[0] * size[1] * 4 * 4, 8 * stored)
    made = sum(1 for name in plan.todo if plan.keys.per_frame(name))
    in_flight = CHUNKS_IN_FLIGHT * chunk_size(plan, "cpu", None, cpu_count())
    working = sum(_working_bytes(plan.nodes[name], size) for name in plan.todo) * cpu_count()
    return {"frame": frame, "peak": BASE_BYTES + in_flight * min(max(made, 1), 8) * frame + working}


def _working_bytes(node: Node, size: tuple[int, int]) -> int:
    """The working memory of a node in bytes, 0 where it is unknown."""
    try:
        return node.working_bytes(*size)
    except RotoError:  # its weights are missing or damaged: the run reports it
        return 0


def _first_source(plan: Plan) -> tuple[tuple[int, int], int] | None:
    """The size in pixels, and in bytes on disk, of the first source frame that will be read."""
    from rotonodes.io.pictures import picture_size

    for name, frames in plan.todo.items():
        if plan.graph.vertices[name].links or not frames:
            continue
        for path in plan.nodes[name].reads(next(iter(frames))):
            try:
                return picture_size(path), os.path.getsize(path)
            except (RotoError, OSError):  # an estimate must not stop a plan; the run reports a damaged file
                continue
    return None
