"""UNetSegment: a class for every pixel, by a trained network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model
from rotonodes.node import Device, InputPath, Node, Prepared, Wanted, param
from rotonodes.pixels import Batch, Image, Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.nets.segment import Segmenter


class Segments(NamedTuple):
    """The most probable class, all probabilities (channels named by class), and 1 - the first class's probability."""

    labels: Batch[Labels]
    probabilities: Batch[Image] | None
    matte: Batch[Matte] | None


class UNetSegment(Node):
    """Segment pictures with a trained network: a class for every pixel, its probabilities, and the shape's matte.

    The weights say which channels they see, in which encoding, and at which sizes; frames of any size are padded and cut
    back. Channels beyond colour (normals, depth, light passes) come from StackPasses. `matte` is how much of a pixel is
    not the first class (background).

    Weights are rotonodes' own, or checkpoints of other projects, which are known by their tensors and used as there: U-Nets of
    milesial/Pytorch-UNet and of the 3D-to-2D project, and U-2-Net. Their networks of one class give two, background and
    foreground.
    """

    category: ClassVar[str] = "networks"
    cached: ClassVar[bool] = True

    weights: InputPath | None = param(None, help="weights file (.safetensors, .pth, .pt); or link a model")
    batch: int | None = param(None, help="frames at once; default 8 on CUDA, 1 on the CPU", unit="frames", ge=1, le=1024, pixels=False)
    precision: Literal["float32", "bfloat16"] = param("float32", help="arithmetic; bfloat16 is faster and moves a few edge pixels")
    tile: int = param(0, help="side of overlapping tiles for large frames; 0 takes frames whole", unit="px", ge=0)
    overlap: int = param(64, help="how far tiles overlap", unit="px", ge=0)
    threshold: float | None = param(
        None, help="matte above which a pixel is not background; default: where background is not the most probable", ge=0, le=1
    )
    scale: float | None = param(
        None, help="resize frames before the network, bicubic, and its answer back; default what the weights say, mostly 1", gt=0, le=16
    )

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.weights is None and "model" not in linked:
            yield "which network? give weights: a file, or link a model"
        if self.weights is not None and "model" in linked:
            yield "weights: and a linked model are both given; take one of them out"
        if self.tile and self.overlap >= self.tile:
            yield f"overlap: {self.overlap} px must be less than tile: {self.tile} px"

    def working_bytes(self, width: int, height: int) -> int:
        """Memory of one frame on its way through the network: its maps at each level and the convolutions' workspace."""
        from rotonodes.nets.weights import memory_of

        return memory_of(self.weights, width, height) if self.weights is not None else 0

    def prepare(self, device: Device, **inputs: Any) -> Segmenter:
        from rotonodes.nets.segment import Segmenter, at_scale
        from rotonodes.nets.weights import load_weights

        model = inputs.get("model")
        if model is None:
            if self.weights is None:
                raise UsageError("UNetSegment: give weights=, or a model")
            model = load_weights(self.weights)
        model = at_scale(model, self.scale, "UNetSegment")
        return Segmenter(model, str(device), self.precision, self.tile, self.overlap)

    def process(self, image: Batch[Image], model: Model | None = None, *, wanted: Wanted, prepared: Prepared) -> Segments:
        return segments(prepared, image, wanted, self.threshold)  # type: ignore[arg-type]


def segments(segmenter: Segmenter, image: Batch[Image], wanted: Wanted, threshold: float | None = None) -> Segments:
    """What a network says of a batch; of what nobody asks for, nothing. FrameError for a picture without the network's channels."""
    from rotonodes.nets.prepare import planes_for

    known = segmenter.model
    frames = [value.on_frame() for value in image.like] if any(v.box != (0, 0, *v.size) for v in image.like) else None
    stack = Batch.of(frames) if frames else image
    have = stack.like[0].channels
    probabilities = segmenter(stack.data if have == known.channels else stack.data[:, planes_for(known, have)])
    best = _best(probabilities, threshold)
    labels = Batch(best, tuple(Labels(plane, known.classes, known.colors) for plane in best))
    pictures = mattes = None
    if "probabilities" in wanted:
        likes = tuple(Image(p, known.classes, size=v.size, metadata=v.metadata) for p, v in zip(probabilities, image.like, strict=True))
        pictures = Batch(probabilities, likes)
    if "matte" in wanted:
        shape = 1 - probabilities[:, :1]
        mattes = Batch(shape, tuple(Matte(m) for m in shape))
    return Segments(labels, pictures, mattes)


def _best(probabilities: Tensor, threshold: float | None) -> Tensor:
    """The class of each pixel, uint8 `[N, H, W]`: the most probable one; or, above the threshold, the most probable but the first."""
    if threshold is None:
        return probabilities.argmax(1).byte()
    other = probabilities[:, 1:].argmax(1) + 1
    return other.where(1 - probabilities[:, 0] > threshold, 0).byte()
