"""Augmentation of training pictures: surfaces, light, colour, sharpness, grain, compression.

All randomness comes from the given generator, so a seed determines the picture. Everything is done on torch's default device, where the
picture must be, but for compression, which is Pillow's. Operations are torchvision's where it has them;
hue and saturation are one matrix here, which takes a twentieth of the time of a rotation in HSV.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import torch
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as transforms

from rotonodes.imaging.passes.spellings import canonical
from rotonodes.nets.model import SHAPE
from rotonodes.train.data.draws import chance, here, randn, uniform, whole
from rotonodes.train.data.texture import light_gain, surface_gain
from rotonodes.train.settings import Augment
from rotonodes.values.color import LUMINANCE, linear_to_srgb, srgb_to_linear

BLUR_SIZE = 7  # px; for a sigma up to 1.5 px
KEY_LIGHT, FOUND_IN = "KeyLight", {"DiffDir", "Normal", "Depth"}
JPEG_QUALITIES = (30, 96)  # the lowest, and one above the highest


@dataclass(frozen=True)
class Color:
    """Channels of a picture that form one colour: their indices (three or one), and what the colour depends on.

    A render is `surface` times `light`. The beauty is both; a pass such as `DiffCol` is the surface, `DiffDir` the light.
    """

    channels: tuple[int, ...]
    encoded: bool
    surface: bool
    light: bool


def colors_of(channels: Sequence[str], encodings: Sequence[str]) -> list[Color]:
    """The colours among a picture's channels: each R, G, B of a pass together, others alone. The picture itself comes first."""
    passes: dict[str, dict[str, int]] = {}
    for index, (name, encoding) in enumerate(zip(channels, encodings, strict=True)):
        if encoding in ("srgb", "linear"):
            stem, _, short = name.rpartition(".")
            passes.setdefault(stem, {})[short.upper()] = index
    found = []
    for stem in sorted(passes, key=_is_not_the_picture):
        own = passes[stem]
        whole = {"R", "G", "B"} <= own.keys()
        groups: list[tuple[int, ...]] = [(own["R"], own["G"], own["B"])] if whole else []
        groups += [(index,) for short, index in own.items() if not (whole and short in "RGB")]
        reflectance = _meaning(stem).lower().endswith(("col", "color"))
        for group in groups:
            encoded = all(encodings[index] == "srgb" for index in group)
            found.append(Color(group, encoded, surface=reflectance or not _is_not_the_picture(stem), light=not reflectance))
    return found


def _meaning(stem: str) -> str:
    """The usual name of the pass of a channel: `View.Diffuse Direct` -> `DiffDir`."""
    return canonical(stem.rpartition(".")[2])


def _is_not_the_picture(stem: str) -> bool:
    return bool(stem) and _meaning(stem) != "Combined"


def vary(
    planes: Tensor,
    labels: Tensor,
    colors: Sequence[Color],
    strength: Augment,
    generator: Generator,
    other: Callable[[], Tensor] | None = None,
) -> Tensor:
    """A frame's encoded channels `[C, H, W]` with its `colors` varied; data channels are unchanged.

    All colours get the same texture and light, and each its own further changes. `other` returns the pixels of another frame,
    encoded `[3, H, W]`, to use as a texture.
    """
    size = (labels.shape[-2], labels.shape[-1])
    surface = light = None
    if chance(strength.texture, generator) and colors and len(colors[0].channels) == 3:
        surface = surface_gain(planes[list(colors[0].channels)], labels, generator, other)
    if strength.light:
        light = light_gain(size, strength.light, generator)
    varied = planes.clone()
    for color in colors:
        picture = planes[list(color.channels)]
        for gain, wanted in ((surface, color.surface), (light, color.light)):
            if gain is not None and wanted:
                picture = multiply(picture, gain, color.encoded)
        varied[list(color.channels)] = vary_color(picture, strength, generator)
    return varied


