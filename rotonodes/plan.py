"""Graph + wanted frames -> stages: what is done already and why not, what must run, and what it will need."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rotonodes.cache import Cache
from rotonodes.errors import RotoError, UsageError
from rotonodes.frames import format_frames, frames_named
from rotonodes.graph import Graph, Link, select
from rotonodes.keys import Keys, file_fingerprint
from rotonodes.missing import missing_files, missing_frames, missing_words
from rotonodes.node import Frame, Node
from rotonodes.workers import cpu_count

Task = tuple[str, int | None]  # a node at a frame; None for what is made once

CACHE_FOLDER = ".rotonodes"
CHUNKS_IN_FLIGHT = 3
GPU_BATCH = 8


@dataclass(frozen=True)
class Stage:
    """Work that needs nothing but what earlier stages made: its sinks, each with its frames, and the clip they span.

    `sinks` maps a per-frame node to the frames it must make, and a whole-clip node to None. `frames` are all frames that
    the stage passes over, in the order in which it does.
    """

    sinks: dict[str, tuple[int, ...] | None]
    frames: tuple[int, ...]


@dataclass
class Plan:
    """What a run would do. `todo` and `cached` hold tasks; `done` the sinks' tasks that are whole; `reasons` say why not."""

    graph: Graph
    keys: Keys
    cache: Cache
    delivered: tuple[int, ...]
    sinks: list[str]
    stages: list[Stage] = field(default_factory=list)
    todo: dict[str, set[int | None]] = field(default_factory=dict)
    cached: dict[str, set[int | None]] = field(default_factory=dict)
    done: dict[str, set[int | None]] = field(default_factory=dict)
    reasons: dict[str, dict[str, list[int | None]]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)  # nodes whose outputs go to the cache
    outputs: dict[str, set[str]] = field(default_factory=dict)  # node -> outputs somebody asks for
    nodes: dict[str, Node] = field(default_factory=dict)  # resolved against the root
    missing: dict[str, list[int | None]] = field(default_factory=dict)  # nodes -> frames whose files are not there
    memory: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True when every output is there already."""
        return not self.stages

    def key(self, task: Task) -> str:
        return self.keys.of(*task)


class Paths:
    """Paths as the graph writes them <-> paths on this machine: the path map's first fitting rule, then the root."""

    def __init__(self, root: str | os.PathLike[str] = ".", path_map: Sequence[tuple[str, str]] = ()) -> None:
        self.root = "" if str(root) in ("", ".") else str(root)
        self.rules = [(source.rstrip("/\\"), destination.rstrip("/\\")) for source, destination in path_map]

    def here(self, path: str) -> str:
        """Where a path of the graph lies on this machine."""
        for source, destination in self.rules:
            if _plain(path, source) == _plain(source, source) or _plain(path, source).startswith(_plain(source, source) + "/"):
                path = destination + path[len(source) :].replace("\\", "/")
                break
        return os.path.join(self.root, os.path.expanduser(path))

    def written(self, path: str) -> str:
        """How the graph would write a path of this machine, so that keys do not depend on where the root lies."""
        if self.root and path.startswith(os.path.join(self.root, "")):
            path = path[len(os.path.join(self.root, "")) :]
        for source, destination in self.rules:
            if path == destination or path.startswith(destination + "/"):
                return source + path[len(destination) :]
        return path


def _plain(path: str, like: str) -> str:
    """A path to compare: where `like` is a Windows path, in lower case and with slashes."""
    windows = re.match(r"[A-Za-z]:|\\\\", like) is not None or "\\" in like
    return path.replace("\\", "/").lower() if windows else path


