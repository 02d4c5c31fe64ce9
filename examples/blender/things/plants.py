# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees, bushes, potted plants, mushrooms, rocks. Each stands on z = 0, about one unit high."""

import math
from random import Random

import bmesh
import bpy
import paint
import parts
from mathutils import Matrix, Vector

Pieces = list[bpy.types.Object]


def green(rng: Random, name: str, flat: bool = True) -> bpy.types.Material:
    import colorsys

    tint = colorsys.hsv_to_rgb(
        rng.uniform(0.2, 0.42) if rng.random() < 0.75 else rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.1, 0.6)
    )
    return paint.matt(rng, name, tint) if flat else paint.plastic(rng, name, tint)


def bark(rng: Random) -> bpy.types.Material:
    return paint.any_of(rng, {paint.wood: 2, paint.matt: 1}, "bark")


def jagged(obj: bpy.types.Object, rng: Random, amount: float) -> bpy.types.Object:
    """Push the vertices of a mesh about."""
    for vertex in obj.data.vertices:
        vertex.co *= 1 + rng.uniform(-amount, amount)
    return obj


def pine(rng: Random) -> Pieces:
    """Cones above one another."""
    sides, tiers, wide = rng.choice([5, 6, 8, 16]), rng.randint(2, 5), rng.uniform(0.25, 0.45)
    pieces = paint.on(parts.rod((0, 0, 0), (0, 0, 0.35), 0.05, sides=max(sides // 2, 5), smooth=sides > 8), bark(rng))
    material = green(rng, "needles")
    for i in range(tiers):
        t = i / tiers
        low, high = 0.2 + 0.8 * t * 0.9, 0.2 + 0.8 * (t + 1.3 / tiers)
        cone = parts.rod((0, 0, low), (0, 0, min(high, 1.1)), wide * (1 - 0.75 * t), 0.0, sides, smooth=sides > 8)
        pieces += paint.on(cone, material)
    return pieces


def round_tree(rng: Random) -> Pieces:
    """A trunk with balls of leaves, low-poly or smooth."""
    smooth = rng.random() < 0.3
    pieces = paint.on(
        parts.rod((0, 0, 0), (rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), 0.6), 0.07, 0.04, 16 if smooth else 6, smooth), bark(rng)
    )
    material = green(rng, "leaves")
    for _ in range(rng.randint(1, 6)):
        place = (rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25), rng.uniform(0.55, 0.95))
        radius = rng.uniform(0.18, 0.35)
        crown = parts.ball(radius, place, segments=24) if smooth else jagged(parts.ico(radius, place, rng.choice([1, 2, 2])), rng, 0.12)
        pieces += paint.on(crown, material)
    return pieces


def branched_tree(rng: Random) -> Pieces:
    """Branches of branches, with leaves as small cards, all in two meshes."""
    twigs: list[tuple[Vector, Vector, float, float]] = []
    ends: list[Vector] = []

    def grow(start: Vector, way: Vector, length: float, radius: float, depth: int) -> None:
        end = start + way * length
        twigs.append((start, end, radius, radius * 0.65))
        if depth == 0:
            ends.append(end)
            return
        for _ in range(rng.choice([2, 3])):
            turn = Vector([rng.gauss(0, 1) for _ in range(3)]).normalized()
            grow(
                end,
                (way + turn * rng.uniform(0.4, 0.9) + Vector((0, 0, 0.15))).normalized(),
                length * rng.uniform(0.6, 0.8),
                radius * 0.65,
                depth - 1,
            )

    grow(
        Vector((0, 0, 0)),
        Vector((rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), 1)).normalized(),
        rng.uniform(0.3, 0.42),
        0.05,
        rng.choice([3, 4]),
    )
    wood = _rods(twigs)
    pieces = paint.on(wood, bark(rng))
    if rng.random() < 0.8:
        pieces += paint.on(cards(rng, ends, rng.randint(4, 10), rng.uniform(0.03, 0.07), 0.12), green(rng, "leaves"))
    return pieces


def _rods(twigs: list[tuple[Vector, Vector, float, float]], sides: int = 6) -> bpy.types.Object:
    form = bmesh.new()
    for start, end, radius, other in twigs:
        axis = end - start
        matrix = Matrix.Translation((start + end) / 2) @ axis.to_track_quat("Z", "Y").to_matrix().to_4x4()
        bmesh.ops.create_cone(form, cap_ends=True, segments=sides, radius1=radius, radius2=other, depth=axis.length, matrix=matrix)
    return parts.of_bmesh(form, "twigs", smooth=False)


