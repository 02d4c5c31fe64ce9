"""ExportONNX: a trained network as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from rotonodes.nets.model import Model
from rotonodes.nets.model_card import with_card
from rotonodes.node.annotations import Device, Key, Monitor, Prepared
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param


class ExportONNX(Node):
    """Write a trained network as an ONNX file.

    OnnxSegment and other programs read it; needs `pip install "rotonodes[onnx]"`.

    The file takes any number of pictures of any size that the network takes. It holds the network alone, from pictures in its
    encoding (for most, 8-bit values / 255) to logits; its metadata hold the preprocessing and the classes, as in a weights file:
    channels, encoding, padding, classes and their colours. Its results are compared with torch's, at two sizes and with a batch, and
    it is not written when they differ. A model card is written beside it (`tones.onnx.md` for `tones.onnx`), unless there is one
    that was written by hand.
    """

    revision: ClassVar[int] = 1

    path: OutputPath = param(
        help="file to write (.onnx)", pixels=False, pattern=r"(?i)\.onnx$", examples=["out/tones.onnx", "out/parts.onnx"]
    )

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return with_card(self.path)

    def libraries(self) -> tuple[str, ...]:
        return ("onnx", "onnxscript", "onnxruntime")

    def prepare(self, device: Device, **inputs: Any) -> bytes:
        from rotonodes.nets.onnx import checked_onnx

        return checked_onnx(inputs["model"], self.path)

    def process(self, model: Model, *, key: Key, data: Prepared, monitor: Monitor) -> Path:
        from rotonodes.io.files import write_bytes
        from rotonodes.nets.model_card import write_card_or_warn

        write_bytes(self.path, data, key or None)  # type: ignore[arg-type]
        write_card_or_warn(model, self.path, monitor.warn, key or None)
        return Path(self.path)
