"""A white surface shaded by the key light of a render alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch

from rotonodes.errors import FrameError
from rotonodes.imaging.mattes.box_means import box_mean
from rotonodes.imaging.passes.camera import camera_rotation
from rotonodes.imaging.passes.key_light import find_key_light
from rotonodes.imaging.passes.light_choice import STRONGEST_ONE, LightChoice
from rotonodes.imaging.passes.light_search import Tried, find_lamp, known_sun
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.imaging.passes.surface import PAINTED, Surface, usable_normals
from rotonodes.imaging.passes.traced_shadow import Lamp, traced_shadow
from rotonodes.values.pixels import Image, Layers

Space = Literal["world", "camera"]
_WAY_OUT = "set normals: camera where they are rendered in camera space"
SHADING = ("KeyLight.Cosine", "KeyLight.Lit", "KeyLight.Gloss")

_FACING = 0.1  # cosine from here on is traced for shadow
_FAINT = 0.04  # cosine at which the lit share has faded to half towards the terminator
_AROUND = (0.2, 0.05)  # sides of the squares that surfaces without diffuse light are compared with, in frame widths
_WEIGHT = 0.05  # share of a square that the guess before it counts for
_GROUND_REACH = 1.0  # how far a shape is taken to reach behind what is seen of it, as a share of its size, for its shadow on the ground

_EDGE, _GROWTHS = 0.012, 5  # frame widths by which rays are wrong about the end of a shadow, and the steps in which it grows


@dataclass(frozen=True)
class KeyPasses:
    """Where in a file the key light is looked for: view layer, stereo view, the space of its normals, and which light it is."""

    passes: Passes
    layer: str = ""
    view: str = ""
    space: Space = "world"
    choice: LightChoice = STRONGEST_ONE

    def first_look(self, layers: Layers, towards: Sequence[float] = ()) -> np.ndarray | None:
        """The direction to the key light by light and normals alone, in the space of the normals; None where there is no light.

        It is `towards` where that is known. Raises FrameError when DiffDir or Normal is missing.
        """
        light, normals = self._light(layers), self._planes(layers, "Normal", 3)
        key = find_key_light(light, usable_normals(normals), towards)
        return None if key is None else key.direction

    def surface(self, layers: Layers, shape: np.ndarray | None = None) -> tuple[Surface, np.ndarray]:
        """The surfaces of a frame, and the rotation from the space of its normals to the camera's, `[3, 3]`.

        `shape` is bool `[H, W]` on the data window. Raises FrameError when DiffDir, Normal or Depth is missing, or when the camera that
        world-space normals need cannot be told.
        """
        light, normals, color = self._light(layers), self._planes(layers, "Normal", 3), self._color(layers)
        (depth,) = self._planes(layers, "Depth", 1)
        rotation = np.eye(3)
        if self.space == "world":
            rotation = camera_rotation(layers, self.passes, self.layer, self.view, _WAY_OUT)
        rotation = rotation.astype(np.float32)
        turned = np.einsum("ij,jhw->ihw", rotation, usable_normals(normals))
        return Surface.of(light, turned, depth, color, shape, self._gloss(layers)), rotation

    def _light(self, layers: Layers) -> np.ndarray:
        """The diffuse light `[3, H, W]` that the key light is looked for in.

        The pass of one lamp holds the colours of surfaces and its gloss too: it is divided by the diffuse colour where there is one.
        """
        if not self.choice.own:
            return self._planes(layers, "DiffDir", 3)
        own, color = self._planes(layers, self.choice.own, 3), self._color(layers)
        return own if color is None else np.where(color > PAINTED, own / np.maximum(color, PAINTED), own)

    def _color(self, layers: Layers) -> np.ndarray | None:
        return self._planes(layers, "DiffCol", 3) if self.passes.has("DiffCol", self.layer, self.view) else None

    def _gloss(self, layers: Layers) -> np.ndarray | None:
        """The glossy light `[3, H, W]`, where it is rendered and is that of the lights that are looked for."""
        there = not self.choice.own and self.passes.has("GlossDir", self.layer, self.view)
        return self._planes(layers, "GlossDir", 3) if there else None

    def _planes(self, layers: Layers, name: str, count: int) -> np.ndarray:
        return pass_planes(layers, self.passes, self.passes.find(name, self.layer, self.view), count)


def light_direction(layers: Layers, where: KeyPasses) -> np.ndarray | None:
    """The direction to the key light of a frame, `[3]`, in the space of the normals; None where no light is found.

    Where no camera can be told, or there is no Depth, shadows are not looked at.
    """
    first = where.first_look(layers)
    if first is None:
        return None
    try:
        surface, rotation = where.surface(layers)
    except FrameError:
        return first
    if not surface.diffuse.any():
        return first
    return np.asarray(rotation.T @ find_lamp(surface, rotation @ first, where.choice.rank).lamp.direction)


@dataclass(frozen=True)
class KeyShading:
    """A surface, the lamp that is its key light, and the roughness of the white surface that it shades."""

    surface: Surface
    found: Tried
    roughness: float

    @classmethod
    def of(
        cls,
        layers: Layers,
        where: KeyPasses,
        roughness: float,
        towards: Sequence[float] | None = None,
        shape: np.ndarray | None = None,
    ) -> KeyShading | None:
        """Of a frame; None where no light is found.

        `towards` is the direction to the light, in the space of the normals, where it is known beside the choice; () is for no light.
        """
        towards = where.choice.towards if towards is None else towards
        first = where.first_look(layers, towards or ()) if towards != () else None
        if first is None:
            return None
        surface, rotation = where.surface(layers, shape)
        if not surface.diffuse.any():  # a few lit pixels, each by itself: nothing that shading could be told from
            return None
        if towards is None:
            return cls(surface, find_lamp(surface, rotation @ first, where.choice.rank), roughness)
        return cls(surface, known_sun(surface, rotation @ np.asarray(towards, np.float32)), roughness)

    @cached_property
    def cosine(self) -> np.ndarray:
        """max(0, normal . light), `[H, W]`."""
        return np.asarray(np.tensordot(self.found.lamp.direction, self.surface.normals, 1).clip(0, 1), dtype=np.float32)

    @cached_property
    def lit(self) -> np.ndarray:
        """The probability that the key light arrives, `[H, W]`; 0 where the surface faces away.

        Surfaces without diffuse light (metal, glass, black) show nothing of it: for them it is what rays say, and how lit the surfaces
        around them are.
        """
        surface, cosine, fit = self.surface, self.cosine, self.found.fit
        blocked = traced_shadow(surface, Lamp(self.found.lamp.direction), cosine > _FACING)
        chance = fit.chance(surface.light, surface.normals, cosine, blocked, surface.diffuse)
        dim = surface.known & ~surface.diffuse & (cosine > 0)
        if dim.any():
            near = self._around(chance, surface.diffuse & (cosine > _FACING) & (blocked < 0.5))
            chance = np.where(dim, near + (np.minimum(fit.lit_blocked, near) - near) * blocked, chance)
        # near the terminator hardly any light arrives anyway
        return np.asarray(np.where(cosine > 0, chance * (1 - np.exp2(-cosine / _FAINT)), 0), dtype=np.float32)

    def _around(self, chance: np.ndarray, told: np.ndarray) -> np.ndarray:
        """How likely the light arrives around each pixel, from the pixels that tell, `[H, W]`."""
        near = np.full(chance.shape, self.found.fit.lit_open, np.float32)
        planes = (chance * told).astype(np.float32), told.astype(np.float32)
        for share in _AROUND:
            reach = max(2, int(share * chance.shape[1]))
            total, count = (_blurred(plane, reach) for plane in planes)
            near = (total + _WEIGHT * near) / (count + _WEIGHT)
        return near

    @property
    def gloss(self) -> np.ndarray:
        """The reflection of a light of irradiance pi from the key light's direction on a white surface, `[H, W]`."""
        return glossy_light(self.found.lamp.direction, self.surface.normals, self.surface.views, self.roughness)

    def ground_shadow(self) -> np.ndarray:
        """Where the shape keeps the key light from what is not shape, bool `[H, W]`: unlit, and a ray to the light meets the shape.

        Rays say whose shadow it is, not where it ends, for they know the shape by its visible side only: around what they find, what is
        unlit belongs to the shadow, too.
        """
        surface = self.surface
        if surface.shape is None:
            return np.zeros(surface.light.shape, bool)
        ground = (self.cosine > _FACING) & ~surface.shape
        unlit = ground & (_mean_within(self.lit, ground) < 0.5)
        found = unlit & (traced_shadow(surface, Lamp(self.found.lamp.direction), unlit, _GROUND_REACH, of_shape=True) > 0.5)
        step = max(1, round(_EDGE * surface.light.shape[1] / _GROWTHS))
        for _ in range(_GROWTHS):
            found = unlit & (box_mean(np.pad(found.astype(np.float32), step), step)[step:-step, step:-step] > 1e-6)
        return found


