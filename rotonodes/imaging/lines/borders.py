"""Where lines run: borders between neighbouring pixels, of objects, materials, depths, normals and tones, at sub-pixel positions.

A border lies between a pixel and its right neighbour (row 0 of the arrays `[2, H, W]`) or its lower one (row 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rotonodes.imaging.lines.identities import NOBODY, Identity

KINDS = ("object", "material", "depth", "normal", "tone")  # where several meet, the first is drawn
_AXES = ((0, 1), (1, 0))  # (down, right) to the neighbour, for row 0 and row 1
_WEAK = 0.3  # share of a threshold from which a border is drawn when it is joined to one above the threshold
_SLOPE = 1.5  # change of depth to a neighbour, as a multiple of that beside it, which is still the same surface
_EXACT, _ROUGH = 0.12, 0.5  # px, how far smoothing may move a border whose place was measured, and one between two whole pixels


@dataclass(eq=False)
class Borders:
    """All borders of a frame, int8 or float32 `[2, H, W]`.

    `kind` is 0 for none, else 1 + the index in KINDS. `at` is the position from a pixel's centre to its neighbour's, 0 to 1; smoothing may
    move it by `play`. `strong` borders stand alone, others are drawn where they are joined to a strong one.
    """

    kind: np.ndarray
    at: np.ndarray
    play: np.ndarray
    strong: np.ndarray

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Borders:
        full = (2, *shape)
        return cls(np.zeros(full, np.int8), np.full(full, 0.5, np.float32), np.full(full, _ROUGH, np.float32), np.zeros(full, bool))

    def add(self, kind: str, found: Found) -> None:
        """More borders, as far as they are not on or beside lines that are there already."""
        if not len(found.row):
            return
        taken = self._beside() if self.kind.any() else None
        down, right = np.array(_AXES)[found.axis].T
        keep = self.kind[found.axis, found.row, found.column] == 0
        if taken is not None and kind not in ("object", "material"):
            keep &= ~(taken[found.row, found.column] & taken[found.row + down, found.column + right])
        place = found.axis[keep], found.row[keep], found.column[keep]
        self.kind[place] = 1 + KINDS.index(kind)
        self.at[place], self.play[place], self.strong[place] = found.at[keep], found.play[keep], found.strong[keep]

    def _beside(self) -> np.ndarray:
        """Pixels at a line or next to one, bool `[H, W]`."""
        there = self.kind[0] > 0
        touched = there | (self.kind[1] > 0)
        touched[:, 1:] |= there[:, :-1]
        touched[1:] |= self.kind[1, :-1] > 0
        wide = touched.copy()
        wide[:, 1:] |= touched[:, :-1]
        wide[:, :-1] |= touched[:, 1:]
        high = wide.copy()
        high[1:] |= wide[:-1]
        high[:-1] |= wide[1:]
        return high


@dataclass(frozen=True, eq=False)
class Found:
    """Borders that one pass shows: `axis` 0 (to the right) or 1 (down), `row`, `column`, and for each what `Borders` keeps."""

    axis: np.ndarray
    row: np.ndarray
    column: np.ndarray
    at: np.ndarray
    play: np.ndarray
    strong: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[tuple[Any, ...]]) -> Found:
        """From (axis, row, column, at, play, strong) of both axes."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _cut(plane: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """A plane `[..., H, W]` without its last row or column, and without its first."""
    return (plane[..., :-1], plane[..., 1:]) if axis == 0 else (plane[..., :-1, :], plane[..., 1:, :])


def identity_borders(identity: Identity, padding: int = 0) -> Found:
    """Borders between ids; where coverages are known, at the place within the pixels that the coverages tell.

    `padding` px of repeated edge lie around the planes of the result.
    """
    ids = np.pad(identity.ids, padding, "edge")
    height, width = identity.ids.shape
    parts = []
    for axis, (down, right) in enumerate(_AXES):
        here, there = _cut(ids, axis)
        rows, columns = np.nonzero(here != there)
        at = np.full(len(rows), 0.5, np.float32)
        if identity.pairs and len(rows):
            first = (rows - padding).clip(0, height - 1), (columns - padding).clip(0, width - 1)
            second = (rows + down - padding).clip(0, height - 1), (columns + right - padding).clip(0, width - 1)
            a, b = ids[rows, columns], ids[rows + down, columns + right]
            shares = []
            for place in (first, second):
                one, other = identity.coverage(place, a), identity.coverage(place, b)
                shares.append(np.where(one + other > 1e-4, one / np.maximum(one + other, 1e-4), 0.5))
            # A straight border covers as much of both pixels together as it lies behind the first one's far edge.
            at = (shares[0] + shares[1] - 0.5).clip(0, 1).astype(np.float32)
        play = np.full(len(rows), _EXACT if identity.pairs else _ROUGH, np.float32)
        parts.append((np.full(len(rows), axis), rows, columns, at, play, np.ones(len(rows), bool)))
    return Found.of(parts)


def label_borders(labels: np.ndarray, same: tuple[np.ndarray, np.ndarray]) -> Found:
    """Borders between classes `[H, W]` where neighbours are one object (`same`, one plane an axis)."""
    parts = []
    for axis in (0, 1):
        here, there = _cut(labels, axis)
        rows, columns = np.nonzero((here != there) & same[axis])
        half = np.full(len(rows), 0.5, np.float32)
        parts.append((np.full(len(rows), axis), rows, columns, half, half, np.ones(len(rows), bool)))
    return Found.of(parts)


def same_object(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether a pixel and its neighbour are of one object, one plane an axis."""
    planes = tuple(np.equal(*_cut(ids, axis)) for axis in (0, 1))
    return planes[0], planes[1]


