# SPDX-License-Identifier: GPL-3.0-or-later
import math
from random import Random

import bmesh
import paint
import parts
from mathutils import Matrix, Vector

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Tree*", "Bench*", "Boulder*"], "Sun", (320, 240), ("Filmic", "None")


def hill(x: float, y: float) -> float:
    away = math.hypot(x, y - 0.4)
    return (
        0.75 * math.exp(-((away / 2.6) ** 2))
        + 0.12 * math.sin(1.3 * x + 0.6) * math.cos(1.1 * y)
        + 0.03 * math.sin(4 * x) * math.sin(5 * y)
    )


def tree(rng: Random) -> None:
    """Trunk and branches by the skin modifier, and a leaf at many of the twigs' vertices."""
    form, leaves = bmesh.new(), []
    root = form.verts.new((0, 0, 0))

    def grow(start, way: Vector, length: float, depth: int) -> None:
        for _ in range(2):
            way = (way + Vector([rng.gauss(0, 0.13) for _ in range(3)])).normalized()
            end = form.verts.new(start.co + way * length / 2)
            form.edges.new((start, end))
            start = end
        if depth < 2:
            leaves.append(start.co.copy())
        if depth == 0:
            return
        for k in range(3):
            side = way.orthogonal().normalized()
            side.rotate(Matrix.Rotation(k * 2.1 + rng.uniform(-0.4, 0.4), 3, way))
            grow(start, (way * 0.75 + side * 0.75 + Vector((0, 0, 0.12))).normalized(), length * 0.68, depth - 1)

    grow(root, Vector((0.06, 0, 1)), 0.95, 3)
    trunk = parts.of_bmesh(form, "trunk", smooth=True)
    trunk.modifiers.new("skin", "SKIN")
    for vertex, skin in zip(trunk.data.vertices, trunk.data.skin_vertices[0].data, strict=True):
        thick = max(0.012, 0.11 * (1 - vertex.co.length / 2.2))
        skin.radius = (thick, thick)
    trunk.data.skin_vertices[0].data[0].use_root = True
    bark = paint.plain("Bark", (0.18, 0.11, 0.07), 0.9)
    kit.texture(bark, "Noise", [(0.1, 0.06, 0.04), (0.26, 0.17, 0.11)], 9, Detail=6.0)
    foliage = bmesh.new()
    for place in leaves:
        for _ in range(22):
            at = place + Vector([rng.gauss(0, 0.13) for _ in range(3)])
            turn = Matrix.Rotation(rng.uniform(0, 6.28), 4, Vector([rng.gauss(0, 1) for _ in range(3)]).normalized())
            corners = [(-0.06, 0, 0), (0, -0.025, 0.01), (0.06, 0, 0), (0, 0.025, 0.01)]
            foliage.faces.new([foliage.verts.new(at + turn @ Vector(corner)) for corner in corners])
    crown = parts.of_bmesh(foliage, "crown", smooth=False)
    green = paint.plain("Leaves", (0.16, 0.32, 0.05), 0.5, Subsurface_Weight=0.2)
    kit.hang([kit.named(trunk, "Tree trunk", bark), kit.named(crown, "Tree crown", green)], "Tree place", (0.1, 0.4, hill(0.1, 0.4) - 0.05))


def build() -> None:
    """A tree with a bench and boulders on a grassy hill, by low sun under an evening sky."""
    kit.empty(6)
    rng = Random(41)
    tree(rng)
    ground = parts.sheet(hill, (16, 16), 160)
    grass = paint.plain("Grass", (0.2, 0.3, 0.08), 1.0)
    kit.texture(grass, "Noise", [(0.12, 0.2, 0.04), (0.4, 0.36, 0.14)], 1.6, Detail=10.0)
    kit.named(ground, "Hill", grass)
    wood, stone = paint.plain("Wood", (0.35, 0.2, 0.1), 0.7), paint.plain("Stone", (0.45, 0.44, 0.42), 0.9)
    seat = [parts.box((0.9, 0.28, 0.04), (0, 0, 0.3)), parts.box((0.9, 0.04, 0.22), (0, 0.15, 0.48), turn=(-0.2, 0, 0))]
    seat += [parts.box((0.06, 0.26, 0.42), (x * 0.38, 0, 0.12)) for x in (-1, 1)]
    kit.hang(kit.all_named(seat, "Bench", wood), "Bench place", (1.1, -0.25, hill(1.1, -0.25) - 0.02), (0, 0, -0.4))
    for x, y, size in ((-1.2, -0.4, 0.3), (-1.55, 0.1, 0.2), (1.9, 0.4, 0.24)):
        boulder = parts.ico(size, (x, y, hill(x, y) + 0.25 * size), 2)
        for vertex in boulder.data.vertices:
            vertex.co *= 1 + rng.uniform(-0.13, 0.13)
        kit.named(boulder, "Boulder", stone)
    kit.lamp("SUN", "Sun", (0, 0, 4), 3.4, (2.6, 1.1, 2.4), 0.5, (1, 0.78, 0.55))
    kit.world((0.85, 0.6, 0.45), 0.6, (0.18, 0.3, 0.6), (0.15, 0.16, 0.1))
    kit.camera((-1.0, -4.6, 1.9), (-0.7, -4.65, 1.9), (0.2, 0, 1.35), 34)