def _mean_within(plane: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The mean over 3 x 3 px of those pixels of a plane `[H, W]` that are `inside`."""
    total, count = (box_mean(np.pad(one.astype(np.float32), 1), 1)[1:-1, 1:-1] for one in (plane * inside, inside))
    return np.asarray(total / np.maximum(count, 1e-6))


def shading_image(shading: KeyShading | None, layers: Layers) -> Image:
    """The channels `SHADING` as a picture on the data window; 0 where there is no light."""
    if shading is None:
        planes = torch.zeros(3, layers.box.height, layers.box.width)
    else:
        planes = torch.from_numpy(np.stack([shading.cosine, shading.lit, shading.gloss]).astype(np.float32))
    return Image(planes, SHADING, (layers.box.left, layers.box.top), layers.size, layers.metadata)


def _blurred(plane: np.ndarray, reach: int) -> np.ndarray:
    """A plane `[H, W]`, averaged twice over a square of 2 * reach + 1 px; beyond the frame is 0."""
    for _ in range(2):
        plane = box_mean(np.pad(plane, reach), reach)[reach:-reach, reach:-reach]
    return plane


def glossy_light(direction: np.ndarray, normals: np.ndarray, views: np.ndarray, roughness: float) -> np.ndarray:
    """The reflection of a light of irradiance pi from a direction on a surface of this roughness, without colour, `[H, W]`.

    As in a pass GlossDir: the microfacet model with the distribution of Trowbridge and Reitz (GGX) and Smith's masking (Walter et al.,
    "Microfacet Models for Refraction", 2007). `normals` and `views` are unit vectors `[3, H, W]`; 0 where there is no normal.
    """
    cosine = np.tensordot(direction, normals, 1).clip(0, 1)
    half = direction[:, None, None] + views
    half = half / np.linalg.norm(half, axis=0).clip(min=1e-6)
    along, seen = (normals * half).sum(axis=0).clip(0, 1), (normals * views).sum(axis=0).clip(1e-3, 1)
    a2 = roughness**4
    spread = a2 / (np.pi * (along**2 * (a2 - 1) + 1) ** 2)
    masking = sum(other * np.sqrt(this**2 * (1 - a2) + a2) for this, other in ((cosine, seen), (seen, cosine)))
    return np.asarray(np.where(cosine > 0, np.pi * cosine * spread / (2 * np.maximum(masking, 1e-6)), 0))
