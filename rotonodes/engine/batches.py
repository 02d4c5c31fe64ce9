"""How many frames a node takes at once on a GPU: as many as fit, by the memory that the first one took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from rotonodes.engine.result import Values
from rotonodes.machine.devices import GpuMemory
from rotonodes.node.base import Node

T = TypeVar("T")

SHARE = 0.7  # of what is free; the values of frames that are under way need the rest
GIGABYTE = 1e9


class Memory(Protocol):
    """The memory of a device, in bytes."""

    def free(self) -> int: ...

    def total(self) -> int: ...

    def used_by(self, call: Callable[[], T]) -> tuple[T, int]: ...


class BatchLimits:
    """The largest batch of each node and size of picture on a device; no limit on the CPU, and none but what failed for batches that a
    user asked for.

    A first frame alone shows how much memory a frame takes. What failed before changes no other size of picture.
    """

    def __init__(self, device: str, memory: Memory | None = None) -> None:
        self.device = device
        self.memory = memory or (GpuMemory(device) if device != "cpu" else None)
        self._limits: dict[tuple[str, Any], int] = {}

    def to_measure(self, name: str, shape: Any) -> bool:
        """True before the first frame of its size."""
        return self.memory is not None and (name, shape) not in self._limits

    def measured(self, name: str, shape: Any, call: Callable[[], T]) -> T:
        """What `call` makes, of one frame; the limit follows from the memory that it takes on its way."""
        assert self.memory is not None
        made, used = self.memory.used_by(call)
        self._limits[name, shape] = max(1, int(SHARE * self.memory.free() / max(used, 1)))
        return made

    def of(self, name: str, shape: Any, count: int) -> int:
        """Of `count` frames, those to take at once."""
        return min(count, self._limits.get((name, shape), count))

    def halve(self, name: str, shape: Any, count: int) -> int:
        """The limit after `count` frames did not fit."""
        self._limits[name, shape] = count // 2
        return count // 2

    def too_large(self, node: Node, inputs: Values) -> str:
        """The message for a frame that does not fit alone: what it needs, what is there, what to do."""
        sizes = [value.size for value in inputs.values() if hasattr(value, "size")]
        width, height = sizes[0] if sizes else (0, 0)
        needed = node.working_bytes(width, height)
        said = f"out of memory on {self.device} even for one frame" + (f" of {width}x{height}" if sizes else "")
        facts = [f"it needs about {needed / GIGABYTE:.1f} GB"] if needed else []
        if self.memory is not None:
            facts.append(f"{self.memory.free() / GIGABYTE:.1f} of {self.memory.total() / GIGABYTE:.1f} GB are free")
        tiles = "set tile: 1024, or " if "tile" in type(node).model_fields else "use smaller frames, or "
        return f"{said}{': ' if facts else ''}{', '.join(facts)}: {tiles}use --device cpu"


def shape_of(inputs: Values, batched: Any) -> Any:
    """The sizes of the inputs that are stacked, for one frame."""
    return tuple(tuple(inputs[key].data.shape) for key in batched if inputs.get(key) is not None)
