# SPDX-License-Identifier: GPL-3.0-or-later
"""Cars, trucks, planes, boats and rockets: metal, lacquer, glass, rubber. They drive along -y and stand on z = 0, about a unit large."""

import math
from random import Random

import bpy
import paint
import parts

Pieces = list[bpy.types.Object]


def wheel(rng: Random, radius: float, wide: float, x: float, y: float, rubber, rim) -> Pieces:
    tyre = parts.ring(radius * 0.76, radius * 0.24, (x, y, radius), (0, math.pi / 2, 0))
    tyre.scale = (1, 1, wide / (radius * 0.48))
    disc = parts.rod((x - wide * 0.4, y, radius), (x + wide * 0.4, y, radius), radius * 0.62, sides=32)
    return paint.on(tyre, rubber) + paint.on(disc, rim)


def wheels(rng: Random, radius: float, wide: float, track: float, axles: list[float]) -> Pieces:
    rubber, rim = paint.black(rng, "tyre"), paint.any_of(rng, {paint.metal: 3, paint.plastic: 1}, "rim")
    return [piece for y in axles for x in (-track / 2, track / 2) for piece in wheel(rng, radius, wide, x, y, rubber, rim)]


def panes(rng: Random) -> bpy.types.Material:
    return paint.any_of(rng, {paint.black: 3, paint.glass: 1.5, paint.plastic: 0.5}, "pane")


def along_y(outline: list[tuple[float, float]], wide: float, bevel: float) -> bpy.types.Object:
    """A side view of (y, z) drawn out across x."""
    obj = parts.slab(outline, wide, bevel)
    obj.rotation_euler.z = math.pi / 2
    return obj


def car(rng: Random) -> Pieces:
    """A body from its side view, a cabin of glass with pillars and a roof, wheels, lamps."""
    long, wide, low = rng.uniform(1.5, 2), rng.uniform(0.65, 0.8), rng.uniform(0.12, 0.2)
    waist, roof = low + rng.uniform(0.25, 0.35), low + rng.uniform(0.5, 0.68)
    body, pane, chrome = paint.car_paint(rng, "body"), panes(rng), paint.metal(rng, "chrome")
    h, bonnet, boot = long / 2, rng.uniform(0.3, 0.55) * long / 2, rng.uniform(0, 0.6) * long / 2
    outline = [
        (-h, low),
        (-h, low + 0.15),
        (-h * 0.93, waist - 0.06),
        (-bonnet, waist),
        (h - boot * 0.3, waist),
        (h, waist - 0.03),
        (h, low),
    ]
    pieces = paint.on(along_y(outline, wide, 0.04), body)
    cabin = [(-bonnet, waist - 0.02), (-bonnet + 0.28, roof - 0.03), (h - boot - 0.2, roof - 0.03), (h - boot * 0.4, waist - 0.02)]
    pieces += paint.on(along_y(cabin, wide * 0.88, 0.03), pane)
    pieces += paint.on(
        along_y(
            [(-bonnet + 0.26, roof - 0.03), (-bonnet + 0.34, roof), (h - boot - 0.24, roof), (h - boot - 0.16, roof - 0.03)],
            wide * 0.86,
            0.012,
        ),
        body,
    )
    for x in (-1, 1):
        side = x * wide * 0.43
        for a, b in ((cabin[0], cabin[1]), (cabin[3], cabin[2]), ((0.05, waist), (0.05, roof - 0.02))):
            pieces += paint.on(parts.rod((side, a[0], a[1]), (side * 0.97, b[0], b[1]), 0.022, sides=8), body)
        pieces += paint.on(parts.ball(0.06, (x * wide * 0.36, -h, low + 0.17), (1, 0.4, 0.8), 24), chrome)
        pieces += paint.on(parts.box((0.1, 0.03, 0.05), (x * wide * 0.36, h, waist - 0.1)), paint.plastic(rng, "tail", (0.6, 0.02, 0.02)))
        pieces += paint.on(parts.box((0.03, 0.06, 0.05), (x * wide * 0.56, -bonnet + 0.15, waist + 0.04), 0.01), body)
    pieces += paint.on(parts.box((wide * 0.96, 0.06, 0.07), (0, -h, low + 0.04), 0.02), rng.choice([chrome, body]))
    radius = rng.uniform(0.15, 0.2)
    return pieces + wheels(rng, radius, 0.12, wide * 0.95, [-h * 0.62, h * 0.62])


