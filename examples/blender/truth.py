# SPDX-License-Identifier: GPL-3.0-or-later
"""View layers that tell the tones of the shapes and the shadow that they throw on the ground, read back as arrays.

`Label` shows the shapes, `Ground` what is not shape, `Bare` what is not shape where there are no shapes: all white, under one hard
sun in the key light's direction. One render call makes them, without bounces, apart from the picture's.
"""

from pathlib import Path

import bpy
import exr
import numpy as np
import tone_rules
from label_layer import keylight, passes
from mathutils import Vector


def aim(scene: bpy.types.Scene, key: bpy.types.Object, shapes: list[bpy.types.Object]) -> Vector:
    """Turn the label sun to where the key light is in the scene's current frame; returns the unit vector towards it."""
    direction = keylight.direction(key, scene.view_layers["Beauty"], shapes)
    passes.shine_from(bpy.data.objects["label_sun"], direction)
    return direction


def render(scene: bpy.types.Scene, frame: int, path: Path) -> dict:
    """Render the truth of a frame to a file; returns its passes, as exr.read does."""
    cycles, used = scene.cycles, {layer: layer.use for layer in scene.view_layers}
    bounces, denoising = cycles.max_bounces, cycles.use_denoising
    cycles.max_bounces, cycles.use_denoising = 0, False  # only direct light is asked for
    try:
        for layer in scene.view_layers:
            layer.use = layer.name in ("Label", passes.GROUND, passes.BARE)
        passes.render_to(scene, frame, path)
    finally:
        cycles.max_bounces, cycles.use_denoising = bounces, denoising
        for layer, use in used.items():
            layer.use = use
    return exr.read(path)


def arrays(layers: dict, direction: Vector, prefix: str = "shape") -> dict[str, np.ndarray]:
    """Labels, normal . light and the share of its light that arrives, of passes with `Label` and, where there is ground, `Ground`.

    All uint8 `[H,W]`: `labels` 0 to 5; `cosine` 255 * (1 + normal . light) / 2, 0 where there is no surface; `lit` 255 * share.
    `prefix` begins the names of shapes in the cryptomatte of `Label`.
    """
    alpha = exr.coverage(layers, "Label", prefix)
    facing = tone_rules.cosine(layers["Label.Normal"], direction)
    labels = tone_rules.shape_tones(layers["Label.DiffDir"], layers["Label.GlossDir"], facing, alpha)
    shape = alpha > tone_rules.COVERAGE
    tone = tone_rules.luminance(layers["Label.DiffDir"]) / np.maximum(alpha, 1e-3)
    surface = shape
    if f"{passes.GROUND}.DiffDir" in layers:
        normal = layers[f"{passes.GROUND}.Normal"]
        flat = tone_rules.cosine(normal, direction)
        lit = tone_rules.luminance(layers[f"{passes.GROUND}.DiffDir"])
        there = np.linalg.norm(normal, axis=-1)
        bare = tone_rules.luminance(layers[f"{passes.BARE}.DiffDir"]) if f"{passes.BARE}.DiffDir" in layers else np.clip(flat, 0, 1)
        labels[tone_rules.ground_shadow(lit, bare, flat, alpha)] = tone_rules.GROUND_SHADOW
        facing, tone = np.where(shape, facing, flat), np.where(shape, tone, lit / np.maximum(1 - alpha, 1e-3))
        surface = shape | (there > 0.25)
    arrives = np.where(facing > 0.02, tone / np.maximum(facing, 0.02), 0).clip(0, 1)
    return {
        "labels": labels,
        "cosine": np.where(surface, np.rint(127.5 * (1 + facing)), 0).clip(0, 255).astype(np.uint8),
        "lit": np.where(surface, np.rint(255 * arrives), 0).astype(np.uint8),
    }
