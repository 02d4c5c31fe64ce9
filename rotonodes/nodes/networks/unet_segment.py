"""UNetSegment: a class for every pixel, by a trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotonodes.nets.model import Model
from rotonodes.node.asks import Device, Prepared, Wanted
from rotonodes.nodes.networks.network_runner import NetworkRunner
from rotonodes.nodes.networks.segmenting import SegmentingNode, Segments
from rotonodes.values.pixels import Batch, Image

if TYPE_CHECKING:
    from rotonodes.nets.inference import Segmenter


class UNetSegment(SegmentingNode, NetworkRunner):
    """Segment pictures with a trained network.

    Outputs are a class for every pixel, the probabilities of the classes, and the matte of the shape.

    The weights say which channels they see, in which encoding, and at which sizes; frames of any size are padded and cut
    back. Channels beyond colour (normals, depth, light passes) come from StackPasses. `matte` is how much of a pixel is
    not the first class (background).

    Weights are rotonodes' own, or checkpoints of other projects, which are known by their tensors and used as there: U-Nets of
    milesial/Pytorch-UNet and of the 3D-to-2D project, and U-2-Net. Their networks of one class give two, background and
    foreground.
    """

    def prepare(self, device: Device, **inputs: Any) -> Segmenter:
        from rotonodes.nets.inference import Segmenter, at_scale

        model = at_scale(self.model_of(inputs), self.scale, "UNetSegment")
        return Segmenter(model, str(device), self.precision, self.tile, self.overlap)

    def process(self, image: Batch[Image], model: Model | None = None, *, wanted: Wanted, prepared: Prepared) -> Segments:
        return self.segments(prepared, image, wanted)  # type: ignore[arg-type]
