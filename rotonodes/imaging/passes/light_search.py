"""The lamp that explains a frame best: light and shade of its surfaces, and the shadows that they throw on each other.

`find_key_light` looks at light and normals only, and so may take a sky or a second lamp for the key light. Here other directions are
tried too, and each is judged by its shadows as well; the first one stays unless another is clearly better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rotonodes.imaging.passes.key_light import fit_directions, sphere
from rotonodes.imaging.passes.lit_share import LightFit, fit_light
from rotonodes.imaging.passes.surface import Surface
from rotonodes.imaging.passes.traced_shadow import Lamp, trace

_PIXELS = 800  # sampled pixels that a lamp is judged by
_ROUGHLY = 300  # for a first look at all directions
_STRIDE = 2  # px of a ray's steps
_DISTANCES = (3.0, 1.0)  # of near lamps from the middle of the scene, in sizes of the scene
_NEAR_GAIN = 0.02  # gain in log likelihood that a near lamp needs
_CLEARLY = 0.05  # the same for another direction, where the light is strong beside the fill
_STRONG = 0.3  # strength of such a light, as a share of the brightest pixels
_MISFIT = 0.4  # weight of the relative misfit of light and normals against the log likelihood
_PEAKS, _BETWEEN = 4, 25.0  # directions that fit best, at least so many degrees from each other
_TURNS = ((0.25, 8), (0.12, 8), (0.06, 8), (0.03, 6))  # (spread in radians, directions tried around the best so far)


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
        self.least_misfit = np.inf

    def find(self, first: np.ndarray, rank: int) -> Tried:
        """The best lamp, from the direction `first` and all others; with a `rank` above 1 the next best one elsewhere."""
        start = self.best_distance(first, self.misfits([first])[0])
        tried = [start, *self._tried(self._peaks())]
        tried.sort(key=lambda one: one.worth, reverse=True)
        if rank > 1:
            return self._elsewhere(tried)[:rank][-1]
        best = self._refined(tried[0])
        faint = max(1.0, _STRONG * start.fit.scale / start.fit.strength)  # likelihoods say little about a light that is hardly there
        return best if best.worth > start.worth + _CLEARLY * faint else start

    def best_distance(self, direction: np.ndarray, misfit: float = 0.0) -> Tried:
        """The lamp in a direction, as far away as it fits best."""
        middle, size = self.surface.bounds
        lamps = [Lamp.near(direction, middle, size * distance) for distance in (np.inf, *_DISTANCES)]
        fits = [self.fit(lamp) for lamp in lamps]
        gains = [fit.likelihood - (_NEAR_GAIN if index else 0) for index, fit in enumerate(fits)]
        best = int(np.argmax(gains))
        return Tried(lamps[best], fits[best], gains[best] - self._cost(misfit))

    def fit(self, lamp: Lamp) -> LightFit:
        """How a lamp explains the sampled pixels."""
        arriving = lamp.arriving(self.points, self.normals)
        blocked = np.zeros(len(arriving), bool)
        facing = arriving > 0
        blocked[facing] = trace(self.surface, self.pixels[facing], lamp, stride=_STRIDE) >= 0
        return fit_light(self.light, self.normals, arriving, blocked)

    def misfits(self, directions: Sequence[np.ndarray]) -> np.ndarray:
        """The misfit of light and normals for each direction, as in `find_key_light`."""
        scale = max(float(np.percentile(self.light, 95)), 1e-9)
        found, _ = fit_directions(np.stack(directions).astype(np.float64), self.normals.T.astype(np.float64), self.light / scale, fill=True)
        self.least_misfit = min(self.least_misfit, float(found.min()))
        return found

    def _cost(self, misfit: float) -> float:
        return _MISFIT * (misfit / max(self.least_misfit, 1e-9) - 1) if misfit else 0.0

    def _peaks(self) -> list[np.ndarray]:
        """Directions that fit light and normals best, with and without a fill that has a direction, all far from each other."""
        some = np.linspace(0, len(self.light) - 1, min(len(self.light), _ROUGHLY)).astype(int)
        directions, scale = sphere(400), max(float(np.percentile(self.light, 95)), 1e-9)
        normals, light = self.normals.T[some].astype(np.float64), self.light[some] / scale
        found: list[np.ndarray] = []
        for fill in (False, True):
            misfit, _ = fit_directions(directions, normals, light, fill)
            peaks: list[np.ndarray] = []
            for index in np.argsort(misfit):
                apart = all(directions[index] @ other < np.cos(np.radians(_BETWEEN)) for other in peaks)
                if apart and misfit[index] < 1 and len(peaks) < _PEAKS:
                    peaks.append(directions[index])
            found += peaks
        return found

    def _tried(self, directions: Sequence[np.ndarray], distance: float = np.inf) -> list[Tried]:
        if not len(directions):
            return []
        middle, _ = self.surface.bounds
        lamps = [Lamp.near(direction, middle, distance) for direction in directions]
        fits, misfits = [self.fit(lamp) for lamp in lamps], self.misfits(directions)
        less = _NEAR_GAIN if np.isfinite(distance) else 0
        return [Tried(lamp, fit, fit.likelihood - less - self._cost(m)) for lamp, fit, m in zip(lamps, fits, misfits, strict=True)]

    def _refined(self, best: Tried) -> Tried:
        """A better lamp near one, by directions around the best so far."""
        random = np.random.default_rng(0)  # the same directions every time for the same frame
        for spread, count in _TURNS:
            directions = best.lamp.direction + spread * random.normal(size=(count, 3))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            around = self._tried(list(directions), best.lamp.distance)
            best = max([best, *around], key=lambda one: one.worth)
            nearer = self.best_distance(best.lamp.direction, self.misfits([best.lamp.direction])[0])
            best = max(best, nearer, key=lambda one: one.worth)
        return best

    @staticmethod
    def _elsewhere(tried: list[Tried]) -> list[Tried]:
        """Those of the sorted lamps that are far from all better ones."""
        kept: list[Tried] = []
        for one in tried:
            if all(one.lamp.direction @ other.lamp.direction < np.cos(np.radians(_BETWEEN)) for other in kept):
                kept.append(one)
        return kept


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
