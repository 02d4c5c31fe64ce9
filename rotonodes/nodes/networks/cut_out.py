"""CutOut: the matte of what stands out in a picture, and the picture cut out by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from rotonodes.nets.model import Model
from rotonodes.node.annotations import Device, Prepared, Wanted
from rotonodes.nodes.networks.network_runner import NetworkRunner
from rotonodes.values.pixels import Batch, Image, Matte

if TYPE_CHECKING:
    from rotonodes.nets.inference import Segmenter


class CutOuts(NamedTuple):
    """The cut-out picture and its matte."""

    image: Batch[Image] | None
    matte: Batch[Matte]


class CutOut(NetworkRunner):
    """Cut out what stands out, by a trained network.

    The outputs are a soft matte and the picture premultiplied by it.

    Any network can be used: U-2-Net (also its original checkpoints), one trained for the alpha of a shape, or one for classes,
    whose matte is 1 - the probability of the first class (background). If the picture has an alpha, the cut-out's is the product
    of both. EstimateForeground removes the background's colour from soft edges.
    """

    revision: ClassVar[int] = 2  # 1: infinity and extremes in raw channels stay local; 2: other last bits of what is seen

    def prepare(self, device: Device, **inputs: Any) -> Segmenter:
        from rotonodes.nets.inference import Segmenter

        return Segmenter(self.model_of(inputs), str(device), self.precision, limit=self.memory, compiles=self.compile)

    def process(self, image: Batch[Image], model: Model | None = None, *, wanted: Wanted, prepared: Prepared) -> CutOuts:
        from rotonodes.imaging.picture.compositing import multiplied
        from rotonodes.nets.encode import frame_codes, network_frames, whole_frames

        segmenter: Segmenter = prepared  # type: ignore[assignment]
        stack = whole_frames(image)
        alpha = segmenter.matte(network_frames(segmenter.model, stack), frame_codes(segmenter.model, stack))
        mattes = Batch(alpha, tuple(Matte(plane) for plane in alpha))
        if "image" not in wanted:
            return CutOuts(None, mattes)
        cut = [multiplied(picture, matte.to(picture.device)) for picture, matte in zip(stack.like, alpha, strict=True)]
        return CutOuts(Batch.of(cut), mattes)
