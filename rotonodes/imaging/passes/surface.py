"""The surfaces that a frame shows, from its passes: diffuse light, normals and places in camera space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from rotonodes.imaging.passes.camera import NOTHING, find_lens
from rotonodes.imaging.passes.tone_labels import median
from rotonodes.values.color import LUMINANCE

BRIGHTEST = 1e6  # light from here on is a fault of the render
_LONGEST = 2.0  # bound of a normal's components: unit vectors, mixed in half precision
PAINTED = 0.02  # diffuse colour from here on shows diffuse light; below it is metal, glass or black
_CELLS = 8  # cells per unit of a normal: pixels of a crowded cell weigh less, or a floor would outvote the shapes on it
_NOISE = 3  # px, side of the median that takes the noise from the light of a few samples
_SPAN = (5, 95)  # percentiles of the sampled places that bound a scene whose shape is not known


def lengths(normals: np.ndarray) -> np.ndarray:
    """The lengths of normals `[3, H, W]`, 0 for those that are none: longer than 2, infinite, or NaN."""
    inside = (abs(normals) <= _LONGEST).all(axis=0)  # false for NaN
    return np.where(inside, np.linalg.norm(np.where(inside, normals, 0), axis=0), 0)


def usable_normals(normals: np.ndarray) -> np.ndarray:
    """Normals `[3, H, W]` with 0 for those that are none, so that a bad pixel stays one pixel."""
    return np.where(lengths(normals) > 0, normals, np.float32(0))


def light_luminance(light: np.ndarray) -> np.ndarray:
    """`[3, H, W]` -> `[H, W]`; infinite where a channel is."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinity minus infinity is NaN, and no light
        return np.asarray(np.tensordot(np.array(LUMINANCE, dtype=np.float32), light, 1))


def sampling_chances(normals: np.ndarray) -> np.ndarray:
    """Sampling probability of each pixel's normal `[N, 3]`: lower, the more other pixels have that normal."""
    cells = (np.round(normals * _CELLS).astype(int) + _CELLS) @ np.array([1, 32, 1024])
    _, cell, size = np.unique(cells, return_inverse=True, return_counts=True)
    chances = size[cell].astype(float) ** -0.75
    return np.asarray(chances / chances.sum())


@dataclass(frozen=True, eq=False)
class Surface:
    """The surfaces of a frame.

    `light` is the luminance of their diffuse light, `[H, W]`, 0 where it is not usable; `calm` is the same without its noise. `normals`
    are unit vectors in camera space, `[3, H, W]`, 0 where there is none. `depth` is planar, `[H, W]`, infinite where there is nothing.
    `diffuse` is where the colour of a surface lets diffuse light be seen, bool `[H, W]`. `lens` is the focal length in frame widths;
    None where it cannot be told. `shape` is bool `[H, W]`, or None where it is not known. `gloss` is the luminance of the glossy light,
    `[H, W]`, or None where it is not rendered.
    """

    light: np.ndarray
    calm: np.ndarray
    normals: np.ndarray
    depth: np.ndarray
    diffuse: np.ndarray
    lens: float | None
    shape: np.ndarray | None = None
    gloss: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        light: np.ndarray,
        normals: np.ndarray,
        depth: np.ndarray,
        color: np.ndarray | None = None,
        shape: np.ndarray | None = None,
        gloss: np.ndarray | None = None,
    ) -> Surface:
        """From the passes DiffDir `[3, H, W]`, Normal `[3, H, W]` in camera space, Depth `[H, W]`, DiffCol and GlossDir where rendered.

        Without DiffCol, or where none of it is brighter than `PAINTED`, a surface is diffuse where it has any diffuse light.
        """
        length = lengths(normals)
        there = length > 0.5
        unit = np.where(there, np.where(there, normals, 0) / np.where(there, length, 1), 0).astype(np.float32)
        luminance = light_luminance(light)
        usable = abs(luminance) < BRIGHTEST  # false for NaN
        luminance = np.where(usable, luminance, 0).astype(np.float32)
        calm = median(torch.from_numpy(luminance), _NOISE).numpy()
        painted = calm > 0
        if color is not None:
            colored = light_luminance(color) > PAINTED
            if (colored & usable & there).any():  # else nothing but metal, glass and black: the little light that they show has to do
                painted = colored
        near = (depth > 0) & (depth < NOTHING)  # false for NaN
        lens = find_lens(depth, usable_normals(normals))
        away = np.where(near, depth, np.inf).astype(np.float32)
        shine = None if gloss is None else light_luminance(gloss).astype(np.float32)
        return cls(luminance, calm, unit, away, painted & usable & there, lens, shape, shine)

    @property
    def known(self) -> np.ndarray:
        """Where there is a surface with a normal, bool `[H, W]`."""
        return np.asarray((self.normals != 0).any(axis=0))

    @cached_property
    def places(self) -> np.ndarray:
        """Points in camera space, float32 `[3, H, W]`: x right, y up, z towards the viewer; far away where there is nothing."""
        height, width = self.depth.shape
        away = np.where(np.isfinite(self.depth), self.depth, np.float32(NOTHING))
        x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / width
        y = (height / 2 - np.arange(height, dtype=np.float32) - 0.5) / width
        lens = self.lens or np.inf
        return np.stack([x[None] * away / lens, y[:, None] * away / lens, -away]).astype(np.float32)

    @cached_property
    def views(self) -> np.ndarray:
        """Unit vectors towards the camera, float32 `[3, H, W]`."""
        return views_of(self.depth.shape, self.lens)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, float]:
        """(middle `[3]`, largest side) of the box around the shape, else around most of what the frame shows."""
        solid = self.known & np.isfinite(self.depth)
        inside = solid & self.shape if self.shape is not None else solid
        if not inside.any():
            return np.zeros(3, np.float32), 1.0
        if self.shape is None:
            taken = self.sample(2000)
            points = self.places.reshape(3, -1)[:, taken[solid.ravel()[taken]]]
            low, high = np.percentile(points, _SPAN, axis=1) if points.size else (np.zeros(3), np.ones(3))
        else:
            points = self.places[:, inside]
            low, high = points.min(axis=1), points.max(axis=1)
        return ((low + high) / 2).astype(np.float32), max(float((high - low).max()), 1e-6)

    def sample(self, count: int) -> np.ndarray:
        """Flat indices of at most `count` diffuse pixels, all normals alike; one pixel more or less changes one index.

        Weighted sampling without replacement by random keys (Efraimidis and Spirakis 2006), the keys fixed for each pixel.
        """
        found = np.flatnonzero((self.diffuse & np.isfinite(self.depth)).ravel())
        if len(found) <= count:
            return found
        keys = np.random.default_rng(0).random(self.light.size)[found]
        chances = sampling_chances(self.normals.reshape(3, -1)[:, found].T)
        order = np.log(keys.clip(1e-12)) / chances
        return np.sort(found[np.argpartition(order, -count)[-count:]])


def views_of(shape: tuple[int, ...], lens: float | None) -> np.ndarray:
    """Unit vectors towards the camera in camera space, float32 `[3, H, W]`, for a focal length in frame widths.

    Where it cannot be told (None), all vectors point straight out of the picture, as in an orthographic one.
    """
    height, width = shape
    x = (np.arange(width) + 0.5 - width / 2) / width
    y = (height / 2 - np.arange(height) - 0.5) / width
    views = np.stack(np.broadcast_arrays(-x[None, :] / (lens or np.inf), -y[:, None] / (lens or np.inf), 1.0))
    return np.asarray(views / np.linalg.norm(views, axis=0), dtype=np.float32)
