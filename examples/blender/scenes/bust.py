# SPDX-License-Identifier: GPL-3.0-or-later
import itertools
import math
from random import Random

import bmesh
import bpy
import paint
import parts
import shapes
from mathutils import Vector

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Bust*"], "Key", (240, 300), ("Filmic", "Medium High Contrast")

# balls of a metaball head: place, radius, stretch
FLESH = (
    ((0, 0.03, 0.12), 0.62, (1, 1.15, 1.05)), ((0, -0.14, -0.22), 0.42, (1, 1, 1.1)), ((0, -0.3, -0.42), 0.22, (1.1, 0.9, 0.8)),
    ((-0.2, -0.32, -0.1), 0.2, (1, 0.8, 0.8)), ((0.2, -0.32, -0.1), 0.2, (1, 0.8, 0.8)), ((0, -0.46, -0.04), 0.12, (0.7, 1, 1.4)),
    ((0, -0.54, -0.13), 0.12, (1, 1, 0.8)), ((0, -0.42, -0.27), 0.15, (1.4, 0.8, 0.45)), ((0, -0.4, 0.13), 0.2, (1.8, 0.6, 0.5)),
    ((-0.5, 0.06, -0.08), 0.15, (0.5, 1, 1.4)), ((0.5, 0.06, -0.08), 0.15, (0.5, 1, 1.4)), ((0, 0.1, -0.6), 0.38, (1, 1, 1.4)),
    ((0, 0.12, -0.95), 0.42, (1.4, 1, 0.8)), ((-0.42, 0.12, -1.05), 0.36, (1.3, 0.9, 0.7)), ((0.42, 0.12, -1.05), 0.36, (1.3, 0.9, 0.7)),
    ((0, 0.0, -1.2), 0.5, (1.3, 0.8, 0.7)),
)  # fmt: skip


def head() -> bpy.types.Object:
    data = bpy.data.metaballs.new("head")
    data.resolution = data.render_resolution = 0.05
    for place, radius, stretch in FLESH:
        ball = data.elements.new(type="ELLIPSOID")
        ball.co, ball.radius, ball.stiffness = place, radius * 1.25, 3
        ball.size_x, ball.size_y, ball.size_z = (x * 0.9 for x in stretch)
    obj = shapes.mesh_of(data, "head")
    smooth = obj.modifiers.new("smooth", "CORRECTIVE_SMOOTH")
    smooth.iterations, smooth.use_only_smooth = 4, True
    return parts.subdivided(obj, 1)


def hair(rng: Random) -> bpy.types.Object:
    """Locks as narrow strips that fall from the crown to both sides."""
    form = bmesh.new()
    for _ in range(420):
        around, up = rng.uniform(-2.4, 2.4) + math.pi / 2, rng.uniform(0.15, 1.5)
        out = Vector((math.cos(around) * math.cos(up), math.sin(around) * math.cos(up), math.sin(up)))
        along = out.cross(Vector((0, 0, 1)))
        across = along.normalized() * 0.022 if along.length > 1e-3 else Vector((0.022, 0, 0))
        row, long = [], rng.uniform(0.3, 0.62)
        for i in range(7):
            t = i / 6
            at = (
                Vector((0, 0.06, 0.14))
                + Vector((out.x * 0.62, out.y * 0.72, out.z * 0.66)) * (1 + 0.07 * math.sin(3 * t) + rng.uniform(0, 0.01))
                + Vector((0, 0.05 * t, -long * t**1.4))
            )
            row.append([form.verts.new(at + side * across * (1 - 0.7 * t)) for side in (-1, 1)])
        for low, high in itertools.pairwise(row):
            form.faces.new((low[0], low[1], high[1], high[0]))
    return parts.of_bmesh(form, "hair", smooth=True)


def build() -> None:
    """A bust of a head with soft skin, eyes and hair in locks, by a near key lamp, a fill and a rim light; it turns a little."""
    kit.empty(8)
    skin = paint.plain("Skin", (0.8, 0.5, 0.38), 0.45, Subsurface_Weight=1.0, Subsurface_Scale=0.08)
    face = kit.named(head(), "Bust", skin)
    made = [face]
    for x in (-1, 1):
        made.append(
            kit.named(
                parts.ball(0.085, (x * 0.2, -0.435, 0.03), segments=32),
                "Bust eye",
                paint.plain("White", (0.85, 0.83, 0.8), 0.15, Coat_Weight=1.0),
            )
        )
        made.append(
            kit.named(parts.ball(0.045, (x * 0.2, -0.498, 0.03), (1, 0.6, 1), 32), "Bust iris", paint.plain("Iris", (0.05, 0.1, 0.15), 0.1))
        )
    made.append(kit.named(hair(Random(7)), "Bust hair", paint.plain("Hair", (0.1, 0.05, 0.025), 0.35)))
    kit.keyed(kit.hang(made, "Bust place", (0, 0, 1.5)), "rotation_euler", (0, 0, -0.25), (0.03, 0, 0.05))
    kit.named(parts.rod((0, 0.05, -0.4), (0, 0.05, 0.12), 0.62, 0.5, 64), "Socle", paint.plain("Marble", (0.6, 0.58, 0.55), 0.3))
    kit.wall((14, 14), (0, 3, 1), (math.pi / 2, 0, 0), "Backdrop", paint.plain("Grey", (0.3, 0.28, 0.27), 0.95))
    kit.lamp("AREA", "Key", (-1.6, -1.9, 2.6), 70, (0, 0, 1.4), 0.5, (1, 0.93, 0.85))
    kit.lamp("AREA", "Fill", (2.2, -1.8, 1.4), 14, (0, 0, 1.4), 1.4, (0.8, 0.88, 1))
    kit.lamp("SPOT", "Rim", (1.4, 2.2, 2.9), 160, (0, 0, 1.5), 0.15, spot_size=0.8)
    kit.world((0.04, 0.04, 0.05))
    kit.camera((0.3, -4.4, 1.5), (0.15, -4.4, 1.5), (0, 0, 1.18), 55)
