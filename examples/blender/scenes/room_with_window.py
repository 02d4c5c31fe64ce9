# SPDX-License-Identifier: GPL-3.0-or-later
import math

import paint
import parts

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Armchair*", "Side table*", "Vase*", "Lamp*", "Cushion"], "Sun", (320, 240), ("AgX", "None")


def armchair() -> None:
    velvet = paint.plain("Velvet", (0.05, 0.2, 0.16), 0.9, Sheen_Weight=0.6)
    wood = paint.plain("Walnut", (0.16, 0.08, 0.04), 0.4)
    pieces = [
        parts.subdivided(parts.box((0.72, 0.7, 0.2), (0, 0, 0.4), 0.06, segments=1), 2),
        parts.subdivided(parts.box((0.78, 0.2, 0.75), (0, 0.36, 0.68), 0.07, (-0.22, 0, 0), 1), 2),
    ]
    pieces += [parts.subdivided(parts.box((0.16, 0.74, 0.34), (x * 0.42, 0.02, 0.5), 0.06, segments=1), 2) for x in (-1, 1)]
    legs = [parts.rod((x * 0.36, y, 0), (x * 0.32, y * 0.9, 0.3), 0.018, 0.028) for x in (-1, 1) for y in (-0.3, 0.36)]
    made = kit.all_named(pieces, "Armchair", velvet) + kit.all_named(legs, "Armchair leg", wood)
    cushion = parts.subdivided(parts.box((0.4, 0.12, 0.38), (0.05, 0.18, 0.68), 0.05, (-0.35, 0.15, 0), 1), 2)
    made.append(kit.named(cushion, "Cushion", paint.plain("Ochre", (0.65, 0.38, 0.08), 0.95)))
    kit.hang(made, "Armchair place", (0.35, 0.5, 0), (0, 0, -0.55))


def small_things() -> None:
    wood = paint.plain("Oak", (0.4, 0.26, 0.13), 0.5)
    kit.named(parts.rod((-0.75, 0.3, 0.46), (-0.75, 0.3, 0.5), 0.28, sides=64), "Side table", wood)
    for a in (0.3, 2.4, 4.5):
        kit.named(parts.rod((-0.75 + 0.24 * math.cos(a), 0.3 + 0.24 * math.sin(a), 0), (-0.75, 0.3, 0.47), 0.016), "Side table leg", wood)
    vase = parts.vessel([(0, 0), (0.07, 0), (0.1, 0.1), (0.045, 0.22), (0.06, 0.27)], 0.008)
    kit.named(vase, "Vase", paint.plain("Porcelain", (0.85, 0.85, 0.88), 0.2, Coat_Weight=1.0)).location = (-0.8, 0.28, 0.5)
    for index, (x, y) in enumerate(((0.03, 0.0), (-0.06, 0.05), (0.0, -0.07))):
        stalk = parts.pipe([(-0.8, 0.28, 0.6), (-0.8 + x, 0.28 + y, 0.85), (-0.8 + 2.5 * x, 0.28 + 2.5 * y, 1.0)], 0.005)
        kit.named(stalk, "Vase stalk", paint.plain("Green", (0.1, 0.25, 0.05), 0.6))
        flower = parts.ico(0.055, (-0.8 + 2.5 * x, 0.28 + 2.5 * y, 1.0), 2)
        kit.named(flower, "Vase flower", paint.plain(f"Petal {index}", ((0.8, 0.2, 0.3), (0.9, 0.6, 0.1), (0.8, 0.75, 0.7))[index], 0.6))
    brass = paint.plain("Brass", (0.85, 0.6, 0.25), 0.25, Metallic=1.0)
    kit.named(parts.rod((1.2, 0.95, 0), (1.2, 0.95, 0.03), 0.16, sides=48), "Lamp foot", brass)
    kit.named(
        parts.pipe(
            [
                (1.2, 0.95, 0),
                (1.2, 0.95, 1.3),
                *[(1.2 - 0.18 * (1 - math.cos(a)), 0.95, 1.3 + 0.18 * math.sin(a)) for a in (0.5, 1, 1.57, 2.2)],
            ],
            0.014,
        ),
        "Lamp pole",
        brass,
    )
    shade = parts.vessel([(0.06, 0.12), (0.061, 0.12), (0.16, -0.06)], 0.006)
    kit.named(shade, "Lamp shade", paint.plain("Linen", (0.75, 0.68, 0.55), 0.9)).location = (0.9, 0.95, 1.38)


def room() -> None:
    wall, white = paint.plain("Wall", (0.62, 0.6, 0.55), 0.95), paint.plain("White", (0.8, 0.8, 0.8), 0.6)
    boards = paint.plain("Boards", (0.3, 0.18, 0.09), 0.35)
    kit.texture(boards, "Brick", [(0.36, 0.22, 0.11), (0.25, 0.14, 0.07)], 2.2)
    kit.named(parts.box((4.4, 4.4, 0.1), (0, 0, -0.05)), "Floor", boards)
    kit.named(parts.box((4.4, 4.4, 0.1), (0, 0, 2.65)), "Ceiling", white)
    kit.named(parts.box((4.4, 0.1, 2.7), (0, 1.9, 1.3)), "Back wall", wall)
    kit.named(parts.box((0.1, 4.4, 2.7), (2.0, 0, 1.3)), "Right wall", wall)
    for size, at in (
        ((0.1, 4.4, 0.7), (-2, 0, 0.35)),
        ((0.1, 4.4, 0.4), (-2, 0, 2.4)),
        ((0.1, 1.6, 1.5), (-2, 1.4, 1.45)),
        ((0.1, 1.8, 1.5), (-2, -1.7, 1.45)),
    ):
        kit.named(parts.box(size, at), "Window wall", wall)
    kit.all_named([parts.box((0.06, 0.04, 1.5), (-2, y, 1.45)) for y in (-0.72, -0.1, 0.52)], "Frame", white)
    kit.named(parts.box((0.06, 1.4, 0.04), (-2, -0.1, 1.5)), "Frame", white)
    rug = paint.plain("Rug", (0.5, 0.4, 0.33), 1.0)
    kit.texture(rug, "Voronoi", [(0.55, 0.2, 0.15), (0.6, 0.52, 0.4)], 7)
    kit.named(parts.box((2.2, 1.5, 0.015), (0, 0.1, 0.008)), "Rug", rug)
    kit.named(parts.box((0.7, 0.04, 0.9), (0.2, 1.84, 1.6)), "Picture", paint.plain("Canvas", (0.3, 0.45, 0.6), 0.8))


def build() -> None:
    """An armchair, a side table with flowers and a brass lamp in a room that the sun lights through its window."""
    kit.empty(8)
    armchair()
    small_things()
    room()
    kit.lamp("SUN", "Sun", (0, 0, 3), 7, (2.2, 0.5, 1.6), 0.5, (1, 0.9, 0.75))
    kit.world((0.7, 0.85, 1.0), 1.4)
    kit.camera((-0.7, -2.6, 1.25), (-0.45, -2.65, 1.25), (0.1, 0.5, 0.68), 30)
