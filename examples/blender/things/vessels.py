# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that products and still lifes are made of: cups, bottles, jars, boxes, books, fruit, candles, letters."""

import math
from random import Random

import bpy
import paint
import parts
import shapes

Pieces = list[bpy.types.Object]


def curve(rng: Random, radii: list[float], height: float, steps: int = 24) -> list[tuple[float, float]]:
    """A smooth profile of (radius, height) through radii at equal heights."""
    found = []
    for i in range(steps + 1):
        t = i / steps * (len(radii) - 1)
        k = min(int(t), len(radii) - 2)
        ease = (1 - math.cos(math.pi * (t - k))) / 2
        found.append((radii[k] * (1 - ease) + radii[k + 1] * ease, height * i / steps))
    return found


def mug(rng: Random) -> Pieces:
    radius, height = rng.uniform(0.28, 0.42), rng.uniform(0.6, 0.95)
    lip, foot = radius * rng.uniform(0.95, 1.25), radius * rng.uniform(0.7, 1)
    body = parts.vessel([(0, 0), (foot, 0), *[(r, z + 0.02) for r, z in curve(rng, [foot, radius, lip], height)]], 0.04)
    size, thick = height * rng.uniform(0.28, 0.36), rng.uniform(0.03, 0.06)
    handle = parts.ring(size, thick, (radius + size * 0.4, 0, height * 0.52), (math.pi / 2, 0, 0))
    material = paint.any_of(rng, {paint.ceramic: 4, paint.plastic: 1, paint.metal: 1, paint.textured: 1}, "mug")
    pieces = paint.on([body, handle], material)
    if rng.random() < 0.5:
        drink = parts.rod((0, 0, height * 0.7), (0, 0, height * 0.78), min(foot, radius) * 0.92)
        pieces += paint.on(drink, paint.plastic(rng, "drink", paint.hue(rng, (0.3, 0.8), (0.05, 0.4))))
    return pieces


def bottle(rng: Random) -> Pieces:
    radius, height, neck = rng.uniform(0.16, 0.3), rng.uniform(0.9, 1.4), rng.uniform(0.05, 0.1)
    shoulder = rng.uniform(0.55, 0.75) * height
    profile = [(0, 0), (radius * 0.92, 0), (radius, 0.03), (radius, shoulder)]
    profile += [(neck + (radius - neck) * (1 + math.cos(math.pi * t / 8)) / 2, shoulder + t / 8 * 0.2) for t in range(1, 9)]
    profile += [(neck, height), (neck * 1.2, height + 0.01), (neck * 1.2, height + 0.05), (0, height + 0.05)]
    maker = {paint.glass: 3, paint.plastic: 2, paint.metal: 1, paint.ceramic: 1, paint.black: 0.6}
    pieces = paint.on(parts.turned(profile), paint.any_of(rng, maker, "bottle"))
    if rng.random() < 0.7:
        label = parts.turned(
            [
                (radius + 0.004, shoulder * 0.3),
                (radius + 0.008, shoulder * 0.31),
                (radius + 0.008, shoulder * 0.8),
                (radius, shoulder * 0.81),
            ]
        )
        pieces += paint.on(label, paint.textured(rng, "label"))
    cap = parts.rod((0, 0, height), (0, 0, height + rng.uniform(0.08, 0.16)), neck * 1.35)
    return pieces + paint.on(cap, paint.any_of(rng, {paint.metal: 1, paint.plastic: 1, paint.black: 1}, "cap"))


def jar(rng: Random) -> Pieces:
    radii = [rng.uniform(0.15, 0.5) for _ in range(rng.randint(3, 5))]
    height = rng.uniform(0.5, 1.2)
    open_top = rng.random() < 0.6
    profile = [(0, 0), *curve(rng, radii, height)]
    body = parts.vessel(profile, 0.03) if open_top else parts.turned([*profile, (0, height)])
    return paint.on(body, paint.any_of(rng, {paint.ceramic: 3, paint.glass: 1, paint.metal: 2, paint.matt: 2, paint.textured: 2}, "jar"))


