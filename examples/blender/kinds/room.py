# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms: furniture or things on a table, lit by the sun through a window, a lamp on the ceiling, or a large bright area."""

import math
from pathlib import Path
from random import Random

import paint
import parts
import scene
import sets
import stage as stages
import things
from mathutils import Vector


def furnish(stage: stages.Stage, wide: float, deep: float) -> None:
    """Furniture on the floor as shapes; now and then with people, pots and boxes among it."""
    rng = stage.rng
    made = [sets.add(stage, rng.choice(things.FURNITURE), rng.uniform(0.9, 1.6)) for _ in range(rng.randint(1, 4))]
    more = (*things.FIGURES, *things.ASSETS, *things.PLANTS[3:4])
    made += [sets.add(stage, rng.choice(more), rng.uniform(0.6, 1.5)) for _ in range(rng.choice([0, 0, 1, 2]))]
    sets.spread(stage, made, 0.9)
    for pieces, reach in made:
        holder = next(piece.parent for piece in pieces if piece.parent)
        for axis, side in ((0, wide), (1, deep)):
            limit = max(side / 2 - reach - 0.05, 0)
            holder.location[axis] = min(max(holder.location[axis], -limit), limit)


def on_table(stage: stages.Stage) -> None:
    """Things on a table of the room; the table is background."""
    rng = stage.rng
    made = [sets.add(stage, rng.choice(things.VESSELS), rng.uniform(0.3, 0.5)) for _ in range(rng.randint(1, 5))]
    sets.spread(stage, made, 1.0)
    height = rng.uniform(0.6, 0.8)
    for pieces, _ in made:
        next(piece.parent for piece in pieces if piece.parent).location.z = height
    top = parts.box((1.6, 1.2, 0.05), (0, 0, height - 0.025))
    legs = [parts.box((0.06, 0.06, height - 0.02), (x * 0.7, y * 0.5, height / 2 - 0.01)) for x in (-1, 1) for y in (-1, 1)]
    stage.ground(paint.on([top, *legs], paint.floor(rng, "table")), "table")


def lit(stage: stages.Stage, window: str, wide: float, deep: float, tall: float) -> str:
    """The room's light; returns its kind."""
    rng = stage.rng
    low, high = stage.box()
    middle = (low + high) / 2
    way = rng.choice(["sun", "sun", "ceiling", "lamp", "panel"])
    if way == "sun":
        side = {"back": math.pi, "left": -math.pi / 2, "right": math.pi / 2, "none": 0}[window]
        stages.sun(stage, "sun", stages.towards(side + rng.uniform(-0.7, 0.7), math.radians(rng.uniform(15, 50))), rng.uniform(2.5, 6), 0.5)
    elif way == "ceiling":
        place = Vector((rng.uniform(-0.3, 0.3) * wide, rng.uniform(-0.3, 0.3) * deep, tall - rng.uniform(0.05, 0.5)))
        stages.lamp(stage, rng.choice(["AREA", "AREA", "POINT"]), "ceiling", place, middle, rng.uniform(1.2, 3.5), rng.uniform(0.2, 1.2))
    elif way == "lamp":
        place = middle + Vector((rng.uniform(-0.4, 0.4) * wide, rng.uniform(-0.45, 0.2) * deep, rng.uniform(0.3, 0.45) * tall))
        stages.lamp(stage, rng.choice(["POINT", "SPOT"]), "lamp", place, middle, rng.uniform(1.2, 3.5), rng.uniform(0.05, 0.4))
    else:  # a large bright panel beside the things
        x = rng.choice([-0.46, 0.46]) * wide
        place = Vector((x, rng.uniform(-0.3, 0.3) * deep, rng.uniform(0.3, 0.7) * tall))
        stages.lamp(stage, "AREA", "panel", place, Vector((0, place.y, place.z)), rng.uniform(1.5, 4), rng.uniform(1, 2))
    if rng.random() < 0.3:
        stages.lamp(stage, "AREA", "fill", Vector((0, -deep * 0.7, tall * 0.7)), middle, rng.uniform(0.2, 0.8), 1.5)
    stage.description["rig"] = f"room {way}"
    return way


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    wide, deep, tall = rng.uniform(3, 6), rng.uniform(3, 6), rng.uniform(2.2, 3.2)
    window = rng.choice(["back", "left", "right", "left", "right", "none"])
    if rng.random() < 0.6:
        furnish(stage, wide, deep)
    else:
        on_table(stage)
    lit(stage, window, wide, deep, tall)
    sets.room(stage, wide, deep, tall, window)
    stage.description["world"] = stages.sky(stage, "room", outdoors=True)
    background = stage.scene.world.node_tree.nodes["Background"].inputs["Strength"]
    background.default_value *= rng.uniform(1, 2.5)
    stages.frame_format(stage)
    stages.camera(stage, rng.uniform(-0.6, 0.6), math.radians(rng.uniform(3, 25)), fill=(0.5, 1.1), lens=(20, 45), farthest=deep * 0.9)
    return stages.finish(stage, "room")
