"""The key light of a render, found from its diffuse light and its normals, and what it does to every pixel. Plain numpy.

Textures are in neither of the two, so that what is left is geometry: a white surface under one directional light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rotonodes.imaging.passes.camera import find_lens
from rotonodes.values.color import LUMINANCE

_FEWEST = 50  # pixels that a light can be found from
_CELLS = 8  # to a unit of a normal, in which pixels count less the more there are, or a floor would outvote the shapes on it
_SAMPLES = (300, 1000)  # pixels looked at: of all directions, and around the best
_TURNS = ((0.12, 60), (0.06, 40), (0.03, 40), (0.015, 30))  # (spread in radians, directions tried) around the best so far
_FILL_LAST = 0.3  # resistance against b, beside weights of 7 to 43 a pixel
_ROUNDS = 5  # of reweighting
_EXACT = 0.02  # residuals below this, of the brightest light, weigh alike
_FAINTEST = 0.05  # strength of a light, of the brightest pixels, below which it is none
_ABOVE = 0.85  # weight of a pixel that is lighter than it should be, against 0.15 of one that may lie in shadow


@dataclass(frozen=True)
class KeyLight:
    """A directional light, and what there is beside it.

    `direction` is the unit vector towards the light, `[3]`, in the space of the normals. `strength` is what it throws onto a surface
    that faces it, in the units of the light given; `fill` are a, b in a + b . normal, the light of all the others, `[4]`.
    """

    direction: np.ndarray
    strength: float
    fill: np.ndarray


def find_key_light(light: np.ndarray, normals: np.ndarray) -> KeyLight | None:
    """Diffuse light `[3, H, W]` (linear, without the surface's colour) and unit normals `[3, H, W]` -> the strongest light.

    Fits luminance = a + b . n + s max(0, n . l) over directions l, the rest by weighted least absolute deviations (iteratively
    reweighted least squares), where a pixel that is darker than that, as in the key light's shadow, counts less than one that
    is lighter. b is first left out, for a and b together imitate a light. None where too few pixels have light and a normal.
    """
    length = np.linalg.norm(normals, axis=0).ravel()
    luminance = _luminance(light).ravel()
    known = (length > 0.9) & np.isfinite(luminance) & (luminance > 1e-3) & (luminance < 1e6)
    if known.sum() < _FEWEST:
        return None
    luminance, facing = luminance[known], (normals.reshape(3, -1)[:, known] / length[known]).T.astype(np.float32)
    scale = float(np.percentile(luminance, 95))
    random = np.random.default_rng(0)  # the same pixels whenever the same frame is asked about
    chances = _chances(facing)
    few, many = (random.choice(len(facing), min(n, len(facing)), p=chances) for n in _SAMPLES)
    directions = _sphere(400)
    misfit, _ = _fit(directions, facing[few], luminance[few] / scale, fill=False)
    best = directions[misfit.argmin()]
    for turn, (spread, tried) in enumerate(_TURNS):
        directions = best + spread * random.normal(size=(tried, 3))
        directions[0] = best
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        misfit, found = _fit(directions, facing[many], luminance[many] / scale, fill=turn > 0)
        best, terms = directions[misfit.argmin()], found[misfit.argmin()]
    return KeyLight(best.astype(np.float32), float(terms[-1]) * scale, terms[:4].astype(np.float32) * scale)


def _luminance(light: np.ndarray) -> np.ndarray:
    """`[3, H, W]` -> `[H, W]`."""
    return np.asarray(np.tensordot(np.array(LUMINANCE, dtype=np.float32), light, 1))


def _chances(normals: np.ndarray) -> np.ndarray:
    """How likely each pixel `[N, 3]` is looked at: the less, the more others have its normal."""
    cells = (np.round(normals * _CELLS).astype(int) + _CELLS) @ np.array([1, 32, 1024])
    _, cell, size = np.unique(cells, return_inverse=True, return_counts=True)
    chances = size[cell].astype(float) ** -0.75
    return np.asarray(chances / chances.sum())


def _sphere(count: int) -> np.ndarray:
    """Unit vectors `[count, 3]` evenly over the sphere (a Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    polar, around = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], axis=1)


