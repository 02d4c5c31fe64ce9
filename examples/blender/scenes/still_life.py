# SPDX-License-Identifier: GPL-3.0-or-later
import math
from random import Random

import bpy
import paint
import parts

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Goblet*", "Loaf*", "Grapes*", "Jug*", "Knife*", "Cheese*"], "Lamp", (320, 240), ("AgX", "AgX - High Contrast")


def things() -> None:
    pewter, wine = (
        paint.plain("Pewter", (0.5, 0.49, 0.47), 0.3, Metallic=1.0),
        paint.plain("Grape", (0.16, 0.02, 0.09), 0.3, Subsurface_Weight=0.5),
    )
    goblet = parts.vessel([(0, 0), (0.1, 0.0), (0.09, 0.015), (0.02, 0.03), (0.016, 0.16), (0.08, 0.22), (0.1, 0.3), (0.09, 0.38)], 0.008)
    kit.named(goblet, "Goblet", pewter).location = (-0.42, 0.1, 0)
    crust = paint.plain("Crust", (0.5, 0.25, 0.09), 0.8)
    kit.texture(crust, "Noise", [(0.35, 0.15, 0.05), (0.7, 0.42, 0.18)], 5, Detail=5.0)
    loaf = parts.subdivided(parts.box((0.5, 0.24, 0.2), (0.05, 0.3, 0.1), 0.08, (0, 0, 0.3), 1), 2)
    kit.named(loaf, "Loaf", crust)
    for i in range(3):
        cut = parts.capsule((-0.08 + 0.12 * i, 0.2 + 0.03 * i, 0.205), (-0.02 + 0.12 * i, 0.36 + 0.03 * i, 0.2), 0.018)
        kit.named(cut, "Loaf cut", paint.plain("Crumb", (0.8, 0.62, 0.36), 0.9))
    rng = Random(3)
    berry = parts.ball(0.036, segments=24)
    kit.named(berry, "Grapes", wine)
    for i in range(34):  # copies that share one mesh
        copy = berry if i == 0 else berry.copy()
        if i:
            bpy.context.scene.collection.objects.link(copy)
        level = i // 14
        a, r = rng.uniform(0, 6.28), (0.13 - 0.045 * level) * math.sqrt(rng.random())
        copy.location = (-0.08 + r * math.cos(a) * 1.4, -0.22 + r * math.sin(a), 0.036 + 0.05 * level + rng.uniform(0, 0.01))
    kit.named(
        parts.pipe([(-0.06, -0.2, 0.14), (0.02, -0.19, 0.2), (0.1, -0.22, 0.21)], 0.006),
        "Grapes stalk",
        paint.plain("Stalk", (0.2, 0.14, 0.05), 0.8),
    )
    glaze = paint.plain("Stoneware", (0.25, 0.3, 0.26), 0.45, Coat_Weight=0.6)
    jug = parts.vessel([(0, 0), (0.1, 0), (0.15, 0.1), (0.14, 0.24), (0.075, 0.36), (0.1, 0.44)], 0.012)
    handle = parts.pipe([(p.x, p.y, p.z) for p in kit.arc(0.12, -1.4, 1.5, 18, (0.1, 0, 0.27))], 0.016)
    kit.hang(kit.all_named([jug, handle], "Jug", glaze), "Jug place", (0.42, 0.3, 0), (0, 0, 0.4))
    wedge = parts.slab([(0, 0), (0.26, 0), (0.26, 0.11), (0, 0.04)], 0.16, 0.006)
    wedge.location, wedge.rotation_euler = (0.25, -0.16, 0), (0, 0, 0.35)
    kit.named(wedge, "Cheese", paint.plain("Cheese", (0.9, 0.65, 0.2), 0.5, Subsurface_Weight=0.8))
    blade = parts.slab([(0, 0), (0.24, 0.0), (0.27, 0.012), (0.24, 0.035), (0, 0.035)], 0.004)
    blade.rotation_euler, blade.location = (math.pi / 2 - 0.1, 0, -0.3), (-0.5, -0.34, 0.012)
    kit.named(blade, "Knife blade", paint.plain("Blade", (0.8, 0.8, 0.8), 0.12, Metallic=1.0))
    kit.named(
        parts.capsule((-0.64, -0.31, 0.02), (-0.51, -0.345, 0.02), 0.018), "Knife handle", paint.plain("Horn", (0.12, 0.06, 0.03), 0.3)
    )


def build() -> None:
    """Bread, grapes, cheese, a knife, a pewter goblet and a jug on a draped cloth, by one warm lamp that stands near and moves."""
    kit.empty(8)
    things()

    def fold(x: float, y: float) -> float:
        return (
            -0.004
            + 0.008 * math.sin(9 * x + 3 * math.sin(4 * y)) * max(0.0, 1 - 6 * max(0, 0.5 - math.hypot(x, y)))
            - (0.55 * max(0.0, -y - 0.52))
        )

    linen = paint.plain("Linen", (0.6, 0.55, 0.46), 0.95, Sheen_Weight=0.3)
    kit.named(parts.sheet(fold, (2.2, 1.5), 120), "Cloth", linen)
    kit.named(parts.box((2.6, 1.4, 0.06), (0, 0.15, -0.06), 0.01), "Table", paint.plain("Dark oak", (0.1, 0.06, 0.035), 0.5))
    kit.wall((8, 5), (0, 1.4, 1.0), (math.pi / 2, 0, 0), "Wall", paint.plain("Umber", (0.17, 0.13, 0.1), 0.95))
    lamp = kit.lamp("POINT", "Lamp", (-0.85, -0.45, 0.75), 34, size=0.04, color=(1, 0.78, 0.5))
    kit.keyed(lamp, "location", (-0.9, -0.4, 0.75), (-0.75, -0.55, 0.78))
    kit.lamp("AREA", "Window", (2.6, -1.6, 1.8), 30, (0, 0, 0.1), 1.2, (0.6, 0.75, 1))
    kit.world((0.03, 0.035, 0.04))
    kit.camera((0.15, -1.75, 0.95), (0.15, -1.75, 0.95), (0.0, 0.05, 0.13), 40)
