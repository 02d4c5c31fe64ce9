"""A box, a ball and a pair of joined balls on a floor, traced by hand: passes of a render, and the lines of the drawing, known exactly."""

import json
from dataclasses import dataclass

import numpy as np

from raytraced import looking
from rotonodes.imaging.passes.cryptomatte import murmur3_32, name_id
from rotonodes.values.pixels import Box, Layers

NAMES = ("floor", "box", "ball", "pair")
BALLS = ((2, (1.1, -0.5, 0.6), 0.6), (3, (-0.9, -0.9, 0.45), 0.45), (3, (-0.55, -0.75, 0.8), 0.35))  # (object, centre, radius)
HALF = np.array([0.7, 0.5, 0.6])  # of the box
TURN = 0.5  # radians about the vertical
AT = np.array([-0.1, 0.7, 0.6])
LENS, AWAY = 1.5, 6.0  # focal length in frame widths; distance of the camera
FAR = 1e10
TALL = (0.0, 0.0, 0.55)  # what the camera looks at


@dataclass(frozen=True)
class Desk:
    """One frame: its layers, and its true lines as places (x, y) `[n, 2]`, a pixel's centre being at whole numbers.

    `points` are the same places in the world `[n, 3]`.
    """

    layers: Layers
    lines: np.ndarray
    points: np.ndarray
    rows: np.ndarray

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in this frame (x, y) `[n, 2]` of points in the world, and their depths."""
        seen = (points - eye_of(self.rows)) @ self.rows.T
        depth = -seen[:, 2]
        width, height = self.layers.size
        x = seen[:, 0] / depth * LENS * width + width / 2 - 0.5
        y = height / 2 - seen[:, 1] / depth * LENS * width - 0.5
        return np.stack([x, y], axis=1), depth


def eye_of(rows: np.ndarray) -> np.ndarray:
    return np.array(TALL) + AWAY * rows[2]


def desk(azimuth: float = 0.3, size: tuple[int, int] = (192, 144), fine: int = 4, noise: float = 0.0) -> Desk:
    """The frame seen from `azimuth` (radians); passes are means of `fine` x `fine` rays a pixel, depth is that of one ray, as in renders.

    `noise` is the spread of an error of the normals.
    """
    rows = looking(azimuth, 0.45)
    width, height = size
    surface, depth, normals = trace(rows, (width * fine, height * fine))
    owner = np.array([0, 1, 1, 1, 1, 1, 1, 2, 3, 3])[surface]
    planes = {f"L.Normal.{axis}": pooled(plane, fine) for axis, plane in zip("XYZ", normals, strict=True)}
    if noise:
        random = np.random.default_rng(round(azimuth * 1e6))
        planes = {name: (plane + noise * random.normal(size=plane.shape)).astype(np.float32) for name, plane in planes.items()}
    middle = slice(fine // 2, None, fine)
    planes["L.Depth.Z"] = depth[middle, middle].astype(np.float32)
    shares = np.stack([pooled(owner == index, fine) for index in range(len(NAMES))])
    order = np.argsort(-shares, axis=0, kind="stable")
    bits = np.array([name_id(name) for name in NAMES], np.uint32).view(np.float32)
    for rank in range(2):
        for pair, (i, c) in enumerate(("rg", "ba")):
            which = order[2 * rank + pair]
            planes[f"L.CryptoObject{rank:02d}.{i}"] = bits[which]
            planes[f"L.CryptoObject{rank:02d}.{c}"] = np.take_along_axis(shares, which[None], 0)[0]
    manifest = json.dumps({name: f"{murmur3_32(name.encode()):08x}" for name in NAMES})
    header = {"cryptomatte/1234567/name": "L.CryptoObject", "cryptomatte/1234567/manifest": manifest}
    layers = Layers(planes, Box(0, 0, width, height), size, header, path="desk.0001.exr")
    lines, points = true_lines(surface, depth, rows, fine)
    return Desk(layers, lines, points, rows)


def pooled(plane: np.ndarray, fine: int) -> np.ndarray:
    height, width = plane.shape[0] // fine, plane.shape[1] // fine
    return plane.reshape(height, fine, width, fine).mean(axis=(1, 3), dtype=np.float64).astype(np.float32)


def rays_of(rows: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Directions of planar length 1 `[3, H, W]`."""
    width, height = shape
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / width / LENS, (height / 2 - np.arange(height) - 0.5) / width / LENS)
    return np.einsum("ij,jhw->ihw", rows.T, np.stack([x, y, -np.ones_like(x)]))


