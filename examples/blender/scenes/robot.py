# SPDX-License-Identifier: GPL-3.0-or-later
import math

import paint
import parts

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Robot*"], "Sun", (320, 240), ("AgX", "None")


def legs(chrome, black) -> list:
    made = []
    for index in range(6):
        a = index * math.pi / 3 + 0.25
        hip = (0.42 * math.cos(a), 0.42 * math.sin(a), 0.72)
        knee = (0.95 * math.cos(a), 0.95 * math.sin(a), 0.95 + 0.08 * (index % 2))
        foot = (1.25 * math.cos(a), 1.25 * math.sin(a), 0.02 + 0.1 * (index % 2))
        made += kit.all_named([parts.capsule(hip, knee, 0.065, 0.05), parts.capsule(knee, foot, 0.055, 0.02)], "Robot leg", chrome)
        made.append(kit.named(parts.ball(0.085, knee), "Robot joint", black))
        side = (-0.1 * math.sin(a), 0.1 * math.cos(a))
        piston = parts.rod(
            (hip[0] + side[0], hip[1] + side[1], hip[2] - 0.1), (knee[0] * 0.8 + side[0], knee[1] * 0.8 + side[1], knee[2] - 0.05), 0.02
        )
        made.append(kit.named(piston, "Robot piston", chrome))
    return made


def build() -> None:
    """A six-legged robot of polished steel and copper that climbs on, on a chequered floor, under a sun and a bright sky."""
    kit.empty(6)
    chrome, black = paint.plain("Steel", (0.78, 0.79, 0.8), 0.06, Metallic=1.0), paint.plain("Black", (0.015, 0.015, 0.015), 0.4)
    copper = paint.plain("Copper", (0.95, 0.55, 0.4), 0.15, Metallic=1.0)
    made = legs(chrome, black)
    made.append(kit.named(parts.turned([(0, 0.5), (0.3, 0.52), (0.5, 0.68), (0.52, 0.78), (0.46, 0.82)], 96), "Robot belly", copper))
    made.append(kit.named(parts.turned([(0.47, 0.8), (0.46, 0.9), (0.36, 1.08), (0.18, 1.18), (0, 1.2)], 96), "Robot dome", chrome))
    made.append(kit.named(parts.ring(0.49, 0.035, (0, 0, 0.8), steps=96), "Robot seam", black))
    for x, size in ((-0.17, 0.1), (0.12, 0.13), (0.3, 0.06)):
        made.append(kit.named(parts.rod((x, -0.34, 0.98), (x, -0.5, 0.96), size), "Robot eye rim", copper))
        made.append(
            kit.named(
                parts.ball(size * 0.82, (x, -0.49, 0.96), (1, 0.5, 1)),
                "Robot eye",
                paint.plain("Lens", (0.01, 0.02, 0.05), 0.02, Coat_Weight=1.0),
            )
        )
    made.append(kit.named(parts.pipe([(0.2, 0.2, 1.1), (0.25, 0.28, 1.4), (0.2, 0.4, 1.55)], 0.015), "Robot antenna", chrome))
    made.append(kit.named(parts.ball(0.045, (0.2, 0.4, 1.57)), "Robot antenna tip", copper))
    place = kit.hang(made, "Robot place")
    kit.keyed(place, "rotation_euler", (0, 0, -0.1), (0.03, 0, 0.12))
    floor = paint.plain("Tiles", (0.5, 0.5, 0.5), 0.25)
    kit.texture(floor, "Checker", [(0.7, 0.68, 0.62), (0.12, 0.13, 0.15)], 1.6)
    kit.wall((30, 30), (0, 0, 0), (0, 0, 0), "Floor", floor)
    kit.lamp("SUN", "Sun", (0, 0, 4), 3, (1.7, 1.9, 1.4), 1)
    kit.world((0.75, 0.82, 0.9), 0.8, (0.25, 0.45, 0.8), (0.3, 0.28, 0.25))
    kit.camera((1.5, -4.0, 1.9), (1.3, -4.1, 1.85), (0, 0, 0.62), 42)
