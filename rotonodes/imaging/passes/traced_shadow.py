"""Which pixels another visible surface keeps from a light: rays through the depth buffer, from each pixel towards the light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rotonodes.imaging.passes.surface import Surface

THICKNESS = 0.1  # how far surfaces are taken to reach behind what is seen of them, as a share of the scene's size
_WIDEST = 400  # px; larger frames are traced on a grid of this width and interpolated
_LIFT = 1.5  # px that a ray starts above its surface
_BIAS = 2e-3  # share of the depth by which a surface must be nearer than the ray
_NEAREST = 0.02  # rays end at this share of the median depth before the camera
_APART = 0.02  # difference of depth, as a share of it, at which pixels are of two surfaces
_TINY = np.float32(1e-6)
_DONE = 8  # rays that met something are put aside when they are one in so many


@dataclass(frozen=True, eq=False)
class Lamp:
    """A light, in camera space: far away in a `direction` (unit vector `[3]`), or at a `place` `[3]`.

    A near lamp's `direction` is that from the middle of the scene, and its light is 1 there and falls with the square of the distance.
    """

    direction: np.ndarray
    place: np.ndarray | None = None
    distance: float = np.inf

    @classmethod
    def near(cls, direction: np.ndarray, middle: np.ndarray, distance: float) -> Lamp:
        """A lamp at a distance from the middle of the scene; an infinite one is a sun."""
        if not np.isfinite(distance):
            return cls(direction)
        return cls(direction, (middle + distance * direction).astype(np.float32), distance)

    def way(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(unit vectors towards the lamp, distances), `[3, n]` and `[n]`, from points `[3, n]`."""
        if self.place is None:
            towards = np.asarray(self.direction, np.float32)[:, None]
            return np.broadcast_to(towards, points.shape), np.full(points.shape[1], 1e6, np.float32)
        vectors = self.place.astype(np.float32)[:, None] - points
        far = np.linalg.norm(vectors, axis=0).clip(1e-6)
        return vectors / far, far

    def arriving(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """The light that arrives where nothing is in between, `[n]`: the cosine, with a near lamp's falloff (at most fourfold)."""
        towards, far = self.way(points)
        cosine = (towards * normals).sum(axis=0).clip(0)
        return cosine if self.place is None else cosine * ((self.distance / far) ** 2).clip(max=4)


def trace(surface: Surface, pixels: np.ndarray, lamp: Lamp, thickness: float = THICKNESS, stride: int = 1) -> np.ndarray:
    """For each of the flat `pixels` `[n]`, the flat index of the pixel whose surface keeps the lamp's light from it, or -1.

    `thickness` is a share of the scene's size. Rays are followed `stride` px at a time, as far as the frame reaches. Where the focal
    length is not known nothing is found.
    """
    return trace_all(surface, [(pixels, lamp)], thickness, stride)[0]


def trace_all(
    surface: Surface, asked: Sequence[tuple[np.ndarray, Lamp]], thickness: float = THICKNESS, stride: int = 1
) -> list[np.ndarray]:
    """What `trace` finds for each lamp and its pixels; all rays are followed together, so that few rays of many lamps take less time."""
    sizes = [len(pixels) for pixels, _ in asked]
    if surface.lens is None or not sum(sizes):
        return [np.full(size, -1) for size in sizes]
    rays = _Rays(*(np.concatenate(parts, axis=-1) for parts in zip(*(_rays(surface, *one, stride) for one in asked), strict=True)))
    return np.split(_followed(surface, rays, thickness), np.cumsum(sizes)[:-1])


class _Rays(NamedTuple):
    """Ways through the picture: `start` and `way` in px `[2, n]`, the `part` of the way that lies in the frame and the `steps` it takes.

    The reciprocal of the depth goes from `nearness` evenly, and is `nearer` by so much at the end of the way.
    """

    start: np.ndarray
    way: np.ndarray
    part: np.ndarray
    steps: np.ndarray
    nearness: np.ndarray
    nearer: np.ndarray


def _rays(surface: Surface, pixels: np.ndarray, lamp: Lamp, stride: int) -> _Rays:
    """The rays from pixels to a lamp."""
    height, width = surface.depth.shape
    points, normals = (planes.reshape(3, -1)[:, pixels] for planes in (surface.places, surface.normals))
    start = points + normals * (-points[2] / (surface.lens * width) * _LIFT)
    towards, far = lamp.way(start)
    near = _NEAREST * np.float32(np.median(-points[2])) if len(pixels) else np.float32(0)
    behind = np.where(towards[2] > _TINY, (-start[2] - near) / np.maximum(towards[2], _TINY), 1e6).clip(0)
    end = start + towards * np.minimum(far, behind)
    first, last = _projected(start, surface), _projected(end, surface)
    way = last - first
    part = np.minimum(*(_until_edge(first[axis], way[axis], size) for axis, size in ((0, width), (1, height))))
    inverse = 1 / -start[2].clip(max=-_TINY), 1 / -end[2].clip(max=-_TINY)
    return _Rays(first, way, part, abs(way * part).max(axis=0) / stride, inverse[0], inverse[1] - inverse[0])


def _followed(surface: Surface, rays: _Rays, thickness: float) -> np.ndarray:
    """The flat index of the first pixel whose surface each ray meets, or -1, `[n]`."""
    height, width = surface.depth.shape
    found, depth = np.full(len(rays.steps), -1), surface.depth.ravel()
    deepest = thickness * surface.bounds[1]
    # The longest first: those that go on are always the first ones, and nothing need be picked out.
    order = np.flatnonzero(rays.steps >= 1)
    order = order[np.argsort(-rays.steps[order], kind="stable")]
    going = [order, *(values[order] for values in (*rays.start, *rays.way, *rays[2:]))]
    stopped, step = np.zeros(len(order), bool), 0
    while True:
        step += 1
        left = np.searchsorted(-going[6], -step, side="right")
        if not left:
            return found
        ray, x0, y0, across, down, part, steps, nearness, nearer = (values[:left] for values in going)
        at = part * step / steps
        x, y = (x0 + across * at).astype(np.intp), (y0 + down * at).astype(np.intp)
        np.minimum(np.maximum(x, 0, out=x), width - 1, out=x)
        np.minimum(np.maximum(y, 0, out=y), height - 1, out=y)
        place = y * width + x
        here = 1 / (nearness + nearer * at)
        gap = here - depth.take(place)
        hit = np.flatnonzero((gap > _BIAS * here) & (gap < deepest) & ~stopped[:left])
        found[ray[hit]] = place[hit]
        stopped[hit] = True
        done = np.count_nonzero(stopped[:left])
        if done > left // _DONE:
            going = [values[:left][~stopped[:left]] for values in going]
            stopped = np.zeros(left - done, bool)


def _projected(points: np.ndarray, surface: Surface) -> np.ndarray:
    """Places in the picture, px `[2, n]`, of points in camera space `[3, n]`."""
    height, width = surface.depth.shape
    scale = (surface.lens or 1) * width / (-points[2]).clip(_TINY)
    return np.stack([points[0] * scale + width / 2, height / 2 - points[1] * scale])


def _until_edge(start: np.ndarray, way: np.ndarray, size: int) -> np.ndarray:
    """The share of a way that lies in the frame, 0 to 1, along one axis."""
    room = np.where(way > 0, size - start, start)
    return (room / np.maximum(abs(way), _TINY)).clip(0, 1)


def traced_shadow(surface: Surface, lamp: Lamp, wanted: np.ndarray, thickness: float = THICKNESS, of_shape: bool = False) -> np.ndarray:
    """The share of each `wanted` pixel `[H, W]` that is kept from the lamp, float32 0 to 1; with `of_shape` by the shape alone.

    Frames wider than 400 px are traced on a grid and interpolated along surfaces, so that the cost grows with the frame only slowly.
    """
    height, width = surface.depth.shape
    step = max(1, -(-max(height, width) // _WIDEST))
    chosen = np.zeros_like(wanted)
    chosen[step // 2 :: step, step // 2 :: step] = True
    chosen &= _grown(wanted, step) & surface.known & np.isfinite(surface.depth)
    pixels = np.flatnonzero(chosen.ravel())
    hits = trace(surface, pixels, lamp, thickness, step)
    stopped = hits >= 0
    if of_shape and surface.shape is not None:
        stopped &= surface.shape.ravel()[hits]
    blocked = np.zeros(wanted.shape, np.float32)
    blocked.ravel()[pixels] = stopped
    return np.where(wanted, blocked if step == 1 else _along_surfaces(blocked, chosen, surface, step), 0).astype(np.float32)


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    """A mask `[H, W]`, grown to all sides by `by` px."""
    if by == 1:
        return mask
    grown = mask.copy()
    for axis in (0, 1):
        for shift in range(1, by + 1):
            for way in (-shift, shift):
                grown |= np.roll(mask, way, axis)
        mask = grown.copy()
    return grown


def _along_surfaces(values: np.ndarray, chosen: np.ndarray, surface: Surface, step: int) -> np.ndarray:
    """Values of the `chosen` grid on all pixels: bilinear, but from points of another depth or normal hardly at all."""
    height, width = values.shape
    rows, columns = (np.arange(size) for size in (height, width))
    total, weight = np.zeros(values.shape, np.float32), np.full(values.shape, 1e-9, np.float32)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        for down in (0, 1):
            for across in (0, 1):
                y, by = _grid_point(rows, step, down)
                x, bx = _grid_point(columns, step, across)
                at = np.ix_(y, x)
                near = abs(surface.depth[at] - surface.depth) <= _APART * surface.depth
                alike = (surface.normals[:, y][:, :, x] * surface.normals).sum(axis=0).clip(0) ** 4
                share = by[:, None] * bx[None] * chosen[at] * (near * alike + 1e-4)
                total += share * values[at]
                weight += share
    return total / weight


def _grid_point(places: np.ndarray, step: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixel indices of the grid points before or after each place, their bilinear weights)."""
    first, last = step // 2, step // 2 + (len(places) - 1 - step // 2) // step * step
    cell = (places - first) // step
    at = first + (cell + after) * step
    return at.clip(first, last), (1 - abs(places - at) / step).clip(0.0, 1.0)
