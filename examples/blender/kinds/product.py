# SPDX-License-Identifier: GPL-3.0-or-later
"""Product shots: one to five things on a table, a pedestal or a paper sweep, in studio light."""

import math
from pathlib import Path
from random import Random

import scene
import sets
import stage as stages
import things

RIGS = ("area", "area", "three_point", "three_point", "near_lamp", "spot", "sun", "sky")


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    azimuth = rng.uniform(0, 2 * math.pi)
    count = rng.choice([1, 1, 1, 2, 3, 5])
    sets.spread(stage, [sets.add(stage, rng.choice(things.VESSELS), rng.uniform(0.6, 1.1)) for _ in range(count)], rng.uniform(0.9, 1.3))
    ground = sets.around(stage, azimuth, {"floor": 2, "table": 3, "backdrop": 4, "pedestal": 2, "corner": 2, "none": 0.4})
    if ground in ("table", "floor") and rng.random() < 0.25:
        sets.clutter(stage, 0.5, azimuth, things.VESSELS)
    rig = stages.light(stage, azimuth, rng.choice(RIGS), spread=1.4 if ground in ("backdrop", "corner") else 1.9)
    stage.description["world"] = stages.sky(stage, rig, outdoors=False)
    stages.frame_format(stage)
    stages.camera(stage, azimuth, math.radians(rng.uniform(3, 50)), fill=(0.45, 1.05), lens=(35, 100))
    return stages.finish(stage, "product")
