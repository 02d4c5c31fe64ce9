# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene needs so that its own renders can be flattened: passes, cryptomatte and multilayer EXR."""

import bpy

from .label_layer import choose, passes
from .label_layer.frames import Refused

NEEDED = ("z", "normal", "diffuse_direct", "diffuse_color", "glossy_direct", "cryptomatte_object")
LEVELS = 6  # of the cryptomatte: objects in a pixel
MAKES_NOTHING = ("BLENDER_WORKBENCH",)


def prepare(scene: bpy.types.Scene) -> list[str]:
    """Switch on what rotonodes reads; returns what was changed, a line each. Raises Refused for an engine that makes no passes."""
    if scene.library:
        raise Refused(f"scene {scene.name} is linked from {scene.library.filepath}: open that file instead")
    if scene.render.engine in MAKES_NOTHING:
        raise Refused(f"{scene.render.engine} makes no DiffDir, Normal or cryptomatte: choose Cycles or EEVEE in the render properties")
    changed = []
    layer = choose.view_layer(scene, None)
    missing = [name for name in NEEDED if not hasattr(layer, f"use_pass_{name}")]
    if missing:
        raise Refused(f"{scene.render.engine} makes no {', '.join(missing)}: choose Cycles, or Exact Tones, which render with it")
    added = [name for name in NEEDED if not getattr(layer, f"use_pass_{name}")]
    for name in added:
        setattr(layer, f"use_pass_{name}", True)
    if added:
        changed.append(f"passes of {layer.name}: {', '.join(added)}")
    if layer.pass_cryptomatte_depth < LEVELS:
        layer.pass_cryptomatte_depth = LEVELS
        changed.append(f"cryptomatte levels: {LEVELS}")
    image = scene.render.image_settings
    before = (image.file_format, image.color_depth, image.exr_codec)
    passes.multilayer(scene)
    if before != (image.file_format, image.color_depth, image.exr_codec):
        changed.append("output: multilayer EXR")
    return changed
