# SPDX-License-Identifier: GPL-3.0-or-later
"""Vehicles of metal and glass on a street, a turntable or in the air, mostly by daylight."""

import math
from pathlib import Path
from random import Random

import paint
import parts
import scene
import sets
import stage as stages
import things


def road(stage: stages.Stage) -> None:
    """Asphalt along y with stripes and kerbs."""
    rng, stage.bare = stage.rng, True
    sets.floor(stage, 2.5, -0.02)
    stage.ground(paint.on(parts.box((3, 60, 0.02), (0, 0, -0.01)), paint.matt(rng, "asphalt", (rng.uniform(0.03, 0.25),) * 3)), "road")
    stripe = paint.matt(rng, "stripe", (0.8, 0.8, rng.choice([0.8, 0.3])))
    stage.ground(
        paint.on([parts.box((0.08, 0.8, 0.004), (rng.choice([-0.8, 0.8]), y * 1.6, 0.002)) for y in range(-6, 7)], stripe), "stripe"
    )
    kerb = paint.matt(rng, "kerb", (0.4, 0.4, 0.4))
    stage.ground(paint.on([parts.box((0.2, 60, 0.1), (x * 1.6, 0, 0.03)) for x in (-1, 1)], kerb), "kerb")


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    azimuth = rng.uniform(0, 2 * math.pi)
    count = rng.choice([1, 1, 1, 2, 3])
    made = [sets.add(stage, rng.choice(things.VEHICLES), rng.uniform(1.5, 2.2)) for _ in range(count)]
    sets.spread(stage, made, 0.9)
    ground = rng.choice(["road", "road", "other", "other", "other"])
    if ground == "road":
        for index, (pieces, reach) in enumerate(made):
            sets.put(
                pieces,
                (rng.uniform(-0.2, 0.2) + (0 if index == 0 else rng.choice([-1, 1]) * 0.9), index * reach * 1.8, 0),
                rng.choice([0, math.pi]),
            )
        road(stage)
        if rng.random() < 0.5:
            sets.clutter(stage, 2, azimuth, (*things.BUILDINGS, *things.TREES))
        stage.description["ground"] = "road"
    else:
        sets.around(stage, azimuth, {"floor": 4, "backdrop": 3, "pedestal": 1.5, "corner": 1, "none": 1})
    outdoors = ground == "road" or rng.random() < 0.4
    rig = stages.light(stage, azimuth, rng.choice(["sun", "sun_sky", "sun_sky", "sky"]) if outdoors else None)
    stage.description["world"] = stages.sky(stage, rig, outdoors)
    stages.frame_format(stage)
    stages.camera(stage, azimuth, math.radians(rng.uniform(2, 35)), fill=(0.55, 1.15))
    return stages.finish(stage, "street")
