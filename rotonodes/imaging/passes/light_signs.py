"""What the diffuse light and the gloss of a frame say of each direction that its key light may come from.

A direction is described by numbers that turn with the scene: how bright surfaces are by the angle between their normal and the
direction, how well a white surface under a light from there explains them, and how much gloss is seen where a mirror would show the
direction. A small network judges them (`light_signs.safetensors`, trained by examples/blender/train_light.py on random scenes). It knows
nothing of shadows: rays tell those (`light_search`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from rotonodes.imaging.passes.key_light import cosines, fit_lights, sphere
from rotonodes.imaging.passes.surface import BRIGHTEST, Surface

DIRECTIONS = 400  # on the sphere, some 8 degrees from each other
_FITTED = 300  # pixels that fits are made to
_COSINES = np.linspace(-1, 1, 13)  # edges of bins
_LIGHTS = np.array([0.01, 0.05, 0.12, 0.22, 0.35, 0.5, 0.65, 0.8, 0.95, 1.15])  # the same, as shares of the brightest pixels
_RINGS = np.cos(np.radians([70, 45, 30, 20, 12, 6, 0]))  # edges of rings around a direction, for mirrored views
_LOBES = (150, 30, 8)  # concentrations of von Mises and Fisher's kernels on the sphere
_PRIOR = 2  # pixels that a bin has at least
_GLOSSY, _OTHERS = 800, 2500  # pixels with the brightest gloss, and of all
_FEWEST = 50  # pixels with gloss that say something
_SIDEWAYS = 0.15  # surfaces seen at a smaller cosine than this mirror anything
_FAR = 6.0  # bound of a number, in standard deviations
_SMOOTH = 150  # concentration at which chances are interpolated between the directions


@dataclass(frozen=True, eq=False)
class LightSigns:
    """The signs of a frame, in camera space: `normals` `[n, 3]` and `light` `[n]` of sampled diffuse pixels, the light as a share of the
    brightest; `mirrored` `[m, 3]`, where a mirror in each pixel's place would look, and the `gloss` seen there `[m]`."""

    normals: np.ndarray
    light: np.ndarray
    mirrored: np.ndarray
    gloss: np.ndarray

    @classmethod
    def of(cls, surface: Surface, pixels: np.ndarray) -> LightSigns:
        """From a surface and the flat indices of diffuse pixels to look at."""
        light = surface.calm.ravel()[pixels].astype(np.float64)
        scale = max(float(np.percentile(light, 95)), 1e-9) if len(light) else 1.0
        normals = surface.normals.reshape(3, -1)[:, pixels].T.astype(np.float64)
        return cls(normals, light / scale, *_gloss_samples(surface))

    @cached_property
    def directions(self) -> np.ndarray:
        """The directions that are judged, `[400, 3]`."""
        return sphere(DIRECTIONS)

    @cached_property
    def fits(self) -> tuple[np.ndarray, np.ndarray]:
        """(misfits, terms) of a light from each direction, without and with a fill that has a direction: `[2, 400]`, `[2, 400, 5]`."""
        some = np.linspace(0, len(self.light) - 1, min(len(self.light), _FITTED)).astype(int)
        arriving = cosines(self.directions, self.normals[some])
        both = [fit_lights(arriving, self.normals[some], self.light[some], fill) for fill in (False, True)]
        return np.stack([misfit for misfit, _ in both]), np.stack([terms for _, terms in both])

    def numbers(self) -> np.ndarray:
        """The numbers that describe each direction, float32 `[400, 196]`."""
        return np.concatenate([self._shading(), self._fitting(), self.mirroring()], axis=1).astype(np.float32)

    @cached_property
    def chances(self) -> np.ndarray:
        """How likely the key light comes from each direction, `[400]`; their sum is 1."""
        network = _network()
        values = ((self.numbers() - network["mean"]) / network["deviation"]).clip(-_FAR, _FAR)
        for layer in (0, 1):
            values = _bent(values @ network[f"{layer}.weight"].T + network[f"{layer}.bias"])
        worth = (values @ network["2.weight"].T + network["2.bias"])[:, 0].astype(np.float64)
        odds = np.exp(worth - worth.max())
        return np.asarray(odds / odds.sum())

    def log_chances(self, directions: np.ndarray) -> np.ndarray:
        """Log of the smoothed chances of any directions `[n, 3]`, `[n]`; flat far from all that is likely."""
        near = np.exp(_SMOOTH * (np.asarray(directions, np.float64) @ self.directions.T - 1))
        return np.asarray(np.log(near @ self.chances + 1e-9))

    def likely(self, count: int, apart: float, around: float) -> list[np.ndarray]:
        """The likeliest directions, at least `apart` degrees from each other: each the mean of what is likely `around` it, in degrees."""
        found: list[int] = []
        for index in np.argsort(-self.chances, kind="stable"):
            if len(found) < count and all(self.directions[index] @ self.directions[one] < np.cos(np.radians(apart)) for one in found):
                found.append(int(index))
        return [self._mean(index, around) for index in found]

    def _mean(self, index: int, around: float) -> np.ndarray:
        near = self.directions @ self.directions[index] > np.cos(np.radians(around))
        mean = self.chances[near] @ self.directions[near]
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)

    def _shading(self) -> np.ndarray:
        """How bright surfaces are, by the cosine between their normals and each direction."""
        bins, levels, count = len(_COSINES) - 1, len(_LIGHTS) + 1, len(self.directions)
        at = np.digitize(self.directions @ self.normals.T, _COSINES).clip(1, bins) - 1 + bins * np.arange(count)[:, None]
        both = at * levels + np.digitize(self.light, _LIGHTS)
        counts = np.bincount(both.ravel(), minlength=count * bins * levels).reshape(count, bins, levels)
        sizes = counts.sum(axis=2)
        total = _sums(at, self.light.clip(max=2), count * bins).reshape(count, bins)
        shares = (counts / (sizes[..., None] + _PRIOR)).reshape(count, -1)
        return np.concatenate([shares, np.log1p(sizes) / 8, total / (sizes + _PRIOR)], axis=1)

    def _fitting(self) -> np.ndarray:
        """How well a light from each direction fits, and where the direction lies in the picture."""
        found = []
        for misfit, terms in zip(*self.fits, strict=True):
            faint = misfit >= 1  # `fit_lights` adds 1 where the light would be faint
            clean = np.where(faint, misfit - 1, misfit)
            found += [
                clean / max(float(clean.min()), 1e-6) - 1,
                np.log(clean.clip(1e-3)),
                terms[:, -1].clip(-2, 3),
                terms[:, 0].clip(-2, 2),
                faint,
            ]
        x, y, z = self.directions.T
        return np.stack([*found, y, z, abs(x)], axis=1).clip(-5, 5)

    def mirroring(self) -> np.ndarray:
        """How much gloss is seen where a mirror would look in each direction, and around it."""
        rings, count = len(_RINGS), len(self.directions)
        cosine = self.directions @ self.mirrored.T
        at = np.digitize(cosine, _RINGS).clip(0, rings - 1) + rings * np.arange(count)[:, None]
        sizes = np.bincount(at.ravel(), minlength=count * rings).reshape(count, rings)
        means = [_sums(at, plane, count * rings).reshape(count, rings) / (sizes + _PRIOR) for plane in (self.gloss, self.gloss**2)]
        votes = []
        for lobe in _LOBES:
            weight = np.exp(lobe * (cosine - 1))
            vote = weight @ self.gloss / (weight.sum(axis=1) + _PRIOR + 1)
            votes += [vote / max(float(vote.max()), 1e-6), weight.mean(axis=1) * lobe / 10]
        return np.concatenate([means[0], np.sqrt(means[1]), np.log1p(sizes) / 8, np.stack(votes, axis=1)], axis=1)


