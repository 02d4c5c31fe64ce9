"""UNetSegment: a class for every pixel, by a trained network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from rotonodes.errors import FrameError, UsageError
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
    """

    category: ClassVar[str] = "networks"
    cached: ClassVar[bool] = True

    weights: InputPath | None = param(None, help="weights file (.safetensors); or link a model")
    batch: int | None = param(None, help="frames at once; default 8 on CUDA, 1 on the CPU", unit="frames", ge=1, le=1024, pixels=False)
    precision: Literal["float32", "bfloat16"] = param("float32", help="arithmetic; bfloat16 is faster and moves a few edge pixels")
    tile: int = param(0, help="side of overlapping tiles for large frames; 0 takes frames whole", unit="px", ge=0)
    overlap: int = param(64, help="how far tiles overlap", unit="px", ge=0)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.weights is None and "model" not in linked:
            yield "which network? give weights: a file, or link a model"
        if self.weights is not None and "model" in linked:
            yield "weights: and a linked model are both given; take one of them out"
        if self.tile and self.overlap >= self.tile:
            yield f"overlap: {self.overlap} px must be less than tile: {self.tile} px"

    def working_bytes(self, width: int, height: int) -> int:
        """Memory of one frame on its way through the network: its maps at each level and the convolutions' workspace."""
        from rotonodes.nets.weights import read_metadata

        if self.weights is None:
            return 0
        config = json.loads(read_metadata(self.weights)["config"])
        widths = config.get("widths") or [config.get("width", 64) * 2**level for level in range(config.get("depth", 4) + 1)]
        pixels = width * height / config.get("patch", 1) ** 2
        return int(sum(12 * 4 * features * pixels / 4**level for level, features in enumerate(widths)))

    def prepare(self, device: Device, **inputs: Any) -> Segmenter:
        from rotonodes.nets.segment import Segmenter
        from rotonodes.nets.weights import load_weights

        model = inputs.get("model")
        if model is None:
            if self.weights is None:
                raise UsageError("UNetSegment: give weights=, or a model")
            model = load_weights(self.weights)
        return Segmenter(model, str(device), self.precision, self.tile, self.overlap)

    def process(self, image: Batch[Image], model: Model | None = None, *, wanted: Wanted, prepared: Prepared) -> Segments:
        segmenter: Segmenter = prepared  # type: ignore[assignment]
        known = segmenter.model
        frames = [value.on_frame() for value in image.like] if any(v.box != (0, 0, *v.size) for v in image.like) else None
        stack = Batch.of(frames) if frames else image
        probabilities = segmenter(_seen(stack, known))
        labels = Batch(probabilities.argmax(1).byte(), tuple(Labels(p[0].byte(), known.classes, known.colors) for p in probabilities))
        pictures = mattes = None
        if "probabilities" in wanted:
            likes = tuple(Image(p, known.classes, size=v.size, metadata=v.metadata) for p, v in zip(probabilities, image.like, strict=True))
            pictures = Batch(probabilities, likes)
        if "matte" in wanted:
            shape = 1 - probabilities[:, :1]
            mattes = Batch(shape, tuple(Matte(m) for m in shape))
        return Segments(labels, pictures, mattes)


def _seen(batch: Batch[Image], model: Model) -> Tensor:
    """The planes the network was trained on, `[N, C, H, W]`. FrameError when the picture does not have them."""
    have = batch.like[0].channels
    if have == model.channels:
        return batch.data
    if have[:1] == ("Y",) and model.channels == ("R", "G", "B"):
        return batch.data[:, :1].expand(-1, 3, -1, -1)  # a grey picture is equal in red, green and blue
    missing = [name for name in model.channels if name not in have]
    if missing:
        wanted = " ".join(missing) + (" (StackPasses makes them of a render's passes)" if any("." in name for name in missing) else "")
        raise FrameError(
            f"the network sees {' '.join(model.channels)}, but the picture has {' '.join(have)}: link one with {wanted}, "
            "or take weights trained on these channels"
        )
    return batch.data[:, [have.index(name) for name in model.channels]]
