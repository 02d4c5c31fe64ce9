"""WriteModel: a trained network as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rotonodes.nets.model import Model
from rotonodes.node.annotations import Key, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param


class WriteModel(Node):
    """Write a trained network as safetensors.

    Everything that is needed to use it is in the metadata; a model card lies beside it.

    The card lies beside the weights (`tones.md` beside `tones.safetensors`). A card that was written by hand stays as it is.
    """

    path: OutputPath = param(help="weights file to write (.safetensors)", pixels=False)
    precision: Literal["float16", "float32"] = param("float16", help="float16 halves the file; norms and biases stay float32")

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, model: Model, *, key: Key, monitor: Monitor) -> Path:
        from rotonodes.io.files import remove_sidecar, write_sidecar
        from rotonodes.nets.model_card import write_card_or_warn
        from rotonodes.nets.weights import save_weights

        remove_sidecar(self.path)
        save_weights(model, self.path, self.precision)
        write_card_or_warn(model, self.path, monitor.warn)
        if key:
            write_sidecar(self.path, key)
        return Path(self.path)
