# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, chairs, sofas, shelves, beds and lamps. Each stands on z = 0, about one unit high."""

import math
from random import Random

import bpy
import paint
import parts

Pieces = list[bpy.types.Object]
FRAMES = {paint.wood: 3, paint.metal: 1, paint.white: 1, paint.black: 1, paint.matt: 1}


def legs(rng: Random, wide: float, deep: float, height: float, lean: float = 0.0) -> Pieces:
    thick, sides = rng.uniform(0.02, 0.06), rng.choice([4, 16])
    found = []
    for x in (-1, 1):
        for y in (-1, 1):
            top = (x * (wide / 2 - thick * 1.5), y * (deep / 2 - thick * 1.5), height)
            found.append(parts.rod((top[0] * (1 + lean), top[1] * (1 + lean), 0), top, thick * 0.8, thick, sides))
    return found


def table(rng: Random) -> Pieces:
    wide, deep, height = rng.uniform(0.8, 2), rng.uniform(0.6, 1.1), rng.uniform(0.4, 0.8)
    material = paint.any_of(rng, FRAMES, "table")
    if rng.random() < 0.3:
        pieces = [parts.rod((0, 0, height - 0.05), (0, 0, height), deep / 2, sides=64), parts.rod((0, 0, 0), (0, 0, height - 0.05), 0.05)]
        pieces.append(parts.rod((0, 0, 0), (0, 0, 0.04), deep * 0.3, sides=48))
        return paint.on(pieces, material)
    return paint.on(
        [parts.box((wide, deep, 0.05), (0, 0, height - 0.025), 0.01), *legs(rng, wide, deep, height - 0.05, rng.choice([0, 0.1]))], material
    )


def chair(rng: Random) -> Pieces:
    wide, seat, back = rng.uniform(0.4, 0.5), rng.uniform(0.42, 0.5), rng.uniform(0.4, 0.6)
    frame = paint.any_of(rng, FRAMES, "chair")
    pieces = paint.on(legs(rng, wide, wide, seat, rng.choice([0, 0.12])), frame)
    cushion = paint.any_of(rng, {paint.cloth: 2, paint.wood: 1, paint.plastic: 1}, "seat")
    pieces += paint.on(parts.box((wide, wide, 0.05), (0, 0, seat), 0.02), cushion)
    for x in (-1, 1):
        pieces += paint.on(
            parts.rod((x * wide * 0.42, wide * 0.45, seat), (x * wide * 0.42, wide * 0.52, seat + back), 0.02, sides=8), frame
        )
    bars = rng.choice([1, 3, 4])
    for i in range(bars):
        z = seat + back * (0.95 - 0.7 * i / max(bars - 1, 1))
        tall = back * (0.5 if bars == 1 else 0.1)
        pieces += paint.on(parts.box((wide * 0.85, 0.025, tall), (0, wide * 0.5, z - tall / 2), 0.008), frame if bars > 1 else cushion)
    return pieces


def stool(rng: Random) -> Pieces:
    height, radius = rng.uniform(0.4, 0.8), rng.uniform(0.16, 0.24)
    material = paint.any_of(rng, FRAMES, "stool")
    pieces = [parts.rod((0, 0, height - 0.04), (0, 0, height), radius, sides=48)]
    for i in range(3):
        x, y = math.cos(i * 2.094), math.sin(i * 2.094)
        pieces.append(
            parts.rod((x * radius * 1.2, y * radius * 1.2, 0), (x * radius * 0.7, y * radius * 0.7, height - 0.03), 0.02, sides=12)
        )
    pieces.append(parts.ring(radius * 1.0, 0.012, (0, 0, height * 0.35)))
    return paint.on(pieces, material)