def bowl(rng: Random) -> Pieces:
    radius, height = rng.uniform(0.4, 0.7), rng.uniform(0.15, 0.4)
    profile = [
        (0, 0),
        (radius * 0.4, 0),
        *[(radius * (0.4 + 0.6 * math.sin(t)), height * (1 - math.cos(t)) + 0.02) for t in [i * math.pi / 24 for i in range(1, 13)]],
    ]
    pieces = paint.on(parts.vessel(profile, 0.03), paint.any_of(rng, {paint.ceramic: 3, paint.wood: 1, paint.metal: 1}, "bowl"))
    for _ in range(rng.choice([0, 0, 3, 5])):
        size, angle, away = rng.uniform(0.1, 0.17), rng.uniform(0, 6.28), radius * rng.uniform(0, 0.5)
        fruit = parts.ball(size, (away * math.cos(angle), away * math.sin(angle), height * 0.6 + size), (1, 1, rng.uniform(0.85, 1.1)), 32)
        pieces += paint.on(fruit, paint.any_of(rng, {paint.plastic: 2, paint.skin: 1}, "fruit"))
    return pieces


def teapot(rng: Random) -> Pieces:
    """A pot with a lid, a spout and a handle."""
    radius, flat = rng.uniform(0.35, 0.5), rng.uniform(0.7, 1.1)
    height = radius * flat
    pieces = [parts.ball(radius, (0, 0, height * 0.93), (1, 1, flat))]
    pieces.append(parts.rod((0, 0, 0), (0, 0, height * 0.3), radius * 0.6, radius * 0.75))
    pieces.append(
        parts.turned([(radius * 0.45, height * 1.78), (radius * 0.45, height * 1.86), (radius * 0.2, height * 1.98), (0, height * 2)])
    )
    pieces.append(parts.ball(radius * 0.12, (0, 0, height * 2.05), segments=24))
    out = [(radius * 0.8 + 0.35 * t * radius, 0, height * (0.7 + 0.9 * t + 0.25 * math.sin(3 * t))) for t in [i / 8 for i in range(9)]]
    pieces.append(parts.pipe(out, radius * rng.uniform(0.1, 0.17)))
    pieces.append(parts.ring(radius * 0.5, radius * 0.08, (-radius * 1.05, 0, height), (math.pi / 2, 0, 0)))
    return paint.on(pieces, paint.any_of(rng, {paint.ceramic: 3, paint.metal: 2, paint.textured: 2, paint.car_paint: 1}, "teapot"))


def carton(rng: Random) -> Pieces:
    size = [rng.uniform(0.2, 0.9) for _ in range(3)]
    pieces = paint.on(parts.box(size, (0, 0, size[2] / 2), rng.choice([0, 0.01, 0.05])), paint.anything(rng, "carton"))
    if rng.random() < 0.3:
        ribbon = parts.box((size[0] * 1.01, size[1] * 0.15, size[2] * 1.01), (0, 0, size[2] / 2))
        pieces += paint.on(ribbon, paint.plastic(rng, "ribbon"))
    return pieces


def books(rng: Random) -> Pieces:
    pieces, top = [], 0.0
    for _ in range(rng.randint(1, 4)):
        wide, deep, thick, turn = rng.uniform(0.4, 0.6), rng.uniform(0.55, 0.8), rng.uniform(0.05, 0.16), rng.uniform(-0.3, 0.3)
        pages = parts.box((wide * 0.96, deep * 0.96, thick * 0.8), (0.01, 0, top + thick / 2), turn=(0, 0, turn))
        pieces += paint.on(pages, paint.white(rng, "pages"))
        cover = paint.any_of(rng, {paint.matt: 2, paint.textured: 1, paint.plastic: 1}, "cover")
        for z in (0.06, 0.94):
            pieces += paint.on(parts.box((wide, deep, thick * 0.12), (0, 0, top + thick * z), turn=(0, 0, turn)), cover)
        back = (-math.cos(turn) * wide / 2, -math.sin(turn) * wide / 2, top + thick / 2)
        pieces += paint.on(parts.box((thick * 0.12, deep, thick), back, turn=(0, 0, turn)), cover)
        top += thick
    return pieces


def candle(rng: Random) -> Pieces:
    radius, height = rng.uniform(0.06, 0.2), rng.uniform(0.3, 0.9)
    pieces = paint.on(parts.rod((0, 0, 0.05), (0, 0, height), radius), paint.skin(rng, "wax"))
    pieces += paint.on(parts.turned([(0, 0), (radius * 2.2, 0), (radius * 2.4, 0.06), (radius, 0.06)]), paint.metal(rng, "dish"))
    return pieces + paint.on(parts.rod((0, 0, height), (0, 0, height + 0.06), 0.01, sides=8), paint.black(rng, "wick"))


