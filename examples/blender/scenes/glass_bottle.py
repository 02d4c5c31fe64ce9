# SPDX-License-Identifier: GPL-3.0-or-later
import math

import bpy
import paint
import parts

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Bottle*", "Cap*"], "Softbox left", (240, 300), ("Filmic", "High Contrast")


def bottle() -> None:
    """A square flask of thick glass with rounded edges, liquid inside, a neck, a collar and a cap."""
    glass = paint.plain("Glass", (0.92, 0.97, 0.98), 0.0, Transmission_Weight=1.0, IOR=1.45)
    liquid = paint.plain("Liquid", (0.95, 0.6, 0.25), 0.0, Transmission_Weight=1.0, IOR=1.33)
    gold, lacquer = (
        paint.plain("Gold", (1.0, 0.75, 0.35), 0.12, Metallic=1.0),
        paint.plain("Lacquer", (0.01, 0.01, 0.012), 0.08, Coat_Weight=1.0),
    )
    outer = parts.box((0.62, 0.3, 0.8), (0, 0, 0.42), 0.06, segments=5)
    inner = parts.box((0.5, 0.2, 0.58), (0, 0, 0.37), 0.04, segments=4)
    kit.named(outer, "Bottle", glass)
    kit.named(inner, "Bottle liquid", liquid)
    kit.named(parts.rod((0, 0, 0.8), (0, 0, 0.92), 0.09, sides=64), "Bottle neck", glass)
    kit.named(parts.turned([(0.1, 0.83), (0.125, 0.835), (0.125, 0.87), (0.1, 0.875)]), "Bottle collar", gold)
    kit.named(parts.box((0.26, 0.26, 0.3), (0, 0, 1.04), 0.02, segments=3), "Cap", lacquer)
    kit.named(parts.box((0.265, 0.265, 0.025), (0, 0, 0.92), 0.004), "Cap band", gold)
    data = bpy.data.curves.new("Bottle label", "FONT")
    data.body, data.size, data.extrude, data.align_x = "No 12", 0.15, 0.002, "CENTER"
    text = bpy.data.objects.new("Bottle label", data)
    bpy.context.scene.collection.objects.link(text)
    text.location, text.rotation_euler = (0, -0.152, 0.4), (math.pi / 2, 0, 0)
    data.materials.append(gold)


def build() -> None:
    """A perfume flask of glass with a lacquered cap on a mirroring plinth, between two soft boxes, before a dark paper sweep."""
    kit.empty(12)
    bottle()
    kit.named(parts.box((1.5, 1.0, 0.12), (0, 0, -0.06), 0.01), "Plinth", paint.plain("Acrylic", (0.03, 0.03, 0.04), 0.06))
    paper = paint.plain("Paper", (0.18, 0.2, 0.26), 0.9)
    profile = [
        (-4, -0.12),
        (1.2, -0.12),
        *[(1.2 + 0.8 * math.sin(a), -0.12 + 0.8 * (1 - math.cos(a))) for a in [i * math.pi / 24 for i in range(1, 13)]],
        (2.0, 5),
    ]
    vertices = [(x * 5, y, z) for y, z in profile for x in (-1, 1)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    kit.named(parts.of_faces(vertices, faces, "sweep", smooth=True), "Sweep", paper)
    kit.lamp("AREA", "Softbox left", (-1.7, -1.0, 1.5), 60, (0, 0, 0.5), 1.0)
    kit.lamp("AREA", "Softbox right", (1.9, -0.4, 1.0), 22, (0, 0, 0.5), 0.9, (0.85, 0.92, 1))
    kit.lamp("AREA", "Back", (0.5, 1.3, 1.9), 30, (0, 0, 0.6), 0.6, (1, 0.9, 0.8))
    kit.world((0.02, 0.02, 0.025))
    kit.camera((-0.55, -2.7, 0.85), (-0.3, -2.75, 0.8), (0, 0, 0.55), 58)
