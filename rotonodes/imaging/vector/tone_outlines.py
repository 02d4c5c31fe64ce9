"""Shapes of classes: closed paths made of curves that neighbours share, so that there is no gap between them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rotonodes.imaging.vector.curve_fitting import Chains, corners, fit, smooth
from rotonodes.imaging.vector.pixel_borders import OUTSIDE, Border, find_borders

_GRID = 100  # steps in a pixel to which coordinates are rounded, the same for both sides of a border
_STRAIGHT = 0.05  # px from its chord within which a curve is a line


class BorderCurve(NamedTuple):
    """One border as curves `[m, 4, 2]` in hundredths of a pixel (whole numbers); the rest as in `Border`."""

    beziers: np.ndarray
    left: int
    right: int
    first: int
    last: int
    closed: bool


_KNOWN = 0.3  # px that smoothing may move a border whose place within the pixel is known


def trace(labels: np.ndarray, tolerance: float, level: np.ndarray | None = None) -> list[BorderCurve]:
    """All borders of the classes `[H, W]` as curves within `tolerance` px of the borders between pixels; `level` as for `find_borders`."""
    borders = list(find_borders(labels, level))
    places = _junctions(borders, labels.shape)
    pieces = [_pieces(border, places) for border in borders]
    chains = Chains.of(*zip(*(piece for made in pieces for piece in made), strict=True))  # type: ignore[arg-type]
    fitted = iter(fit(smooth(chains, tolerance, None if level is None else _KNOWN), tolerance))
    found = []
    for border, made in zip(borders, pieces, strict=True):
        beziers = np.rint(np.concatenate([next(fitted) for _ in made]) * _GRID).astype(np.int64)
        found.append(BorderCurve(beziers, border.left, border.right, border.first, border.last, border.closed))
    return found


def _junctions(borders: Sequence[Border], size: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Where each junction lies: halfway from its lattice point to the mean of the middles around it; at the frame's border that point."""
    around: dict[int, list[np.ndarray]] = {}
    lattice: dict[int, np.ndarray] = {}
    for border in borders:
        if not border.closed:
            for node, point, middle in (
                (border.first, border.points[0], border.middles[0]),
                (border.last, border.points[-1], border.middles[-1]),
            ):
                lattice[node] = point
                around.setdefault(node, []).append(middle)
    height, width = size
    return {
        node: point if point[0] in (0, width) or point[1] in (0, height) else (point + np.mean(around[node], axis=0)) / 2
        for node, point in lattice.items()
    }


_Piece = tuple[np.ndarray, np.ndarray, np.ndarray, bool]


def _pieces(border: Border, places: dict[int, np.ndarray]) -> list[_Piece]:
    """The pieces of a border between its corners: points, gates, offsets on these, and whether it is one ring without a corner."""
    if OUTSIDE in (border.left, border.right):
        return [_piece(border.points[0], border.points[:0], border.points[-1], border.points[:1])]
    cuts = corners(border.points, border.middles, border.closed)
    middles, points, count = border.middles, border.points, len(border.middles)
    if border.closed and not len(cuts):
        tip, middle, _, gates, off = middles[0], middles, 0, *_gates(points, middles)
        return [(np.append(middle, tip[None], 0), np.append(gates, gates[:1], 0), np.append(off, off[:1]), True)]
    if border.closed:
        middles, points = np.roll(middles, -cuts[0], 0), np.roll(points[:-1], -cuts[0], 0)
        points = np.concatenate([points, points[:1]])
        stops = [0, *(cuts[1:] - cuts[0]).tolist(), count]
        tips = [points[stop] for stop in stops]
    else:
        stops = [0, *cuts.tolist(), count]
        tips = [places[border.first], *points[cuts], places[border.last]]
    ends = zip(stops, stops[1:], tips, tips[1:], strict=False)
    return [_piece(begin, middles[one:other], end, points[one : other + 1]) for one, other, begin, end in ends]


def _piece(begin: np.ndarray, middles: np.ndarray, end: np.ndarray, points: np.ndarray) -> _Piece:
    """A piece between two tips that stay."""
    gates, off = _gates(points, middles)
    gates = np.concatenate([np.zeros((1, 2)), gates, np.zeros((1, 2))])
    return np.concatenate([begin[None], middles, end[None]]), gates, np.concatenate([[0.0], off, [0.0]]), False


def _gates(points: np.ndarray, middles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The directions across the edges between lattice points, and how far along them the middles lie."""
    gates = np.abs(np.diff(points, axis=0))[:, ::-1]
    return gates, ((middles - (points[1:] + points[:-1]) / 2) * gates).sum(1)


def outline(curves: Sequence[BorderCurve], classes: Collection[int]) -> list[list[np.ndarray]]:
    """The closed loops around all pixels of some classes, each a list of `[m, 4, 2]`, end to end; filled even-odd."""
    sides = [(curve, curve.left in classes, curve.right in classes) for curve in curves]
    ways = [(curve.beziers if left else curve.beziers[::-1, ::-1], curve, left) for curve, left, right in sides if left != right]
    loops = [[beziers] for beziers, curve, _ in ways if curve.closed]
    leaving: dict[int, list[tuple[np.ndarray, int]]] = {}
    for beziers, curve, forward in ways:
        if not curve.closed:
            begin, end = (curve.first, curve.last) if forward else (curve.last, curve.first)
            leaving.setdefault(begin, []).append((beziers, end))
    for start in leaving:
        while leaving[start]:
            loop, at = [], start
            while leaving.get(at):
                beziers, at = leaving[at].pop()
                loop.append(beziers)
            loops.append(loop)
    return loops


def path_data(loops: Sequence[Sequence[np.ndarray]], closed: bool = True) -> str:
    """Loops as the path data of SVG, relative and as short as may be; exact to the hundredth of a pixel."""
    return "".join(text for loop in loops for text in _loop_data(np.concatenate(loop), closed))


def _loop_data(beziers: np.ndarray, closed: bool) -> Iterator[str]:
    begin = beziers[0, 0]
    yield f"M{_numbers(begin)}"
    straight = _is_straight(beziers).tolist()
    command = ""
    relative = (beziers[:, 1:] - beziers[:, :1]).reshape(len(beziers), 6)
    for numbers, line in zip(relative.tolist(), straight, strict=True):
        wanted = "l" if line else "c"
        values = numbers[4:] if line else numbers
        text = _numbers(values)
        yield text if wanted == command and text.startswith("-") else f" {text}" if wanted == command else f"{wanted}{text}"
        command = wanted
    if closed:
        yield "z"


def _is_straight(beziers: np.ndarray) -> np.ndarray:
    """Which curves lie within `_STRAIGHT` px of the line between their ends."""
    chord = (beziers[:, 3] - beziers[:, 0]).astype(np.float64)
    norm = np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)
    off = [np.abs(chord[:, 0] * (p[:, 1]) - chord[:, 1] * p[:, 0]) / norm for p in (beziers[:, k] - beziers[:, 0] for k in (1, 2))]
    return np.maximum(*off) <= _STRAIGHT * _GRID


def _numbers(values: Sequence[int] | np.ndarray) -> str:
    """Hundredths as decimals, with a space only where no minus sign divides them."""
    texts = [_number(int(value)) for value in values]
    return texts[0] + "".join(text if text.startswith("-") else f" {text}" for text in texts[1:])


def _number(value: int) -> str:
    whole, part = divmod(abs(value), _GRID)
    text = f"{whole or ''}.{part:02d}".rstrip("0") if part else str(whole)
    return f"-{text}" if value < 0 else text
