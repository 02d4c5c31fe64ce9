# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of metal, and things of thin parts: gears, pipes, arms, trusses, ladders, carts. Each stands on z = 0, about a unit large."""

import itertools
import math
from random import Random

import bpy
import paint
import parts
from mathutils import Vector

Pieces = list[bpy.types.Object]
HARD = {paint.metal: 4, paint.car_paint: 1, paint.black: 1, paint.plastic: 1, paint.matt: 1}


def gear(rng: Random, radius: float, depth: float, teeth: int) -> bpy.types.Object:
    outline, tall = [], radius * 0.14
    for i in range(teeth):
        for t, r in ((0.0, radius - tall), (0.2, radius), (0.5, radius), (0.7, radius - tall)):
            a = 2 * math.pi * (i + t) / teeth
            outline.append((r * math.cos(a), r * math.sin(a)))
    return parts.slab(outline, depth, rng.choice([0, 0.008]))


def gears(rng: Random) -> Pieces:
    """Gears on axles before a plate."""
    pieces, x = [], -0.4
    for _ in range(rng.randint(2, 4)):
        radius = rng.uniform(0.18, 0.38)
        obj = gear(rng, radius, rng.uniform(0.06, 0.15), round(radius * 50))
        obj.location, obj.rotation_euler.y = (x, rng.uniform(-0.1, 0.1), 0.45 + rng.uniform(-0.1, 0.15)), rng.uniform(0, 1)
        pieces += paint.on(obj, paint.any_of(rng, HARD, "gear"))
        pieces += paint.on(parts.rod((x, -0.15, obj.location.z), (x, 0.2, obj.location.z), radius * 0.2), paint.metal(rng, "axle"))
        x += radius * 1.7
    return pieces + paint.on(parts.box((1.3, 0.05, 0.95), (0, 0.2, 0.475), 0.01), paint.any_of(rng, HARD, "plate"))


def pipes(rng: Random) -> Pieces:
    """Pipes that turn at right angles, with flanges."""
    pieces = []
    for _ in range(rng.randint(1, 4)):
        place, points = Vector((rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), 0)), []
        way = Vector((0, 0, 1))
        points.append(place.copy())
        for _ in range(rng.randint(2, 5)):
            place = place + way * rng.uniform(0.2, 0.5)
            place.z = max(place.z, 0.1)
            points.append(place.copy())
            way = Vector(rng.choice([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1)]))
        material, radius = paint.any_of(rng, HARD, "pipe"), rng.uniform(0.03, 0.08)
        for a, b in itertools.pairwise(points):
            if (b - a).length > 0.02:
                pieces += paint.on(parts.rod(a, b, radius), material)
            pieces += paint.on(parts.ball(radius * 1.25, b, segments=24), material)
        pieces += paint.on(parts.rod(points[0], points[0] + Vector((0, 0, 0.05)), radius * 1.8), material)
    return pieces


def engine(rng: Random) -> Pieces:
    """A block with cylinders, fins and pulleys."""
    block = paint.any_of(rng, HARD, "block")
    pieces = paint.on(parts.box((0.7, 0.9, 0.4), (0, 0, 0.3), 0.03), block)
    for i in range(rng.randint(2, 4)):
        y = -0.3 + 0.28 * i
        lean = rng.choice([0, 0.4])
        pieces += paint.on(parts.rod((0, y, 0.4), (math.sin(lean) * 0.5, y, 0.4 + math.cos(lean) * 0.45), 0.1), block)
        fin = paint.metal(rng, "fin")
        for k in range(4):
            at = Vector((math.sin(lean), 0, math.cos(lean)))
            start = Vector((0, y, 0.4)) + at * (0.18 + 0.07 * k)
            pieces += paint.on(parts.rod(start, start + at * 0.02, 0.15), fin)
    for x, z, radius in ((-0.15, 0.25, 0.18), (0.2, 0.4, 0.1)):
        pieces += paint.on(parts.rod((x, -0.55, z), (x, -0.47, z), radius, sides=48), paint.any_of(rng, HARD, "pulley"))
    return pieces


