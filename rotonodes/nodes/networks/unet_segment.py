"""UNetSegment: a class for every pixel, by a trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rotonodes.nets.model import Model
from rotonodes.node.annotations import Device, Prepared, Wanted
from rotonodes.nodes.networks.network_runner import NetworkRunner
from rotonodes.nodes.networks.segmenting import SegmentingNode, Segments
from rotonodes.values.pixels import Batch, Image, Matte

if TYPE_CHECKING:
    from rotonodes.nets.inference import Segmenter


class UNetSegment(SegmentingNode, NetworkRunner):
    """Segment pictures with a trained network.

    Outputs are a class for every pixel, the probabilities of the classes, and the matte of the shape.

    Channels, encoding and sizes are stored in the weights; frames of any size are padded and cut back. Channels beyond colour
    (normals, depth, light passes) come from StackPasses; channels that the weights say are optional may be missing. `matte` is
    1 - the probability of the first class (background).

    Link the matte of the shape to `shape` where it is known, from a cryptomatte for instance: what is outside becomes background
    or ground_shadow, what is inside one of the other tones. Networks trained with it also have it as an input.

    Weights are rotonodes' own, or checkpoints of other projects, recognised by their tensors: U-Nets of milesial/Pytorch-UNet
    and of the 3D-to-2D project, and U-2-Net. Their networks of one class give two, background and foreground.
    """

    revision: ClassVar[int] = 2  # 1: infinity and extremes in raw channels stay local; 2: other last bits of what is seen

    def prepare(self, device: Device, **inputs: Any) -> Segmenter:
        from rotonodes.nets.inference import Segmenter, at_scale

        model = at_scale(self.model_of(inputs), self.scale, "UNetSegment")
        return Segmenter(model, str(device), self.precision, self.tile, self.overlap, self.memory, self.compile)

    def process(
        self, image: Batch[Image], model: Model | None = None, shape: Batch[Matte] | None = None, *, wanted: Wanted, prepared: Prepared
    ) -> Segments:
        return self.segments(prepared, image, wanted, shape)  # type: ignore[arg-type]
