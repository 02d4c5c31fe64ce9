"""All channels of a picture file of any format."""

from __future__ import annotations

from typing import Literal

from rotonodes.values.color import Colorspace
from rotonodes.values.pixels import Layers


def is_exr(file: str) -> bool:
    """Whether a file's layers can be read, by its extension."""
    return file.lower().endswith(".exr")


def file_layers(file: str, colorspace: Colorspace | Literal["auto"]) -> Layers:
    """All channels of one file: an EXR's as stored, any other picture's decoded from `colorspace`."""
    from rotonodes.io import exr, pictures

    if is_exr(file):
        return exr.read_layers(file)
    image = pictures.read_image(file, colorspace)
    return Layers(dict(zip(image.channels, image.data.numpy(), strict=True)), image.box, image.size, image.metadata, path=file)
