"""The direction of the key light of a render, found from its diffuse light and its normals alone.

Neither pass holds textures, so the fit is one of geometry: a white surface under one directional light and a fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rotonodes.imaging.passes.surface import BRIGHTEST, lengths, light_luminance, sampling_chances

_FEWEST = 50  # pixels that a light can be found from
_SAMPLES = (300, 1000)  # pixels used: for all directions, and around the best
_TURNS = ((0.12, 60), (0.06, 40), (0.03, 40), (0.015, 30))  # (spread in radians, directions tried) around the best so far
_FILL_LAST = 0.3  # regularisation of b, beside weights of 7 to 43 per pixel
_ROUNDS = 5  # rounds of reweighting
_EXACT = 0.02  # residuals below this share of the brightest light have equal weight
_FAINTEST = 0.05  # least strength of a key light, as a share of the brightest pixels
_AGREE = 15  # degrees between directions of one light in two frames
_STEP, _DETOUR = 60, 1.4  # degrees at most between two frames of a light that moves, and its way as a share of the straight one
_FEWEST_STEPS = 3  # that tell a way
_ABOVE = 0.85  # weight of a pixel brighter than the fit, against 0.15 of a darker one, which may lie in shadow


@dataclass(frozen=True, eq=False)
class KeyLight:
    """A directional light and the fill beside it.

    `direction` is the unit vector towards the light, `[3]`, in the space of the normals. `strength` is the light it adds to a surface
    that faces it, in the units of the diffuse light. `fill` are a, b of a + b . normal, the light of all other sources, `[4]`.
    """

    direction: np.ndarray
    strength: float
    fill: np.ndarray


def find_key_light(light: np.ndarray, normals: np.ndarray, towards: Sequence[float] = ()) -> KeyLight | None:
    """The strongest light, from diffuse light `[3, H, W]` (linear, without surface colour) and unit normals `[3, H, W]`.

    Fits luminance = a + b . n + s max(0, n . l) over directions l, with a, b, s by weighted least absolute deviations (iteratively
    reweighted least squares): pixels darker than the fit, as in the key light's shadow, weigh less than brighter ones. The first
    search leaves b out, since a and b together can imitate a light. None where too few pixels have light and a normal. With the
    direction `towards` the light already known, only a, b, s are fitted.
    """
    length = lengths(normals).ravel()
    luminance = light_luminance(light).ravel()
    known = (length > 0.9) & np.isfinite(luminance) & (luminance > 1e-3) & (luminance < BRIGHTEST)
    if known.sum() < _FEWEST:
        return None
    luminance, facing = luminance[known], (normals.reshape(3, -1)[:, known] / length[known]).T.astype(np.float32)
    scale = float(np.percentile(luminance, 95))
    random = np.random.default_rng(0)  # the same pixels every time for the same frame
    chances = sampling_chances(facing)
    few, many = (random.choice(len(facing), min(n, len(facing)), p=chances) for n in _SAMPLES)
    if len(towards):
        known_one = np.array([towards], np.float64)
        _, found = fit_lights(cosines(known_one, facing[many]), facing[many], luminance[many] / scale, fill=True)
        terms = found[0]
        return KeyLight(known_one[0].astype(np.float32), max(float(terms[-1]), _FAINTEST) * scale, terms[:4].astype(np.float32) * scale)
    directions = sphere(400)
    misfit, _ = fit_lights(cosines(directions, facing[few]), facing[few], luminance[few] / scale, fill=False)
    best = directions[misfit.argmin()]
    for turn, (spread, tried) in enumerate(_TURNS):
        directions = best + spread * random.normal(size=(tried, 3))
        directions[0] = best
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        misfit, found = fit_lights(cosines(directions, facing[many]), facing[many], luminance[many] / scale, fill=turn > 0)
        best, terms = directions[misfit.argmin()], found[misfit.argmin()]
    return KeyLight(best.astype(np.float32), float(terms[-1]) * scale, terms[:4].astype(np.float32) * scale)


def common_direction(directions: Sequence[np.ndarray]) -> tuple[float, ...]:
    """The direction that most frames agree on: the mean of those within `_AGREE` degrees of the one with most others around it.

    Frames in which another light was taken for the key light are left out; () for no directions.
    """
    if not len(directions):
        return ()
    found = np.stack(directions)
    near = found @ found.T > np.cos(np.radians(_AGREE))
    mean = found[near[near.sum(axis=1).argmax()]].mean(axis=0)
    return tuple(float(x) for x in mean / np.linalg.norm(mean))


def count_near(directions: Sequence[np.ndarray], common: Sequence[float]) -> int:
    """How many of the directions lie within `_AGREE` degrees of the common one."""
    return int((np.stack(directions) @ common > np.cos(np.radians(_AGREE))).sum()) if len(directions) else 0


def moves_smoothly(directions: Sequence[np.ndarray]) -> bool:
    """Whether directions in the order of their frames go one way, by small steps: a light that moves, not one that is found wrongly."""
    if len(directions) < _FEWEST_STEPS + 1:
        return False
    steps = [_degrees(one, other) for one, other in pairwise(directions)]
    way = _degrees(directions[0], directions[-1])
    return way > 2 * _AGREE and max(steps) < _STEP and sum(steps) < _DETOUR * way


def _degrees(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


def sphere(count: int) -> np.ndarray:
    """Unit vectors `[count, 3]` evenly over the sphere (a Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    polar, around = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], axis=1)


def cosines(directions: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """max(0, n . l), `[m, n]`, of directions `[m, 3]` and normals `[n, 3]`."""
    return np.asarray(np.maximum(directions @ normals.T, 0))


def fit_lights(arriving: np.ndarray, normals: np.ndarray, luminance: np.ndarray, fill: bool) -> tuple[np.ndarray, np.ndarray]:
    """Misfit and terms (a, b, s: five numbers) for each of `m` lights, whose light `arriving` at each pixel is `[m, n]`.

    1 is added to the misfit where the light would be faint or negative. `normals` are `[n, 3]`, `luminance` `[n]`; without `fill` b is 0.
    """
    cosine = arriving[..., None]
    others = np.concatenate([np.ones((len(normals), 1)), normals if fill else np.empty((len(normals), 0))], axis=1)
    terms = np.concatenate([np.broadcast_to(others, (len(arriving), *others.shape)), cosine], axis=2)
    weights = np.ones(terms.shape[:2])
    # where every visible pixel is lit, b . n and the light are the same: the regularisation then gives it to the light
    steady = len(normals) * np.diag([1e-4, *[_FILL_LAST] * (terms.shape[2] - 2), 1e-4])
    for _ in range(_ROUNDS):
        weighted = (terms * weights[..., None]).transpose(0, 2, 1)
        found = np.linalg.solve(weighted @ terms + steady, weighted @ luminance[None, :, None])
        over = luminance - (terms @ found)[..., 0]
        share = np.where(over > 0, _ABOVE, 1 - _ABOVE)
        weights = share / np.maximum(abs(over), _EXACT)
    misfit = (share * abs(over)).mean(axis=1)
    strength = found[:, -1, 0]
    full = np.zeros((len(arriving), 5))
    full[:, : terms.shape[2] - 1], full[:, -1] = found[:, :-1, 0], strength
    return np.where(strength < _FAINTEST, misfit + 1, misfit), full
