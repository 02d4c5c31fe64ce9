"""ExportONNX: a trained network as a file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from rotonodes.nets.model import Model
from rotonodes.node.asks import Device, Key, Monitor, Prepared
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param


class ExportONNX(Node):
    """Write a trained network as an ONNX file.

    It is for OnnxSegment and for programs without rotonodes; needs `pip install 'rotonodes[onnx]'`.

    The file takes any number of pictures of any size that the network takes. It holds the network alone, from pictures in its
    encoding (8-bit values / 255, for most) to logits; its metadata say what is before and after, as a weights file's do: channels,
    encoding, padding, classes and their colours. What it answers is compared with torch, at two sizes and with a batch, and it is
    not written when they differ. A model card lies beside it (`tones.onnx.md` beside `tones.onnx`); one that was written by hand
    stays as it is.
    """

    revision: ClassVar[int] = 1

    path: OutputPath = param(
        help="the file to write (.onnx)", pixels=False, pattern=r"(?i)\.onnx$", examples=["out/tones.onnx", "out/parts.onnx"]
    )

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def prepare(self, device: Device, **inputs: Any) -> bytes:
        from rotonodes.nets.onnx import checked_onnx

        return checked_onnx(inputs["model"], self.path)

    def process(self, model: Model, *, key: Key, data: Prepared, monitor: Monitor) -> Path:
        from rotonodes.io.files import remove_sidecar, write_bytes, write_sidecar
        from rotonodes.nets.model_card import write_card_or_warn

        remove_sidecar(self.path)
        write_bytes(self.path, data)  # type: ignore[arg-type]
        write_card_or_warn(model, self.path, monitor.warn)
        if key:
            write_sidecar(self.path, key)
        return Path(self.path)
