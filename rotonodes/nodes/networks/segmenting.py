"""What nodes that find classes share: how frames are cut for the network, and what is made of its probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rotonodes.node.asks import Wanted
from rotonodes.node.parameters import param
from rotonodes.nodes.networks.network_runner import NetworkNode
from rotonodes.values.pixels import Batch, Image, Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.nets.inference import Segmenter


class Segments(NamedTuple):
    """The most probable class, all probabilities (channels named by class), and 1 - the first class's probability."""

    labels: Batch[Labels]
    probabilities: Batch[Image] | None
    matte: Batch[Matte] | None


class SegmentingNode(NetworkNode):
    """Base of nodes that give every pixel a class."""

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

    def segments(self, segmenter: Segmenter, image: Batch[Image], wanted: Wanted) -> Segments:
        """What a network says of a batch; of what nobody asks for, nothing. FrameError for a picture without its channels."""
        from rotonodes.nets.encode import planes_seen, whole_frames

        known = segmenter.model
        probabilities = segmenter(planes_seen(known, whole_frames(image)))
        best = _best(probabilities, self.threshold)
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
