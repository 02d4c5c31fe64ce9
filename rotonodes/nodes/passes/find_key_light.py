"""FindKeyLight: the key light of a multipass frame, and a white surface shaded by it."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import field_validator

from rotonodes.imaging.passes.light_choice import HELP, STRONGEST, Choice, LightChoice, usable_choice
from rotonodes.imaging.passes.names import Passes
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Layers
from rotonodes.values.tones import LightDirection


class FindKeyLight(Node):
    """Find the key light in the passes of a render.

    The strongest light of a frame is found in its diffuse light, its gloss where that is rendered, its normals and the shadows of its
    surfaces, and a white surface is shaded by it alone.

    The channels are Cosine (of the angle between normal and light, 0 where a surface faces away), Lit (how certainly the light
    arrives, 0 in shadow to 1) and Gloss (the reflection of the light on a half-rough surface, without its colour). None holds paint,
    textures or other lights, so thresholds on them, or a network that gets them, can tell tones. Shadow is told by the diffuse light
    and by rays through the depth buffer towards the light; metal, glass and black, which have no diffuse light (DiffCol tells them
    where it is rendered), by rays and by the surfaces around them. Sky is 0 in all three, and so is a frame where no light is
    found. Each frame is measured by itself, unless the `light` of the whole shot is linked (MeasureKeyLight), which goes before the
    parameter.
    """

    # 1: shadows by rays too; no metal in shadow; 2: more spellings of passes; 3: gloss is looked at; 4: near lamps at any distance;
    # 5: small lit areas
    revision: ClassVar[int] = 5

    layer: str = param("", help="view layer of the passes DiffDir, Normal and Depth; empty: the first")
    view: str = param("", help="stereo view (left, right); empty: the hero view")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")
    roughness: float = param(0.35, help="roughness of the surface whose gloss is computed, 0.05 nearly polished to 1 matt", ge=0.05, le=1)

    normals: Literal["world", "camera"] = param("world", help="space of the file's normals; camera needs no camera to be known", added=True)
    light: Choice = param(
        STRONGEST, help=f"which light: {HELP}; or a direction [x, y, z] in the normals' space", added=True, examples=[2, 1]
    )

    _light_is_one = field_validator("light")(usable_choice)

    def pixel_reach(self) -> float:
        return math.inf  # the light is that of the whole frame

    def process(self, layers: Layers, light: LightDirection | None = None) -> Image:
        from rotonodes.imaging.passes.key_shading import KeyPasses, KeyShading, shading_image

        where = KeyPasses(Passes.of(layers, self.names), self.layer, self.view, self.normals, LightChoice.of(self.light))
        shading = KeyShading.of(layers, where, self.roughness, None if light is None else light.known)
        return shading_image(shading, layers)
