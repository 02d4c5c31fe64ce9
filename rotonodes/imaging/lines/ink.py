"""The ink of a frame: borders found in its passes, joined to lines, and drawn in their widths and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from rotonodes.errors import FrameError, listed
from rotonodes.imaging.lines import borders as found
from rotonodes.imaging.lines.borders import KINDS, Borders
from rotonodes.imaging.lines.identities import NOBODY, Identity, find_identity, matte_identity
from rotonodes.imaging.lines.line_graph import LineGraph, bridge, end_distance, join, sideways, smooth, thickness, without_crumbs
from rotonodes.imaging.lines.strokes import draw
from rotonodes.imaging.passes.camera import NOTHING
from rotonodes.imaging.passes.cryptomatte import select_names
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.imaging.passes.tone_labels import coverage_of, median
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte, cut

FREESTYLE = "freestyle"
_PAD = 3  # px that planes are continued beyond their edge, so that lines run out of the frame
_THINNEST = 0.35  # of a line's width, which is left on the thinnest shapes
_BOTH = ((0, 0), (_PAD, _PAD), (_PAD, _PAD))
_COLOR_STEP = 0.06  # of a flat material colour, encoded 0 to 1
_SOURCES = {
    "object": "a cryptomatte, IndexOB or object buffers",
    "material": "a cryptomatte of materials, IndexMA or MatColor",
    "depth": "Depth",
    "normal": "Normal",
    FREESTYLE: "Freestyle",
}


@dataclass(frozen=True)
class InkRules:
    """Which lines are drawn and how; the node InkLines says what each means.

    `wanted` maps kinds to True (their pass must be there), None (where it is) or False.
    """

    wanted: Mapping[str, bool | None]
    step: float
    crease: float  # radians
    shortest: float  # px
    median: int
    objects: Sequence[str]
    width: float  # px
    widths: Mapping[str, float]
    color: str
    colors: Mapping[str, str]
    object_colors: Mapping[str, str]
    side: str
    taper: float  # px
    thin: float  # share of a shape's thickness; 0: no limit


class Source(NamedTuple):
    """The passes of one frame: all `[H, W]` or `[3, H, W]` on the data window, None where they are not there."""

    layers: Layers
    passes: Passes
    object: Identity | None
    material: Identity | None
    flat: np.ndarray | None  # material colour, encoded
    near: np.ndarray | None
    normal: np.ndarray | None
    tone: np.ndarray | None
    freestyle: np.ndarray | None


class Strokes(NamedTuple):
    """Lines before they are drawn: ends (x, y) and widths of n segments in the frame, a pixel's centre being at whole numbers.

    `kind` is the index in KINDS and `owner` the id of the object in front, one a segment.
    """

    starts: np.ndarray
    ends: np.ndarray
    widths: np.ndarray
    kind: np.ndarray
    owner: np.ndarray


def ink(
    layers: Layers, rules: InkRules, layer: str, view: str, names: Mapping[str, str], labels: Labels | None, matte: Matte | None
) -> Image:
    """The lines of a frame, premultiplied RGBA on the frame.

    Raises FrameError for passes that must be there and are not, with what is there.
    """
    source = read_passes(layers, rules, layer, view, names, labels, matte)
    strokes = find_strokes(source, rules)
    return paint_strokes(strokes, source, rules)


def read_passes(
    layers: Layers, rules: InkRules, layer: str, view: str, names: Mapping[str, str], labels: Labels | None, matte: Matte | None
) -> Source:
    """The passes that these rules need."""
    passes = Passes.of(layers, names)
    wanted = rules.wanted

    def planes(name: str, count: int) -> np.ndarray | None:
        if not passes.has(name, layer, view):
            return None
        return pass_planes(layers, passes, passes.find(name, layer, view), count)

    outline = None if matte is None else matte_identity(_on_box(coverage_of(matte, layers).numpy(), layers))
    obj = outline if outline is not None else find_identity(layers, passes, "object", layer, view)
    tone = None if labels is None or wanted["tone"] is False else _labels_on_box(labels, layers)
    if obj is None and tone is not None:
        obj = Identity((tone != 0).astype(np.int64), source="labels")
    material = None if wanted["material"] is False else find_identity(layers, passes, "material", layer, view)
    flat = None if wanted["material"] is False or material is not None else planes("MatColor", 3)
    depth = planes("Depth", 1)
    normal = None if wanted["normal"] is False else planes("Normal", 3)
    lines = planes("Freestyle", 4) if wanted[FREESTYLE] else None
    near = None if depth is None else found.nearness(depth[0], NOTHING)
    if normal is not None:
        normal = found.unit_vectors(_denoised(normal, rules.median))
    if flat is not None:
        flat = _encoded(flat, layers.planes[passes.find("MatColor", layer, view).channels[0][1]].dtype.name)
    source = Source(layers, passes, obj, material, flat, near, normal, tone, lines)
    _check(source, wanted)
    return source


def _check(source: Source, wanted: Mapping[str, bool | None]) -> None:
    """Raises FrameError when a kind of line that must be drawn has no pass, or when there is none to draw at all."""
    material = source.material if source.material is not None else source.flat
    there = {"object": source.object, "material": material, "depth": source.near, "normal": source.normal, "tone": source.tone}
    there[FREESTYLE] = source.freestyle
    missing = [kind for kind, wish in wanted.items() if wish and there[kind] is None and kind in _SOURCES]
    can = [kind for kind, plane in there.items() if plane is not None and wanted[kind] is not False]
    if not missing and can:
        return
    names = listed(list(dict.fromkeys(p.canonical for p in source.passes.passes)), 12) or "no passes"
    if missing:
        what = "; ".join(f"{kind} lines need {_SOURCES[kind]}" for kind in missing)
        way_out = f"; lines can be drawn from {', '.join(can)}" if can else ""
        raise FrameError(f"{source.passes.where}: {what}; it has {names}{way_out}")
    needed = ", ".join(dict.fromkeys(_SOURCES[kind] for kind, wish in wanted.items() if wish is not False and kind in _SOURCES))
    raise FrameError(f"{source.passes.where}: there is nothing to draw lines from: render {needed or 'a pass'}; it has {names}")


def find_strokes(source: Source, rules: InkRules) -> Strokes:
    """The lines of a frame as segments with widths."""
    height, width = source.layers.box.height, source.layers.box.width
    shape = height + 2 * _PAD, width + 2 * _PAD
    ids = np.zeros(shape, np.int64) if source.object is None else np.pad(source.object.ids, _PAD, "edge")
    near = None if source.near is None else np.pad(source.near, _PAD, "edge")
    inside, chosen = _all_borders(source, rules, ids, near)
    axis, row, column = np.nonzero(inside.kind)
    front = found.front_of(ids, near, axis, row, column)
    if chosen is not None:
        down, right = np.array([(0, 1), (1, 0)])[axis].T
        keep = chosen[row, column] | chosen[row + down, column + right]
        inside.kind[axis[~keep], row[~keep], column[~keep]] = 0
        axis, row, column, front = axis[keep], row[keep], column[keep], front[keep]
    net = join(inside)
    bridge(net, shape)
    net = without_crumbs(net, rules.shortest)
    smooth(net)
    return _strokes(net, source, rules, ids, near)


def _all_borders(source: Source, rules: InkRules, ids: np.ndarray, near: np.ndarray | None) -> tuple[Borders, np.ndarray | None]:
    """The borders of all kinds on padded planes, and where the chosen objects are (None: everywhere)."""
    wanted, made = rules.wanted, Borders.none((ids.shape[0], ids.shape[1]))
    same = found.same_object(ids)
    if source.object is not None:  # also where they are not drawn: they are not to be found again as steps of depth or normals
        made.add("object", found.identity_borders(source.object, _PAD))
    if source.material is not None:
        made.add("material", found.identity_borders(source.material, _PAD))
    elif source.flat is not None:
        made.add("material", found.field_borders(np.pad(source.flat, _BOTH, "edge"), same, _COLOR_STEP, unit=False))
    if near is not None and wanted["depth"] is not False:
        made.add("depth", found.depth_borders(near, rules.step))
    if source.normal is not None:
        made.add("normal", found.field_borders(np.pad(source.normal, _BOTH, "edge"), same, rules.crease, unit=True))
    if source.tone is not None:
        made.add("tone", found.label_borders(np.pad(source.tone, _PAD, "edge"), same))
    if wanted["object"] is False:
        made.kind[made.kind == 1 + KINDS.index("object")] = 0
    return made, _chosen(source, rules.objects, ids)


def _chosen(source: Source, objects: Sequence[str], ids: np.ndarray) -> np.ndarray | None:
    if not objects:
        return None
    return np.isin(ids, np.fromiter(_ids_of(source, objects), np.int64))


def _ids_of(source: Source, patterns: Sequence[str]) -> list[int]:
    """The ids of the objects that the patterns name. Raises FrameError for one that fits nothing, or without a cryptomatte."""
    if source.object is None or source.object.crypto is None:
        raise FrameError(f"{source.passes.where}: objects are chosen by name, there is no cryptomatte with names: take them away")
    return list(select_names(source.object.crypto, list(patterns)).values())


def _strokes(net: LineGraph, source: Source, rules: InkRules, ids: np.ndarray, near: np.ndarray | None) -> Strokes:
    on_border = net.border[:, 0] >= 0
    axis, row, column = net.border[on_border].T
    first = found.front_of(ids, near, axis, row, column)
    front = np.zeros(len(net.points), bool)
    front[on_border] = first
    down, right = np.array([(0, 1), (1, 0)])[axis].T if len(axis) else (axis, axis)
    owner = np.full(len(net.points), NOBODY, np.int64)
    owner[on_border] = np.where(first, ids[row, column], ids[row + down, column + right])
    factors = np.array([1.0, *(rules.widths.get(kind, 1.0) for kind in KINDS)])
    width = rules.width * factors[net.kind]
    points = net.points
    if rules.side != "centred" and len(points):
        outer = net.kind == 1 + KINDS.index("object")
        shift = np.where(outer, width / 2, 0) * (1 if rules.side == "inside" else -1)
        points = points + sideways(net, front) * shift[:, None]
    if rules.taper > 0 and len(points):
        width = width * (end_distance(net, rules.taper) / rules.taper) ** 0.7
    if rules.thin > 0 and len(points):
        room = rules.thin * thickness(net, front, ids, owner, rules.width * factors.max() / rules.thin)
        width = np.minimum(width, np.maximum(room, _THINNEST * width))
    a, b = net.segments.T
    kind = np.maximum(net.kind[a], net.kind[b]) - 1
    # Where lines meet, the thicker one must not thicken the end of the other.
    widths = np.minimum(np.stack([width[a], width[b]], axis=1), (rules.width * factors[kind + 1])[:, None])
    return Strokes(points[a] - _PAD, points[b] - _PAD, widths, kind, np.where(owner[a] == NOBODY, owner[b], owner[a]))


def paint_strokes(strokes: Strokes, source: Source, rules: InkRules) -> Image:
    """Strokes as a picture on the frame, premultiplied RGBA: kinds in order, outlines on top."""
    box, size = source.layers.box, source.layers.size
    shape = box.height, box.width
    colors = _colors(strokes, source, rules)
    picture = np.zeros((4, *shape), np.float32)
    if source.freestyle is not None:
        cover = np.nan_to_num(source.freestyle[3]).clip(0, 1)
        picture = _over(cover, rules.colors.get(FREESTYLE, rules.color), picture)
    for kind in reversed(range(len(KINDS))):
        for color in dict.fromkeys(colors[strokes.kind == kind].tolist()):
            chosen = (strokes.kind == kind) & (colors == color)
            cover = draw(strokes.starts[chosen], strokes.ends[chosen], strokes.widths[chosen], shape)
            picture = _over(cover, color, picture)
    data = cut(torch.from_numpy(picture), box, Box(0, 0, *size))
    return Image(data.contiguous(), ("R", "G", "B", "A"), size=size, metadata=source.layers.metadata)


def _over(cover: np.ndarray, color: str, below: np.ndarray) -> np.ndarray:
    red, green, blue, alpha = hex_to_linear(color)
    share = cover * np.float32(alpha)
    if not below.any():
        return np.stack([share * np.float32(c) for c in (red, green, blue, 1.0)])
    return below * (1 - share) + np.stack([share * np.float32(c) for c in (red, green, blue, 1.0)])


def _colors(strokes: Strokes, source: Source, rules: InkRules) -> np.ndarray:
    """The colour of each segment: that of its object, else of its kind, else the colour of all."""
    by_kind = np.array([rules.colors.get(kind, rules.color) for kind in KINDS], dtype=object)
    colors = by_kind[strokes.kind] if len(strokes.kind) else np.zeros(0, dtype=object)
    for pattern, color in reversed(list(rules.object_colors.items())):  # the first that fits counts
        colors[np.isin(strokes.owner, np.fromiter(_ids_of(source, [pattern]), np.int64))] = color
    return colors


def _denoised(vectors: np.ndarray, side: int) -> np.ndarray:
    if side <= 1:
        return vectors
    return np.stack([median(torch.from_numpy(np.nan_to_num(plane)), side).numpy() for plane in vectors])


def _encoded(color: np.ndarray, stored: str) -> np.ndarray:
    """A flat colour, 0 to 1 as it is looked at: codes by their range, linear light by its square root."""
    full = {"uint8": 255, "uint16": 65535}.get(stored)
    known = np.nan_to_num(color, posinf=1.0, neginf=0.0)
    return (known / full if full else np.sqrt(known.clip(0, 4))).astype(np.float32)


def _on_box(plane: np.ndarray, layers: Layers) -> np.ndarray:
    return cut(torch.from_numpy(plane)[None], Box(0, 0, *layers.size), layers.box)[0].numpy()


def _labels_on_box(labels: Labels, layers: Layers) -> np.ndarray:
    if labels.size != layers.size:
        w, h = layers.size
        raise FrameError(f"{layers.path or 'these layers'}: {w} x {h}, the labels are {labels.width} x {labels.height}: make them one size")
    return _on_box(labels.data.cpu().numpy().astype(np.int64), layers)