def cards(rng: Random, places: list[Vector], each: int, size: float, spread: float) -> bpy.types.Object:
    """Flat quads around places, turned at random: leaves, feathers, grass."""
    form = bmesh.new()
    for place in places:
        for _ in range(each):
            at = place + Vector([rng.gauss(0, spread / 2) for _ in range(3)])
            turn = Matrix.Rotation(rng.uniform(0, 6.28), 4, Vector([rng.gauss(0, 1) for _ in range(3)]).normalized())
            corners = [(-0.5, 0, 0), (0, -0.35, 0.05), (0.5, 0, 0), (0, 0.35, 0.05)]
            form.faces.new([form.verts.new(at + (turn @ Vector(corner)) * size * 2) for corner in corners])
    return parts.of_bmesh(form, "cards", smooth=False)


def potted(rng: Random) -> Pieces:
    """A pot with leaves on bent stalks."""
    top, height = rng.uniform(0.2, 0.3), rng.uniform(0.25, 0.4)
    pot = parts.vessel([(0, 0), (top * 0.7, 0), (top, height), (top * 1.1, height), (top * 1.1, height * 1.1)], 0.03)
    pieces = paint.on(pot, paint.any_of(rng, {paint.ceramic: 2, paint.matt: 2, paint.metal: 1, paint.textured: 1}, "pot"))
    pieces += paint.on(parts.rod((0, 0, height * 0.8), (0, 0, height * 0.9), top * 0.92), paint.matt(rng, "soil", (0.05, 0.03, 0.02)))
    material = green(rng, "leaf", flat=False)
    long, wide = rng.uniform(0.4, 0.8), rng.uniform(0.04, 0.12)
    for i in range(rng.randint(6, 18)):
        angle, lean = i * 2.4 + rng.uniform(-0.3, 0.3), rng.uniform(0.2, 1.3)
        pieces += paint.on(leaf(long * rng.uniform(0.7, 1.1), wide, lean, angle, height * 0.85), material)
    return pieces


def leaf(long: float, wide: float, lean: float, angle: float, base: float) -> bpy.types.Object:
    """A curved blade from the axis outwards, folded along its middle."""
    rows, vertices, faces = 8, [], []
    for i in range(rows + 1):
        t = i / rows
        out, up = long * t * math.sin(lean * (0.3 + 0.7 * t)), base + long * t * math.cos(lean * (0.3 + 0.7 * t))
        half = wide * math.sin(math.pi * min(t * 0.95 + 0.05, 1)) ** 0.7
        for side in (-1, 0, 1):
            x, y = out, side * half
            vertices.append(
                (x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle), up + abs(side) * half * 0.3)
            )
    for i in range(rows):
        for j in range(2):
            a = i * 3 + j
            faces.append((a, a + 1, a + 4, a + 3))
    mesh = bpy.data.meshes.new("leaf")
    mesh.from_pydata(vertices, [], faces)
    obj = bpy.data.objects.new("leaf", mesh)
    bpy.context.scene.collection.objects.link(obj)
    mesh.shade_smooth()
    return obj


def mushroom(rng: Random) -> Pieces:
    height, cap = rng.uniform(0.4, 0.8), rng.uniform(0.25, 0.5)
    stalk = parts.turned([(0, 0), (0.13, 0), (0.09, height * 0.5), (0.1, height), (0, height)], 32)
    profile = [(cap * math.sin(t), height + cap * 0.7 * (1 - math.cos(t)) * -1 + cap * 0.7) for t in [i * math.pi / 24 for i in range(13)]]
    head = parts.turned([*profile, (cap * 0.3, height + 0.02)], 48)
    return paint.on(stalk, paint.skin(rng, "stalk")) + paint.on(
        head, paint.any_of(rng, {paint.skin: 1, paint.plastic: 1, paint.textured: 1}, "cap")
    )


def cactus(rng: Random) -> Pieces:
    material, height = green(rng, "cactus", flat=rng.random() < 0.5), rng.uniform(0.8, 1.2)
    pieces = [parts.capsule((0, 0, 0), (0, 0, height), 0.14)]
    for side in (-1, 1):
        if rng.random() < 0.8:
            z, reach, up = rng.uniform(0.3, 0.6) * height, side * rng.uniform(0.25, 0.4), rng.uniform(0.2, 0.5)
            pieces += [parts.capsule((0, 0, z), (reach, 0, z), 0.08), parts.capsule((reach, 0, z), (reach, 0, z + up), 0.08)]
    return paint.on(pieces, material)


def rock(rng: Random) -> Pieces:
    form = bmesh.new()
    stretch = [rng.uniform(0.4, 1) for _ in range(3)]
    for _ in range(rng.randint(10, 40)):
        point = Vector([rng.gauss(0, 1) for _ in range(3)]).normalized()
        form.verts.new([a * b * 0.5 for a, b in zip(point, stretch, strict=True)])
    bmesh.ops.convex_hull(form, input=form.verts)
    obj = parts.of_bmesh(form, "rock", smooth=False)
    obj.location.z = stretch[2] * rng.uniform(0.2, 0.4)
    return paint.on(obj, paint.any_of(rng, {paint.matt: 3, paint.textured: 1, paint.plastic: 1}, "rock"))
