"""Palettes of flat tones in an object's own colour, after its render.

Colours are mixed in OKLab (Björn Ottosson, 2020, bottosson.github.io/posts/oklab), in which equal steps look equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rotonodes.imaging.passes.names import Pass, Passes
from rotonodes.values.color import LUMINANCE, hex_to_linear, srgb_to_linear
from rotonodes.values.palette import OKLAB_AXES, OKLAB_CONES

if TYPE_CHECKING:
    from rotonodes.imaging.passes.cryptomatte import Cryptomatte
    from rotonodes.values.pixels import Layers

_TO_CONES, _TO_LAB = np.array(OKLAB_CONES), np.array(OKLAB_AXES)
_DARKEST, _LIGHTEST = 0.30, 0.90  # lightness of midtones: the tones beside it stay distinct on black and on white things
_LIFT = 0.35  # of the own lightness that dark midtones keep above the darkest
_DARK = 0.03  # linear luminance below which a surface has no diffuse colour: metal, glass, black


@dataclass(frozen=True)
class ToneLook:
    """How a tone differs from the surface's own colour.

    Lightness goes to `to` by `share`, chroma is multiplied, the hue turns to `hue` by at most `turn`, both in degrees.
    """

    to: float
    share: float
    chroma: float
    hue: float
    turn: float


COOL, WARM = 285.0, 85.0  # hues that shadows and lights lean to, degrees
LOOKS = {
    "highlight": ToneLook(1.0, 0.62, 0.55, WARM, 8),
    "midtone": ToneLook(0.0, 0.0, 1.12, WARM, 0),
    "form_shadow": ToneLook(0.0, 0.28, 1.12, COOL, 14),
    "cast_shadow": ToneLook(0.0, 0.45, 0.95, COOL, 22),
}
GROUND_LOOKS = {"background": ToneLook(1.0, 0.28, 1.35, WARM, 0), "ground_shadow": ToneLook(0.0, 0.11, 1.3, COOL, 14)}


def to_oklab(linear: np.ndarray) -> np.ndarray:
    """Linear RGB `[..., 3]` of sRGB's primaries to OKLab."""
    return np.cbrt(np.maximum(linear, 0) @ _TO_CONES.T) @ _TO_LAB.T


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """The inverse of `to_oklab`."""
    return (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T


def tones_of(color: Sequence[float] | np.ndarray, looks: dict[str, ToneLook] | None = None) -> dict[str, str]:
    """Class -> "#rrggbb" for a surface of a linear colour; `looks` are those of a shape, or `GROUND_LOOKS`."""
    light, a, b = to_oklab(np.asarray(color, np.float64)).tolist()
    light = min(max(light, _DARKEST + _LIFT * light), _LIGHTEST)
    chroma, hue = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)))
    return {name: _toned(light, chroma, hue, look) for name, look in (looks or LOOKS).items()}


def _toned(light: float, chroma: float, hue: float, look: ToneLook) -> str:
    """A tone of a surface of a lightness, chroma and hue (degrees)."""
    apart = (look.hue - hue + 180) % 360 - 180
    turned = np.radians(hue + np.sign(apart) * min(abs(apart), look.turn))
    return as_hex(light + (look.to - light) * look.share, chroma * look.chroma, float(turned))


def shade_of(color: str) -> str:
    """The colour of a shadow on a ground of a colour ("#rrggbb")."""
    light, a, b = to_oklab(np.array(hex_to_linear(color)[:3])).tolist()
    look = GROUND_LOOKS["ground_shadow"]
    return _toned(light * 0.94, float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a))), look)


def as_hex(light: float, chroma: float, hue: float) -> str:
    """The sRGB colour of a lightness, chroma and hue (radians) of OKLab; chroma shrinks until the colour can be shown."""
    for share in np.linspace(1, 0, 41):
        linear = from_oklab(np.array([light, share * chroma * np.cos(hue), share * chroma * np.sin(hue)]))
        if linear.min() >= -1e-3 and linear.max() <= 1 + 1e-3:
            break
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(value):02x}" for value in (encoded * 255).clip(0, 255).tolist())


@dataclass(frozen=True, eq=False)
class Means:
    """Sums over the pixels of each id of a cryptomatte: `covered` `[n]` in pixels, and the means of further values, `[n, 3]` or `[n]`."""

    ids: dict[int, int]  # id -> row
    covered: np.ndarray
    values: dict[str, np.ndarray]


