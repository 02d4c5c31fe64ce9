"""Pictures and mattes as named layers of one frame, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rotonodes.errors import FrameError, UsageError
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte

if TYPE_CHECKING:
    import numpy as np


def as_layers(pictures: Mapping[str, Image]) -> Layers:
    """Pictures of one frame as layers: colour and alpha of each under its name (`hair.R`), in their order."""
    first = next(iter(pictures.values()))
    planes = {}
    for name, picture in pictures.items():
        whole = picture.on_frame()
        channels = [*(whole.channels[index] for index in whole.color_indices), *(["A"] if whole.alpha is not None else [])]
        for channel in channels:
            planes[f"{name}.{channel}"] = whole.data[whole.channels.index(channel)].cpu().numpy()
    return Layers(planes, Box(0, 0, *first.size), first.size)


def layer_pictures(layers: Layers) -> dict[str, Image | Matte]:
    """Layers by name, in their order: pictures where there are `hair.R`, `hair.G` and `hair.B` (or `hair.Y`), else mattes."""
    found: dict[str, Image | Matte] = {}
    for full in layers.planes:
        name, _, channel = full.rpartition(".")
        colors = next(
            (c for c in (("R", "G", "B"), ("Y",)) if channel in (*c, "A") and all(f"{name}.{k}" in layers.planes for k in c)), None
        )
        if not name or colors is None:
            found[full] = Matte(layers.image([full], ("Y",)).on_frame().data)
        elif name not in found:
            channels = (*colors, "A") if f"{name}.A" in layers.planes else colors
            found[name] = replace(layers.image([f"{name}.{k}" for k in channels], channels).on_frame(), metadata={})
    return found


def class_mattes(labels: Labels) -> dict[str, Matte]:
    """A hard matte for each class but the background (the class of that name, else the first)."""
    import torch

    background = "background" if "background" in labels.classes else labels.classes[0]
    shown = [(index, name) for index, name in enumerate(labels.classes) if name != background]
    return {name: Matte((labels.data == index).to(torch.float32)[None]) for index, name in shown}


def planes_on_layers(values: Mapping[str, Image | Matte], layers: Layers, depth: str | None) -> dict[str, np.ndarray]:
    """All channels of pictures and mattes under full names (`name.R`), on the data window of `layers`; half unless `depth` is float.

    Raises UsageError for another frame size.
    """
    import torch

    planes: dict[str, np.ndarray] = {}
    for name, value in values.items():
        picture = value if isinstance(value, Image) else Image(value.data)
        if picture.size != layers.size:
            raise UsageError(f"the picture is {picture.width} x {picture.height}, the layers {layers.width} x {layers.height}: reformat it")
        samples = picture.on(layers.box).data.cpu().to(torch.float32 if depth == "float" else torch.float16).numpy()
        planes.update((f"{name}.{channel}" if name else channel, plane) for channel, plane in zip(picture.channels, samples, strict=True))
    return planes


def common_size(values: Mapping[str, Image | Matte]) -> tuple[int, int]:
    """(width, height) of named layers. Raises FrameError when they differ."""
    (first, value), *others = values.items()
    for name, other in others:
        if other.size != value.size:
            raise FrameError(
                f"the layer {name!r} is {other.width} x {other.height}, {first!r} is {value.width} x {value.height}: reformat one of them"
            )
    return value.size
