"""Sizes of batches and chunks, and the memory a run will need."""

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
    """How many frames a node takes at once. Without a `batch`, one on the CPU, where batches gain nothing."""
    if not type(node).signature.is_batch or type(node).signature.one_by_one:
        return 1
    own = override or getattr(node, "batch", None)
    return int(own) if own else (1 if device == "cpu" else GPU_BATCH)


def chunk_size(plan: Plan, device: str, batch: int | None, workers: int) -> int:
    """Frames a chunk: a multiple of the largest batch, and enough for every core to have one."""
    largest = max((batch_of(plan.nodes[name], device, batch) for name in plan.todo), default=1)
    return largest * max(1, -(-min(workers, 16) // largest))


def estimate_memory(plan: Plan) -> dict[str, int]:
    """Peak resident bytes, estimated from the size of the first source frame: `frame` (one float32 RGBA), `peak`.

    Empty when no source's size can be told.
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
    """What a node says it takes beside its inputs and outputs."""
    try:
        return node.working_bytes(*size)
    except RotoError:  # its weights are missing or damaged: the run will say so
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
            except (RotoError, OSError):  # an estimate must not stop a plan; the run will say what is wrong with the file
                continue
    return None