def trace(rows: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(surface index, planar depth, normals) of each ray: 0 the floor, 1 to 6 the faces of the box, then the balls."""
    rays, eye = rays_of(rows, shape), eye_of(rows)
    depth = np.where(rays[2] < 0, -eye[2] / np.minimum(rays[2], -1e-9), FAR)
    surface = np.zeros(depth.shape, int)
    normals = np.zeros_like(rays)
    normals[2] = 1
    turn = np.array([[np.cos(TURN), np.sin(TURN), 0], [-np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
    local, start = np.einsum("ij,jhw->ihw", turn, rays), turn @ (eye - AT)
    with np.errstate(divide="ignore"):
        first = (-np.sign(local) * HALF[:, None, None] - start[:, None, None]) / local
        last = (np.sign(local) * HALF[:, None, None] - start[:, None, None]) / local
    enter, face = first.max(axis=0), first.argmax(axis=0)
    hit = (enter < last.min(axis=0)) & (enter < depth) & (enter > 0)
    towards = np.take_along_axis(local, face[None], 0)[0] < 0
    depth[hit], surface[hit] = enter[hit], (1 + 2 * face + towards)[hit]
    outward = turn.T[:, face] * np.where(towards, 1, -1)
    normals = np.where(hit, outward, normals)
    for number, (_, centre, radius) in enumerate(BALLS):
        away = eye - np.array(centre)
        square, along = (rays**2).sum(0), np.einsum("ihw,i->hw", rays, away)
        inside = along**2 - square * (away @ away - radius**2)
        reach = np.where(inside > 0, (-along - np.sqrt(inside.clip(0))) / square, FAR)
        hit = reach < depth
        depth[hit], surface[hit] = reach[hit], 7 + number
        normals = np.where(hit, (away[:, None, None] + rays * reach) / radius, normals)
    return surface, depth, normals


def true_lines(surface: np.ndarray, depth: np.ndarray, rows: np.ndarray, fine: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the surface changes between neighbouring rays: (x, y) in px, and in the world, on what is in front."""
    rays, eye = rays_of(rows, (surface.shape[1], surface.shape[0])), eye_of(rows)
    places, points = [], []
    for down, right in ((0, 1), (1, 0)):
        height, breadth = surface.shape
        here, there = surface[: height - down, : breadth - right], surface[down:, right:]
        y, x = np.nonzero(here != there)
        nearer = depth[y, x] <= depth[y + down, x + right]
        fy, fx = np.where(nearer, y, y + down), np.where(nearer, x, x + right)
        places.append(np.stack([(x + right / 2 + 0.5) / fine - 0.5, (y + down / 2 + 0.5) / fine - 0.5], axis=1))
        points.append(eye + rays[:, fy, fx].T * depth[fy, fx][:, None])
    return np.concatenate(places), np.concatenate(points)


def distances(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The distance of each place `[n, 2]` to the nearest of the others `[m, 2]`; infinite where there are none."""
    if not len(others):
        return np.full(len(places), np.inf)
    nearest = [np.hypot(*(places[at : at + 500, None] - others[None]).transpose(2, 0, 1)).min(axis=1) for at in range(0, len(places), 500)]
    return np.concatenate(nearest) if nearest else np.zeros(0)


def drawn(matte: np.ndarray) -> np.ndarray:
    """The pixels `[n, 2]` (x, y) that lines `[H, W]` cover by half or more."""
    y, x = np.nonzero(matte >= 0.5)
    return np.stack([x, y], axis=1).astype(float)
