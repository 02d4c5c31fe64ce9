"""How many frames a node takes at once on a GPU: as many as fit, by the memory that the first one took."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from rotonodes.engine.result import Values
from rotonodes.errors import FrameError
from rotonodes.machine.devices import GpuMemory
from rotonodes.node.base import Node
from rotonodes.values.pixels import Batch

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


@dataclass(frozen=True)
class BatchCalls:
    """Calls of a node by `call` (frames, inputs) with as many frames at once as fit. `chosen`: a user said how many."""

    name: str
    node: Node
    limits: BatchLimits
    chosen: bool
    call: Callable[[Sequence[int | None], Values], Any]
    warn: Callable[[str], None]

    def make(self, inputs: list[Values], frames: Sequence[int | None]) -> list[Values]:
        """The outputs at each of some frames of one size.

        Where a batch does not fit, for others use the device too, it is halved, the size remembered, and the frames are tried again.
        """
        import torch

        batched = type(self.node).signature.batched
        shape = tuple(tuple(inputs[0][key].data.shape) for key in batched if inputs[0].get(key) is not None)
        if len(inputs) > 1 and not self.chosen and self.limits.to_measure(self.name, shape):
            first = self.limits.measured(self.name, shape, lambda: self.make(inputs[:1], frames[:1]))
            return first + self.make(inputs[1:], frames[1:])
        if len(inputs) > (limit := self.limits.of(self.name, shape, len(inputs))):
            cuts = [slice(at, at + limit) for at in range(0, len(inputs), limit)]
            return [values for cut in cuts for values in self.make(inputs[cut], frames[cut])]
        result: Values | None = None
        # Handled after the block: inside an except clause the error would keep the memory of the failed call on the device.
        with contextlib.suppress(torch.OutOfMemoryError):
            result = self._made(batched, inputs, frames)
        if result is None:
            torch.cuda.empty_cache()
            if len(inputs) == 1:
                raise FrameError(self.limits.too_large(self.node, inputs[0]))
            left = self.limits.halve(self.name, shape, len(inputs))
            self.warn(f"{self.name}: out of memory with a batch of {len(inputs)}; continuing with {left}")
            return self.make(inputs, frames)
        split = {key: value.split() if isinstance(value, Batch) else [value] * len(inputs) for key, value in result.items()}
        return [{key: values[i] for key, values in split.items()} for i in range(len(inputs))]

    def _made(self, batched: Sequence[str], inputs: list[Values], frames: Sequence[int | None]) -> Values:
        stacked = dict(inputs[0])
        for key in batched:
            if stacked.get(key) is not None:
                stacked[key] = Batch.of([given[key].to(self.limits.device) for given in inputs])
        return self.node.split_outputs(self.call(frames, stacked))
