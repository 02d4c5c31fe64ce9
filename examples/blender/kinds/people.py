# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters: one, a few, or a troop of the same, on a floor, a stage or in the air before a sky."""

import math
from pathlib import Path
from random import Random

import bpy
import motion
import parts
import scene
import sets
import stage as stages
import things
from mathutils import Vector


def troop(stage: stages.Stage) -> None:
    """One figure several times, in rows."""
    rng = stage.rng
    pieces, reach = sets.add(stage, rng.choice(things.FIGURES), 1.7)
    columns, rows, gap = rng.randint(2, 4), rng.randint(1, 3), reach * rng.uniform(1.6, 2.6)
    bpy.context.view_layer.update()
    for row in range(rows):
        for column in range(columns):
            if row == column == 0:
                continue
            copies = []
            for piece in pieces:
                copy = piece.copy()
                bpy.context.scene.collection.objects.link(copy)
                copy.parent, copy.matrix_world = None, piece.matrix_world
                copies.append(copy)
            stage.shape(copies, "troop")
            parts.together(copies, (column * gap + rng.uniform(-0.1, 0.1), row * gap + rng.uniform(-0.2, 0.2), 0))


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    azimuth = rng.gauss(0, 0.9) if rng.random() < 0.8 else rng.uniform(0, 2 * math.pi)
    if rng.random() < 0.2:
        troop(stage)
    else:
        count = rng.choice([1, 1, 1, 2, 2, 3, 4])
        made = [sets.add(stage, rng.choice(things.FIGURES), rng.uniform(1.2, 1.8)) for _ in range(count)]
        made += [
            sets.add(stage, rng.choice((*things.ASSETS, *things.FURNITURE)), rng.uniform(0.5, 1))
            for _ in range(rng.choice([0, 0, 0, 1, 3]))
        ]
        sets.spread(stage, made, rng.uniform(0.8, 1.1))
        for pieces, _ in made:
            if rng.random() < 0.5:
                holder = next(piece.parent for piece in pieces if piece.parent)
                motion.key_twice(
                    holder, "location", holder.location.copy(), holder.location + Vector((rng.uniform(-0.3, 0.3), -0.4, 0)), frames
                )
    outdoors = rng.random() < 0.6
    ground = sets.around(stage, azimuth, {"floor": 5, "backdrop": 2, "pedestal": 1, "corner": 1.5, "none": 2})
    if ground == "floor" and rng.random() < 0.25:
        sets.clutter(stage, 1.2, azimuth, (*things.TREES, *things.BUILDINGS))
    rig = stages.light(stage, azimuth, rng.choice(["sun", "sun_sky", "sun_sky", "sky", "two_suns"]) if outdoors else None)
    stage.description["world"] = stages.sky(stage, rig, outdoors)
    stages.frame_format(stage)
    stages.camera(stage, azimuth, math.radians(rng.uniform(-5, 35)), fill=(0.5, 1.25))
    return stages.finish(stage, "people")
