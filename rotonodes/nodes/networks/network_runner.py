"""Base of nodes that run a trained network: which network, how many frames at once, and its input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param


class NetworkNode(Node):
    """Base of nodes that run a network from a file on batches of frames."""

    cached: ClassVar[bool] = True

    weights: InputPath | None = param(None, help="weights file (.safetensors, .pth, .pt); or link a model")
    batch: int | None = param(
        None, help="frames at once; default 1 on the CPU, on CUDA up to 8, as many as fit", unit="frames", ge=1, le=1024, pixels=False
    )

    def pixel_reach(self) -> float:
        return math.inf


class NetworkRunner(NetworkNode):
    """Base of nodes whose network is a weights file or a linked `model`, run by torch."""

    has_precision: ClassVar[bool] = True

    precision: Literal["auto", "float32", "bfloat16", "float16"] = param(
        "auto",
        help="arithmetic; auto: bfloat16 where the device multiplies it natively, float16 on older CUDA, else float32; "
        "changes a few pixels at edges",
    )

    memory: float = param(
        4.0,
        help="memory of a frame in the network above which it is cut into tiles, each with all that the network sees around it, "
        "which changes nothing but the memory (of efficient networks, the last digit); 0: never",
        unit="GB",
        ge=0,
        added=True,
    )

    compile: bool = param(
        False,
        help="compile the network first (torch.compile): a minute or more for each size of frame, then a little faster, most on a GPU; "
        "for long clips; changes a few pixels at edges",
        added=True,
    )

    def asks_float32(self) -> bool:
        from rotonodes.nets.weights import asks_float32

        return self.weights is not None and asks_float32(self.weights)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, frames)
        if self.weights is None and "model" not in linked:
            yield "which network? give weights: a file, or link a model"
        if self.weights is not None and "model" in linked:
            yield "weights: and a linked model are both given; take one of them out"

    def working_bytes(self, width: int, height: int) -> int:
        """Memory of one frame in the network: feature maps of all levels and the workspace of convolutions."""
        from rotonodes.nets.weights import memory_of

        return memory_of(self.weights, width, height, self.memory) if self.weights is not None else 0

    def model_of(self, inputs: Mapping[str, Any]) -> Model:
        """The linked model, or that of the weights file. Raises UsageError for neither."""
        from rotonodes.nets.weights import shared_weights

        model: Model | None = inputs.get("model")
        if model is not None:
            return model
        if self.weights is None:
            raise UsageError(f"{type(self).__name__}: give weights=, or a model")
        return shared_weights(self.weights)