def nearness(depth: np.ndarray, nothing: float) -> np.ndarray:
    """1 / depth, float32, 0 where there is nothing; along a flat surface it changes evenly in a perspective picture."""
    there = np.isfinite(depth) & (depth > 0) & (depth < nothing)
    return np.where(there, 1 / np.where(there, depth, 1), 0).astype(np.float32)


def depth_borders(near: np.ndarray, least: float) -> Found:
    """Borders where the depth steps by `least` or more, as a share of the farther depth, beyond what the surface's slope explains.

    `near` is 1 / depth `[H, W]`.
    """
    parts = []
    for axis in (0, 1):
        plane = near if axis == 0 else near.T
        step = np.abs(plane[:, 1:] - plane[:, :-1])
        larger = np.maximum(plane[:, 1:], plane[:, :-1])
        rows, columns = np.nonzero(step > _WEAK * least * larger)
        if len(rows):
            last = step.shape[1] - 1
            beside = np.maximum(_beside(step, rows, columns - 1, last), _beside(step, rows, columns + 1, last))
            excess = (step[rows, columns] - _SLOPE * beside) / larger[rows, columns]
            seen = excess > _WEAK * least
            rows, columns, excess = rows[seen], columns[seen], excess[seen]
        else:
            excess = np.zeros(0, np.float32)
        half = np.full(len(rows), 0.5, np.float32)
        where = (rows, columns) if axis == 0 else (columns, rows)
        parts.append((np.full(len(rows), axis), *where, half, half, excess > least))
    return Found.of(parts)


def _beside(step: np.ndarray, rows: np.ndarray, columns: np.ndarray, last: int) -> np.ndarray:
    """The steps there, 0 beyond the frame."""
    return np.where((columns >= 0) & (columns <= last), step[rows, columns.clip(0, last)], 0)


def field_borders(values: np.ndarray, same: tuple[np.ndarray, np.ndarray], least: float, unit: bool) -> Found:
    """Borders where vectors `[3, H, W]` turn by more than `least` within three pixels, beyond what the turn beside it explains.

    For `unit` vectors (0 where unknown) `least` is an angle in radians, else a distance. Where one pixel mixes the two sides, the mixture
    tells the position.
    """
    parts = []
    for axis in (0, 1):
        planes = values if axis == 0 else values.transpose(0, 2, 1)
        rows, columns, at, excess = _turns(planes, same[0] if axis == 0 else same[1].T, least, unit)
        where = (rows, columns) if axis == 0 else (columns, rows)
        play = np.full(len(rows), 2 * _EXACT, np.float32)
        parts.append((np.full(len(rows), axis), *where, at, play, excess > least))
    return Found.of(parts)


