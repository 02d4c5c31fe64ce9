"""CutOut: the matte of what stands out in a picture, and the picture cut out by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model
from rotonodes.node import Device, InputPath, Node, Prepared, Wanted, param
from rotonodes.pixels import Batch, Image, Matte

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.nets.segment import Segmenter


class CutOuts(NamedTuple):
    """The picture cut out, and the matte that cuts it."""

    image: Batch[Image] | None
    matte: Batch[Matte]


class CutOut(Node):
    """Cut what stands out of pictures: a soft matte by a trained network, and the picture premultiplied by it.

    Any network will do: U-2-Net's (also its own checkpoints, used as there), one trained for the alpha of a shape, or one that
    finds classes, whose matte is how much of a pixel is not the first class (background). Where the picture has an alpha, the
    cut-out's is the product of both. The background's colour that is left in soft edges is for EstimateForeground to take out.
    """

    category: ClassVar[str] = "networks"
    cached: ClassVar[bool] = True

    weights: InputPath | None = param(None, help="weights file (.safetensors, .pth, .pt); or link a model")
    batch: int | None = param(None, help="frames at once; default 8 on CUDA, 1 on the CPU", unit="frames", ge=1, le=1024, pixels=False)
    precision: Literal["float32", "bfloat16"] = param("float32", help="arithmetic; bfloat16 is faster and moves mattes a little")

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.weights is None and "model" not in linked:
            yield "which network? give weights: a file, or link a model"
        if self.weights is not None and "model" in linked:
            yield "weights: and a linked model are both given; take one of them out"

    def working_bytes(self, width: int, height: int) -> int:
        """Memory of one frame on its way through the network."""
        from rotonodes.nets.weights import memory_of

        return memory_of(self.weights, width, height) if self.weights is not None else 0

    def prepare(self, device: Device, **inputs: Any) -> Segmenter:
        from rotonodes.nets.segment import Segmenter
        from rotonodes.nets.weights import load_weights

        model = inputs.get("model")
        if model is None:
            if self.weights is None:
                raise UsageError("CutOut: give weights=, or a model")
            model = load_weights(self.weights)
        return Segmenter(model, str(device), self.precision)

    def process(self, image: Batch[Image], model: Model | None = None, *, wanted: Wanted, prepared: Prepared) -> CutOuts:
        from rotonodes.nets.prepare import planes_for

        segmenter: Segmenter = prepared  # type: ignore[assignment]
        stack = Batch.of([value.on_frame() for value in image.like]) if any(v.box != (0, 0, *v.size) for v in image.like) else image
        have = stack.like[0].channels
        alpha = segmenter.matte(stack.data[:, planes_for(segmenter.model, have)])
        mattes = Batch(alpha, tuple(Matte(plane) for plane in alpha))
        if "image" not in wanted:
            return CutOuts(None, mattes)
        cut = [_cut(picture, matte.to(picture.device)) for picture, matte in zip(stack.like, alpha, strict=True)]
        return CutOuts(Batch.of(cut), mattes)


def _cut(picture: Image, alpha: Tensor) -> Image:
    """A picture times a matte `[1, H, W]`, colour and alpha; other channels (depth, normals) stay as they are."""
    import torch

    data = picture.data.clone()
    seen = [*picture.color_indices, *([picture.channels.index("A")] if "A" in picture.channels else [])]
    # Nothing times nothing: what is not finite outside of the shape must not come through.
    data[seen] = torch.where(alpha > 0, data[seen] * alpha, 0.0)
    if "A" in picture.channels:
        return picture.with_data(data)
    after = max(picture.color_indices) + 1
    channels = (*picture.channels[:after], "A", *picture.channels[after:])
    return picture.with_data(torch.cat((data[:after], alpha, data[after:])), channels)
