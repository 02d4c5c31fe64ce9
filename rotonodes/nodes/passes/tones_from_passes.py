"""TonesFromPasses: the classes of tones of a rendered frame, from its passes instead of by a network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator

from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.imaging.passes.light_choice import HELP, Choice, LightChoice, usable_choice
from rotonodes.imaging.passes.names import Passes
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS, SIX_CLASSES, SIX_COLORS, LightDirection

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.imaging.passes.tone_labels import LightRules


GROUND, BARE = "Ground", "Bare"  # view layers of what is not shape, with and without the shapes

Found = tuple["Tensor", "Tensor", "Tensor | None"]


class TonesFromPasses(Node):
    """Label tones from the passes of a render.

    Networks are trained and measured with such labels.

    `light` reads a second view layer of white shapes under one hard light; where the header notes `key_directions`, objects have
    directions of their own. `key` applies the same rules to any render: it finds the key light in DiffDir, Normal and Depth, as
    FindKeyLight does (with DiffCol it knows metal and glass); linked to `direction` (MeasureKeyLight), one light serves the whole
    shot. `cinema4d` compares material colour, illumination, shadow and specular passes with thresholds in 8-bit codes; for Blender's
    speculars set `illum` 166 and `specular` 108. Without a linked matte the shape is `objects` in the cryptomatte (`light`, `key`),
    or where the material colour is neither black nor white (`cinema4d`). Passes are unpremultiplied by the matte, so that soft edges
    keep their tone.

    With `ground` the shadow that shapes throw on everything else is a sixth class, ground_shadow. `light` reads it from the view layers
    `Ground` (what is not shape, with the shapes' shadows) and `Bare` (the same without the shapes); `key` finds it where a surface
    is not lit and a ray to the key light meets the shape; with `cinema4d` it is the cast shadow outside of the shape.
    """

    # 1: key: shadows by rays too; metal and glass are no shadow; 2: more spellings of passes; 3: key: edges of the ground's shadow;
    # 4: key: gloss is looked at; 5: near lamps at any distance, fill that few surfaces show; 6: key: small lit areas
    revision: ClassVar[int] = 6

    recipe: Literal["light", "key", "cinema4d"] = param(
        "light", help="light: a label view layer; key: the key light of any render; cinema4d: thresholds on its passes"
    )
    layer: str = param("", help="key, cinema4d: view layer to read; empty: the first")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")
    # Half-covered pixels are outside; in an 8-bit matte they are 128 / 255.
    coverage: float = param(0.505, ge=0, lt=1, help="matte value above which a pixel belongs to the shape")
    clean: bool | None = param(None, help="replacement of stray pixels by the class around them; default: on, but off with cinema4d")

    ground: bool = param(False, added=True, help="label the shadows that shapes throw on what is not shape, as ground_shadow")

    label_layer: str = param("Label", help="light: view layer of white shapes under the label light")
    objects: str | list[str] = param("shape*", help="light, key: names of the shapes in the cryptomatte, wildcards allowed")
    cryptomatte: str = param("object", help="light, key: kind of the cryptomatte: object, material, asset, or its own name")
    light: Choice | None = param(
        None,
        help="light, key: direction to the light in the normals' space; default: key_direction in the header, or the light found; "
        f"key also: {HELP}",
    )
    form: float = param(0.38, ge=0, help="light, key: lit luminance below which form shadow begins", unit="linear")
    cast: float = param(0.5, ge=0, help="light, key: share of normal . light below which a pixel is in cast shadow")
    facing: float = param(0.15, ge=0, le=1, help="light, key: least normal . light for a cast shadow")
    gloss: float = param(0.30, ge=0, help="light, key: glossy luminance above which highlight begins", unit="linear")

    roughness: float = param(
        0.35, ge=0.05, le=1, help="key: roughness of the surface whose gloss makes highlights, 0.05 polished to 1 matt"
    )
    median: int = param(3, ge=1, le=31, help="key: side of the median that removes noise from shadows; 1 is off", unit="px")

    normals: Literal["world", "camera"] = param("world", help="key: space of the file's normals", added=True)

    object_pass: str = param("", help="cinema4d: pass with the shape's coverage (object_1); empty: the material colour decides")
    encoding: Literal["auto", "linear", "raw"] = param(
        "auto", help="cinema4d: encoding of the passes: raw (codes / 255) or linear (encoded as sRGB first); auto: EXR linear, others raw"
    )
    illum: int = param(100, ge=0, le=256, help="cinema4d: form shadow where the illumination's r, g and b are below this", unit="code")
    shadow: int = param(210, ge=0, le=256, help="cinema4d: cast shadow where r, g or b of the shadow pass is below this", unit="code")
    specular: int = param(20, ge=0, le=256, help="cinema4d: highlight where r, g or b of the speculars reaches this", unit="code")
    black: tuple[int, int, int] = param((1, 5, 5), help="cinema4d: no object where the material colour is below this r, g, b", unit="code")
    white: int = param(210, ge=0, le=256, help="cinema4d: no object where r, g and b of the material colour reach this", unit="code")

    _light_is_one = field_validator("light")(usable_choice)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.recipe == "light" and LightChoice.of(self.light) != LightChoice() and isinstance(self.light, int | str):
            yield f"light: {self.light} is for the recipe key; the recipe light takes a direction [x, y, z]"

    def pixel_reach(self) -> float:
        return math.inf if self.recipe == "key" else 2.0  # the light of the whole frame, else the pixels around a stray one

    def process(self, layers: Layers, matte: Matte | None = None, direction: LightDirection | None = None) -> Labels:
        from rotonodes.imaging.passes.tone_labels import BACKGROUND, CAST_SHADOW, with_ground, without_strays

        passes = Passes.of(layers, self.names)
        if self.recipe == "key":
            labels, shape, ground = self._key(layers, passes, matte, None if direction is None else direction.known)
        else:
            labels, shape, ground = {"light": self._light, "cinema4d": self._cinema4d}[self.recipe](layers, passes, matte)
        if ground is None:  # cinema4d: the shadow pass knows no shape
            ground = labels == CAST_SHADOW
        if self.recipe != "cinema4d" or self.ground:
            labels[~shape] = BACKGROUND
        clean = self.recipe != "cinema4d" if self.clean is None else self.clean
        if clean:
            labels = without_strays(labels, shape)
        if not self.ground:
            return Labels(labels, CLASSES, COLORS)
        return Labels(with_ground(labels, ground, shape, clean), SIX_CLASSES, SIX_COLORS)

    def _light(self, layers: Layers, passes: Passes, matte: Matte | None) -> Found:
        """Labels, where the shape is, and where the ground's shadow is, all `[H, W]`."""
        import torch

        from rotonodes.imaging.passes.tone_labels import header_light, label_layer_ground, label_layer_tones, planes_on_frame

        alpha = self._coverage(layers, matte, self.label_layer)
        diffuse, glossy, normal = (planes_on_frame(layers, passes.find(n, self.label_layer)) for n in ("DiffDir", "GlossDir", "Normal"))
        towards = torch.tensor(LightChoice.of(self.light).towards or header_light(layers))
        labels = label_layer_tones(diffuse, glossy, normal, self._own_lights(layers, towards.view(3, 1, 1)), alpha, self._rules())
        shape = alpha > self.coverage
        if not self.ground:
            return labels, shape, torch.zeros_like(shape)
        lit, flat = (planes_on_frame(layers, passes.find(name, GROUND)) for name in ("DiffDir", "Normal"))
        bare = planes_on_frame(layers, passes.find("DiffDir", BARE)) if BARE in passes.layers else None
        return labels, shape, label_layer_ground(lit, bare, flat, towards, alpha, self._rules())

    def _own_lights(self, layers: Layers, towards: Tensor) -> Tensor:
        """The direction to the label light in each pixel `[3, H, W]`, where the header says that it stands close; else `towards`."""
        import torch

        from rotonodes.imaging.passes.tone_labels import coverage_of, object_lights

        lights = object_lights(layers) if self.light is None else []
        if not lights:
            return towards
        crypto = find_cryptomatte(layers, self.cryptomatte, self.label_layer)
        most = torch.full((layers.size[1], layers.size[0]), 0.0)
        for direction, names in lights:
            known = [name for name in names if crypto.ids is None or name in crypto.ids]
            if known:
                covered = coverage_of(decode_matte(layers, crypto, known), layers)
                towards = torch.where(covered > most, torch.tensor(direction).view(3, 1, 1), towards)
                most = torch.maximum(most, covered)
        return towards

    def _key(self, layers: Layers, passes: Passes, matte: Matte | None, towards: tuple[float, ...] | None) -> Found:
        """Labels, where the shape is, and where the ground's shadow is, all `[H, W]`; `towards` a direction to the light that is linked."""
        import torch

        from rotonodes.imaging.passes.key_shading import KeyPasses, KeyShading, shading_image
        from rotonodes.imaging.passes.tone_labels import key_light_tones
        from rotonodes.values.pixels import Box, cut

        shape = self._coverage(layers, matte, self.layer) > self.coverage
        where = KeyPasses(passes, self.layer, "", self.normals, LightChoice.of(self.light))
        frame = Box(0, 0, *layers.size)
        shading = KeyShading.of(layers, where, self.roughness, towards, cut(shape, frame, layers.box).numpy())
        ground = torch.zeros_like(shape)
        if self.ground and shading is not None:
            ground = cut(torch.from_numpy(shading.ground_shadow()), layers.box, frame)
        return key_light_tones(shading_image(shading, layers).on_frame().data, self.median, self._rules()), shape, ground

    def _cinema4d(self, layers: Layers, passes: Passes, matte: Matte | None) -> Found:
        """Labels, where the shape is, and where the ground's shadow is, all `[H, W]`."""
        from rotonodes.imaging.passes.tone_labels import CodePasses, CodeRules, code_tones, coverage_of, named_coverage, pass_codes

        linear = self.encoding == "linear" or (self.encoding == "auto" and layers.path.lower().endswith(".exr"))
        found = (passes.find(name, self.layer) for name in ("MatColor", "Illum", "Shadow", "Specular"))
        codes = CodePasses(*(pass_codes(layers, one, linear) for one in found))
        alpha = coverage_of(matte, layers) if matte is not None else None
        if alpha is None and self.object_pass:
            alpha = named_coverage(layers, passes, self.object_pass, self.layer)
        rules = CodeRules(self.illum, self.shadow, self.specular, self.black, self.white)
        return *code_tones(codes, alpha, self.coverage, rules), None

    def _coverage(self, layers: Layers, matte: Matte | None, layer: str) -> Tensor:
        """The shape's coverage `[H, W]`: the linked matte, else `objects` in the cryptomatte."""
        from rotonodes.imaging.passes.tone_labels import coverage_of

        if matte is None:
            matte = decode_matte(layers, find_cryptomatte(layers, self.cryptomatte, layer), self.objects)
        return coverage_of(matte, layers)

    def _rules(self) -> LightRules:
        from rotonodes.imaging.passes.tone_labels import LightRules

        return LightRules(self.form, self.cast, self.facing, self.gloss)
