# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a camera see shapes that are lit and shadowed? Told by casting rays, which is far cheaper than a render."""

import math

import bpy
from mathutils import Vector

ROWS = 24
LIT = 0.38  # the label's luminance between form shadow and midtone
FACING = 0.15  # cast shadow falls only where normal . light is above this
LIFT = 1e-3  # start of a shadow ray above its surface


def shares(scene: bpy.types.Scene, key: Vector, frame: int, reach: float = math.inf) -> dict[str, float]:
    """Shares of the frame that shapes, lit tones, form shadow and cast shadow take, and of its border that shapes take.

    Shadow rays end after `reach`: what is behind a lamp throws no shadow.
    """
    scene.frame_set(frame)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    camera = scene.camera
    corners = [camera.matrix_world.to_3x3() @ corner for corner in camera.data.view_frame(scene=scene)]
    right_top, right_bottom, left_bottom, left_top = corners
    start = camera.matrix_world.translation
    counts = dict.fromkeys(("shape", "lit", "form_shadow", "cast_shadow", "border"), 0)
    for row in range(ROWS):
        for column in range(ROWS):
            x, y = (column + 0.5) / ROWS, (row + 0.5) / ROWS
            top, bottom = left_top.lerp(right_top, x), left_bottom.lerp(right_bottom, x)
            towards = top.lerp(bottom, y).normalized()
            hit, place, normal, _, obj, _ = scene.ray_cast(depsgraph, start, towards)
            if not hit or not obj.name.startswith("shape"):
                continue
            counts["shape"] += 1
            counts["border"] += row in (0, ROWS - 1) or column in (0, ROWS - 1)
            normal = normal if normal.dot(towards) < 0 else -normal
            facing = normal.dot(key)
            shadowed = facing > FACING and scene.ray_cast(depsgraph, place + LIFT * normal, key, distance=min(reach, 1e6))[0]
            counts["cast_shadow" if shadowed else "lit" if facing > LIT else "form_shadow"] += 1
    total = dict.fromkeys(counts, ROWS**2) | {"border": 4 * ROWS - 4}
    return {name: count / total[name] for name, count in counts.items()}


def well_framed(found: dict[str, float], wants_cast: bool) -> bool:
    """The shapes fill the frame neither barely nor wholly, and there are tones to tell apart."""
    enough = found["lit"] > 0.03 and found["form_shadow"] > 0.015
    return 0.1 < found["shape"] < 0.8 and found["border"] < 0.5 and enough and (found["cast_shadow"] > 0.01 or not wants_cast)


def usable(found: dict[str, float], wants_cast: bool, loose: bool) -> bool:
    """As `well_framed`, for scenes such as people build: shapes may be small, and a `loose` one may be all in shadow."""
    if not (0.04 < found["shape"] < 0.85 and found["border"] < 0.6):
        return False
    return loose or (found["lit"] > 0.012 and found["form_shadow"] > 0.008 and (found["cast_shadow"] > 0.004 or not wants_cast))