def _fit(directions: np.ndarray, normals: np.ndarray, luminance: np.ndarray, fill: bool) -> tuple[np.ndarray, np.ndarray]:
    """(misfit, the five terms a, b, s) of each direction; the misfit of one whose light would be none or negative is over 1."""
    cosine = np.maximum(directions @ normals.T, 0)[..., None]
    others = np.concatenate([np.ones((len(normals), 1)), normals if fill else np.empty((len(normals), 0))], axis=1)
    terms = np.concatenate([np.broadcast_to(others, (len(directions), *others.shape)), cosine], axis=2)
    weights = np.ones(terms.shape[:2])
    # where all that is seen is lit, b . n and the light are one: let it then be the light
    steady = len(normals) * np.diag([1e-4, *[_FILL_LAST] * (terms.shape[2] - 2), 1e-4])
    for _ in range(_ROUNDS):
        weighted = (terms * weights[..., None]).transpose(0, 2, 1)
        found = np.linalg.solve(weighted @ terms + steady, weighted @ luminance[None, :, None])
        over = luminance - (terms @ found)[..., 0]
        share = np.where(over > 0, _ABOVE, 1 - _ABOVE)
        weights = share / np.maximum(abs(over), _EXACT)
    misfit = (share * abs(over)).mean(axis=1)
    strength = found[:, -1, 0]
    full = np.zeros((len(directions), 5))
    full[:, : terms.shape[2] - 1], full[:, -1] = found[:, :-1, 0], strength
    return np.where(strength < _FAINTEST, misfit + 1, misfit), full


def find_views(depth: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Planar depth `[H, W]` and normals in camera space `[3, H, W]` -> unit vectors towards the camera, float32 `[3, H, W]`.

    Where nothing tells the focal length, all vectors point straight out of the picture, as in an orthographic one.
    """
    height, width = depth.shape
    lens = find_lens(depth, normals) or np.inf
    x = (np.arange(width) + 0.5 - width / 2) / width
    y = (height / 2 - np.arange(height) - 0.5) / width
    views = np.stack(np.broadcast_arrays(-x[None, :] / lens, -y[:, None] / lens, 1.0))
    return np.asarray(views / np.linalg.norm(views, axis=0), dtype=np.float32)


def shade(key: KeyLight, light: np.ndarray, normals: np.ndarray, views: np.ndarray, roughness: float) -> np.ndarray:
    """What the key light does, float32 `[3, H, W]`: cosine, lit, gloss.

    cosine is max(0, n . l). lit is the share of its light that arrives, 0 in shadow to 1: what there is beyond the fill, over what it
    should be; 0 where the surface looks away. gloss is what a surface of this roughness would mirror of a light of irradiance
    pi, without its colour, as in a pass GlossDir: the microfacet model with the distribution of Trowbridge and Reitz (GGX) and
    Smith's masking (Walter et al., "Microfacet Models for Refraction", 2007).
    """
    length = np.linalg.norm(normals, axis=0)
    known = length > 0.5
    n = normals / np.where(known, length, 1)
    cosine = np.where(known, np.tensordot(key.direction, n, 1), 0).clip(0, 1)
    luminance = np.nan_to_num(_luminance(light), nan=0.0, posinf=0.0, neginf=0.0)
    others = np.maximum(key.fill[0] + np.tensordot(key.fill[1:], n, 1), 0)
    # near the terminator the quotient is all noise: let it fade to nothing there
    expected = key.strength * np.maximum(cosine, 0.1)
    lit = np.where(cosine > 0, (luminance - others) / expected.clip(min=1e-6), 0)
    half = key.direction[:, None, None] + views
    half = half / np.linalg.norm(half, axis=0).clip(min=1e-6)
    along, seen = (n * half).sum(axis=0).clip(0, 1), (n * views).sum(axis=0).clip(1e-3, 1)
    a2 = roughness**4
    spread = a2 / (np.pi * (along**2 * (a2 - 1) + 1) ** 2)
    masking = sum(other * np.sqrt(this**2 * (1 - a2) + a2) for this, other in ((cosine, seen), (seen, cosine)))
    gloss = np.where(known & (cosine > 0), np.pi * cosine * spread / (2 * np.maximum(masking, 1e-6)), 0)
    return np.stack([cosine, lit.clip(0, 1), gloss]).astype(np.float32)
