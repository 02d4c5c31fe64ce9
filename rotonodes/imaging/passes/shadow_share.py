"""The shadow that shapes throw on what is not shape: the share of the light that they take, from the passes of a render."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.errors import FrameError, listed
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.imaging.passes.surface import usable_normals
from rotonodes.imaging.passes.tone_labels import median
from rotonodes.imaging.picture.tone_edges import class_shares
from rotonodes.values.color import LUMINANCE
from rotonodes.values.pixels import Box, Layers, cut

Source = Literal["auto", "catcher", "layers", "light"]

_CATCHER = "Shadow Catcher"
_GROUND, _BARE = "Ground", "Bare"  # view layers of what is not shape, with the shapes' shadows and without
_CELLS = 4  # cells per unit of a normal: pixels of one cell are one surface
_FEWEST = 200  # pixels of a surface that a light can be fitted to
_SAMPLES = 20_000
_ROUNDS = 12
_ABOVE = 0.97  # weight of a pixel brighter than the fit, against 0.03 of a darker one, which may lie in shadow
_NOTHING = 0.06  # share of the light below which the fit is not exact enough to speak of a shadow
_UNDER = 6  # px that the shadow is continued below the shape
_DEEP = 0.95  # quantile of the shadow's pixels that is taken for its depth


def shadow_share(layers: Layers, passes: Passes, source: Source, layer: str, shape: Tensor, albedo: bool, side: int) -> Tensor:
    """The share of the light that shapes take from what is not shape, float32 `[H, W]` on the frame, 0 to 1.

    `shape` `[H, W]` is the shapes' coverage; the shadow is continued some pixels below them. `albedo` says that the diffuse light holds
    the surface's colour. Noise is removed by a median over a square of `side` px. Raises FrameError for passes that are not there.
    """
    chosen = _available(passes, layer)[0] if source == "auto" and _available(passes, layer) else source
    cover = cut(shape[None], Box(0, 0, *layers.size), layers.box)[0].numpy()
    if chosen == "catcher":
        taken = 1 - _light(layers, passes, _CATCHER, layer)
    elif chosen == "layers":
        taken = _between(_light(layers, passes, f"{_GROUND}.DiffDir", ""), _light(layers, passes, f"{_BARE}.DiffDir", ""), cover)
    elif chosen == "light" and passes.has("DiffDir", layer):
        taken = _from_light(layers, passes, layer, cover, albedo, side)
    else:
        names = listed(list(dict.fromkeys(p.canonical for p in passes.passes)), 12) or "no passes"
        needed = f"the pass {_CATCHER!r}, the view layers {_GROUND} and {_BARE}, or DiffDir"
        raise FrameError(f"{passes.where}: a ground shadow needs {needed}; it has {names}")
    share = median(torch.from_numpy(np.nan_to_num(taken, posinf=0.0, neginf=0.0).astype(np.float32)), side).clamp(0, 1)
    share = _continued(share, torch.from_numpy(cover) < 0.5)
    return cut(share[None], layers.box, Box(0, 0, *layers.size))[0]


def _available(passes: Passes, layer: str) -> list[Source]:
    found: list[Source] = ["catcher"] if passes.has(_CATCHER, layer) else []
    if {_GROUND, _BARE} <= set(passes.layers) and all(passes.has(f"{name}.DiffDir") for name in (_GROUND, _BARE)):
        found.append("layers")
    return [*found, "light"] if passes.has("DiffDir", layer) else found


def _light(layers: Layers, passes: Passes, name: str, layer: str) -> np.ndarray:
    """Luminance of a pass, `[H, W]`."""
    planes = pass_planes(layers, passes, passes.find(name, layer), 3)
    return np.asarray(np.tensordot(np.array(LUMINANCE, np.float32), np.nan_to_num(planes, posinf=0.0, neginf=0.0), 1))


def _between(lit: np.ndarray, bare: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """What is missing of the bare ground's light; the ground beside the shape is premultiplied by what the shape leaves of it."""
    there = bare > 1e-3
    return np.where(there, 1 - lit / np.maximum((1 - cover).clip(0.05) * bare, 1e-3), 0)


