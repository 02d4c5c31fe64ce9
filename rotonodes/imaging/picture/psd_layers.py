"""Pictures and mattes as the layers of a PSD: unpremultiplied samples of 8 or 16 bits, cut to what is not transparent."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import torch

from rotonodes.imaging.picture.paint import color_table
from rotonodes.io.psd import PsdLayer
from rotonodes.io.samples import encode
from rotonodes.values.color import Colorspace
from rotonodes.values.pixels import Box, Image, Matte

_PAPER = "#ffffff"


class PsdStyle(NamedTuple):
    """Bits of a sample, encoding of colour, colours, opacities by layer, and the names of hidden layers."""

    depth: Literal["8", "16"]
    colorspace: Colorspace
    palette: dict[str, str]
    opacity: dict[str, float]
    hidden: list[str]


def psd_layer(name: str, value: Image | Matte, color: str | None, style: PsdStyle) -> PsdLayer:
    """A picture, or a matte in one colour (the palette's, else `color`, else white), as a PSD layer."""
    picture = value if isinstance(value, Image) else Image(value.data, ("A",))
    alpha, seen = picture.on_frame().alpha, picture.box.intersect(Box(0, 0, *picture.size))
    box = Box.around(alpha[0] != 0) if alpha is not None else seen if seen.width and seen.height else None
    box = box or Box(0, 0, 1, 1)
    if isinstance(value, Image) and value.encoded is not None:  # as the file has it, wherever that can be
        samples = _samples(value, style)[box.slices]
    else:
        part = picture.on(box)
        shown = replace(part, origin=(0, 0), size=(box.width, box.height))
        samples = _samples(shown, style) if isinstance(value, Image) else _flat(name, Matte(shown.data), color, style)
    return PsdLayer(name, samples, box[:2], opacity=style.opacity.get(name, 1.0), visible=name not in style.hidden)


def _samples(picture: Image, style: PsdStyle) -> np.ndarray:
    """Unpremultiplied RGBA samples `[H, W, 4]`."""
    samples = encode(picture, style.depth, style.colorspace)
    if samples.shape[2] < 3:
        samples = samples[..., [0, 0, 0, *range(1, samples.shape[2])]]
    if samples.shape[2] == 3:
        samples = np.concatenate([samples, np.full_like(samples[..., :1], (1 << int(style.depth)) - 1)], axis=2)
    return samples


def _flat(name: str, matte: Matte, color: str | None, style: PsdStyle) -> np.ndarray:
    """A matte in one colour, `[H, W, 4]`; a colour that is not opaque multiplies the matte by its alpha."""
    own = {name: style.palette[name]} if name in style.palette else {}
    red, green, blue, alpha = color_table(["", name], ["", color or _PAPER], own)[1]
    samples = _samples(Image(torch.stack([red, green, blue, alpha]).view(4, 1, 1)), style)
    samples = samples.repeat(matte.height, 0).repeat(matte.width, 1)
    samples[..., 3:] = encode(Matte(matte.data * alpha.to(matte.device)), style.depth, "raw")
    return samples
