# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes, balls, cylinders and cones that are stacked and strewn on a chequered or plain floor: what demos and tests are made of."""

import math
from pathlib import Path
from random import Random

import motion
import paint
import parts
import scene
import sets
import shapes
import stage as stages
from mathutils import Vector


def solid(rng: Random, size: float) -> tuple:
    """A solid that stands on z = 0, and its height."""
    kind = rng.choice(["box", "box", "box", "ball", "rod", "cone", "ring", "ico"])
    if kind == "box":
        sides = [size * rng.uniform(0.6, 1.2) for _ in range(3)] if rng.random() < 0.5 else [size] * 3
        return parts.box(sides, (0, 0, sides[2] / 2), rng.choice([0, 0, size * 0.04, size * 0.15])), sides[2]
    if kind == "ball":
        return parts.ball(size / 2, (0, 0, size / 2)), size
    if kind == "ring":
        return parts.ring(size * 0.4, size * 0.15, (0, 0, size * 0.15)), size * 0.3
    if kind == "ico":
        return parts.ico(size / 2, (0, 0, size / 2), rng.choice([0, 1, 2]) + 1), size
    tall = size * rng.uniform(0.7, 1.6)
    return parts.rod(
        (0, 0, 0), (0, 0, tall), size / 2, None if kind == "rod" else rng.choice([0.0, size * 0.25]), rng.choice([6, 8, 48])
    ), tall


def pile(rng: Random) -> list:
    """A column of one to four solids."""
    one = paint.anything(rng, "solid") if rng.random() < 0.5 else None
    top, pieces = 0.0, []
    for index in range(rng.choice([1, 1, 1, 2, 3, 4])):
        obj, tall = solid(rng, rng.uniform(0.5, 1) * 0.85**index)
        obj.location.z += top
        obj.location.x += rng.uniform(-0.08, 0.08) if index else 0
        obj.rotation_euler.z = rng.uniform(0, 1.57)
        pieces += paint.on(obj, one or paint.anything(rng, "solid"))
        top += tall
    return pieces


def toy(rng: Random) -> list:
    """One of the random shapes, standing."""
    kind, obj, smooth = shapes.bare(rng, [])
    shapes.deform(rng, obj, kind, smooth)
    obj.location.z = 0.9
    return paint.on(obj, paint.anything(rng, "toy"))


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    azimuth = rng.uniform(0, 2 * math.pi)
    made = [sets.add(stage, toy if rng.random() < 0.2 else pile, rng.uniform(0.5, 1.2)) for _ in range(rng.randint(1, 8))]
    sets.spread(stage, made, rng.uniform(0.75, 1.3))
    for pieces, _ in made:
        if rng.random() < 0.25:
            holder = next(piece.parent for piece in pieces if piece.parent)
            motion.key_twice(holder, "location", holder.location.copy(), holder.location + Vector((0, 0, rng.uniform(0, 0.8))), frames)
    if rng.random() < 0.4:
        sets.floor(stage, 1.5, 0.0, paint.chequers(rng, "chequers"))
        stage.description["ground"] = "chequers"
    else:
        sets.around(stage, azimuth, {"floor": 5, "corner": 2, "table": 1, "backdrop": 1, "none": 0.7})
    rig = stages.light(stage, azimuth)
    stage.description["world"] = stages.sky(stage, rig, outdoors=rng.random() < 0.5)
    stages.frame_format(stage)
    stages.camera(stage, azimuth, math.radians(rng.uniform(5, 50)), fill=(0.5, 1.2))
    return stages.finish(stage, "piles")
