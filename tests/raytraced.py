"""A ball on a floor under a sun, traced by hand: depth, normals and light that are known exactly."""

from dataclasses import dataclass

import numpy as np

from rotonodes.values.pixels import Box, Layers

FAR = 1e10


@dataclass(frozen=True)
class Ball:
    """The passes of a frame; directions and normals in world space, `rows` turns them to the camera."""

    rows: np.ndarray
    sun: np.ndarray  # unit vector towards it
    depth: np.ndarray  # [H, W], planar
    normals: np.ndarray  # [3, H, W]
    light: np.ndarray  # [3, H, W]
    shadowed: np.ndarray  # [H, W], surfaces that face the sun and do not see it
    on_ball: np.ndarray  # [H, W]
    views: np.ndarray  # [3, H, W], unit vectors towards the camera, world space

    def layers(self, header: dict[str, str]) -> Layers:
        planes = {f"L.Normal.{a}": plane.astype(np.float32) for a, plane in zip("XYZ", self.normals, strict=True)}
        planes |= {f"L.DiffDir.{c}": plane.astype(np.float32) for c, plane in zip("RGB", self.light, strict=True)}
        planes["L.Depth.Z"] = self.depth.astype(np.float32)
        height, width = self.depth.shape
        return Layers(planes, Box(0, 0, width, height), (width, height), header, path="ball.0001.exr")


def ball(
    rows: np.ndarray, sun: np.ndarray, lens: float = 1.4, size: tuple[int, int] = (64, 48), fill: float = 0.2, noise: float = 0
) -> Ball:
    """`rows` are the camera's right, up and towards the viewer, `lens` its focal length in widths of the frame."""
    width, height = size
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / width / lens, (height / 2 - np.arange(height) - 0.5) / width / lens)
    rays = np.einsum("ij,jhw->ihw", rows.T, np.stack([x, y, -np.ones_like(x)]))  # of planar length 1
    eye = 4 * rows[2]
    square, along = (rays**2).sum(0), np.einsum("ihw,i->hw", rays, eye)
    inside = along**2 - square * (eye @ eye - 1)
    to_ball = np.where(inside > 0, (-along - np.sqrt(inside.clip(0))) / square, FAR)
    down = rays[2]
    to_floor = np.where(down * (-1 - eye[2]) > 0, (-1 - eye[2]) / np.where(down == 0, 1, down), FAR)
    to_floor[to_floor > 30] = FAR
    depth = np.minimum(to_ball, to_floor)
    on_ball = (to_ball < to_floor) & (to_ball < FAR)
    points = eye[:, None, None] + rays * np.where(depth < FAR, depth, 0)
    up = np.array([0.0, 0.0, np.sign(eye[2] + 1)])[:, None, None]
    normals = np.where(on_ball, points, up) * (depth < FAR)
    cosine = np.einsum("ihw,i->hw", normals, sun).clip(0)
    toward = np.einsum("ihw,i->hw", points, sun)
    blocked = ~on_ball & (toward < 0) & ((points**2).sum(0) - toward**2 < 1)
    shadowed = blocked & (cosine > 0)
    light = (3 * cosine * ~shadowed + fill * (1 + 0.5 * normals[2])) * (depth < FAR)
    light = light * (1 + noise * np.random.default_rng(0).normal(size=light.shape))
    return Ball(rows, sun, depth, normals, np.stack([light] * 3), shadowed, on_ball, -rays / np.sqrt(square))


def looking(azimuth: float, elevation: float) -> np.ndarray:
    """The rows of a camera that looks at the origin from there; radians."""
    viewer = np.array([np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)])
    right = np.cross([0.0, 0.0, 1.0], viewer)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(viewer, right), viewer])


def unit(*vector: float) -> np.ndarray:
    return np.array(vector) / np.linalg.norm(vector)


def degrees_between(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))
