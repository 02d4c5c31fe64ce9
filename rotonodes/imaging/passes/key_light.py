"""The key light of a render, found from its diffuse light and its normals, and a white surface shaded by it alone.

Neither pass holds textures, so the fit is one of geometry: a white surface under one directional light and a fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from rotonodes.imaging.passes.camera import camera_rotation, find_lens
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.values.color import LUMINANCE
from rotonodes.values.pixels import Image, Layers

Space = Literal["world", "camera"]
_WAY_OUT = "set normals: camera where they are rendered in camera space"
SHADING = ("KeyLight.Cosine", "KeyLight.Lit", "KeyLight.Gloss")

_FEWEST = 50  # pixels that a light can be found from
_CELLS = 8  # cells per unit of a normal: pixels of a crowded cell weigh less, or a floor would outvote the shapes on it
_SAMPLES = (300, 1000)  # pixels used: for all directions, and around the best
_TURNS = ((0.12, 60), (0.06, 40), (0.03, 40), (0.015, 30))  # (spread in radians, directions tried) around the best so far
_FILL_LAST = 0.3  # regularisation of b, beside weights of 7 to 43 per pixel
_BRIGHTEST = 1e6  # light from here on is a fault of the render
_LONGEST = 2.0  # bound of a normal's components: unit vectors, mixed in half precision
_ROUNDS = 5  # rounds of reweighting
_EXACT = 0.02  # residuals below this share of the brightest light have equal weight
_FAINTEST = 0.05  # least strength of a key light, as a share of the brightest pixels
_AGREE = 15  # degrees between directions of one light in two frames
_ABOVE = 0.85  # weight of a pixel brighter than the fit, against 0.15 of a darker one, which may lie in shadow


@dataclass(frozen=True)
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
    length = _lengths(normals).ravel()
    luminance = _luminance(light).ravel()
    known = (length > 0.9) & np.isfinite(luminance) & (luminance > 1e-3) & (luminance < _BRIGHTEST)
    if known.sum() < _FEWEST:
        return None
    luminance, facing = luminance[known], (normals.reshape(3, -1)[:, known] / length[known]).T.astype(np.float32)
    scale = float(np.percentile(luminance, 95))
    random = np.random.default_rng(0)  # the same pixels every time for the same frame
    chances = _chances(facing)
    few, many = (random.choice(len(facing), min(n, len(facing)), p=chances) for n in _SAMPLES)
    if len(towards):
        known_one = np.array([towards], np.float64)
        _, found = _fit(known_one, facing[many], luminance[many] / scale, fill=True)
        terms = found[0]
        return KeyLight(known_one[0].astype(np.float32), max(float(terms[-1]), _FAINTEST) * scale, terms[:4].astype(np.float32) * scale)
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


def _lengths(normals: np.ndarray) -> np.ndarray:
    """The lengths of normals `[3, H, W]`, 0 for those that are none: longer than 2, infinite, or NaN."""
    inside = (abs(normals) <= _LONGEST).all(axis=0)  # false for NaN
    return np.where(inside, np.linalg.norm(np.where(inside, normals, 0), axis=0), 0)


def _luminance(light: np.ndarray) -> np.ndarray:
    """`[3, H, W]` -> `[H, W]`; infinite where a channel is."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinity minus infinity is NaN, and no light
        return np.asarray(np.tensordot(np.array(LUMINANCE, dtype=np.float32), light, 1))


def _chances(normals: np.ndarray) -> np.ndarray:
    """Sampling probability of each pixel's normal `[N, 3]`: lower, the more other pixels have that normal."""
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
    """Misfit and terms (a, b, s: five numbers) for each direction; 1 is added to the misfit where the light would be faint or negative."""
    cosine = np.maximum(directions @ normals.T, 0)[..., None]
    others = np.concatenate([np.ones((len(normals), 1)), normals if fill else np.empty((len(normals), 0))], axis=1)
    terms = np.concatenate([np.broadcast_to(others, (len(directions), *others.shape)), cosine], axis=2)
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
    full = np.zeros((len(directions), 5))
    full[:, : terms.shape[2] - 1], full[:, -1] = found[:, :-1, 0], strength
    return np.where(strength < _FAINTEST, misfit + 1, misfit), full