def make_plan(
    graph: Graph,
    *,
    frames: Sequence[int] | None = None,
    nodes: Sequence[str] = (),
    root: str = ".",
    cache: str | None = None,
    force: bool = False,
    content_hash: bool = False,
    path_map: Sequence[tuple[str, str]] = (),
) -> Plan:
    """Plan a run of `graph`: `frames` narrows what is delivered, `nodes` (-X) which sinks; `cache` "none" keeps nothing.

    Nothing is rendered; files are only asked for their size, time and key. UsageError when there is nothing to deliver or
    no way to tell which frames.
    """
    if graph.open_inputs:
        raise UsageError(f"{graph.file} is made to be used in another graph: its input {graph.open_inputs[0]!r} is not linked")
    paths = Paths(root, path_map)
    chosen = select(graph, nodes)
    sinks = list(dict.fromkeys(link.node for link in chosen)) if nodes else graph.sinks()
    resolved = {name: vertex.node.at(paths.here) for name, vertex in graph.vertices.items()}
    clip = graph.frames or _frames_on_disk(graph, resolved, sinks)
    delivered = tuple(frames) if frames is not None else clip
    if not delivered and _asks_frames(graph, sinks):
        raise UsageError("which frames? give the graph `frames:`, or use -F; no numbered files were found on disk")
    keys = Keys(graph, resolved, clip or delivered, delivered, file_fingerprint(paths.written, content_hash))
    folder = None if cache == "none" else paths.here(cache or CACHE_FOLDER)
    plan = Plan(graph, keys, Cache(folder), delivered, sinks, nodes=resolved)
    plan.kept = {n for n, v in graph.vertices.items() if v.keeps and not type(v.node).is_writer()}
    plan.kept |= {n for n in sinks if not type(graph.vertices[n].node).is_writer()}
    for link in chosen:
        if link.output:
            plan.outputs.setdefault(link.node, set()).add(link.output)
    _Planner(plan, force).walk()
    if graph.frames is None:  # how many frames there are could not be said before
        for name in sinks:
            linked = frozenset(graph.vertices[name].links)
            for message in graph.vertices[name].node.faults(linked, len(delivered)):
                raise UsageError(f"{name}: {message}")
    plan.missing = missing_frames(plan)
    plan.memory = estimate_memory(plan)
    return plan


def _frames_on_disk(graph: Graph, nodes: dict[str, Node], sinks: Iterable[str]) -> tuple[int, ...]:
    """Every frame that a source of the sinks finds on disk, rising."""
    found: set[int] = set()
    for name in graph.upstream(sinks):
        found.update(nodes[name].available() or ())
    return tuple(sorted(found))


def _asks_frames(graph: Graph, sinks: Iterable[str]) -> bool:
    return any(Frame in type(graph.vertices[name].node).signature.asks.values() for name in graph.upstream(sinks))