def arm(rng: Random) -> Pieces:
    """An industrial arm of three segments with a gripper."""
    shell, joint = (
        paint.any_of(rng, {paint.car_paint: 2, paint.plastic: 1, paint.metal: 1, paint.white: 1}, "shell"),
        paint.any_of(rng, HARD, "joint"),
    )
    points = [
        Vector((0, 0, 0.25)),
        Vector((rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2), 0.75)),
        Vector((rng.uniform(0.1, 0.6), rng.uniform(-0.4, 0.1), rng.uniform(0.7, 1.2))),
    ]
    points.append(points[-1] + Vector((0.12, -0.1, -0.3)))
    pieces = paint.on(parts.rod((0, 0, 0), (0, 0, 0.25), 0.22, 0.15, 48), joint)
    for i, (a, b) in enumerate(itertools.pairwise(points)):
        pieces += paint.on(parts.capsule(a, b, 0.1 - 0.02 * i, 0.08 - 0.02 * i), shell)
        pieces += paint.on(parts.rod(a + Vector((0, -0.13 + 0.02 * i, 0)), a + Vector((0, 0.13 - 0.02 * i, 0)), 0.1 - 0.02 * i), joint)
    end = points[-1]
    return pieces + paint.on([parts.box((0.02, 0.05, 0.14), end + Vector((x * 0.06, 0, -0.08))) for x in (-1, 1)], joint)


def valve(rng: Random) -> Pieces:
    """A thick pipe with a hand wheel."""
    metal, wheel = paint.any_of(rng, HARD, "pipe"), paint.any_of(rng, {paint.car_paint: 2, paint.metal: 1}, "wheel")
    pieces = [
        parts.rod((-0.6, 0, 0.35), (0.6, 0, 0.35), 0.13, sides=48),
        parts.ball(0.24, (0, 0, 0.35)),
        parts.rod((0, 0, 0.5), (0, 0, 0.85), 0.05),
    ]
    pieces += [parts.rod((x, 0, 0.35), (x + 0.05, 0, 0.35), 0.22, sides=48) for x in (-0.6, -0.3, 0.26, 0.56)]
    found = paint.on(pieces, metal)
    tilt = (rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4), 0)
    found += paint.on(parts.ring(0.27, 0.03, (0, 0, 0.88), tilt), wheel)
    spokes = [parts.box((0.52, 0.03, 0.03), (0, 0, 0.88), turn=(tilt[0], tilt[1], a)) for a in (0, math.pi / 3, 2 * math.pi / 3)]
    return found + paint.on(spokes, wheel)


def drone(rng: Random) -> Pieces:
    body, metal, z = paint.any_of(rng, HARD, "body"), paint.metal(rng, "motor"), rng.choice([0.12, 0.5])
    pieces = paint.on(parts.box((0.32, 0.42, 0.12), (0, 0, z), 0.04, segments=3), body)
    for x in (-1, 1):
        for y in (-1, 1):
            end = (x * 0.5, y * 0.5, z + 0.05)
            pieces += paint.on(parts.rod((x * 0.12, y * 0.15, z), end, 0.025), body)
            pieces += paint.on(parts.rod((end[0], end[1], z), (end[0], end[1], z + 0.1), 0.04), metal)
            pieces += paint.on(
                parts.box((0.5, 0.035, 0.008), (end[0], end[1], z + 0.1), turn=(0, 0, rng.uniform(0, 3))), paint.black(rng, "blade")
            )
    return pieces + paint.on(parts.ball(0.07, (0, -0.24, z - 0.03), segments=24), paint.black(rng, "eye"))


def truss(rng: Random) -> Pieces:
    """A mast or beam of bars."""
    count, wide, thin = rng.randint(3, 6), rng.uniform(0.2, 0.35), rng.uniform(0.012, 0.025)
    step, bars = 1.3 / count, []
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    for i in range(count):
        z0, z1 = i * step, (i + 1) * step
        for (x, y), (u, v) in zip(corners, corners[1:] + corners[:1], strict=True):
            a, b = Vector((x * wide / 2, y * wide / 2, z0)), Vector((u * wide / 2, v * wide / 2, z1))
            bars += [(a, Vector((a.x, a.y, z1))), (a, b), (Vector((a.x, a.y, z1)), Vector((b.x, b.y, z1)))]
    material = paint.any_of(rng, HARD, "truss")
    return paint.on([parts.rod(a, b, thin, sides=8) for a, b in bars], material)


