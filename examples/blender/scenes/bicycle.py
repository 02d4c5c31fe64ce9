# SPDX-License-Identifier: GPL-3.0-or-later
import math

import paint
import parts
from mathutils import Vector

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Bicycle*"], "Sun", (320, 240), ("Standard", "None")


def wheel(x: float, name: str, rubber, steel) -> list:
    """A wheel in the x-z plane, at x."""
    made = [kit.named(parts.ring(0.34, 0.018, (x, 0, 0.36), (math.pi / 2, 0, 0), 96), f"{name} tyre", rubber)]
    made.append(kit.named(parts.ring(0.318, 0.01, (x, 0, 0.36), (math.pi / 2, 0, 0), 96), f"{name} rim", steel))
    made.append(kit.named(parts.rod((x, -0.05, 0.36), (x, 0.05, 0.36), 0.022), f"{name} hub", steel))
    for k in range(20):
        a = k * math.pi / 10
        side = 0.03 if k % 2 else -0.03
        end = (x + 0.318 * math.cos(a), 0, 0.36 + 0.318 * math.sin(a))
        made.append(
            kit.named(
                parts.rod((x + 0.02 * math.cos(a + 1), side, 0.36 + 0.02 * math.sin(a + 1)), end, 0.0025, sides=6), f"{name} spoke", steel
            )
        )
    return made


def bicycle() -> list:
    lacquer, rubber = paint.plain("Lacquer", (0.02, 0.2, 0.14), 0.3, Coat_Weight=1.0), paint.plain("Rubber", (0.02, 0.02, 0.02), 0.85)
    steel, leather = paint.plain("Steel", (0.75, 0.75, 0.76), 0.15, Metallic=1.0), paint.plain("Leather", (0.3, 0.14, 0.06), 0.6)
    back, front, crank, seat, head = (
        Vector(p) for p in ((-0.52, 0, 0.36), (0.56, 0, 0.36), (-0.05, 0, 0.3), (-0.2, 0, 0.82), (0.38, 0, 0.85))
    )
    low = head + Vector((0.035, 0, -0.12))
    tubes = [
        (seat, head + Vector((0.01, 0, -0.02))),
        (crank, low),
        (crank, seat + Vector((-0.02, 0, 0.08))),
        (head + Vector((-0.02, 0, 0.06)), low),
    ]
    made = [kit.named(parts.rod(a, b, 0.017), "Bicycle frame", lacquer) for a, b in tubes]
    for side in (-0.05, 0.05):
        s = Vector((0, side, 0))
        made += [
            kit.named(parts.rod(a + s * 0.6, b + s, 0.009), "Bicycle stay", lacquer) for a, b in ((crank, back), (seat, back), (low, front))
        ]
    made += wheel(back.x, "Bicycle rear", rubber, steel) + wheel(front.x, "Bicycle front", rubber, steel)
    made.append(kit.named(parts.rod(seat, seat + Vector((-0.04, 0, 0.14)), 0.012), "Bicycle post", steel))
    saddle = parts.subdivided(parts.box((0.28, 0.15, 0.05), (-0.25, 0, 0.98), 0.02, segments=1), 2)
    made.append(kit.named(saddle, "Bicycle saddle", leather))
    bar = [
        head + Vector(p)
        for p in ((-0.08, -0.3, 0.16), (0.02, -0.28, 0.17), (0.05, -0.12, 0.13), (0.05, 0.12, 0.13), (0.02, 0.28, 0.17), (-0.08, 0.3, 0.16))
    ]
    made.append(kit.named(parts.pipe(bar, 0.011), "Bicycle handlebar", steel))
    made.append(kit.named(parts.rod(head + Vector((-0.02, 0, 0.06)), head + Vector((0.05, 0, 0.13)), 0.013), "Bicycle stem", steel))
    made.append(kit.named(parts.ring(0.09, 0.008, crank + Vector((0, -0.06, 0)), (math.pi / 2, 0, 0)), "Bicycle chainring", steel))
    for sign, y in ((1, -0.09), (-1, 0.09)):
        pedal = crank + Vector((sign * 0.12, y, -sign * 0.11))
        made.append(kit.named(parts.rod(crank + Vector((0, y, 0)), pedal, 0.01), "Bicycle crank", steel))
        made.append(kit.named(parts.box((0.09, 0.08, 0.02), pedal + Vector((0, math.copysign(0.05, y), 0))), "Bicycle pedal", rubber))
    for z in (0.09, -0.09):
        made.append(
            kit.named(parts.rod(crank + Vector((0, -0.06, z)), back + Vector((0, -0.05, z * 0.35)), 0.005, sides=6), "Bicycle chain", steel)
        )
    basket = [parts.ring(0.13 + 0.02 * i, 0.005, (0.62, 0, 0.78 + 0.07 * i)) for i in range(4)]
    for k in range(14):
        a = k * math.pi / 7
        basket.append(
            parts.rod(
                (0.62 + 0.13 * math.cos(a), 0.13 * math.sin(a), 0.78), (0.62 + 0.19 * math.cos(a), 0.19 * math.sin(a), 0.99), 0.004, sides=6
            )
        )
    return made + kit.all_named(basket, "Bicycle basket", leather)


def build() -> None:
    """A bicycle with a basket, all thin tubes and spokes, on paving before a brick wall, by a late sun."""
    kit.empty(5)
    kit.hang(bicycle(), "Bicycle place", turn=(0.06, 0, 0.2))
    paving, brick = paint.plain("Paving", (0.45, 0.43, 0.4), 0.9), paint.plain("Brick", (0.5, 0.22, 0.14), 0.9)
    kit.texture(paving, "Brick", [(0.5, 0.48, 0.45), (0.38, 0.36, 0.34)], 1.4)
    kit.texture(brick, "Brick", [(0.55, 0.24, 0.15), (0.4, 0.16, 0.1)], 5)
    kit.wall((20, 20), (0, 0, 0), (0, 0, 0), "Paving", paving)
    kit.wall((20, 8), (0, 1.1, 3.9), (math.pi / 2, 0, 0), "Brick wall", brick)
    kit.lamp("SUN", "Sun", (0, 0, 3), 3.8, (1.6, 1.5, 1.6), 0.5, (1, 0.88, 0.7))
    kit.world((0.5, 0.62, 0.85), 0.6)
    kit.camera((-0.3, -2.6, 1.05), (0.0, -2.65, 1.0), (0.03, 0, 0.5), 38)
