# SPDX-License-Identifier: GPL-3.0-or-later
import math

import bpy
import paint
import parts

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Mug*", "Pot*", "Leaf*", "Soil", "Letter*"], "Key", (320, 240), ("Filmic", "Medium High Contrast")


def letters() -> None:
    brass = paint.plain("Brass", (0.95, 0.7, 0.3), 0.18, Metallic=1.0)
    for index, letter in enumerate("TEA"):
        data = bpy.data.curves.new(f"Letter {letter}", "FONT")
        data.body, data.extrude, data.bevel_depth, data.size = letter, 0.035, 0.008, 0.34
        obj = bpy.data.objects.new(f"Letter {letter}", data)
        bpy.context.scene.collection.objects.link(obj)
        obj.location, obj.rotation_euler = (-0.75 + 0.24 * index, -0.42 + 0.03 * index, 0.002), (math.pi / 2, 0, 0.12)
        data.materials.append(brass)


def plant() -> None:
    clay, leaf = paint.plain("Clay", (0.55, 0.22, 0.12), 0.8), paint.plain("Leaf", (0.08, 0.3, 0.06), 0.35, Subsurface_Weight=0.3)
    pot = parts.vessel([(0, 0), (0.15, 0), (0.2, 0.26), (0.24, 0.26), (0.24, 0.33)], 0.025)
    kit.named(pot, "Pot", clay).location = (-0.35, 0.35, 0)
    soil = parts.rod((-0.35, 0.35, 0.24), (-0.35, 0.35, 0.29), 0.2)
    kit.named(soil, "Soil", paint.plain("Soil", (0.05, 0.03, 0.02), 1.0))
    for index in range(11):
        turn, lean = index * 2.4, 0.35 + 0.09 * index
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=2, y_subdivisions=8, size=1)
        blade = bpy.context.active_object
        for vertex in blade.data.vertices:
            t = vertex.co.y + 0.5
            wide = 0.16 * math.sin(math.pi * min(t + 0.06, 1)) * (1.0 if abs(vertex.co.x) > 0.1 else 0.0)
            x = math.copysign(wide, vertex.co.x) / 2
            vertex.co = (x, 0.5 * t * math.sin(lean * t * 1.6), 0.5 * t * math.cos(lean * t * 1.3) + 0.15 * abs(x))
        parts.subdivided(blade, 1)
        blade.location, blade.rotation_euler = (-0.35, 0.35, 0.28), (0, 0, turn)
        kit.named(blade, "Leaf", leaf)


def mug() -> None:
    glaze = paint.plain("Glaze", (0.12, 0.3, 0.45), 0.35, Coat_Weight=1.0, Coat_Roughness=0.04)
    body = parts.vessel([(0, 0), (0.13, 0), (0.155, 0.02), (0.165, 0.2), (0.16, 0.36), (0.165, 0.38)], 0.018)
    handle = parts.pipe([(p.x, p.y, p.z) for p in kit.arc(0.1, -1.75, 1.75, 20, (0.17, 0, 0.2))], 0.02)
    stripe = parts.turned([(0.1661, 0.25), (0.168, 0.255), (0.168, 0.3), (0.1655, 0.305)])
    kit.named(stripe, "Mug stripe", paint.plain("Cream", (0.8, 0.75, 0.6), 0.4))
    kit.hang([*kit.all_named([body, handle], "Mug", glaze), stripe], "Mug place", (0.4, -0.1, 0), (0, 0, -0.5))


def build() -> None:
    """A mug, a plant in a clay pot and brass letters on a wooden table, under two area lights; the camera moves sideways."""
    kit.empty()
    mug()
    plant()
    letters()
    oak = paint.plain("Oak", (0.4, 0.25, 0.12), 0.4)
    kit.texture(oak, "Wave", [(0.45, 0.28, 0.14), (0.28, 0.16, 0.07)], 3, Distortion=6.0, Detail=3.0)
    kit.named(parts.box((3.2, 1.8, 0.06), (0, 0.1, -0.03), 0.01), "Table", oak)
    kit.wall((12, 6), (0, 3, 1), (math.pi / 2, 0, 0), "Wall", paint.plain("Plaster", (0.55, 0.6, 0.58), 0.9))
    kit.lamp("AREA", "Key", (-2.2, -1.6, 2.4), 120, (0, 0, 0.2), 0.7, (1, 0.93, 0.82))
    kit.lamp("AREA", "Fill", (2.4, -1.8, 1.6), 35, (0, 0, 0.2), 1.5, (0.8, 0.9, 1))
    kit.world((0.05, 0.06, 0.08))
    kit.camera((-0.25, -2.3, 1.0), (0.35, -2.25, 0.95), (-0.02, 0, 0.2), 42)