def wires(rng: Random) -> Pieces:
    """A coat stand, a wire chair, a bird cage: bent wires between two rings."""
    material, thin, count = paint.any_of(rng, HARD, "wire"), rng.uniform(0.008, 0.018), rng.randint(6, 16)
    bulge, radius, tall = rng.uniform(-0.15, 0.3), rng.uniform(0.2, 0.4), rng.uniform(0.6, 1.1)
    pieces = [parts.ring(radius, thin * 1.4, (0, 0, thin)), parts.ring(radius * 0.8, thin * 1.4, (0, 0, tall))]
    for i in range(count):
        a = 2 * math.pi * i / count
        points = []
        for k in range(13):
            t = k / 12
            r = radius * (1 - 0.2 * t) + bulge * math.sin(math.pi * t)
            points.append((r * math.cos(a), r * math.sin(a), tall * t + thin))
        pieces.append(parts.pipe(points, thin, sides=8))
    return paint.on(pieces, material)


def antenna(rng: Random) -> Pieces:
    metal = paint.any_of(rng, HARD, "antenna")
    pieces = [parts.rod((0, 0, 0), (0, 0, 1.2), 0.02, sides=12)]
    pieces += [parts.rod((-w, 0, z), (w, 0, z), 0.01, sides=8) for w, z in ((0.4, 0.7), (0.33, 0.85), (0.26, 1.0), (0.18, 1.12))]
    pieces += [parts.rod((0.35 * math.cos(a), 0.35 * math.sin(a), 0), (0, 0, 0.4), 0.014, sides=8) for a in (0.3, 2.4, 4.5)]
    found = paint.on(pieces, metal)
    if rng.random() < 0.5:
        dish = parts.vessel([(0, 0), *[(0.05 * i, 0.012 * i * i) for i in range(1, 7)]], 0.01)
        dish.location, dish.rotation_euler = (0, -0.05, 0.6), (math.pi / 2, 0, 0)
        found += paint.on(dish, paint.white(rng, "dish"))
    return found


def ladder(rng: Random) -> Pieces:
    tall, wide, lean = rng.uniform(1, 1.5), rng.uniform(0.3, 0.45), rng.uniform(0, 0.3)
    rows = round(tall / 0.17)
    pieces = [parts.rod((x * wide / 2, lean, 0), (x * wide / 2, -lean, tall), 0.02, sides=8) for x in (-1, 1)]
    pieces += [
        parts.rod((-wide / 2, lean * (1 - 2 * t), tall * t), (wide / 2, lean * (1 - 2 * t), tall * t), 0.015, sides=8)
        for t in [(i + 0.5) / rows for i in range(rows)]
    ]
    if rng.random() < 0.5:
        pieces += [parts.rod((x * wide / 2, -lean - 0.4, 0), (x * wide / 2, -lean, tall), 0.02, sides=8) for x in (-1, 1)]
    return paint.on(pieces, paint.any_of(rng, {paint.metal: 1, paint.wood: 1, paint.plastic: 1}, "ladder"))


def cart(rng: Random) -> Pieces:
    """A frame of tubes on spoked wheels."""
    metal, radius = paint.any_of(rng, HARD, "frame"), rng.uniform(0.2, 0.3)
    pieces = [parts.rod((x * 0.25, -0.5, radius), (x * 0.25, 0.5, radius), 0.02) for x in (-1, 1)]
    pieces += [parts.rod((-0.25, y, radius), (0.25, y, radius), 0.02) for y in (-0.5, 0, 0.5)]
    pieces += [parts.rod((x * 0.25, 0.5, radius), (x * 0.25, 0.75, 0.85), 0.02) for x in (-1, 1)] + [
        parts.rod((-0.25, 0.75, 0.85), (0.25, 0.75, 0.85), 0.022)
    ]
    for x in (-1, 1):
        pieces.append(parts.ring(radius, 0.02, (x * 0.32, -0.2, radius), (0, math.pi / 2, 0)))
        for i in range(6):
            a = i * math.pi / 6
            y, z = radius * math.cos(a), radius * math.sin(a)
            pieces.append(parts.rod((x * 0.32, -0.2 - y, radius - z), (x * 0.32, -0.2 + y, radius + z), 0.006, sides=6))
    found = paint.on(pieces, metal)
    if rng.random() < 0.6:
        found += paint.on(parts.box((0.45, 0.8, 0.03), (0, 0, radius + 0.03)), paint.wood(rng, "board"))
    return found
