"""Borders joined to lines: points on the borders, segments between them, gaps bridged, crumbs removed, steps smoothed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rotonodes.imaging.lines.borders import KINDS, Borders

_ROUNDS = 24  # of smoothing
_EVEN = 8  # rounds in which the thickness at a point takes part of that of its neighbours
_BRIDGE = 3  # px, longest gap that is bridged
_AHEAD = 0.5  # cosine between the direction of an end and that of a bridge, at least
# Lines that are judged together: a surface that hides itself shows as a step of depth here, and as a turn of its normals there.
_FAMILY = np.array([0, *(3 if kind == "normal" else 1 + index for index, kind in enumerate(KINDS))])


@dataclass(eq=False)
class LineGraph:
    """The lines of a frame as a graph.

    `points` `[n, 2]` are (x, y), a pixel's centre being at whole numbers; `kind` is 1 + the index in KINDS. `segments` `[m, 2]` are pairs
    of point indices. `border` `[n, 3]` is the border (axis, row, column) that a point lies on; -1 for a point where lines meet.
    `low` and `high` bound the position on the border.
    """

    points: np.ndarray
    kind: np.ndarray
    segments: np.ndarray
    border: np.ndarray
    at: np.ndarray
    low: np.ndarray
    high: np.ndarray
    strong: np.ndarray

    def degrees(self) -> np.ndarray:
        """The number of segments at each point."""
        return np.bincount(self.segments.ravel(), minlength=len(self.points))

    def neighbours(self) -> np.ndarray:
        """Up to four neighbours of each point, `[n, 4]`, -1 where there are fewer."""
        ends = np.concatenate([self.segments, self.segments[:, ::-1]])
        ends = ends[np.argsort(ends[:, 0], kind="stable")]
        first = np.searchsorted(ends[:, 0], np.arange(len(self.points)))
        place = np.arange(len(ends)) - first[ends[:, 0]]
        table = np.full((len(self.points), 4), -1, np.int64)
        kept = place < 4
        table[ends[kept, 0], place[kept]] = ends[kept, 1]
        return table

    def kept(self, keep: np.ndarray) -> LineGraph:
        """Only the points that `keep` says, and the segments between them."""
        number = np.cumsum(keep) - 1
        segments = self.segments[keep[self.segments].all(axis=1)]
        fields = (self.points, self.kind, self.border, self.at, self.low, self.high, self.strong)
        points, kind, border, at, low, high, strong = (one[keep] for one in fields)
        return LineGraph(points, kind, number[segments], border, at, low, high, strong)


def join(borders: Borders) -> LineGraph:
    """Points on all borders, joined where two or more lie around the corner of four pixels; three and more meet in a point of their own."""
    axis, row, column = np.nonzero(borders.kind)
    number = np.full(borders.kind.shape, -1, np.int64)
    number[axis, row, column] = np.arange(len(axis))
    at, play = borders.at[axis, row, column], borders.play[axis, row, column]
    kind = borders.kind[axis, row, column]
    x, y = column + np.where(axis == 0, at, 0), row + np.where(axis == 1, at, 0)
    # The sides of a square of four pixels' centres: above, below, left, right.
    sides = np.stack([number[0, :-1, :-1], number[0, 1:, :-1], number[1, :-1, :-1], number[1, :-1, 1:]])
    count = (sides >= 0).sum(axis=0)
    two = count == 2
    pairs = np.sort(sides[:, two], axis=0)[2:].T
    many = np.sort(sides[:, count >= 3], axis=0)
    points = np.stack([x, y], axis=1).astype(np.float64)
    there = many >= 0
    meeting = np.where(there[..., None], points[many.clip(0)], 0).sum(axis=0) / there.sum(axis=0)[:, None].clip(1)
    hub = len(points) + np.arange(many.shape[1])
    spokes = np.stack([many[there], np.broadcast_to(hub, many.shape)[there]], axis=1)
    hub_kind = np.where(there, kind[many.clip(0)] if len(kind) else 0, len(KINDS) + 1).min(axis=0).astype(np.int8)
    border = np.concatenate([np.stack([axis, row, column], axis=1), np.full((len(hub), 3), -1)])
    low, high = (at - play).clip(0, 1), (at + play).clip(0, 1)
    extra = np.zeros(len(hub), np.float32)
    return LineGraph(
        np.concatenate([points, meeting]),
        np.concatenate([kind, hub_kind]),
        np.concatenate([pairs, spokes]),
        border,
        np.concatenate([at, extra]),
        np.concatenate([low, extra]),
        np.concatenate([high, extra]),
        np.concatenate([borders.strong[axis, row, column], np.ones(len(hub), bool)]),
    )


def bridge(net: LineGraph, shape: tuple[int, int]) -> None:
    """Free ends joined to the nearest point ahead of them, at most `_BRIDGE` px away.

    Gaps are at steps of a line, and where an inner line meets another.
    """
    for _ in range(2):  # a single point gets its second neighbour in the second round
        degree = net.degrees()
        table = net.neighbours()
        free = np.flatnonzero((degree <= 1) & (net.border[:, 0] >= 0))
        if not len(free):
            return
        number = np.full((2, *shape), -1, np.int64)
        on_border = np.flatnonzero(net.border[:, 0] >= 0)
        number[tuple(net.border[on_border].T)] = on_border
        only = table[free, 0]
        onward = net.points[free] - net.points[only.clip(0)]
        onward = np.where((only >= 0)[:, None], onward, 0)
        onward /= np.linalg.norm(onward, axis=1, keepdims=True).clip(1e-6)
        second = np.where(only >= 0, table[only.clip(0), :].T, -1).T  # what is joined to the neighbour needs no bridge
        best, target = np.full(len(free), float(_BRIDGE)), np.full(len(free), -1)
        row, column = net.border[free, 1], net.border[free, 2]
        for axis in (0, 1):
            for down in range(-_BRIDGE, _BRIDGE + 1):
                for right in range(-_BRIDGE, _BRIDGE + 1):
                    y, x = row + down, column + right
                    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
                    other = np.where(inside, number[axis, y.clip(0, shape[0] - 1), x.clip(0, shape[1] - 1)], -1)
                    way = net.points[other.clip(0)] - net.points[free]
                    length = np.linalg.norm(way, axis=1)
                    ahead = (way * onward).sum(axis=1) >= _AHEAD * length - (only < 0) * 9
                    new = (other >= 0) & (other != free) & (other != only) & ahead & (length < best)
                    new &= ~(second == other[:, None]).any(axis=1)
                    best, target = np.where(new, length, best), np.where(new, other, target)
        found = target >= 0
        fresh = np.sort(np.stack([free[found], target[found]], axis=1), axis=1)
        net.segments = np.unique(np.concatenate([np.sort(net.segments, axis=1), fresh]), axis=0)


def without_crumbs(net: LineGraph, shortest: float) -> LineGraph:
    """Without inner lines that have no strong border, and those shorter than `shortest` px."""
    family = _FAMILY[net.kind]
    own = net.segments[family[net.segments[:, 0]] == family[net.segments[:, 1]]]
    group = components(len(net.points), own)
    length = np.linalg.norm(net.points[own[:, 0]] - net.points[own[:, 1]], axis=1)
    total = np.bincount(group[own[:, 0]], weights=length, minlength=len(net.points))
    strong = np.bincount(group, weights=net.strong & (net.border[:, 0] >= 0), minlength=len(net.points))
    inner = net.kind > 2
    keep = ~inner | ((strong[group] > 0) & (total[group] >= shortest)) | (net.border[:, 0] < 0)
    kept = net.kept(keep)
    alone = (kept.border[:, 0] < 0) & (kept.degrees() < 2)
    return kept.kept(~alone) if alone.any() else kept


def components(count: int, edges: np.ndarray) -> np.ndarray:
    """The smallest index that each of `count` points is connected to, by label propagation with pointer jumping."""
    label = np.arange(count)
    while len(edges):
        low = np.minimum(label[edges[:, 0]], label[edges[:, 1]])
        before = label.copy()
        np.minimum.at(label, label[edges[:, 0]], low)
        np.minimum.at(label, label[edges[:, 1]], low)
        label = label[label]
        if np.array_equal(label, before):
            break
    return label


def smooth(net: LineGraph) -> None:
    """Points moved towards the middle of their neighbours, on their own border and within their bounds; ends and meetings follow."""
    table = net.neighbours()
    there = table >= 0
    count = there.sum(axis=1)
    moves = (net.border[:, 0] >= 0) & (count == 2)
    hubs = (net.border[:, 0] < 0) & (count > 0)
    axis, row, column = net.border.T
    along_x = axis == 0
    for _ in range(_ROUNDS):
        middle = np.where(there[..., None], net.points[table.clip(0)], 0).sum(axis=1) / count.clip(1)[:, None]
        wanted = np.where(along_x, middle[:, 0] - column, middle[:, 1] - row)
        at = np.where(moves, (0.5 * net.at + 0.5 * wanted).clip(net.low, net.high), net.at)
        net.at = at
        net.points[moves & along_x, 0] = (column + at)[moves & along_x]
        net.points[moves & ~along_x, 1] = (row + at)[moves & ~along_x]
        net.points[hubs] = middle[hubs]


def end_distance(net: LineGraph, most: float) -> np.ndarray:
    """The way along the line from each point to the nearest free end, in px, at most `most`."""
    table = net.neighbours()
    far = np.where(net.degrees() == 1, 0.0, most)
    steps = np.where(table >= 0, np.linalg.norm(net.points[table.clip(0)] - net.points[:, None], axis=2), np.inf)
    for _ in range(int(3 * most) + 1):
        nearer = np.minimum(far, (far[table.clip(0)] + steps).min(axis=1))
        if np.array_equal(nearer, far):
            break
        far = nearer
    return far


def sideways(net: LineGraph, front_first: np.ndarray) -> np.ndarray:
    """Unit vectors `[n, 2]` across the line towards what is in front; 0 where lines meet."""
    table = net.neighbours()
    two = np.asarray((table[:, :2] >= 0).all(axis=1))
    start = np.where(table[:, :1] >= 0, net.points[table[:, 0].clip(0)], net.points)
    end = np.where(two[:, None], net.points[table[:, 1].clip(0)], net.points)
    along = end - start
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    towards = np.where((net.border[:, 0] == 0)[:, None], [1.0, 0.0], [0.0, 1.0]) * np.where(front_first, -1, 1)[:, None]
    across *= np.where((across * towards).sum(axis=1) < 0, -1, 1)[:, None]
    across[(net.border[:, 0] < 0) | (net.degrees() > 2)] = 0
    return across / np.linalg.norm(across, axis=1, keepdims=True).clip(1e-6)


def thickness(net: LineGraph, front_first: np.ndarray, ids: np.ndarray, owner: np.ndarray, most: float) -> np.ndarray:
    """How thick the shape in front of a line is at each point, across the line, in px, at most `most`; even along the line.

    `ids` `[H, W]` are the objects on the planes of the net, `owner` the one in front at each point.
    """
    across = sideways(net, front_first)
    inside = np.linalg.norm(across, axis=1) > 0.5
    found = np.full(len(net.points), float(most))
    for far in np.arange(1.0, most, 0.5):
        column, row = np.rint(net.points + far * across).astype(np.int64).T
        left = inside & (ids[row.clip(0, ids.shape[0] - 1), column.clip(0, ids.shape[1] - 1)] != owner)
        found[left] = far
        inside &= ~left
    table = net.neighbours()
    known = table >= 0
    for _ in range(_EVEN):
        found = (2 * found + np.where(known, found[table.clip(0)], 0.0).sum(axis=1)) / (2 + known.sum(axis=1))
    return found