def van(rng: Random) -> Pieces:
    long, wide, tall, low = rng.uniform(1.4, 2), rng.uniform(0.65, 0.8), rng.uniform(0.7, 0.9), 0.15
    h, body, pane = long / 2, paint.car_paint(rng, "body"), panes(rng)
    outline = [(-h, low), (-h, low + 0.25), (-h + 0.12, low + 0.3), (-h + 0.35, tall), (h - 0.03, tall), (h, tall - 0.05), (h, low)]
    pieces = paint.on(along_y(outline, wide, rng.choice([0.01, 0.05])), body)
    for x in (-1, 1):
        for i in range(rng.randint(1, 4)):
            y = -h + 0.5 + 0.35 * i
            if y < h - 0.2:
                pieces += paint.on(parts.box((0.02, 0.27, 0.2), (x * wide / 2, y, tall - 0.2), 0.01), pane)
    slope = math.atan2(0.23, tall - low - 0.3)
    pieces += paint.on(parts.box((wide * 0.85, 0.02, 0.33), (0, -h + 0.225, (low + 0.3 + tall) / 2), 0, (-slope, 0, 0)), pane)
    return pieces + wheels(rng, 0.16, 0.12, wide * 0.96, [-h * 0.65, h * 0.62])


def truck(rng: Random) -> Pieces:
    wide, low = rng.uniform(0.5, 0.65), 0.22
    cab, pane = paint.car_paint(rng, "cab"), panes(rng)
    pieces = paint.on(parts.box((wide, 0.4, 0.6), (0, -0.75, low + 0.3), 0.04, segments=3), cab)
    pieces += paint.on(parts.box((wide * 0.86, 0.02, 0.22), (0, -0.955, low + 0.42), 0.005), pane)
    pieces += paint.on(parts.box((wide * 1.01, 0.22, 0.2), (0, -0.78, low + 0.43), 0.005), pane)
    pieces += paint.on(parts.box((wide * 0.5, 1.7, 0.08), (0, 0, low)), paint.black(rng, "chassis"))
    load = rng.choice(["box", "tank", "logs", "open"])
    if load == "box":
        pieces += paint.on(
            parts.box((wide * 1.05, 1.2, 0.8), (0, 0.15, low + 0.46), 0.02),
            paint.any_of(rng, {paint.plastic: 1, paint.textured: 1, paint.white: 1}, "load"),
        )
    elif load == "tank":
        pieces += paint.on(parts.capsule((0, -0.3, low + 0.38), (0, 0.6, low + 0.38), wide * 0.48, None, 48), paint.metal(rng, "tank"))
    else:
        side = paint.any_of(rng, {paint.wood: 1, paint.matt: 1}, "side")
        pieces += paint.on([parts.box((0.03, 1.2, 0.25), (x * wide / 2, 0.15, low + 0.2)) for x in (-1, 1)], side)
        pieces += paint.on([parts.box((wide, 1.2, 0.03), (0, 0.15, low + 0.07)), parts.box((wide, 0.03, 0.25), (0, 0.75, low + 0.2))], side)
        if load == "logs":
            logs = [
                parts.rod((x, -0.4, low + z), (x, 0.7, low + z), 0.09, sides=16)
                for x, z in ((-0.2, 0.18), (0, 0.18), (0.2, 0.18), (-0.1, 0.34), (0.1, 0.34))
            ]
            pieces += paint.on(logs, paint.wood(rng, "log"))
    return pieces + wheels(rng, 0.17, 0.14, wide * 0.95, [-0.72, 0.35, 0.7])


def plane(rng: Random) -> Pieces:
    hull = paint.any_of(rng, {paint.car_paint: 2, paint.metal: 2, paint.white: 1, paint.matt: 1}, "hull")
    up, radius = rng.choice([0.25, 0.8]), rng.uniform(0.13, 0.2)
    profile = [(0, -1), (radius * 0.6, -0.95), (radius, -0.75), (radius, 0.2), (radius * 0.25, 1), (0, 1.02)]
    body = parts.turned(profile, 48)
    body.rotation_euler, body.location = (-math.pi / 2, 0, 0), (0, 0, up)
    pieces = paint.on(body, hull)
    span, sweep = rng.uniform(0.8, 1.3), rng.uniform(0, 0.5)
    for x in (-1, 1):
        wing = parts.slab([(0, -0.2), (x * span, -0.05 + sweep), (x * span, 0.12 + sweep), (0, 0.25)], 0.035)
        wing.rotation_euler, wing.location = (-math.pi / 2, 0, 0), (0, 0, up)
        pieces += paint.on(wing, hull)
        tail = parts.slab([(0, 0.75), (x * 0.35, 0.9), (x * 0.35, 1), (0, 0.98)], 0.025)
        tail.rotation_euler, tail.location = (-math.pi / 2, 0, 0), (0, 0, up + 0.03)
        pieces += paint.on(tail, hull)
        if rng.random() < 0.5:
            pieces += paint.on(
                parts.capsule((x * span * 0.45, -0.2, up - 0.1), (x * span * 0.45, 0.1, up - 0.1), 0.07), paint.metal(rng, "engine")
            )
    pieces += paint.on(along_y([(0.7, up), (0.9, up + 0.35), (1.02, up + 0.35), (1, up)], 0.025, 0), hull)
    return pieces + paint.on(parts.ball(radius * 0.8, (0, -0.55, up + radius * 0.6), (0.8, 1.6, 0.8)), panes(rng))