class _Planner:
    """Walks from the sinks to the sources, and stops at whatever is there already."""

    def __init__(self, plan: Plan, force: bool) -> None:
        self.plan, self.force = plan, force
        self.graph, self.keys = plan.graph, plan.keys
        self.level: dict[str, int] = {}

    def walk(self) -> None:
        plan = self.plan
        self._gather_outputs()
        wanted: dict[str, list[int | None]] = {}
        for name in plan.sinks:
            frames: Iterable[int | None] = plan.delivered if self.keys.per_frame(name) else (None,)
            for frame in frames:
                if self._is_done(name, frame):
                    plan.done.setdefault(name, set()).add(frame)
                else:
                    wanted.setdefault(name, []).append(frame)
        for name, frames in wanted.items():
            self._need([(name, frame) for frame in frames])
        self._stages(wanted)

    def _gather_outputs(self) -> None:
        """Which outputs of each node somebody asks for: a cache entry must hold all of them."""
        active = self.graph.upstream(self.plan.sinks)
        for name in active:
            for _, link in self.keys.inputs(name):
                self.plan.outputs.setdefault(link.node, set()).add(link.output)
        for name in self.plan.sinks:
            if not self.plan.outputs.get(name):
                self.plan.outputs[name] = set(list(self.graph.outputs_of(name))[:1])

    def _need(self, tasks: list[Task]) -> None:
        plan = self.plan
        stack = tasks
        while stack:
            name, frame = stack.pop()
            if frame in plan.todo.get(name, ()) or frame in plan.cached.get(name, ()):
                continue
            if name in plan.kept and not self.force and plan.cache.has(self.keys.of(name, frame), sorted(plan.outputs[name])):
                plan.cached.setdefault(name, set()).add(frame)
                continue
            plan.todo.setdefault(name, set()).add(frame)
            for key, link in self.keys.inputs(name):
                stack += [(link.node, f) for f in self.keys.input_frames(name, frame, key, link)]

    def _is_done(self, name: str, frame: int | None) -> bool:
        """Whether a writer's files are whole and carry the right key; the reason is noted when not.

        What writes no files is done when the cache has it.
        """
        from rotonodes.io.pictures import read_key

        node = self.plan.nodes[name]
        if not node.writes(frame):
            outputs = sorted(self.plan.outputs.get(name, ()))
            return not self.force and name in self.plan.kept and self.plan.cache.has(self.keys.of(name, frame), outputs)
        reason = "forced" if self.force else ""
        for path in () if reason else node.writes(frame):
            if not os.path.exists(path):
                reason = "not there"
                break
            found = read_key(path)
            if found != self.keys.of(name, frame):
                reason = "made from something else" if found else "damaged, or not made by rotonodes"
                break
        if reason:
            self.plan.reasons.setdefault(name, {}).setdefault(reason, []).append(frame)
        return not reason

    def _stages(self, wanted: dict[str, list[int | None]]) -> None:
        """Cut where a node that is made once must finish before the frames that use it can start."""
        plan = self.plan
        for name in self.graph.order():
            self.level[name] = max((self._level_after(link) for _, link in self.keys.inputs(name)), default=0)
        sinks: dict[int, dict[str, tuple[int, ...] | None]] = {}
        for name in plan.todo:
            if not self.keys.per_frame(name) and (type(plan.nodes[name]).takes_whole_clip() or name in wanted):
                sinks.setdefault(self.level[name], {})[name] = None
        for name, frames in wanted.items():
            if self.keys.per_frame(name):
                sinks.setdefault(self.level[name], {})[name] = tuple(f for f in frames if f is not None)
        for level in sorted(sinks):
            plan.stages.append(Stage(sinks[level], self._span(sinks[level])))

    def _level_after(self, link: Link) -> int:
        clip = type(self.plan.nodes[link.node]).takes_whole_clip()
        return self.level[link.node] + (1 if clip and link.node in self.plan.todo else 0)

    def _span(self, sinks: dict[str, tuple[int, ...] | None]) -> tuple[int, ...]:
        """All frames of a stage: the order of its longest clip, then what others add."""
        orders: list[tuple[int, ...]] = []
        for name, frames in sinks.items():
            if frames is not None:
                orders.append(frames)
            elif type(self.plan.nodes[name]).takes_whole_clip():
                orders.append(self.keys.clip_frames(name))
        return merge_orders(orders)


def merge_orders(orders: list[tuple[int, ...]]) -> tuple[int, ...]:
    """One order of all frames that agrees with each of the orders where they can agree: rising if all rise."""
    if all(list(order) == sorted(order) for order in orders):
        return tuple(sorted(set().union(*orders)))
    merged: dict[int, None] = {}
    for order in sorted(orders, key=len, reverse=True):
        merged.update(dict.fromkeys(order))
    return tuple(merged)


# What a run will need.

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


def explain(plan: Plan) -> list[str]:
    """The plan as lines for people: each stage, what is done, cached, to do and why."""
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
                "missing_files": missing_files(plan, name),
                "reasons": {reason: numbers(frames) for reason, frames in plan.reasons.get(name, {}).items()},
            }
            for name in plan.graph.order()
        },
    }
