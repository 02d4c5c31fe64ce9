"""Flat art as named shapes in the order in which they are painted: one for each tone of each object, ink on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rotonodes.imaging.vector.tone_outlines import BorderCurve, outline, path_data, trace
from rotonodes.io.samples import encode
from rotonodes.values.pixels import Image, Matte

_INK_LEVEL = 0.4  # coverage of a pixel that counts as ink: a line of one pixel between two rows covers half of both
_MOST_INKS = 16
_KEPT_INK = 0.002  # share of the ink that a colour needs
_SAME_INK = 6  # codes of 8 bits by which a colour may differ from a more frequent one and still be that


class Shape(NamedTuple):
    """One shape: the group it lies in ("" for none), its name, its colour `#rrggbb` and opacity 0 to 1.

    `loops` are closed curves, filled even-odd, each `[m, 4, 2]` in hundredths of a pixel; None for the whole frame. `lines` and `rings`
    are the borders with shapes painted later, open and closed, to be drawn as lines of the same colour, so that nothing shows between
    the two.
    """

    group: str
    name: str
    color: str
    opacity: float
    loops: tuple[np.ndarray, ...] | None
    lines: tuple[np.ndarray, ...] = ()
    rings: tuple[np.ndarray, ...] = ()

    @property
    def path(self) -> str | None:
        """SVG path data of the loops."""
        return None if self.loops is None else path_data([[loop] for loop in self.loops])

    @property
    def under(self) -> str:
        """SVG path data of the lines and rings."""
        return path_data([[line] for line in self.lines], closed=False) + path_data([[ring] for ring in self.rings])


class Paint(NamedTuple):
    """What a class is painted with."""

    group: str
    name: str
    color: str
    opacity: float


def tone_shapes(classes: np.ndarray, paints: Mapping[int, Paint], order: Sequence[int], whole: int | None, tolerance: float) -> list[Shape]:
    """The shapes of the classes `[H, W]` that have a paint, in an order; the class `whole` is painted as the whole frame, below all."""
    curves = trace(classes, tolerance)
    later = {number: place for place, number in enumerate(order)}
    found = []
    for number in order:
        paint = paints.get(number)
        if paint is None:
            continue
        if number == whole:
            found.append(Shape(*paint, None))
            continue
        loops = outline(curves, {number})
        if loops:
            covered = {other for other in paints if later[other] > later[number] and paints[other].opacity == 1}
            shared = _between(curves, number, covered) if paint.opacity == 1 else []
            lines, rings = (tuple(curve.beziers for curve in shared if curve.closed is closed) for closed in (False, True))
            found.append(Shape(*paint, _joined(loops), lines, rings))
    return found


def _between(curves: Sequence[BorderCurve], number: int, others: set[int]) -> list[BorderCurve]:
    """The borders of a class with others."""
    return [c for c in curves if (c.left == number and c.right in others) or (c.right == number and c.left in others)]


def _joined(loops: Sequence[Sequence[np.ndarray]]) -> tuple[np.ndarray, ...]:
    return tuple(np.concatenate(loop) for loop in loops)


def ink_of(ink: Image | Matte, color: str, tolerance: float) -> list[Shape]:
    """A picture of ink in its own colours, or a matte of ink in one colour, as shapes."""
    if isinstance(ink, Matte):
        return ink_shapes(ink.data[0].detach().cpu().numpy(), None, color[:7], tolerance)
    samples = encode(ink.with_data(ink.data), "8", "srgb")  # by its pixels: a file's own samples may differ by one code
    if samples.shape[2] < 3:
        samples = samples[..., [0, 0, 0, *range(1, samples.shape[2])]]
    alpha = ink.on_frame().alpha
    covered = np.ones(samples.shape[:2], np.float32) if alpha is None else alpha[0].detach().cpu().numpy()
    return ink_shapes(covered, samples[..., :3], color, tolerance)


def ink_shapes(coverage: np.ndarray, colors: np.ndarray | None, color: str, tolerance: float) -> list[Shape]:
    """Ink as filled shapes, one for each of its colours, from its coverage `[H, W]` 0 to 1 and its sRGB codes `[H, W, 3]`.

    Without `colors` all of it has one `color`. Borders lie where the coverage passes a level between the pixels.
    """
    there = coverage > _INK_LEVEL
    if not there.any():
        return []
    classes, table = there.astype(np.int32), [color]
    if colors is not None:
        classes, table = _by_color(there, coverage, colors)
    curves = trace(classes, min(tolerance, 0.25), coverage - _INK_LEVEL)
    names = ["lines"] if len(table) == 1 else [f"lines-{number}" for number in range(1, len(table) + 1)]
    made = [
        Shape("ink", name, shown, 1.0, _joined(outline(curves, {at}))) for at, (name, shown) in enumerate(zip(names, table, strict=True), 1)
    ]
    return [shape for shape in made if shape.loops]


def _by_color(there: np.ndarray, coverage: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The classes of ink by colour, from 1, and the colours: those of its most opaque pixels; rare ones go to the nearest."""
    packed = (colors[..., 0].astype(np.int64) << 16) | (colors[..., 1].astype(np.int64) << 8) | colors[..., 2]
    solid = coverage >= min(0.9, float(coverage[there].max()))
    values, counts = np.unique(packed[solid & there], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_INKS]
    kept = values[order][counts[order] >= min(_KEPT_INK * counts.sum(), counts.max())]
    table = np.stack([kept >> 16, kept >> 8 & 255, kept & 255], 1)
    # Rounding makes neighbours of one colour.
    like = (np.abs(table[:, None] - table).max(2) <= _SAME_INK) & np.tri(len(table), k=-1, dtype=bool)
    kept, table = kept[~like.any(1)], table[~like.any(1)]
    apart = ((colors[there][:, None].astype(np.int64) - table) ** 2).sum(2)
    classes = np.zeros(there.shape, np.int32)
    classes[there] = apart.argmin(1) + 1
    return classes, [f"#{value:06x}" for value in kept.tolist()]
