"""Base of nodes that segment: tiles, threshold, and the outputs made from a network's probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rotonodes.node.annotations import Wanted
from rotonodes.node.parameters import param
from rotonodes.nodes.networks.network_runner import NetworkNode
from rotonodes.values.pixels import Batch, Image, Labels, Matte

if TYPE_CHECKING:
    from rotonodes.nets.inference import Segmenter


class Segments(NamedTuple):
    """The most probable class, all probabilities (channels named by class), and 1 - the first class's probability."""

    labels: Batch[Labels]
    probabilities: Batch[Image] | None
    matte: Batch[Matte] | None


class SegmentingNode(NetworkNode):
    """Base of nodes that assign a class to every pixel."""

    tile: int = param(
        0,
        help="side of overlapping tiles for large frames; 0: no tiles",
        unit="px",
        ge=0,
    )
    overlap: int = param(64, help="overlap of tiles", unit="px", ge=0)
    threshold: float | None = param(
        None, help="matte above which a pixel is not background; default: the most probable class, with a shape 0.5", ge=0, le=1
    )
    scale: float | None = param(
        None,
        help="factor to resize frames by before the network, bicubic, and its output back; default that of the weights, mostly 1",
        gt=0,
        le=16,
    )

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, frames)
        if self.tile and self.overlap >= self.tile:
            yield f"overlap: {self.overlap} px must be less than tile: {self.tile} px"

    def segments(self, segmenter: Segmenter, image: Batch[Image], wanted: Wanted, shape: Batch[Matte] | None) -> Segments:
        """A network's labels for a batch, and its probabilities and mattes if wanted; outputs not wanted are None.

        With a known `shape`, labels and probabilities agree with it, and it is the matte. Raises FrameError for pictures without
        the network's channels, or a shape of another size.
        """
        from rotonodes.nets.encode import frame_codes, network_frames, whole_frames, with_shape
        from rotonodes.nets.inference import best_class

        known = segmenter.model
        whole = whole_frames(image)
        probabilities = segmenter(network_frames(known, whole, shape), frame_codes(known, whole))
        matte = None if shape is None else shape.data.to(probabilities)
        if matte is not None:
            probabilities = with_shape(probabilities, matte, known.classes).half().float()
        best = best_class(probabilities, self.threshold, matte, known.classes)
        labels = Batch(best, tuple(Labels(plane, known.classes, known.colors) for plane in best))
        pictures = mattes = None
        if "probabilities" in wanted:
            likes = tuple(Image(p, known.classes, size=v.size, metadata=v.metadata) for p, v in zip(probabilities, image.like, strict=True))
            pictures = Batch(probabilities, likes)
        if "matte" in wanted:
            covered = 1 - probabilities[:, :1] if matte is None else matte.clone()
            mattes = Batch(covered, tuple(Matte(m) for m in covered))
        return Segments(labels, pictures, mattes)
