"""A plan as plain data: stages, and the tasks that are done, cached or to make."""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import dataclass, field

from rotonodes.graph.graph import Graph
from rotonodes.node.base import Node
from rotonodes.plan.cache import Cache
from rotonodes.plan.keys import Keys
from rotonodes.values.frame_sets import FrameSet

_MANY = 1000  # frames whose cache entries are listed
Task = tuple[str, int | None]  # (node, frame); the frame is None for a value made once


@dataclass(frozen=True)
class Stage:
    """Work that depends only on values of earlier stages: its sinks with their frames, and the frames it runs over.

    `sinks` maps a per-frame node to the frames it must make, and a whole-clip node to None. `frames` are all frames of the
    stage, in the order in which they are made.
    """

    sinks: dict[str, tuple[int, ...] | None]
    frames: tuple[int, ...]


@dataclass
class Plan:
    """The work of a run. `todo` and `cached` hold tasks by node; `done` the finished tasks of sinks; `reasons` why others are not.

    Frames are sets of ranges where there may be many: a plan of a million frames is as small as one of ten.
    """

    graph: Graph
    keys: Keys
    cache: Cache
    delivered: tuple[int, ...]
    sinks: list[str]
    stages: list[Stage] = field(default_factory=list)
    todo: dict[str, Set[int | None]] = field(default_factory=dict)
    cached: dict[str, Set[int | None]] = field(default_factory=dict)
    done: dict[str, Set[int | None]] = field(default_factory=dict)
    reasons: dict[str, dict[str, Collection[int | None]]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)  # nodes whose outputs go to the cache
    outputs: dict[str, set[str]] = field(default_factory=dict)  # node -> outputs that are used
    nodes: dict[str, Node] = field(default_factory=dict)  # with paths on this machine
    missing: dict[str, Collection[int | None]] = field(default_factory=dict)  # node -> frames whose input files are missing
    precision: dict[str, str] = field(default_factory=dict)  # node -> the arithmetic of its network
    memory: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """True when every output exists already."""
        return not self.stages

    def precision_words(self) -> str:
        """`network in bfloat16` of the networks that this plan runs, empty for none; where they differ, each with its node."""
        used = {name: kind for name, kind in self.precision.items() if name in self.todo}
        if len(set(used.values())) > 1:
            return "networks in " + ", ".join(f"{kind} ({name})" for name, kind in used.items())
        return "".join(f"network{'s' if len(used) > 1 else ''} in {kind}" for kind in set(used.values()))

    def in_cache(self, name: str, frame: int | None) -> bool:
        """True when all outputs of a task that are used are in the cache. Of a value made once (a network), every byte is read: without
        it nothing else can be made. A damaged picture is found when it is loaded, and made again."""
        find = self.cache.has if self.keys.per_frame(name) else self.cache.has_sound
        return find(self.keys.of(name, frame), sorted(self.outputs.get(name, ())))

    def found_in_cache(self, name: str, frames: Set[int | None]) -> Set[int | None]:
        """The frames of a node that are in the cache. Of many, whose entries are listed once instead of asked for one by one."""
        if len(frames) < _MANY or not self.keys.per_frame(name):
            return FrameSet(frame for frame in frames if self.in_cache(name, frame)) if None not in frames else self._once(name)
        outputs, there = sorted(self.outputs.get(name, ())), self.cache.listed()
        return FrameSet(frame for frame in frames if self.cache.has(self.keys.of(name, frame), outputs, there))

    def _once(self, name: str) -> Set[int | None]:
        return frozenset({None} if self.in_cache(name, None) else ())

    def key(self, task: Task) -> str:
        """The key of a task's values."""
        return self.keys.of(*task)
