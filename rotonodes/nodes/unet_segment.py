"""UNetSegment: a class for every pixel, by a trained network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.nets.model import Model
from rotonodes.node import Device, Prepared, Wanted, param
from rotonodes.nodes.network_runner import NetworkRunner, on_frames, seen_by
from rotonodes.pixels import Batch, Image, Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.nets.segment import Segmenter


class Segments(NamedTuple):
    """The most probable class, all probabilities (channels named by class), and 1 - the first class's probability."""

    labels: Batch[Labels]
    probabilities: Batch[Image] | None
    matte: Batch[Matte] | None


class UNetSegment(NetworkRunner):
    """Segment pictures with a trained network: a class for every pixel, its probabilities, and the shape's matte.

    The weights say which channels they see, in which encoding, and at which sizes; frames of any size are padded and cut
    back. Channels beyond colour (normals, depth, light passes) come from StackPasses. `matte` is how much of a pixel is
    not the first class (background).

    Weights are rotonodes' own, or checkpoints of other projects, which are known by their tensors and used as there: U-Nets of
    milesial/Pytorch-UNet and of the 3D-to-2D project, and U-2-Net. Their networks of one class give two, background and
    foreground.
    """

    tile: int = param(0, help="side of overlapping tiles for large frames; 0 takes frames whole", unit="px", ge=0)
    overlap: int = param(64, help="how far tiles overlap", unit="px", ge=0)
    threshold: float | None = param(
        None, help="matte above which a pixel is not background; default: where background is not the most probable", ge=0, le=1
    )
    scale: float | None = param(
        None, help="resize frames before the network, bicubic, and its answer back; default what the weights say, mostly 1", gt=0, le=16
    )

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, frames)
        if self.tile and self.overlap >= self.tile:
            yield f"overlap: {self.overlap} px must be less than tile: {self.tile} px"

    def prepare(self, device: Device, **inputs: Any) -> Segmenter:
        from rotonodes.nets.segment import Segmenter, at_scale

        model = at_scale(self.model_of(inputs), self.scale, "UNetSegment")
        return Segmenter(model, str(device), self.precision, self.tile, self.overlap)

    def process(self, image: Batch[Image], model: Model | None = None, *, wanted: Wanted, prepared: Prepared) -> Segments:
        return segments(prepared, image, wanted, self.threshold)  # type: ignore[arg-type]


def segments(segmenter: Segmenter, image: Batch[Image], wanted: Wanted, threshold: float | None = None) -> Segments:
    """What a network says of a batch; of what nobody asks for, nothing. FrameError for a picture without the network's channels."""
    known = segmenter.model
    probabilities = segmenter(seen_by(known, on_frames(image)))
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