def object_means(layers: Layers, passes: Passes, crypto: Cryptomatte, names: Sequence[str], more: Mapping[str, np.ndarray]) -> Means:
    """The means of passes `names` (those of them that the file has, three channels each) and of planes `more` `[H, W]` over each object.

    Colours are those of pixels that an object covers alone, where it has five or more; planes count by coverage.
    """
    ids, weights, pixels = [], [], []
    for seen, share in crypto.planes(layers):
        weight = np.nan_to_num(share.ravel(), nan=0.0, posinf=0.0, neginf=0.0).clip(0, 1)
        there = np.flatnonzero(weight > 0)
        ids.append(seen.ravel()[there])
        weights.append(weight[there])
        pixels.append(there)
    found, row = np.unique(np.concatenate(ids), return_inverse=True)
    weight, pixel = np.concatenate(weights), np.concatenate(pixels)
    covered = np.bincount(row, weight, len(found))
    alone = np.where(weight > 0.95, weight, 0)
    enough = np.bincount(row, alone, len(found)) > 4
    color_weight = np.where(enough[row], alone, weight)
    total = np.bincount(row, color_weight, len(found)).clip(min=1e-9)
    values = {name: np.bincount(row, weight * plane.ravel()[pixel], len(found)) / covered.clip(min=1e-9) for name, plane in more.items()}
    for name in names:
        planes = color_planes(layers, passes.find(name)) if passes.has(name) else None
        if planes is not None:
            sums = [np.bincount(row, color_weight * plane.ravel()[pixel], len(found)) for plane in planes]
            values[name] = np.stack(sums, axis=1) / total[:, None]
    return Means({int(number): at for at, number in enumerate(found)}, covered, values)


class OwnColor(NamedTuple):
    """A linear colour `[3]`; `diffuse` is False where the file has diffuse colour, and this surface has none: metal, glass, black."""

    linear: np.ndarray
    diffuse: bool


SURFACE = ("DiffCol", "MatColor", "GlossCol", "Combined")  # passes that tell a surface's colour, the best first


def own_color(means: Means, row: int) -> OwnColor | None:
    """The colour of one object's surface: diffuse, else of its reflection, else of the picture. None where no pass tells."""
    diffuse = True
    for name in SURFACE:
        found = means.values[name][row] if name in means.values else None
        if found is not None and (name == "Combined" or found @ np.array(LUMINANCE) > _DARK):
            return OwnColor(found, diffuse)
        diffuse = diffuse and not (found is not None and name == "DiffCol")
    return None


def linear_surfaces(layers: Layers) -> Layers:
    """Layers of sRGB-encoded pictures with the passes that tell a surface's colour made linear."""
    import torch

    names = {full for p in Passes.of(layers).passes if p.canonical in SURFACE for short, full in p.channels if short in "RGB"}
    planes = {n: srgb_to_linear(torch.from_numpy(plane)).numpy() if n in names else plane for n, plane in layers.planes.items()}
    return replace(layers, planes=planes)


def color_planes(layers: Layers, found: Pass) -> np.ndarray | None:
    """The three channels of a pass as finite colours from 0 to 1, `[3, H, W]`; None for a pass without them."""
    planes = dict(found.channels)
    if not {"R", "G", "B"} <= planes.keys():
        return None
    color = np.stack([np.asarray(layers.planes[planes[c]], np.float32) for c in "RGB"])
    return np.nan_to_num(color, nan=0.0, posinf=0.0, neginf=0.0).clip(0, 1)


def mean_color(layers: Layers, found: Pass, weight: np.ndarray) -> np.ndarray | None:
    """The mean of a pass's colour by a weight `[H, W]`; None for a pass without three channels."""
    color = color_planes(layers, found)
    return None if color is None else (color * weight).sum(axis=(1, 2), dtype=np.float64) / weight.sum(dtype=np.float64)


def clusters(colors: Sequence[np.ndarray], shares: Sequence[float], most: int, near: float) -> list[list[int]]:
    """Indices of colours in groups of alike ones.

    Pairs nearer than `near` in OKLab are merged, the nearest first, and further to `most` groups.
    """
    places = [to_oklab(np.asarray(color)) for color in colors]
    cells: dict[tuple[int, ...], list[int]] = {}
    for index, place in enumerate(places):  # nearly equal ones at once, or a thousand objects would take minutes
        cells.setdefault(tuple(np.floor(place / (near / 2)).astype(int).tolist()), []).append(index)
    groups = list(cells.values())
    heavy = [max(share, 1e-6) for share in shares]
    weights = [sum(heavy[index] for index in group) for group in groups]
    centres = [sum(places[index] * heavy[index] for index in group) / total for group, total in zip(groups, weights, strict=True)]
    while len(groups) > 1:
        apart = np.linalg.norm(np.stack(centres)[:, None] - np.stack(centres)[None], axis=-1) + np.diag([np.inf] * len(groups))
        i, j = divmod(int(apart.argmin()), len(groups))
        if apart[i, j] > near and len(groups) <= most:
            break
        i, j = min(i, j), max(i, j)
        total = weights[i] + weights[j]
        centres[i] = (centres[i] * weights[i] + centres[j] * weights[j]) / total
        groups[i], weights[i] = groups[i] + groups[j], total
        del groups[j], centres[j], weights[j]
    return groups
