"""The lamp that explains a frame best: light and shade of its surfaces, and the shadows that they throw on each other.

`find_key_light` looks at light and normals only, and so may take a sky or a second lamp for the key light. Here other directions are
tried too: those that `light_signs` finds likely among them. Each is judged by its shadows as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rotonodes.imaging.passes.key_light import fit_lights
from rotonodes.imaging.passes.light_signs import LightSigns
from rotonodes.imaging.passes.lit_share import LightFit, fit_light
from rotonodes.imaging.passes.surface import Surface
from rotonodes.imaging.passes.traced_shadow import Lamp, trace_all

_PIXELS = 800  # sampled pixels that a lamp is judged by
_STRIDE = 2  # px of a ray's steps
_DISTANCES = (6.0, 3.0, 1.5)  # of near lamps from the middle of the scene, in sizes of the scene
_NEAREST = 0.6  # the same, the least
_NEAR_GAIN = 0.02  # gain in log likelihood that a near lamp needs
_SIGNS = 0.12  # weight of the log chance by the signs against the log likelihood
_MISFIT = 0.4  # weight of the log of the misfit of light and normals against the log likelihood
_PEAKS, _BETWEEN = 4, 25.0  # directions that fit best, at least so many degrees from each other
_LIKELY, _APART, _AROUND = 8, 15.0, 12.0  # the same of directions that are likely by the signs, and degrees that each is the mean of
_LOOKED_AT = 4  # the best of all, which may be near lamps too
_TURNS = ((0.25, 8), (0.12, 8), (0.06, 8), (0.03, 6))  # (spread in radians, lamps tried around the best so far)
_REACH = 2.0  # spread of a near lamp's log distance, as a multiple of that of its direction


@dataclass(frozen=True)
class Tried:
    """A lamp, how it fits, and how it compares with others: the higher, the better."""

    lamp: Lamp
    fit: LightFit
    worth: float


class LightSearch:
    """The search for lamps on one surface; all of its directions are in camera space."""

    def __init__(self, surface: Surface):
        self.surface = surface
        self.pixels = surface.sample(_PIXELS)
        self.normals = surface.normals.reshape(3, -1)[:, self.pixels]
        self.light = surface.calm.ravel()[self.pixels]
        self.points = surface.places.reshape(3, -1)[:, self.pixels]

    @cached_property
    def signs(self) -> LightSigns:
        """What the frame shows of each direction; only a search asks for it, not a light that is known."""
        return LightSigns.of(self.surface, self.pixels)

    def find(self, first: np.ndarray, rank: int) -> Tried:
        """The best lamp, from the direction `first` and all others; with a `rank` above 1 the next best one elsewhere."""
        tried = self.candidates(first)
        return self._refined(tried[0]) if rank == 1 else self._elsewhere(tried)[:rank][-1]

    def candidates(self, first: np.ndarray) -> list[Tried]:
        """Lamps in the direction `first` and in all that are likely, the best first; the best may be near lamps."""
        directions = [first, *self.signs.likely(_LIKELY, _APART, _AROUND), *self._peaks()]
        tried = sorted(self.tried([(one, np.inf) for one in directions]), key=lambda one: one.worth, reverse=True)
        near = [(one.lamp.direction, distance) for one in tried[:_LOOKED_AT] for distance in _DISTANCES]
        return sorted(tried + self.tried(near), key=lambda one: one.worth, reverse=True)

    def tried(self, lamps: Sequence[tuple[np.ndarray, float]]) -> list[Tried]:
        """Lamps by their directions from the middle of the scene and their distances in sizes of the scene, judged."""
        if not len(lamps):
            return []
        middle, size = self.surface.bounds
        made = [Lamp.near(direction, middle, distance * size) for direction, distance in lamps]
        arriving = np.stack([lamp.arriving(self.points, self.normals) for lamp in made])
        fits = self._fits(made, arriving)
        scale = max(float(np.percentile(self.light, 95)), 1e-9)
        misfits, _ = fit_lights(arriving.astype(np.float64), self.normals.T.astype(np.float64), self.light / scale, fill=True)
        before = _SIGNS * self.signs.log_chances(np.stack([lamp.direction for lamp in made])) - _MISFIT * np.log(misfits.clip(1e-4))
        before -= [_NEAR_GAIN if np.isfinite(lamp.distance) else 0 for lamp in made]
        return [Tried(lamp, fit, fit.likelihood + more) for lamp, fit, more in zip(made, fits, before, strict=True)]

    def fit(self, lamp: Lamp) -> LightFit:
        """How a lamp explains the sampled pixels, as exactly as tones need it."""
        return self._fits([lamp], lamp.arriving(self.points, self.normals)[None], final=True)[0]

    def _fits(self, lamps: Sequence[Lamp], arriving: np.ndarray, final: bool = False) -> list[LightFit]:
        """How lamps explain the sampled pixels by the light of each that would arrive `[lamps, n]` with nothing in between."""
        blocked, facing = np.zeros(arriving.shape, bool), arriving > 0
        asked = [(self.pixels[sees], lamp) for lamp, sees in zip(lamps, facing, strict=True)]
        for stopped, sees, met in zip(blocked, facing, trace_all(self.surface, asked, stride=_STRIDE), strict=True):
            stopped[sees] = met >= 0
        return [fit_light(self.light, self.normals, light, stopped, final) for light, stopped in zip(arriving, blocked, strict=True)]

    def _peaks(self) -> list[np.ndarray]:
        """Directions that fit light and normals best, with and without a fill that has a direction, all far from each other."""
        directions, found = self.signs.directions, list[np.ndarray]()
        for misfit in self.signs.fits[0]:
            peaks: list[np.ndarray] = []
            for index in np.argsort(misfit):
                apart = all(directions[index] @ other < np.cos(np.radians(_BETWEEN)) for other in peaks)
                if apart and misfit[index] < 1 and len(peaks) < _PEAKS:
                    peaks.append(directions[index])
            found += peaks
        return found

    def _refined(self, best: Tried) -> Tried:
        """A better lamp near one, by lamps around the best so far."""
        random = np.random.default_rng(0)  # the same lamps every time for the same frame
        _, size = self.surface.bounds
        for spread, count in _TURNS:
            best = max([best, *self.tried(around(best.lamp.direction, best.lamp.distance / size, spread, count, random))], key=_worth)
        return best

    @staticmethod
    def _elsewhere(tried: list[Tried]) -> list[Tried]:
        """Those of the sorted lamps that are far from all better ones."""
        kept: list[Tried] = []
        for one in tried:
            if all(one.lamp.direction @ other.lamp.direction < np.cos(np.radians(_BETWEEN)) for other in kept):
                kept.append(one)
        return kept


def around(
    direction: np.ndarray, distance: float, spread: float, count: int, random: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Lamps near one; `distance` is in sizes of the scene. A sun is tried as a near lamp too."""
    directions = direction + spread * random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    if np.isfinite(distance):
        distances = (distance * np.exp(_REACH * spread * random.normal(size=count))).clip(_NEAREST)
        return list(zip(directions.astype(np.float32), map(float, distances), strict=True))
    return [(one, np.inf) for one in directions.astype(np.float32)] + [(direction, one) for one in _DISTANCES]


def _worth(one: Tried) -> float:
    return one.worth


def find_lamp(surface: Surface, first: np.ndarray, rank: int = 1) -> Tried:
    """The key light of a surface: the lamp in the direction `first`, unless another one is clearly better; in camera space.

    With a `rank` above 1 it is the second, third ... light that fits. Its fit is that of a sun in the lamp's direction, for so tones
    are told, also where the lamp is near.
    """
    search = LightSearch(surface)
    found = search.find(first, rank)
    return Tried(found.lamp, search.fit(Lamp(found.lamp.direction)), found.worth)


def known_sun(surface: Surface, towards: np.ndarray) -> Tried:
    """A sun in a known direction (unit vector, camera space), and how it fits."""
    sun = Lamp(towards.astype(np.float32))
    return Tried(sun, LightSearch(surface).fit(sun), 0.0)