def boat(rng: Random) -> Pieces:
    rows, vertices, faces = 16, [], []
    wide, high = rng.uniform(0.3, 0.45), rng.uniform(0.3, 0.45)
    for i in range(rows + 1):
        t = i / rows
        half = wide * math.sin(math.pi * min(0.08 + t * 0.75, 1)) ** 0.6 if t else 0.02
        top = high * (1 + 0.35 * (1 - t) ** 2)
        vertices += [(-half, t * 2 - 1, top), (-half * 0.6, t * 1.9 - 0.9, 0.02), (half * 0.6, t * 1.9 - 0.9, 0.02), (half, t * 2 - 1, top)]
    for i in range(rows):
        for j in range(3):
            a = i * 4 + j
            faces.append((a, a + 1, a + 5, a + 4))
        faces.append((i * 4 + 3, i * 4, i * 4 + 4, i * 4 + 7))
    faces += [(0, 1, 2, 3), tuple(rows * 4 + j for j in range(4))]
    hull = parts.of_faces(vertices, faces, "hull", smooth=True)
    parts.smooth_by_angle(hull)
    pieces = paint.on(hull, paint.any_of(rng, {paint.car_paint: 1, paint.wood: 2, paint.white: 1}, "hull"))
    if rng.random() < 0.5:
        pieces += paint.on(parts.rod((0, -0.1, high), (0, -0.1, high + 1.1), 0.02), paint.wood(rng, "mast"))
        sail = parts.slab([(0, 0), (0.75, 0), (0, 1)], 0.012)
        sail.rotation_euler.z, sail.location = math.pi / 2 + rng.uniform(-0.3, 0.3), (0, -0.08, high + 0.1)
        return pieces + paint.on(sail, paint.any_of(rng, {paint.white: 2, paint.cloth: 1}, "sail"))
    pieces += paint.on(parts.box((wide * 1.2, 0.6, 0.3), (0, 0.15, high + 0.12), 0.03), paint.white(rng, "cabin"))
    pieces += paint.on(parts.box((wide * 1.22, 0.45, 0.12), (0, 0.15, high + 0.17)), panes(rng))
    return pieces + paint.on(parts.rod((0, 0.3, high + 0.2), (0, 0.33, high + 0.55), 0.09), paint.plastic(rng, "funnel"))


def tank(rng: Random) -> Pieces:
    hull = paint.any_of(rng, {paint.matt: 3, paint.metal: 1, paint.textured: 1}, "hull")
    pieces = paint.on(along_y([(-0.75, 0.25), (-0.6, 0.42), (0.65, 0.42), (0.72, 0.25), (0.6, 0.15), (-0.6, 0.15)], 0.6, 0.02), hull)
    pieces += paint.on(parts.box((0.45, 0.5, 0.2), (0, 0.05, 0.52), 0.06), hull)
    pieces += paint.on(parts.rod((0, -0.15, 0.53), (0, -1.0, 0.53 + rng.uniform(0, 0.2)), 0.035), hull)
    for x in (-1, 1):
        belt = [(-0.7, 0.2), (-0.6, 0.32), (0.6, 0.32), (0.72, 0.2), (0.6, 0.02), (-0.58, 0.02)]
        track = along_y(belt, 0.18, 0.015)
        track.location.x = x * 0.38
        pieces += paint.on(track, paint.black(rng, "track"))
        pieces += paint.on([parts.rod((x * 0.36, y, 0.16), (x * 0.49, y, 0.16), 0.12, sides=24) for y in (-0.5, -0.17, 0.17, 0.5)], hull)
    return pieces


def rocket(rng: Random) -> Pieces:
    radius, height = rng.uniform(0.14, 0.25), rng.uniform(0.9, 1.3)
    body = parts.turned(
        [(0, 0.15), (radius * 0.8, 0.15), (radius, 0.3), (radius, height * 0.65), (radius * 0.6, height * 0.88), (0, height)], 48
    )
    pieces = paint.on(body, paint.any_of(rng, {paint.metal: 2, paint.car_paint: 2, paint.white: 2}, "body"))
    fin, count = paint.any_of(rng, {paint.plastic: 1, paint.car_paint: 1}, "fin"), rng.choice([3, 4])
    for i in range(count):
        piece = parts.slab([(radius * 0.8, 0.2), (radius * 2.2, 0), (radius * 2.2, 0.15), (radius * 0.95, 0.5)], 0.03)
        piece.rotation_euler.z = i * 2 * math.pi / count
        pieces += paint.on(piece, fin)
    pieces += paint.on(parts.vessel([(radius * 0.3, 0.15), (radius * 0.5, 0.12), (radius * 0.7, 0.02)], 0.015), paint.metal(rng, "nozzle"))
    return pieces + paint.on(parts.ring(radius * 0.4, 0.025, (0, -radius, height * 0.6), (math.pi / 2, 0, 0)), paint.metal(rng, "port"))
