"""WriteModel: a trained network as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rotonodes.nets.model import Model
from rotonodes.nets.model_card import with_card
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
        return with_card(self.path)

    def process(self, model: Model, *, key: Key, monitor: Monitor) -> Path:
        from rotonodes.nets.model_card import write_card_or_warn
        from rotonodes.nets.weights import save_weights

        save_weights(model, self.path, self.precision, key or None)
        write_card_or_warn(model, self.path, monitor.warn, key or None)
        return Path(self.path)
