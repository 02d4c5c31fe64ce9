"""What nodes that run a trained network share: which network it is, how many frames at once, and what it gets to see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param


class NetworkNode(Node):
    """Base of nodes that put frames through the network in a file, some at once."""

    cached: ClassVar[bool] = True

    weights: InputPath | None = param(None, help="weights file (.safetensors, .pth, .pt); or link a model")
    batch: int | None = param(None, help="frames at once; default 8 on CUDA, 1 on the CPU", unit="frames", ge=1, le=1024, pixels=False)


class NetworkRunner(NetworkNode):
    """Base of nodes whose network, by torch, is a weights file or a linked `model`."""

    precision: Literal["float32", "bfloat16"] = param("float32", help="arithmetic; bfloat16 is faster and moves a few edge pixels")

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, frames)
        if self.weights is None and "model" not in linked:
            yield "which network? give weights: a file, or link a model"
        if self.weights is not None and "model" in linked:
            yield "weights: and a linked model are both given; take one of them out"

    def working_bytes(self, width: int, height: int) -> int:
        """Memory of one frame on its way through the network: its maps at each level and the convolutions' workspace."""
        from rotonodes.nets.weights import memory_of

        return memory_of(self.weights, width, height) if self.weights is not None else 0

    def model_of(self, inputs: Mapping[str, Any]) -> Model:
        """The linked model, or that of the weights file. Raises UsageError where there is neither."""
        from rotonodes.nets.weights import load_weights

        model: Model | None = inputs.get("model")
        if model is not None:
            return model
        if self.weights is None:
            raise UsageError(f"{type(self).__name__}: give weights=, or a model")
        return load_weights(self.weights)
