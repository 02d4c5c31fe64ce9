"""The lamp that explains a frame best: light and shade of its surfaces, and the shadows that they throw on each other.

`find_key_light` looks at light and normals only, and so may take a sky or a second lamp for the key light. Here other directions are
tried too: those that `light_signs` finds likely among them. Each is judged by its shadows as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rotonodes.imaging.passes.key_light import fit_directions
from rotonodes.imaging.passes.light_signs import LightSigns
from rotonodes.imaging.passes.lit_share import LightFit, fit_light
from rotonodes.imaging.passes.surface import Surface
from rotonodes.imaging.passes.traced_shadow import Lamp, trace

_PIXELS = 800  # sampled pixels that a lamp is judged by
_STRIDE = 2  # px of a ray's steps
_DISTANCES = (3.0, 1.0)  # of near lamps from the middle of the scene, in sizes of the scene
_NEAR_GAIN = 0.02  # gain in log likelihood that a near lamp needs
_SIGNS = 0.12  # weight of the log chance by the signs against the log likelihood
_MISFIT = 0.4  # weight of the relative misfit of light and normals against the log likelihood
_PEAKS, _BETWEEN = 4, 25.0  # directions that fit best, at least so many degrees from each other
_LIKELY, _APART, _AROUND = 8, 15.0, 12.0  # the same of directions that are likely by the signs, and degrees that each is the mean of
_LOOKED_AT = 4  # the best of all, which may be near lamps too
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

    @cached_property
    def signs(self) -> LightSigns:
        """What the frame shows of each direction; only a search asks for it, not a light that is known."""
        return LightSigns.of(self.surface, self.pixels)

    def find(self, first: np.ndarray, rank: int) -> Tried:
        """The best lamp, from the direction `first` and all others; with a `rank` above 1 the next best one elsewhere."""
        directions = [first, *self.signs.likely(_LIKELY, _APART, _AROUND), *self._peaks()]
        tried = sorted(self._tried(directions), key=lambda one: one.worth, reverse=True)
        best = [one.lamp.direction for one in tried[:_LOOKED_AT]]
        tried[:_LOOKED_AT] = [self.best_distance(*one) for one in zip(best, self.misfits(best), strict=True)]
        tried.sort(key=lambda one: one.worth, reverse=True)
        return self._refined(tried[0]) if rank == 1 else self._elsewhere(tried)[:rank][-1]

    def best_distance(self, direction: np.ndarray, misfit: float) -> Tried:
        """The lamp in a direction, as far away as it fits best."""
        middle, size = self.surface.bounds
        lamps = [Lamp.near(direction, middle, size * distance) for distance in (np.inf, *_DISTANCES)]
        fits = [self.fit(lamp) for lamp in lamps]
        gains = [fit.likelihood - (_NEAR_GAIN if index else 0) for index, fit in enumerate(fits)]
        best = int(np.argmax(gains))
        return Tried(lamps[best], fits[best], gains[best] + self._before([direction], [misfit])[0])

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

    def _before(self, directions: Sequence[np.ndarray], misfits: Sequence[float]) -> np.ndarray:
        """What speaks for directions beside their shadows: their signs, and how well light and normals fit."""
        worse = np.asarray(misfits) / max(self.least_misfit, 1e-9) - 1
        return np.asarray(_SIGNS * self.signs.log_chances(np.stack(directions)) - _MISFIT * worse)

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

    def _tried(self, directions: Sequence[np.ndarray], distance: float = np.inf) -> list[Tried]:
        if not len(directions):
            return []
        middle, _ = self.surface.bounds
        lamps = [Lamp.near(direction, middle, distance) for direction in directions]
        fits, misfits = [self.fit(lamp) for lamp in lamps], self.misfits(directions)
        less = _NEAR_GAIN if np.isfinite(distance) else 0
        before = self._before(directions, list(misfits))
        return [Tried(lamp, fit, fit.likelihood - less + more) for lamp, fit, more in zip(lamps, fits, before, strict=True)]

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
