"""The classes of tones of a rendered frame, by thresholds on its passes.

Labels are uint8 `[H, W]`, indices of `CLASSES`. The shape is bool `[H, W]`. Where rules overlap, a later one replaces an earlier one:
background, midtone, highlight, form shadow, cast shadow.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.names import Pass, Passes, pass_image
from rotonodes.io.json_text import parse_json
from rotonodes.values.color import linear_to_srgb, luminance
from rotonodes.values.pixels import Layers, Matte
from rotonodes.values.tones import CLASSES, largest_plane

BACKGROUND, CAST_SHADOW, FORM_SHADOW, MIDTONE, HIGHLIGHT, GROUND_SHADOW = range(6)
STRAY = 2  # pixels of a class in a square of 3 x 3 px, up to which it is stray
_MEDIAN_VALUES = 2**24  # values copied at a time
_FULL_SCALE = {"uint8": 255, "uint16": 65535}


class LightRules(NamedTuple):
    """Thresholds on a white surface under one light.

    `form`: form shadow below this lit luminance. `cast`: cast shadow below this share of normal . light, where that is above `facing`.
    `gloss`: highlight above this glossy luminance.
    """

    form: float
    cast: float
    facing: float
    gloss: float


class CodeRules(NamedTuple):
    """Thresholds on Cinema 4D's passes, as 8-bit codes.

    `illum`: form shadow where r, g and b of the illumination are all below. `shadow`: cast shadow where one of r, g, b is below.
    `specular`: highlight where one of r, g, b reaches it. No object where the material colour's r, g, b are below `black`, or all
    reach `white`.
    """

    illum: int
    shadow: int
    specular: int
    black: tuple[int, int, int]
    white: int


class CodePasses(NamedTuple):
    """Cinema 4D's passes as 8-bit codes, float32 `[3, H, W]` each."""

    color: Tensor
    illum: Tensor
    shadow: Tensor
    specular: Tensor


def label_layer_tones(diffuse: Tensor, glossy: Tensor, normal: Tensor, towards: Tensor, alpha: Tensor, rules: LightRules) -> Tensor:
    """Labels of white shapes under one hard light, before the background is set.

    `diffuse`, `glossy`, `normal` are `[3, H, W]`, premultiplied by `alpha` `[H, W]`; `towards` is the direction to the light, `[3, 1, 1]`
    or one for each pixel, `[3, H, W]`.
    """
    divisor = alpha.clamp(min=1e-3)
    tone, gloss = luminance(diffuse)[0] / divisor, luminance(glossy)[0] / divisor
    facing = (_unit(normal) * _unit(towards)).sum(0).clamp(0, 1)
    return _by_light(tone < rules.form, facing, tone < rules.cast * facing, gloss, rules)


def key_light_tones(shading: Tensor, side: int, rules: LightRules) -> Tensor:
    """Labels from the key light's shading `[3, H, W]` (cosine, lit, gloss), before the background is set.

    `lit` is first denoised by a median over a square of `side` px.
    """
    facing, lit, gloss = shading
    lit = median(lit, side)
    return _by_light(facing < rules.form, facing, lit < rules.cast, gloss * lit, rules)


def _by_light(form: Tensor, facing: Tensor, cast: Tensor, gloss: Tensor, rules: LightRules) -> Tensor:
    labels = torch.full(facing.shape, MIDTONE, dtype=torch.uint8)
    labels[gloss > rules.gloss] = HIGHLIGHT
    labels[form] = FORM_SHADOW
    labels[(facing > rules.facing) & cast] = CAST_SHADOW
    return labels


def label_layer_ground(lit: Tensor, bare: Tensor | None, normal: Tensor, towards: Tensor, alpha: Tensor, rules: LightRules) -> Tensor:
    """Where shapes take the light from what is not shape, bool `[H, W]`, before the shape is taken out.

    `lit` and `bare` are the diffuse light `[3, H, W]` of what is not shape, white under the label light, with the shapes and without
    them (None: lit by itself wherever it faces the light); `normal` is theirs. What is dark in both is in the shadow of something else.
    """
    facing = (_unit(normal) * _unit(towards.view(3, 1, 1))).sum(0).clamp(0, 1)
    with_shapes = luminance(lit)[0] / (1 - alpha).clamp(min=1e-3)
    without = facing if bare is None else luminance(bare)[0]
    return (facing > rules.facing) & (without > rules.cast * facing) & (with_shapes < rules.cast * without)


def with_ground(labels: Tensor, ground: Tensor, shape: Tensor, clean: bool) -> Tensor:
    """Labels with GROUND_SHADOW where `ground` is and the shape is not; `clean` removes stray pixels of it, and fills stray holes."""
    found = ground & ~shape
    if clean:
        count, around = with_neighbours(found.float()), with_neighbours((~shape).float())
        found = torch.where(found, count > 2, (around - count <= 2) & (count > 2)) & ~shape
    return torch.where(found, GROUND_SHADOW, labels).to(torch.uint8)