def _gloss_samples(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Mirrored views `[m, 3]` and the gloss there `[m]`, as a share of the brightest; a single 0 where there is no gloss to see."""
    nothing = np.zeros((1, 3)), np.zeros(1)
    if surface.gloss is None:
        return nothing
    views, normals = surface.views, surface.normals
    along = (normals * views).sum(axis=0)
    seen = np.flatnonzero(((along > _SIDEWAYS) & np.isfinite(surface.depth)).ravel())
    if len(seen) < _FEWEST:
        return nothing
    bright = surface.gloss.ravel()[seen]
    bright = np.where((bright > 0) & (bright < BRIGHTEST), bright, 0)  # false for NaN
    keys = np.random.default_rng(0).random(surface.light.size)[seen]  # fixed for each pixel: one pixel more changes one of the samples
    order = np.argsort(-bright, kind="stable")[:_GLOSSY], np.argsort(keys)[:_OTHERS]
    taken = np.concatenate(order)
    mirrored = (2 * along * normals - views).reshape(3, -1)[:, seen[taken]]
    return mirrored.T.astype(np.float64), (bright[taken] / max(float(np.percentile(bright, 99.5)), 1e-6)).clip(max=1.5)


def _sums(at: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(at.ravel(), weights=np.broadcast_to(weights, at.shape).ravel(), minlength=count)


def _bent(values: np.ndarray) -> np.ndarray:
    """x sigmoid(x) (SiLU)."""
    return np.asarray(values / (1 + np.exp(-values.clip(-60, 60))))


@cache
def _network() -> Mapping[str, np.ndarray]:
    return {name: tensor.astype(np.float32) for name, tensor in load_file(Path(__file__).with_suffix(".safetensors")).items()}
