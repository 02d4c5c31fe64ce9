# SPDX-License-Identifier: GPL-3.0-or-later
"""Low-poly assets of games: houses, towers, crates, barrels, chests, fences, swords. Each stands on z = 0, about a unit large."""

import math
from random import Random

import bpy
import paint
import parts

Pieces = list[bpy.types.Object]
WALLS = {paint.matt: 3, paint.white: 1, paint.wood: 1, paint.textured: 1, paint.plastic: 0.5}


def gable(wide: float, deep: float, base: float, rise: float, over: float = 0.08) -> bpy.types.Object:
    """A roof with two slopes, its ridge along y."""
    half = wide / 2 + over
    return parts.slab(
        [
            (-half, base - over * 0.6),
            (0, base + rise),
            (half, base - over * 0.6),
            (half - 0.05, base - over * 0.6),
            (0, base + rise - 0.06),
            (-half + 0.05, base - over * 0.6),
        ],
        deep + 2 * over,
    )


def house(rng: Random) -> Pieces:
    wide, deep, tall, rise = rng.uniform(0.6, 1), rng.uniform(0.6, 1.2), rng.uniform(0.4, 0.8), rng.uniform(0.25, 0.6)
    wall, roof = paint.any_of(rng, WALLS, "wall"), paint.any_of(rng, {paint.matt: 3, paint.textured: 1}, "roof")
    front = parts.slab([(-wide / 2, 0), (-wide / 2, tall), (0, tall + rise - 0.05), (wide / 2, tall), (wide / 2, 0)], deep)
    pieces = paint.on(front, wall) + paint.on(gable(wide, deep, tall, rise), roof)
    pieces += paint.on(parts.box((0.18, 0.03, 0.34), (rng.uniform(-0.15, 0.15), -deep / 2, 0.17)), paint.wood(rng, "door"))
    pane = paint.any_of(rng, {paint.black: 1, paint.glass: 0.5, paint.plastic: 1}, "pane")
    for x in (-1, 1):
        pieces += paint.on(parts.box((0.03, 0.18, 0.18), (x * wide / 2, rng.uniform(-0.2, 0.2), tall * 0.6)), pane)
    if rng.random() < 0.6:
        pieces += paint.on(parts.box((0.1, 0.1, 0.4), (wide * 0.25, deep * 0.2, tall + rise * 0.6)), paint.any_of(rng, WALLS, "chimney"))
    return pieces


def tower(rng: Random) -> Pieces:
    radius, tall, sides = rng.uniform(0.22, 0.35), rng.uniform(0.9, 1.4), rng.choice([6, 8, 12, 32])
    wall = paint.any_of(rng, WALLS, "wall")
    pieces = [
        parts.rod((0, 0, 0), (0, 0, tall), radius * 1.1, radius, sides, smooth=sides > 12),
        parts.rod((0, 0, tall), (0, 0, tall + 0.12), radius * 1.2, None, sides, smooth=sides > 12),
    ]
    if rng.random() < 0.5:
        for i in range(8):
            a = i * math.pi / 4
            pieces.append(
                parts.box(
                    (0.1, 0.07, 0.12), (radius * 1.1 * math.cos(a), radius * 1.1 * math.sin(a), tall + 0.18), turn=(0, 0, a + math.pi / 2)
                )
            )
        return paint.on(pieces, wall)
    roof = parts.rod((0, 0, tall + 0.12), (0, 0, tall + 0.12 + radius * 2), radius * 1.35, 0.0, sides, smooth=sides > 12)
    return paint.on(pieces, wall) + paint.on(roof, paint.matt(rng, "roof"))


def shed(rng: Random) -> Pieces:
    """Posts that carry a slanting roof: a stall, a bus stop, a carport."""
    wide, deep, tall, material = rng.uniform(0.8, 1.4), rng.uniform(0.5, 0.9), rng.uniform(0.7, 1), paint.any_of(rng, WALLS, "post")
    pieces = [parts.box((0.05, 0.05, tall), (x * wide / 2, y * deep / 2, tall / 2)) for x in (-1, 1) for y in (-1, 1)]
    pieces += [parts.box((wide, 0.04, 0.35), (0, -deep / 2, 0.25)), parts.box((wide, deep, 0.03), (0, 0, 0.42))]
    return paint.on(pieces, material) + paint.on(
        parts.box((wide * 1.15, deep * 1.3, 0.04), (0, 0, tall), turn=(rng.uniform(-0.3, 0.3), 0, 0)), paint.anything(rng, "roof")
    )


