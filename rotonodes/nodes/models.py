"""LoadModel and WriteModel: trained networks in and out of files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from rotonodes.nets.model import Model
from rotonodes.node import InputPath, Key, Node, OutputPath, param


class LoadModel(Node):
    """Read a trained network from a weights file, to link it to several nodes or to train it further."""

    category: ClassVar[str] = "networks"

    path: InputPath = param(help="weights file (.safetensors), or a checkpoint of TrainUNet (.pt)")

    def process(self) -> Model:
        from rotonodes.nets.weights import load_weights

        return load_weights(self.path)


class WriteModel(Node):
    """Write a trained network as safetensors, with everything that is needed to use it in its metadata."""

    category: ClassVar[str] = "output"

    path: OutputPath = param(help="weights file to write (.safetensors)", pixels=False)
    precision: Literal["float16", "float32"] = param("float16", help="float16 halves the file; norms and biases stay float32")

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, model: Model, *, key: Key) -> Path:
        from rotonodes.io.files import remove_sidecar, write_sidecar
        from rotonodes.nets.weights import save_weights

        remove_sidecar(self.path)
        save_weights(model, self.path, self.precision)
        if key:
            write_sidecar(self.path, key)
        return Path(self.path)