def code_tones(codes: CodePasses, alpha: Tensor | None, coverage: float, rules: CodeRules) -> tuple[Tensor, Tensor]:
    """Labels and shape from Cinema 4D's passes.

    The shape is where `alpha` `[H, W]` exceeds `coverage`, or without alpha where the material colour is neither black nor white; with
    alpha, illumination and specular are unpremultiplied first. Cast shadows are labelled outside the shape as well.
    """
    lit, illum = (codes.specular >= rules.specular).any(0), codes.illum
    if alpha is None:
        black = codes.color.new_tensor(rules.black).view(3, 1, 1)
        shape = ~((codes.color < black).all(0) | (codes.color >= rules.white).all(0))
    else:
        shape, divisor = alpha > coverage, alpha.clamp(min=1e-3)
        illum, lit = illum / divisor, shape & (codes.specular / divisor >= rules.specular).any(0)
    labels = torch.where(shape, MIDTONE, BACKGROUND).to(torch.uint8)
    labels[shape & (illum < rules.illum).all(0)] = FORM_SHADOW
    labels[(codes.shadow < rules.shadow).any(0)] = CAST_SHADOW
    labels[lit] = HIGHLIGHT
    return labels, shape


def pass_codes(layers: Layers, found: Pass, linear: bool) -> Tensor:
    """The r, g, b of a pass as 8-bit codes, float32 `[3, H, W]` on the frame; `linear` float passes are encoded as sRGB first."""
    stored = layers.planes[found.channels[0][1]].dtype.name
    color = planes_on_frame(layers, found)
    if stored in _FULL_SCALE:
        return color * (255 / _FULL_SCALE[stored])
    return ((linear_to_srgb(color) if linear else color) * 255).round()


def planes_on_frame(layers: Layers, found: Pass) -> Tensor:
    """The first three planes of a pass, `[C, H, W]` on the frame; 0 outside its data window."""
    return pass_image(layers, found).on_frame().data[:3]


def median(plane: Tensor, side: int) -> Tensor:
    """The median over a square of `side` px (the next smaller odd number) around each pixel of `[H, W]`; the frame's edge is repeated."""
    reach = (side - 1) // 2
    if not reach:
        return plane
    padded = F.pad(plane[None, None], [reach] * 4, mode="replicate")[0, 0]
    windows = padded.unfold(0, 2 * reach + 1, 1).unfold(1, 2 * reach + 1, 1)
    rows = max(_MEDIAN_VALUES // (windows.shape[1] * (2 * reach + 1) ** 2), 1)  # the windows of a large frame do not fit memory at once
    return torch.cat([band.flatten(2).median(dim=-1).values for band in windows.split(rows)])


def without_strays(labels: Tensor, shape: Tensor) -> Tensor:
    """Labels where each pixel of the shape with at most one neighbour of its own class takes the most common class around it.

    Removes stray pixels and pairs of them; lines keep their length but for their ends.
    """
    hot = torch.stack([(labels == index) & shape for index in range(len(CLASSES))]).float()
    counts = with_neighbours(hot)
    stray = shape & (counts.gather(0, labels[None].long())[0] <= STRAY)
    return torch.where(stray, (largest_plane(counts[1:], 0) + 1).to(torch.uint8), labels)


def with_neighbours(planes: Tensor) -> Tensor:
    """The sum of each value of `[..., H, W]` and the eight around it; beyond the edge is 0. A pooling takes several times as long."""
    for dim, padding in ((-2, (0, 0, 1, 1)), (-1, (1, 1))):
        padded, length = F.pad(planes, padding), planes.shape[dim]
        planes = padded.narrow(dim, 0, length) + padded.narrow(dim, 1, length) + padded.narrow(dim, 2, length)
    return planes


def header_light(layers: Layers) -> tuple[float, float, float]:
    """The direction to the label light, from the header's JSON note `{"key_direction": [x, y, z]}`. Raises FrameError without one."""
    for text in layers.metadata.values():
        if isinstance(text, str) and '"key_direction"' in text:
            try:
                x, y, z = map(float, parse_json(text)["key_direction"])
                return x, y, z
            except (ValueError, TypeError, KeyError):
                continue
    raise FrameError(f"{layers.path or 'these layers'}: the header notes no key_direction: give the parameter light: [x, y, z]")


def object_lights(layers: Layers) -> list[tuple[tuple[float, float, float], list[str]]]:
    """Directions to a label light that stands close, each with the objects that it shines on from there.

    The header's note has them as `{"key_directions": [[x, y, z, [names]]]}`. Raises FrameError for a note that has not.
    """
    for text in layers.metadata.values():
        if isinstance(text, str) and '"key_directions"' in text:
            try:
                listed = parse_json(text)["key_directions"]
                return [((float(x), float(y), float(z)), [str(name) for name in names]) for x, y, z, names in listed]
            except (ValueError, TypeError, KeyError):
                raise FrameError(f"{layers.path or 'these layers'}: key_directions in the header are not [x, y, z, [names]]") from None
    return []


def coverage_of(matte: Matte, layers: Layers) -> Tensor:
    """A matte's plane `[H, W]`. Raises FrameError when its size is not the layers'."""
    if matte.size != layers.size:
        w, h = layers.size
        raise FrameError(f"{layers.path or 'these layers'}: {w} x {h}, the matte is {matte.width} x {matte.height}: make them one size")
    return matte.data[0].cpu()


def named_coverage(layers: Layers, passes: Passes, name: str, layer: str) -> Tensor:
    """The plane `[H, W]` of a pass that holds a shape's coverage."""
    return planes_on_frame(layers, passes.find(name, layer))[0]


def _unit(vectors: Tensor) -> Tensor:
    return vectors / (vectors * vectors).sum(0, keepdim=True).sqrt().clamp(min=1e-6)