def well(rng: Random) -> Pieces:
    stone, post = paint.any_of(rng, WALLS, "stone"), paint.wood(rng, "post")
    pieces = paint.on(parts.vessel([(0.33, 0), (0.35, 0.0), (0.35, 0.4)], 0.1, rng.choice([8, 10, 32])), stone)
    pieces += paint.on([parts.box((0.05, 0.05, 0.9), (x * 0.32, 0, 0.45)) for x in (-1, 1)], post)
    pieces += paint.on(parts.rod((-0.35, 0, 0.75), (0.35, 0, 0.75), 0.04, sides=8), post)
    return pieces + paint.on(gable(0.7, 0.5, 0.9, 0.25), paint.matt(rng, "roof"))


def windmill(rng: Random) -> Pieces:
    pieces = paint.on(parts.rod((0, 0, 0), (0, 0, 0.9), 0.3, 0.2, rng.choice([6, 8, 32]), smooth=False), paint.any_of(rng, WALLS, "wall"))
    pieces += paint.on(parts.rod((0, 0, 0.9), (0, 0, 1.15), 0.24, 0.0, 8, smooth=False), paint.matt(rng, "roof"))
    turn, sail = rng.uniform(0, 1.5), paint.any_of(rng, {paint.white: 2, paint.wood: 1, paint.cloth: 1}, "sail")
    for i in range(4):
        a = turn + i * math.pi / 2
        pieces += paint.on(parts.box((0.12, 0.02, 0.6), (0.36 * math.sin(a), -0.3, 0.9 + 0.36 * math.cos(a)), turn=(0, a, 0)), sail)
    return pieces + paint.on(parts.rod((0, -0.1, 0.9), (0, -0.34, 0.9), 0.04, sides=12), paint.wood(rng, "hub"))


def crate(rng: Random) -> Pieces:
    size, material = rng.uniform(0.5, 0.8), paint.any_of(rng, {paint.wood: 3, paint.metal: 1, paint.matt: 1}, "crate")
    pieces, thin = [parts.box((size * 0.94, size * 0.94, size * 0.94), (0, 0, size / 2))], size * 0.1
    h = size / 2 - thin / 2
    for a in (-1, 1):
        for b in (-1, 1):
            pieces += [
                parts.box((thin, thin, size), (a * h, b * h, size / 2)),
                parts.box((size, thin, thin), (0, a * h, size / 2 + b * h)),
                parts.box((thin, size, thin), (a * h, 0, size / 2 + b * h)),
            ]
    return paint.on(pieces, material)


def barrel(rng: Random) -> Pieces:
    radius, tall, sides = rng.uniform(0.25, 0.35), rng.uniform(0.6, 0.9), rng.choice([8, 12, 48])
    bulge = rng.uniform(1, 1.25)
    profile = [(0, 0), *[(radius * (1 + (bulge - 1) * math.sin(math.pi * i / 8)), tall * i / 8) for i in range(9)], (0, tall)]
    pieces = paint.on(
        parts.turned(profile, sides, smooth=sides > 12), paint.any_of(rng, {paint.wood: 2, paint.metal: 1, paint.plastic: 1}, "barrel")
    )
    hoop = paint.metal(rng, "hoop")
    for t in (0.15, 0.85):
        wide = radius * (1 + (bulge - 1) * math.sin(math.pi * t)) + 0.012
        pieces += paint.on(parts.rod((0, 0, tall * t - 0.03), (0, 0, tall * t + 0.03), wide, None, sides, smooth=sides > 12), hoop)
    return pieces