def _turns(planes: np.ndarray, same: np.ndarray, least: float, unit: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(rows, columns, position, excess) of borders between a pixel and its right neighbour."""
    step: np.ndarray = ((planes[:, :, 1:] - planes[:, :, :-1]) ** 2).sum(axis=0)
    step[~same] = 0
    if unit:
        known: np.ndarray = (planes != 0).sum(axis=0) > 0
        step[~(known[:, 1:] & known[:, :-1])] = 0
    smallest: float = _WEAK * least / 3  # the largest of three steps is a third of them or more
    peak: np.ndarray = np.asarray(step > (2 * np.sin(smallest / 2) if unit else smallest) ** 2)
    peak[:, 1:] &= step[:, 1:] >= step[:, :-1]
    peak[:, :-1] &= step[:, :-1] > step[:, 1:]
    rows, columns = np.nonzero(peak)
    if not len(rows):
        nothing = np.zeros(0, np.float32)
        return rows, columns, nothing, nothing
    last = planes.shape[2] - 1

    def joined(first: np.ndarray) -> np.ndarray:
        """Whether the pixel `first` and the next one are in the frame and of one object."""
        return (first >= 0) & (first < last) & same[rows, first.clip(0, last - 1)]

    def taken(column: np.ndarray) -> np.ndarray:
        return planes[:, rows, column.clip(0, last)]

    p, q = taken(columns), taken(columns + 1)
    left_ok, right_ok = joined(columns - 1), joined(columns + 1)
    a = np.where(left_ok, taken(columns - 1), p)
    b = np.where(right_ok, taken(columns + 2), q)
    a2 = np.where(left_ok & joined(columns - 2), taken(columns - 2), a)
    b2 = np.where(right_ok & joined(columns + 2), taken(columns + 3), b)
    turn = _apart(a, b, unit)
    excess = turn - 3 * np.maximum(_apart(a2, a, unit), _apart(b, b2, unit))
    change = b - a
    length = (change**2).sum(axis=0).clip(1e-9)
    mixed = [(((one - a) * change).sum(axis=0) / length).clip(0, 1) for one in (p, q)]  # 0: the left side, 1: the right one
    at = (1.5 - mixed[0] - mixed[1]).clip(0, 1).astype(np.float32)
    seen = excess > _WEAK * least
    return rows[seen], columns[seen], at[seen], excess[seen]


def _apart(one: np.ndarray, other: np.ndarray, unit: bool) -> np.ndarray:
    """The angle between unit vectors `[3, n]` in radians, or the distance of others."""
    chord = np.sqrt(((one - other) ** 2).sum(axis=0))
    return 2 * np.arcsin((chord / 2).clip(0, 1)) if unit else chord


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Vectors `[3, H, W]` at length 1; 0 where there is none (shorter than 0.1, longer than 2, not finite)."""
    usable = (np.abs(vectors) <= 2).all(axis=0)  # false for NaN
    clean = np.where(usable, vectors, 0).astype(np.float32)
    length = np.sqrt((clean**2).sum(axis=0))
    return np.where(length > 0.1, clean / np.maximum(length, 0.1), 0).astype(np.float32)


def front_of(ids: np.ndarray, near: np.ndarray | None, axis: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Whether the first pixel of each border is in front (True) or its neighbour: by depth, else what is something, else the first."""
    down, right = np.array(_AXES)[axis].T if len(axis) else (row, column)
    first, second = (row, column), (row + down, column + right)
    a, b = ids[first], ids[second]
    if near is None:
        return ~((a == NOBODY) & (b != NOBODY))
    return np.where((a == NOBODY) != (b == NOBODY), a != NOBODY, near[first] >= near[second])