def key_light_shading(
    layers: Layers, passes: Passes, layer: str, view: str, roughness: float, space: Space = "world", towards: Sequence[float] | None = None
) -> Image:
    """Shading by the key light of a view layer, as a picture with the channels `SHADING` on the data window; 0 where no light is found.

    Reads DiffDir, Depth, and Normal in world or camera `space`. Raises FrameError when one is missing, or when the camera that world-space
    normals need cannot be told. `towards` is the direction to the light where it is known; () is for a shot without light.
    """
    light, normals = (pass_planes(layers, passes, passes.find(name, layer, view), 3) for name in ("DiffDir", "Normal"))
    (depth,) = pass_planes(layers, passes, passes.find("Depth", layer, view), 1)
    normals = usable_normals(normals)
    key = None if towards == () else find_key_light(light, normals, towards or ())
    if key is None:
        shading = np.zeros_like(light)
    else:
        rotation = np.eye(3) if space == "camera" else camera_rotation(layers, passes, layer, view, _WAY_OUT)
        rotation = rotation.astype(np.float32)
        views = find_views(depth, np.einsum("ij,jhw->ihw", rotation, normals))
        shading = shade(key, light, normals, np.einsum("ji,jhw->ihw", rotation, views), roughness)
    return Image(torch.from_numpy(shading), SHADING, (layers.box.left, layers.box.top), layers.size, layers.metadata)


def usable_normals(normals: np.ndarray) -> np.ndarray:
    """Normals `[3, H, W]` with 0 where one is not finite or longer than a unit vector can be, so that a bad pixel stays one pixel."""
    usable = np.isfinite(normals).all(0) & (np.abs(normals) <= 2).all(0)
    return normals if usable.all() else np.where(usable, normals, np.float32(0))


def light_direction(layers: Layers, passes: Passes, layer: str, view: str) -> np.ndarray | None:
    """The direction to the key light of a frame, `[3]`, in the space of the normals; None where no light is found."""
    light, normals = (pass_planes(layers, passes, passes.find(name, layer, view), 3) for name in ("DiffDir", "Normal"))
    key = find_key_light(light, usable_normals(normals))
    return None if key is None else key.direction


def find_views(depth: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Unit vectors towards the camera, float32 `[3, H, W]`, from planar depth `[H, W]` and normals in camera space `[3, H, W]`.

    Where the focal length cannot be told, all vectors point straight out of the picture, as in an orthographic one.
    """
    height, width = depth.shape
    lens = find_lens(depth, normals) or np.inf
    x = (np.arange(width) + 0.5 - width / 2) / width
    y = (height / 2 - np.arange(height) - 0.5) / width
    views = np.stack(np.broadcast_arrays(-x[None, :] / lens, -y[:, None] / lens, 1.0))
    return np.asarray(views / np.linalg.norm(views, axis=0), dtype=np.float32)


def shade(key: KeyLight, light: np.ndarray, normals: np.ndarray, views: np.ndarray, roughness: float) -> np.ndarray:
    """Shading by the key light, float32 `[3, H, W]`: cosine, lit, gloss.

    cosine is max(0, n . l). lit is the share of the light that arrives, 0 (shadow) to 1: measured light minus fill, over the expected
    light; 0 where the surface faces away. gloss is the reflection of a light of irradiance pi on a surface of this roughness, without
    colour, as in a pass GlossDir: the microfacet model with the distribution of Trowbridge and Reitz (GGX) and Smith's masking
    (Walter et al., "Microfacet Models for Refraction", 2007).
    """
    length = _lengths(normals)
    known = length > 0.5
    n = np.where(known, normals, 0) / np.where(known, length, 1)
    cosine = np.where(known, np.tensordot(key.direction, n, 1), 0).clip(0, 1)
    luminance = _luminance(light)
    luminance = np.where(abs(luminance) < _BRIGHTEST, luminance, 0)  # false for NaN
    others = np.maximum(key.fill[0] + np.tensordot(key.fill[1:], n, 1), 0)
    # near the terminator the quotient is mostly noise: the lower limit fades it out there
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