def chest(rng: Random) -> Pieces:
    wide, deep, tall = rng.uniform(0.7, 0.9), rng.uniform(0.4, 0.55), rng.uniform(0.3, 0.4)
    wood, band = paint.wood(rng, "chest"), paint.metal(rng, "band")
    lid = [(deep / 2 * math.cos(a), tall + deep / 2 * math.sin(a) * 0.8) for a in [math.pi * i / 8 for i in range(9)]]
    pieces = paint.on([parts.box((wide, deep, tall), (0, 0, tall / 2))], wood)
    top = parts.slab(lid, wide)
    top.rotation_euler.z = math.pi / 2
    pieces += paint.on(top, wood)
    for x in (-0.4, 0.4):
        strip = parts.slab([(a * 1.04, tall + (b - tall) * 1.04) for a, b in lid], 0.06)
        strip.rotation_euler.z, strip.location.x = math.pi / 2, x * wide
        pieces += paint.on([strip, parts.box((0.06, deep * 1.03, tall), (x * wide, 0, tall / 2))], band)
    return pieces + paint.on(parts.box((0.1, 0.05, 0.12), (0, -deep / 2, tall), 0.01), band)


def sign(rng: Random) -> Pieces:
    tall = rng.uniform(0.8, 1.2)
    pieces = paint.on(
        parts.rod((0, 0, 0), (0, 0, tall), 0.04, sides=rng.choice([4, 8])), paint.any_of(rng, {paint.wood: 1, paint.metal: 1}, "post")
    )
    boards = [
        parts.box(
            (rng.uniform(0.4, 0.8), 0.04, 0.18),
            (rng.uniform(-0.15, 0.15), -0.04, tall - 0.12 - 0.25 * i),
            turn=(0, rng.uniform(-0.2, 0.2), rng.uniform(-0.5, 0.5)),
        )
        for i in range(rng.randint(1, 3))
    ]
    return pieces + paint.on(boards, paint.any_of(rng, {paint.wood: 2, paint.plastic: 1, paint.textured: 1}, "board"))


def sword(rng: Random) -> Pieces:
    """A blade that stands on its point, or an axe."""
    blade, grip = paint.metal(rng, "blade"), paint.any_of(rng, {paint.wood: 1, paint.black: 1}, "grip")
    if rng.random() < 0.35:
        head = parts.slab([(0, 0.85), (0.1, 0.82), (0.36, 1.02), (0.36, 0.66), (0.1, 0.92), (0, 1.0)][::-1], 0.06)
        return paint.on(parts.rod((0, 0, 0), (0, 0, 1.05), 0.035, sides=8), grip) + paint.on(head, blade)
    wide = rng.uniform(0.05, 0.1)
    pieces = paint.on(parts.slab([(0, 0), (wide, 0.15), (wide, 0.9), (-wide, 0.9), (-wide, 0.15)], 0.035, 0.012), blade)
    pieces += paint.on(parts.box((rng.uniform(0.25, 0.4), 0.06, 0.05), (0, 0, 0.92), 0.01), paint.metal(rng, "guard"))
    return pieces + paint.on([parts.rod((0, 0, 0.92), (0, 0, 1.18), 0.028), parts.ball(0.05, (0, 0, 1.2), segments=16)], grip)


def fence(rng: Random) -> Pieces:
    count, tall = rng.randint(4, 9), rng.uniform(0.5, 0.9)
    material = paint.any_of(rng, {paint.wood: 2, paint.white: 1, paint.metal: 1, paint.black: 1}, "fence")
    bar = rng.choice(["board", "rod"])
    pieces = []
    for i in range(count):
        x = (i - (count - 1) / 2) * 0.16
        pieces.append(
            parts.box((0.08, 0.025, tall), (x, 0, tall / 2)) if bar == "board" else parts.rod((x, 0, 0), (x, 0, tall), 0.015, sides=8)
        )
    pieces += [parts.box((count * 0.16, 0.03, 0.05), (0, 0.02, tall * t)) for t in (0.25, 0.8)]
    return paint.on(pieces, material)


def stairs(rng: Random) -> Pieces:
    steps, wide = rng.randint(3, 7), rng.uniform(0.4, 0.8)
    return paint.on(
        [parts.box((wide, 0.18, 0.12 * (i + 1)), (0, 0.18 * (i - steps / 2), 0.06 * (i + 1))) for i in range(steps)],
        paint.any_of(rng, WALLS, "stairs"),
    )
