# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of metal and things of thin parts on a floor or a bench, in any light."""

import math
from pathlib import Path
from random import Random

import scene
import sets
import stage as stages
import things


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    azimuth = rng.gauss(0, 1)
    choices = things.THIN if rng.random() < 0.45 else things.MACHINES
    made = [sets.add(stage, rng.choice(choices), rng.uniform(0.9, 1.4)) for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    sets.spread(stage, made, 0.9)
    ground = sets.around(stage, azimuth, {"floor": 4, "table": 2, "backdrop": 2, "corner": 2, "pedestal": 1, "none": 1})
    if ground == "floor" and rng.random() < 0.25:
        sets.clutter(stage, 1, azimuth, (*things.ASSETS, *things.MACHINES))
    rig = stages.light(stage, azimuth, spread=1.4 if ground in ("backdrop", "corner") else 1.9)
    stage.description["world"] = stages.sky(stage, rig, outdoors=rng.random() < 0.3)
    stages.frame_format(stage)
    stages.camera(stage, azimuth, math.radians(rng.uniform(0, 40)), fill=(0.55, 1.15))
    return stages.finish(stage, "workshop")
