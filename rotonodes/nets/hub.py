"""Trained networks in one line of Python: `rotonodes.load_model("tones")(picture)`."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rotonodes.errors import UsageError
from rotonodes.io.shipped import weights_path
from rotonodes.nets.encode import network_input, with_shape
from rotonodes.nets.inference import Precision, Segmenter, best_class
from rotonodes.nets.model import SHAPE
from rotonodes.nets.weights import load_weights
from rotonodes.values.color import Colorspace, srgb_to_linear
from rotonodes.values.pixels import Image, Labels, Matte


class Segmented(NamedTuple):
    """A network's output for a picture.

    For a tensor: the class of each pixel, uint8 `[H, W]`; the classes' probabilities, float32 `[classes, H, W]`; and how much of
    each pixel is not the first class, float32 `[1, H, W]`; with the batch's dimension in front where it had one. For an `Image`
    the same as `Labels`, `Image` and `Matte`.
    """

    labels: Any
    probabilities: Any
    matte: Any


class Network:
    """A trained network, called with pictures. `model` has its classes, channels, licence and scores."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.model = segmenter.model
        self._segmenter = segmenter

    def __call__(self, picture: Image | Tensor, colorspace: Colorspace | None = None, shape: Matte | Tensor | None = None) -> Segmented:
        """A picture of any size -> `Segmented`, on the network's device.

        `picture` is an `Image`, or a tensor `[C, H, W]` or `[N, C, H, W]` with the network's channels, usually R, G, B (Shape may be left
        out where `shape` is given or it is optional, or all optional channels together): uint8 are 8-bit sRGB codes, floats are
        scene-linear unless `colorspace` "srgb" says that they are sRGB values 0..1, as in other libraries. `shape` is the matte of a
        known shape, 0 to 1, `[1, H, W]` or `[N, 1, H, W]`: what is outside of it becomes background, and no other class is inside.
        Raises UsageError for other shapes or types, FrameError for an `Image` without the channels.
        """
        if isinstance(picture, Image):
            return self._of_image(picture, shape)
        frames = _linear(picture, colorspace)
        made = self._segmented(frames if frames.dim() == 4 else frames[None], None, shape)
        return Segmented(*made) if frames.dim() == 4 else Segmented(*(tensor[0] for tensor in made))

    def _segmented(self, frames: Tensor, channels: tuple[str, ...] | None, shape: Matte | Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Labels, probabilities and mattes of frames `[N, C, H, W]`; `channels` None: those of the network, or those that
        it cannot do without (without Shape where the shape is given)."""
        model = self.model
        known = shape.data if isinstance(shape, Matte) else shape
        matte = None if known is None else known.reshape(len(frames), 1, *known.shape[-2:]).to(frames)
        if matte is not None and matte.shape[-2:] != frames.shape[-2:]:
            raise UsageError(
                f"the shape is {matte.shape[-1]}x{matte.shape[-2]}, the picture {frames.shape[-1]}x{frames.shape[-2]}: reformat it"
            )
        if channels is None and frames.shape[1] != len(model.channels):
            channels = self._left_out(frames.shape[1], matte is not None)
        if channels is not None:
            frames = network_input(model, frames, channels, matte)
        probabilities = self._segmenter(frames)
        if matte is None:
            return best_class(probabilities, None), probabilities, 1 - probabilities[:, :1]
        matte = matte.to(probabilities)
        probabilities = with_shape(probabilities, matte, model.classes)
        return best_class(probabilities, None, matte, model.classes), probabilities, matte

    def _left_out(self, count: int, told: bool) -> tuple[str, ...] | None:
        """The channels of a tensor with so many, fewer than the network's; None where that cannot be told."""
        model = self.model
        pictures = tuple(name for name in model.channels if name != SHAPE or not (told or SHAPE in model.optional))
        needed = tuple(name for name in pictures if name not in model.optional)
        return next((names for names in (pictures, needed) if len(names) == count), None)

    def _of_image(self, picture: Image, shape: Matte | Tensor | None) -> Segmented:
        whole = picture.on_frame()
        labels, probabilities, matte = (made[0] for made in self._segmented(whole.data[None], whole.channels, shape))
        known = self.model
        return Segmented(
            Labels(labels, known.classes, known.colors),
            Image(probabilities, known.classes, size=whole.size, metadata=whole.metadata),
            Matte(matte),
        )

    def __repr__(self) -> str:
        known = self.model
        return f"Network({known.architecture}, {' '.join(known.channels)} -> {', '.join(known.classes)}, on {self._segmenter.device})"


def load_model(
    path: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    precision: Precision = "auto",
    tile: int = 0,
) -> Network:
    """A network from a weights file, ready to be called with pictures (see `Network`).

        network = rotonodes.load_model("tones")
        labels, probabilities, matte = network(torchvision.io.read_image("render.png"))

    `path` is the name of weights that ship, a file of rotonodes (.safetensors, or a training's .pt), or a checkpoint of another
    project that rotonodes recognises by its tensors (.pth); code in it is never run. `precision` is the arithmetic: auto takes
    bfloat16 where the device multiplies it natively (see `Segmenter`). `tile` is the side in pixels of overlapping tiles for large
    frames, 0 for none. Raises WeightsError for files that cannot be read, UsageError for what is no path.
    """
    file = weights_path(path) if isinstance(path, str) else path
    return Network(Segmenter(load_weights(file), device, precision, tile, overlap=min(64, tile // 4)))


def _linear(picture: Tensor, colorspace: Colorspace | None) -> Tensor:
    if not isinstance(picture, Tensor) or picture.dim() not in (3, 4):
        found = f"a tensor of {picture.dim()} dimensions" if isinstance(picture, Tensor) else type(picture).__name__
        raise UsageError(f"a network takes an Image or a tensor [C, H, W] or [N, C, H, W], not {found}")
    if picture.dtype == torch.uint8:
        return srgb_to_linear(picture / 255.0)
    if not picture.is_floating_point():
        raise UsageError(f"a picture of {picture.dtype}: give uint8 codes 0 to 255, or floats")
    return srgb_to_linear(picture.float()) if colorspace == "srgb" else picture.float()