def sofa(rng: Random) -> Pieces:
    wide, deep, seat = rng.uniform(1.0, 2.0), rng.uniform(0.7, 0.9), rng.uniform(0.3, 0.42)
    material = paint.any_of(rng, {paint.cloth: 3, paint.matt: 1, paint.textured: 1, paint.plastic: 1}, "sofa")
    round_ = rng.uniform(0.03, 0.1)
    pieces = [parts.box((wide, deep, seat - 0.08), (0, 0, seat / 2 + 0.04), round_, segments=3)]
    pieces.append(parts.box((wide, 0.2, 0.85 - seat * 0.3), (0, deep / 2 - 0.1, 0.45), round_, segments=3))
    pieces += [parts.box((0.18, deep, seat + 0.2), (x * wide / 2, 0, (seat + 0.2) / 2 + 0.03), round_, segments=3) for x in (-1, 1)]
    count = rng.choice([1, 2, 3])
    each = (wide - 0.18) / count
    for i in range(count):
        x = (i + 0.5) * each - (wide - 0.18) / 2
        pieces.append(parts.box((each * 0.97, deep - 0.22, 0.16), (x, -0.1, seat + 0.06), round_, segments=3))
    painted = paint.on(pieces, material)
    return painted + paint.on(legs(rng, wide, deep, 0.08), paint.any_of(rng, FRAMES, "legs"))


def shelf(rng: Random) -> Pieces:
    wide, deep, height, rows = rng.uniform(0.6, 1.2), rng.uniform(0.22, 0.35), rng.uniform(0.9, 1.8), rng.randint(2, 5)
    material = paint.any_of(rng, FRAMES, "shelf")
    pieces = [parts.box((0.03, deep, height), (x * wide / 2, 0, height / 2)) for x in (-1, 1)]
    pieces += [parts.box((wide, deep, 0.03), (0, 0, 0.015 + (height - 0.03) * i / rows)) for i in range(rows + 1)]
    if rng.random() < 0.6:
        pieces.append(parts.box((wide, 0.02, height), (0, deep / 2, height / 2)))
    found = paint.on(pieces, material)
    for i in range(rows):
        x, z = -wide / 2 + 0.05, 0.03 + (height - 0.03) * i / rows
        while x < wide / 2 - 0.15 and rng.random() < 0.93:
            thick, tall = rng.uniform(0.03, 0.09), (height / rows) * rng.uniform(0.5, 0.85)
            found += paint.on(parts.box((thick, deep * 0.8, tall), (x + thick / 2, 0, z + tall / 2)), paint.matt(rng, "book"))
            x += thick + rng.choice([0.003, 0.003, 0.1])
    return found


def bed(rng: Random) -> Pieces:
    wide, long = rng.uniform(0.9, 1.6), 2.0
    pieces = paint.on(parts.box((wide, long, 0.2), (0, 0, 0.2), 0.02), paint.any_of(rng, FRAMES, "bed"))
    pieces += paint.on(parts.box((wide * 0.97, long * 0.97, 0.22), (0, 0, 0.4), 0.08, segments=4), paint.cloth(rng, "sheet"))
    pieces += paint.on(parts.box((wide, 0.06, 0.9), (0, long / 2, 0.45), 0.02), paint.any_of(rng, FRAMES, "head"))
    for x in (-0.25, 0.25):
        pieces += paint.on(
            parts.box((wide * 0.4, 0.35, 0.14), (x * wide, long * 0.36, 0.55), 0.06, (0.25, 0, 0), 4), paint.cloth(rng, "pillow")
        )
    return pieces


def floor_lamp(rng: Random) -> Pieces:
    height = rng.uniform(1.1, 1.6)
    pieces = paint.on(
        [parts.rod((0, 0, 0), (0, 0, 0.03), 0.18, sides=48), parts.rod((0, 0, 0), (0, 0, height), 0.018)], paint.metal(rng, "pole")
    )
    shade = parts.vessel([(0.2, 0), (0.2, 0.01), (rng.uniform(0.1, 0.2), 0.3)], 0.01)
    shade.location.z = height - 0.1
    return pieces + paint.on(shade, paint.any_of(rng, {paint.cloth: 1, paint.white: 1, paint.metal: 1}, "shade"))