def _from_light(layers: Layers, passes: Passes, layer: str, cover: np.ndarray, albedo: bool, side: int) -> np.ndarray:
    """The light that is missing, against the light that each surface would have without shadows."""
    light = _light(layers, passes, "DiffDir", layer)
    if albedo:
        color = _light(layers, passes, "DiffCol", layer)
        light = np.where(color > 1e-3, light / np.maximum(color, 1e-3), 0)
    light = median(torch.from_numpy(light.astype(np.float32)), side).numpy()
    ground = (cover < 0.02) & (light >= 0) & (light < 1e6)
    normal = None
    if passes.has("Normal", layer):
        normal = usable_normals(pass_planes(layers, passes, passes.find("Normal", layer), 3))
        ground &= (normal**2).sum(axis=0) > 0.5
    taken = np.zeros(light.shape, np.float32)
    for rows, columns in _surfaces(ground, normal):
        full = _unshadowed(light, rows, columns)
        missing = 1 - light[rows, columns] / np.maximum(full, 1e-6)
        taken[rows, columns] = ((missing - _NOTHING) / (1 - _NOTHING)).clip(0, 1)
    return taken


def _surfaces(ground: np.ndarray, normal: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows, columns) of the ground's pixels, apart for each direction that it faces."""
    rows, columns = np.nonzero(ground)
    if normal is None or not len(rows):
        return [(rows, columns)] if len(rows) else []
    cells = np.rint(normal[:, rows, columns] * _CELLS).astype(int) + _CELLS
    number = cells[0] * 10_000 + cells[1] * 100 + cells[2]
    order = np.argsort(number, kind="stable")
    ends = np.flatnonzero(np.diff(number[order])) + 1
    return [(rows[part], columns[part]) for part in np.split(order, ends) if len(part) >= _FEWEST]


def _unshadowed(light: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The light of a surface's pixels without shadows: a quadratic over the picture, fitted from above (asymmetric least squares)."""
    height, width = light.shape
    x, y = (columns / max(width, 1) - 0.5), (rows / max(height, 1) - 0.5)
    terms = np.stack([np.ones(len(x)), x, y, x * x, x * y, y * y], axis=1)
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLES)).astype(int)
    some, wanted = terms[chosen], light[rows[chosen], columns[chosen]].astype(np.float64)
    scale = max(float(np.quantile(wanted, 0.9)), 1e-9)
    weights = np.ones(len(chosen))
    steady = 1e-4 * len(chosen) * np.eye(terms.shape[1])
    steady[0, 0] = 0
    found = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        weighted = some * weights[:, None]
        found = np.linalg.solve(weighted.T @ some + steady * weights.mean() + 1e-12 * np.eye(terms.shape[1]), weighted.T @ wanted)
        over = wanted - some @ found
        # Those that are much darker lie in shadow, and say nothing.
        weights = np.where(over > 0, _ABOVE, (1 - _ABOVE) / (1 + (over / (0.1 * scale)) ** 2))
    return np.asarray((terms @ found).clip(0))


def _continued(share: Tensor, known: Tensor) -> Tensor:
    """The shadow continued from `known` pixels by the mean of neighbours, `_UNDER` px; 0 beyond."""
    there = known.float()[None, None]
    value = share[None, None] * there
    for _ in range(_UNDER):
        total, count = (F.avg_pool2d(plane, 3, 1, 1, divisor_override=1) for plane in (value, there))
        new = (there == 0) & (count > 0)
        value = torch.where(new, total / count.clamp(min=1), value)
        there = torch.where(new, 1.0, there)
    return value[0, 0]


def flattened(share: Tensor, threshold: float, smoothness: float) -> Tensor:
    """A shadow with one density and an antialiased edge, `[H, W]`: where the share reaches `threshold` of the shadow's depth.

    `smoothness` is the standard deviation, in px, of the blur that evens the edge.
    """
    deep = share[share > 2 * _NOTHING]
    if deep.numel() < 4:
        return torch.zeros_like(share)
    depth = float(torch.quantile(deep[:: max(1, deep.numel() // 100_000)], _DEEP))
    even = _blurred(share, smoothness)
    level = even / depth - threshold
    inside = (level >= 0).to(torch.uint8).numpy()
    place = torch.stack([-level, level]).numpy()  # they cross where the level is 0
    return torch.from_numpy(class_shares(inside, 2, place)[1].copy()) * depth


def _blurred(plane: Tensor, sigma: float) -> Tensor:
    reach = int(3 * sigma + 0.5)
    if reach < 1:
        return plane
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    padded = F.pad(plane[None, None], [reach] * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))[0, 0]
