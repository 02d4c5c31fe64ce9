"""TonesFromPasses: the classes of tones of a rendered frame, from its passes instead of by a network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.imaging.passes.names import Pass, Passes, pass_image
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.nodes.passes.find_key_light import FindKeyLight
from rotonodes.values.color import linear_to_srgb, luminance
from rotonodes.values.pixels import Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS

if TYPE_CHECKING:
    from torch import Tensor

BACKGROUND, CAST_SHADOW, FORM_SHADOW, MIDTONE, HIGHLIGHT = range(5)
_MEDIAN_VALUES = 2**24  # copied at a time
_FULL_SCALE = {"uint8": 255, "uint16": 65535}


class TonesFromPasses(Node):
    """Label tones from the passes of a render.

    Networks are trained on such labels and measured against them.

    `light` reads a second view layer of white shapes under one hard light. `key` has the same rules for any render: it finds the
    key light in the picture's own DiffDir, Normal and Depth, as FindKeyLight does, at the price of what it cannot know behind noise
    and on metals. `cinema4d` compares material colour, illumination, shadow and specular passes with thresholds, as codes of 8
    bits; Blender's speculars want `illum` 166 and `specular` 108. Without a linked matte the shape is what `objects` names in
    the cryptomatte (`light`, `key`), or where the material colour is neither black nor white (`cinema4d`). Passes are divided
    by the matte, so that soft edges keep their tone.
    """

    recipe: Literal["light", "key", "cinema4d"] = param(
        "light", help="light: a label view layer; key: the key light, found in any render; cinema4d: thresholds on its passes"
    )
    layer: str = param("", help="key, cinema4d: view layer to read; empty for the first")
    names: dict[str, str] = param({}, help="how this file spells its passes -> the usual name, where it is not recognised")
    # Half-covered pixels are outside, and in a matte of 8 bits they are 128 / 255.
    coverage: float = param(0.505, ge=0, lt=1, help="the shape is where the matte is above this")
    clean: bool | None = param(None, help="replace single stray pixels by their surroundings' class; default: not with cinema4d")

    label_layer: str = param("Label", help="light: view layer of white shapes under the label light")
    objects: str | list[str] = param("shape*", help="light, key: names of the shapes in the cryptomatte, wildcards allowed")
    cryptomatte: str = param("object", help="light, key: what they are named after: object, material, asset, or a cryptomatte's own name")
    light: tuple[float, float, float] | None = param(
        None, help="light: direction to the light in the normals' space; default: key_direction in the file's header"
    )
    form: float = param(0.38, ge=0, help="light, key: form shadow is where the lit luminance is below this", unit="linear")
    cast: float = param(0.5, ge=0, help="light, key: cast shadow is where the luminance is below this share of normal . light")
    facing: float = param(0.15, ge=0, le=1, help="light, key: cast shadow falls only where normal . light is above this")
    gloss: float = param(0.30, ge=0, help="light, key: highlight is where the glossy luminance is above this", unit="linear")

    roughness: float = param(0.35, ge=0.05, le=1, help="key: of the surface that mirrors the light, nearly polished to matt")
    median: int = param(3, ge=1, le=31, help="key: side of the square whose median takes the noise out of the shadows", unit="px")

    object_pass: str = param("", help="cinema4d: pass with the shape's coverage (object_1); empty: the material colour tells it")
    encoding: Literal["auto", "linear", "raw"] = param(
        "auto", help="cinema4d: raw passes are codes / 255, linear ones get sRGB's curve first; auto: EXR linear, others raw"
    )
    illum: int = param(100, ge=0, le=256, help="cinema4d: form shadow is where the illumination's r, g, b are below this", unit="code")
    shadow: int = param(210, ge=0, le=256, help="cinema4d: cast shadow is where the shadow pass is not all at or above this", unit="code")
    specular: int = param(20, ge=0, le=256, help="cinema4d: highlight is where the speculars are not all below this", unit="code")
    black: tuple[int, int, int] = param((1, 5, 5), help="cinema4d: no object where the material's r, g, b are below these", unit="code")
    white: int = param(210, ge=0, le=256, help="cinema4d: no object where the material colour is all at or above this", unit="code")

    def process(self, layers: Layers, matte: Matte | None = None) -> Labels:
        passes = Passes.of(layers, self.names)
        labels, shape = {"light": self._light, "key": self._key, "cinema4d": self._cinema4d}[self.recipe](layers, passes, matte)
        if self.recipe != "cinema4d" if self.clean is None else self.clean:
            labels = without_strays(labels, shape)
        return Labels(labels, CLASSES, COLORS)

    def _light(self, layers: Layers, passes: Passes, matte: Matte | None) -> tuple[Tensor, Tensor]:
        """Labels, and where the shape is, both `[H, W]`."""
        import torch

        layer = self.label_layer
        if matte is None:
            matte = decode_matte(layers, find_cryptomatte(layers, self.cryptomatte, layer), self.objects)
        alpha = _fitting(matte, layers)
        diffuse, glossy, normal = (on_frame(layers, passes.find(name, layer)) for name in ("DiffDir", "GlossDir", "Normal"))
        divisor = alpha.clamp(min=1e-3)
        tone, gloss = luminance(diffuse)[0] / divisor, luminance(glossy)[0] / divisor
        towards = _unit(torch.tensor(self.light or header_light(layers)).view(3, 1, 1))
        facing = (_unit(normal) * towards).sum(0).clamp(0, 1)
        labels = torch.full(tone.shape, MIDTONE, dtype=torch.uint8)
        labels[gloss > self.gloss] = HIGHLIGHT
        labels[tone < self.form] = FORM_SHADOW
        labels[(facing > self.facing) & (tone < self.cast * facing)] = CAST_SHADOW
        shape = alpha > self.coverage
        labels[~shape] = BACKGROUND
        return labels, shape

    def _key(self, layers: Layers, passes: Passes, matte: Matte | None) -> tuple[Tensor, Tensor]:
        """Labels, and where the shape is, both `[H, W]`."""
        import torch

        if matte is None:
            matte = decode_matte(layers, find_cryptomatte(layers, self.cryptomatte, self.layer), self.objects)
        shape = _fitting(matte, layers) > self.coverage
        found = FindKeyLight(layer=self.layer, names=self.names, roughness=self.roughness)(layers).on_frame()
        facing, arrives, gloss = found.data
        arrives = median(arrives, self.median)
        labels = torch.full(facing.shape, MIDTONE, dtype=torch.uint8)
        labels[gloss * arrives > self.gloss] = HIGHLIGHT
        labels[facing < self.form] = FORM_SHADOW
        labels[(facing > self.facing) & (arrives < self.cast)] = CAST_SHADOW
        labels[~shape] = BACKGROUND
        return labels, shape

    def _cinema4d(self, layers: Layers, passes: Passes, matte: Matte | None) -> tuple[Tensor, Tensor]:
        """Labels, and where the shape is, both `[H, W]`; of two classes in a pixel the later one here stays."""
        import torch

        color, illum, shadow, specular = (self._codes(layers, passes, name) for name in ("MatColor", "Illum", "Shadow", "Specular"))
        lit = (specular >= self.specular).any(0)
        alpha = _fitting(matte, layers) if matte is not None else None
        if alpha is None and self.object_pass:
            alpha = on_frame(layers, passes.find(self.object_pass, self.layer))[0]
        if alpha is None:
            black = color.new_tensor(self.black).view(3, 1, 1)
            shape = ~((color < black).all(0) | (color >= self.white).all(0))
        else:
            shape, divisor = alpha > self.coverage, alpha.clamp(min=1e-3)
            illum, lit = illum / divisor, shape & (specular / divisor >= self.specular).any(0)
        labels = torch.where(shape, MIDTONE, BACKGROUND).to(torch.uint8)
        labels[shape & (illum < self.illum).all(0)] = FORM_SHADOW
        labels[(shadow < self.shadow).any(0)] = CAST_SHADOW  # on the floor too
        labels[lit] = HIGHLIGHT
        return labels, shape

    def _codes(self, layers: Layers, passes: Passes, name: str) -> Tensor:
        """The r, g, b of a pass as codes of 8 bits, float32 `[3, H, W]` on the frame."""
        found = passes.find(name, self.layer)
        stored = layers.planes[found.channels[0][1]].dtype.name
        if stored in _FULL_SCALE:
            return on_frame(layers, found) * (255 / _FULL_SCALE[stored])
        linear = self.encoding == "linear" or (self.encoding == "auto" and layers.path.lower().endswith(".exr"))
        color = on_frame(layers, found)
        return ((linear_to_srgb(color) if linear else color) * 255).round()


def median(plane: Tensor, side: int) -> Tensor:
    """The median of the square around each pixel `[H, W]`, of an even side's the one a pixel less; beyond the frame its edge goes on."""
    import torch
    from torch.nn import functional as F

    reach = (side - 1) // 2
    if not reach:
        return plane
    padded = F.pad(plane[None, None], [reach] * 4, mode="replicate")[0, 0]
    windows = padded.unfold(0, 2 * reach + 1, 1).unfold(1, 2 * reach + 1, 1)
    rows = max(_MEDIAN_VALUES // (windows.shape[1] * (2 * reach + 1) ** 2), 1)  # a wide median of a large frame fits no memory at once
    return torch.cat([band.flatten(2).median(dim=-1).values for band in windows.split(rows)])


def without_strays(labels: Tensor, shape: Tensor) -> Tensor:
    """Labels `[H, W]` where each pixel of the shape with at most one neighbour of its class takes the commonest class around it.

    Single stray pixels and pairs of them go, lines stay but for their ends.
    """
    import torch

    hot = torch.stack([(labels == index) & shape for index in range(len(CLASSES))]).float()
    counts = torch.nn.functional.avg_pool2d(hot, 3, stride=1, padding=1, divisor_override=1)
    stray = shape & (counts.gather(0, labels[None].long())[0] <= 2)
    return torch.where(stray, (counts[1:].argmax(0) + 1).to(torch.uint8), labels)


def header_light(layers: Layers) -> tuple[float, float, float]:
    """The direction to the label light that the renders' header notes as JSON: `{"key_direction": [x, y, z]}`."""
    for text in layers.metadata.values():
        if isinstance(text, str) and '"key_direction"' in text:
            try:
                x, y, z = map(float, json.loads(text)["key_direction"])
                return x, y, z
            except (ValueError, TypeError, KeyError):
                continue
    raise FrameError(f"{layers.path or 'these layers'}: the header notes no key_direction: give the parameter light: [x, y, z]")


def on_frame(layers: Layers, found: Pass) -> Tensor:
    """The first three planes of a pass `[C, H, W]` on the frame, zero outside of its data window."""
    return pass_image(layers, found).on_frame().data[:3]


def _fitting(matte: Matte, layers: Layers) -> Tensor:
    if matte.size != layers.size:
        w, h = layers.size
        raise FrameError(f"{layers.path or 'these layers'}: {w} x {h}, the matte is {matte.width} x {matte.height}: make them one size")
    return matte.data[0].cpu()


def _unit(vectors: Tensor) -> Tensor:
    return vectors / (vectors * vectors).sum(0, keepdim=True).sqrt().clamp(min=1e-6)
