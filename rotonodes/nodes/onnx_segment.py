"""OnnxSegment: what UNetSegment does, by onnxruntime instead of torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from rotonodes.node import Device, InputPath, Node, Prepared, Wanted, param
from rotonodes.nodes.unet_segment import Segments, segments
from rotonodes.pixels import Batch, Image


class OnnxSegment(Node):
    """Segment pictures with a network that ExportONNX wrote: the outputs of UNetSegment, by onnxruntime.

    Needs `pip install 'rotonodes[onnx]'`, and for NVIDIA GPUs onnxruntime-gpu; on a CPU it is about as fast as UNetSegment. TensorRT
    compiles the network for each size that it meets, which takes minutes. A provider that is not there is an error: the CPU never
    steps in for a GPU unasked.
    """

    category: ClassVar[str] = "networks"
    cached: ClassVar[bool] = True

    weights: InputPath = param(help="the file that ExportONNX wrote (.onnx)", min_length=1, examples=["in/network.onnx", "in/other.onnx"])
    batch: int | None = param(None, help="frames at once; default 8 on CUDA, 1 on the CPU", unit="frames", ge=1, le=1024, pixels=False)
    provider: Literal["auto", "cpu", "cuda", "tensorrt"] = param("auto", help="what runs it; auto: cuda where the run is on CUDA, else cpu")
    tile: int = param(0, help="side of overlapping tiles for large frames; 0 takes frames whole", unit="px", ge=0)
    overlap: int = param(64, help="how far tiles overlap", unit="px", ge=0)
    threshold: float | None = param(
        None, help="matte above which a pixel is not background; default: where background is not the most probable", ge=0, le=1
    )
    scale: float | None = param(
        None, help="resize frames before the network, bicubic, and its answer back; default what the weights say, mostly 1", gt=0, le=16
    )

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.tile and self.overlap >= self.tile:
            yield f"overlap: {self.overlap} px must be less than tile: {self.tile} px"

    def prepare(self, device: Device, **inputs: Any) -> Any:
        from rotonodes.nets.onnx import OnnxSegmenter

        return OnnxSegmenter(self.weights, str(device), self.provider, self.tile, self.overlap, self.scale)

    def process(self, image: Batch[Image], *, wanted: Wanted, prepared: Prepared) -> Segments:
        return segments(prepared, image, wanted, self.threshold)  # type: ignore[arg-type]