def drop_channels(planes: Tensor, groups: Mapping[str, Sequence[int]], strength: Augment, generator: Generator) -> Tensor:
    """Planes `[C, H, W]` with whole passes, or the known shape, set to 0 at random; `groups` has the planes of each by name.

    The key light is found in three other passes, so it goes with each of them.
    """
    gone = {name for name in groups if chance(strength.drop_shape if name == SHAPE else strength.drop_pass, generator)}
    if gone & FOUND_IN:
        gone |= {KEY_LIGHT}
    indices = [index for name in gone for index in groups.get(name, ())]
    return planes.index_fill(0, torch.tensor(indices), 0.0) if indices else planes


def droppable(channels: Sequence[str]) -> dict[str, list[int]]:
    """The planes of each pass beside the picture (`DiffDir`, `Normal`, ...), and of the known shape."""
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(channels):
        stem = SHAPE if name == SHAPE else name.rpartition(".")[0]
        if stem:
            groups.setdefault(stem, []).append(index)
    return groups


def multiply(picture: Tensor, gain: Tensor, encoded: bool = True) -> Tensor:
    """A picture `[3 or 1, H, W]` 0..1 times `gain` `[3, H, W]` in linear light; `encoded`: the picture is sRGB."""
    gain = gain if len(picture) == 3 else gain.mean(dim=0, keepdim=True)
    if not encoded:
        return (picture * gain).clamp(0, 1)
    return linear_to_srgb((srgb_to_linear(picture) * gain).clamp(0, 1))


def vary_color(picture: Tensor, strength: Augment, generator: Generator) -> Tensor:
    """Light, colour, sharpness, grain and compression of an encoded picture `[3 or 1, H, W]` 0..1, by random amounts."""

    def factor(largest: float) -> float:
        return 1 + largest * (2 * uniform(generator) - 1)

    if strength.gamma:
        picture = transforms.adjust_gamma(picture, factor(strength.gamma))
    if strength.brightness:
        picture = transforms.adjust_brightness(picture, factor(strength.brightness))
    if strength.contrast:
        picture = transforms.adjust_contrast(picture, factor(strength.contrast))
    if len(picture) == 3 and (strength.saturation or strength.hue):
        turn = _color_matrix(factor(strength.saturation), factor(strength.hue) - 1)
        picture = torch.einsum("ij,jhw->ihw", turn, picture)
    if chance(strength.blur, generator):
        picture = transforms.gaussian_blur(picture, [BLUR_SIZE, BLUR_SIZE], [0.5 + uniform(generator)] * 2)
    if strength.noise:
        deviation = strength.noise * uniform(generator)
        picture = picture + deviation * randn(picture.shape, generator)
    picture = picture.clamp(0, 1)
    if len(picture) == 3 and chance(strength.jpeg, generator):
        picture = _compressed(picture, whole(*JPEG_QUALITIES, generator))
    return picture


def _compressed(picture: Tensor, quality: int) -> Tensor:
    """`[3, H, W]` 0..1 through JPEG compression by Pillow; torchvision's is deprecated."""
    codes = (picture * 255).round().to(torch.uint8).movedim(0, -1).contiguous().cpu().numpy()
    data = io.BytesIO()
    PIL.Image.fromarray(codes).save(data, "JPEG", quality=quality)
    return here(torch.from_numpy(np.array(PIL.Image.open(data)))).movedim(-1, 0).float() / 255


def _color_matrix(saturation: float, turn: float) -> Tensor:
    """A saturation factor and a hue rotation -> `[3, 3]`, which scales and rotates chroma around the grey axis.

    Rodrigues' rotation around (1, 1, 1), which keeps the mean of R, G, B.
    """
    angle = torch.tensor(2 * torch.pi * turn)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / 3**0.5
    rotation = angle.cos() * torch.eye(3) + (1 - angle.cos()) / 3 + angle.sin() * cross
    return rotation @ (saturation * torch.eye(3) + (1 - saturation) * torch.tensor(LUMINANCE).expand(3, 3))