def fruit(rng: Random) -> Pieces:
    radius = rng.uniform(0.25, 0.45)
    profile = [
        (radius * math.sin(t) * (1 - 0.12 * math.cos(t)), radius * (1 - 0.85 * math.cos(t)) - 0.06 * radius * math.exp(-6 * t))
        for t in [math.pi * i / 32 for i in range(33)]
    ]
    lowest = min(z for _, z in profile)
    body = parts.turned([(r, z - lowest) for r, z in profile], 48)
    stalk = parts.rod((0, 0, radius * 1.7), (0.04, 0, radius * 2.1), 0.02, sides=8)
    return paint.on(body, paint.any_of(rng, {paint.skin: 2, paint.plastic: 2, paint.textured: 1}, "fruit")) + paint.on(
        stalk, paint.wood(rng, "stalk")
    )


def letters(rng: Random) -> Pieces:
    """A standing word."""
    data = bpy.data.curves.new("text", "FONT")
    data.body = "".join(rng.choice(shapes.LETTERS) for _ in range(rng.randint(1, 5)))
    data.extrude, data.bevel_depth, data.bevel_resolution = rng.uniform(0.05, 0.25), rng.choice([0, 0.01, 0.03]), 2
    data.align_x = "CENTER"
    obj = shapes.mesh_of(data, "text")
    obj.rotation_euler.x = math.pi / 2
    lowest = min(vertex.co.y for vertex in obj.data.vertices)
    obj.location.z = -lowest
    return paint.on(obj, paint.any_of(rng, {paint.metal: 3, paint.plastic: 2, paint.car_paint: 1, paint.textured: 1}, "text"))


def lamp(rng: Random) -> Pieces:
    """A desk lamp: foot, jointed arm, shade."""
    metal = paint.any_of(rng, {paint.metal: 2, paint.car_paint: 1, paint.black: 1}, "lamp")
    knee, head = (rng.uniform(-0.3, 0.1), 0, rng.uniform(0.5, 0.8)), (rng.uniform(0.2, 0.5), 0, rng.uniform(0.8, 1.2))
    pieces = [parts.rod((0, 0, 0), (0, 0, 0.05), 0.25, sides=48), parts.rod((0, 0, 0.05), knee, 0.025), parts.rod(knee, head, 0.025)]
    pieces.append(parts.ball(0.05, knee, segments=24))
    shade = parts.vessel([(0, 0), (0.06, 0), (0.08, 0.05), (0.22, 0.3)], 0.012)
    shade.location, shade.rotation_euler = head, (0, math.pi - rng.uniform(0.2, 0.9), 0)
    return paint.on([*pieces, shade], metal)


def screen(rng: Random) -> Pieces:
    """A display, a telephone or a portable computer."""
    wide, tall = rng.uniform(0.4, 1.2), rng.uniform(0.35, 0.8)
    lean = rng.uniform(0.05, 0.35)
    body = paint.any_of(rng, {paint.metal: 1, paint.black: 1, paint.plastic: 1}, "case")
    up = (0, math.sin(lean) * tall / 2, math.cos(lean) * tall / 2 + 0.05)
    pieces = paint.on(parts.box((wide, 0.04, tall), up, 0.012, (-lean, 0, 0)), body)
    front = (0, up[1] - 0.022 * math.cos(lean), up[2] - 0.022 * math.sin(lean))
    pieces += paint.on(
        parts.box((wide * 0.93, 0.006, tall * 0.9), front, 0, (-lean, 0, 0)),
        paint.any_of(rng, {paint.black: 2, paint.textured: 1}, "glass"),
    )
    return pieces + paint.on(parts.box((wide, wide * 0.6, 0.035), (0, -wide * 0.25, 0.018), 0.01), body)


def speaker(rng: Random) -> Pieces:
    """A box with round membranes."""
    wide, tall = rng.uniform(0.35, 0.6), rng.uniform(0.6, 1.1)
    pieces = paint.on(parts.box((wide, wide, tall), (0, 0, tall / 2), rng.choice([0.01, 0.08]), segments=4), paint.anything(rng, "case"))
    place = tall * 0.3
    for radius in (wide * 0.38, wide * rng.uniform(0.18, 0.3)):
        pieces += paint.on(parts.ring(radius, 0.025, (0, -wide / 2, place), (math.pi / 2, 0, 0)), paint.metal(rng, "rim"))
        pieces += paint.on(parts.ball(radius, (0, -wide / 2, place), (1, 0.25, 1)), paint.black(rng, "membrane"))
        place += tall * 0.42
    return pieces
