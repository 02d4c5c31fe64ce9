"""OnnxSegment: what UNetSegment does, by onnxruntime instead of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rotonodes.node.annotations import Device, Prepared, Wanted
from rotonodes.node.parameters import InputPath, param
from rotonodes.nodes.networks.segmenting import SegmentingNode, Segments
from rotonodes.values.pixels import Batch, Image, Matte

if TYPE_CHECKING:
    from rotonodes.nets.onnx import OnnxSegmenter


class OnnxSegment(SegmentingNode):
    """Segment pictures with a network in ONNX form.

    It runs what ExportONNX wrote, by onnxruntime; the outputs are those of UNetSegment.

    Needs `pip install 'rotonodes[onnx]'`, and for NVIDIA GPUs onnxruntime-gpu; on a CPU it is about as fast as UNetSegment. TensorRT
    compiles the network for each size that it meets, which takes minutes. A provider that is not there is an error: the CPU never
    steps in for a GPU unasked.
    """

    revision: ClassVar[int] = 2  # 1: infinity and extremes in raw channels stay local; 2: other last bits of what is seen

    weights: InputPath = param(help="the file that ExportONNX wrote (.onnx)", min_length=1, examples=["in/network.onnx", "in/other.onnx"])
    provider: Literal["auto", "cpu", "cuda", "tensorrt"] = param("auto", help="what runs it; auto: cuda where the run is on CUDA, else cpu")

    def libraries(self) -> tuple[str, ...]:
        return ("onnxruntime",)

    def prepare(self, device: Device, **inputs: Any) -> OnnxSegmenter:
        from rotonodes.nets.onnx import OnnxSegmenter

        return OnnxSegmenter(self.weights, str(device), self.provider, self.tile, self.overlap, self.scale)

    def process(self, image: Batch[Image], shape: Batch[Matte] | None = None, *, wanted: Wanted, prepared: Prepared) -> Segments:
        return self.segments(prepared, image, wanted, shape)  # type: ignore[arg-type]
