# SPDX-License-Identifier: GPL-3.0-or-later
import itertools
import math

import bmesh
import bpy
import paint
import parts

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Knight*", "Sword*", "Shield*"], "Sun", (240, 300), ("Standard", "None")


def loft(rings: list[tuple[float, float, float, float]], sides: int, name: str) -> bpy.types.Object:
    """Flat facets through elliptic rings of (z, radius x, radius y, y), closed at both ends."""
    form, rows = bmesh.new(), []
    for z, rx, ry, y in rings:
        angles = [2 * math.pi * (i + 0.5) / sides for i in range(sides)]
        rows.append([form.verts.new((rx * math.cos(a), y + ry * math.sin(a), z)) for a in angles])
    for low, high in itertools.pairwise(rows):
        for j in range(sides):
            form.faces.new((low[j], low[(j + 1) % sides], high[(j + 1) % sides], high[j]))
    form.faces.new(rows[0][::-1])
    form.faces.new(rows[-1])
    return parts.of_bmesh(form, name, smooth=False)


def knight() -> list[bpy.types.Object]:
    steel, cloth = paint.plain("Steel", (0.45, 0.48, 0.52), 0.5), paint.plain("Cloth", (0.1, 0.15, 0.5), 0.9)
    skin, leather = paint.plain("Skin", (0.75, 0.5, 0.38), 0.8), paint.plain("Leather", (0.25, 0.12, 0.06), 0.8)
    made = [
        kit.named(
            loft([(0.85, 0.2, 0.14, 0), (1.0, 0.22, 0.15, 0), (1.3, 0.28, 0.17, 0), (1.42, 0.16, 0.12, 0)], 8, "torso"),
            "Knight torso",
            steel,
        ),
        kit.named(loft([(0.5, 0.33, 0.24, 0), (0.9, 0.21, 0.15, 0)], 8, "skirt"), "Knight skirt", cloth),
        kit.named(
            loft([(1.44, 0.1, 0.1, 0), (1.5, 0.15, 0.16, 0), (1.66, 0.16, 0.17, 0), (1.72, 0.12, 0.13, 0)], 6, "head"), "Knight head", skin
        ),
        kit.named(loft([(1.58, 0.19, 0.2, 0.01), (1.74, 0.17, 0.18, 0.01), (1.86, 0.06, 0.07, 0.01)], 7, "helm"), "Knight helmet", steel),
        kit.named(
            parts.slab([(0, 0), (0.28, 0.1), (0.3, 0.26), (0.08, 0.2)], 0.04), "Knight plume", paint.plain("Plume", (0.7, 0.05, 0.05), 0.9)
        ),
    ]
    made[-1].location, made[-1].rotation_euler = (0, 0.02, 1.8), (0, 0, math.pi / 2)
    cape = parts.sheet(lambda x, y: 0.08 * math.cos(6 * x) + 0.1 * (0.5 - y), (0.56, 1.0), 6, smooth=False)
    cape.location, cape.rotation_euler = (0, 0.26, 0.92), (math.pi / 2 - 0.12, 0, 0)
    made.append(kit.named(cape, "Knight cape", paint.plain("Cape", (0.6, 0.06, 0.05), 0.9)))
    for x, knee, foot in ((-1, (-0.13, -0.18, 0.46), (-0.13, -0.06, 0.07)), (1, (0.13, 0.02, 0.44), (0.13, 0.26, 0.1))):
        made += kit.all_named(
            [parts.rod((x * 0.12, 0, 0.85), knee, 0.11, 0.08, 6, smooth=False), parts.rod(knee, foot, 0.085, 0.06, 6, smooth=False)],
            "Knight leg",
            leather,
        )
        made.append(kit.named(parts.box((0.13, 0.3, 0.11), (foot[0], foot[1] - 0.06, foot[2] - 0.015)), "Knight boot", steel))
        made.append(kit.named(parts.ico(0.15, (x * 0.32, 0, 1.36), 1), "Knight shoulder", steel))
    for start, elbow, hand in (
        ((-0.34, 0, 1.33), (-0.45, -0.12, 1.08), (-0.38, -0.42, 1.1)),
        ((0.34, 0, 1.33), (0.48, 0.05, 1.1), (0.5, -0.24, 1.0)),
    ):
        made += kit.all_named(
            [parts.rod(start, elbow, 0.075, 0.06, 6, smooth=False), parts.rod(elbow, hand, 0.065, 0.05, 6, smooth=False)],
            "Knight arm",
            cloth,
        )
        made.append(kit.named(parts.ico(0.075, hand, 1), "Knight hand", leather))
    blade = parts.slab([(0, 0.1), (0.05, 0.15), (0.045, 0.85), (0, 0.98), (-0.045, 0.85), (-0.05, 0.15)], 0.025)
    guard, grip = parts.box((0.26, 0.05, 0.04), (0, 0, 0.1)), parts.rod((0, 0, -0.1), (0, 0, 0.1), 0.025, sides=6, smooth=False)
    sword = [
        kit.named(blade, "Sword blade", paint.plain("Blade", (0.8, 0.82, 0.85), 0.2, Metallic=1.0)),
        *kit.all_named([guard, grip], "Sword hilt", leather),
    ]
    made.append(kit.hang(sword, "Sword place", (-0.38, -0.42, 1.1), (0.5, -0.3, 0)))
    shield = parts.slab([(-0.24, 0.3), (0, 0.34), (0.24, 0.3), (0.22, -0.1), (0, -0.36), (-0.22, -0.1)], 0.04)
    shield.location, shield.rotation_euler = (0.5, -0.32, 1.02), (0.1, 0, 0.25)
    made.append(kit.named(shield, "Shield", paint.plain("Shield", (0.75, 0.6, 0.1), 0.6)))
    return made


def build() -> None:
    """A low-poly knight of flat colours who steps forward on a grass tile, under a sun and an even sky."""
    kit.empty(4)
    kit.keyed(kit.hang(knight(), "Knight place", turn=(0, 0, 0.35)), "location", (0, 0.08, 0), (0.03, -0.08, 0))
    grass = paint.plain("Grass", (0.18, 0.4, 0.08), 0.95)
    kit.named(parts.rod((0, 0, -0.3), (0, 0, 0), 1.2, sides=6, smooth=False), "Tile", grass)
    kit.all_named(
        [parts.ico(0.14, (0.8, 0.5, 0.02), 1), parts.ico(0.1, (-0.75, 0.6, 0.0), 1)], "Stone", paint.plain("Stone", (0.4, 0.4, 0.42), 0.9)
    )
    kit.lamp("SUN", "Sun", (0, 0, 4), 3.2, (1.6, 2.0, 1.9), 1, (1, 0.96, 0.9))
    kit.world((0.45, 0.62, 0.7), 0.55)
    kit.camera((0.9, -4.3, 1.9), (0.6, -4.35, 1.9), (0, 0, 0.9), 52)
