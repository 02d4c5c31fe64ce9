"""A plan as plain data: stages, and the tasks that are done, cached or to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from rotonodes.graph.graph import Graph
from rotonodes.node.base import Node
from rotonodes.plan.cache import Cache
from rotonodes.plan.keys import Keys

Task = tuple[str, int | None]  # a node at a frame; None for what is made once


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
