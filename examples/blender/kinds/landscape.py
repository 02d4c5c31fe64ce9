# SPDX-License-Identifier: GPL-3.0-or-later
"""Terrain with trees, rocks and houses, and low-poly game scenes on tiles; the terrain itself is background, now and then a shape."""

import math
from pathlib import Path
from random import Random

import paint
import parts
import scene
import sets
import stage as stages
import things


def terrain(rng: Random, size: float):
    """A height function of a few waves, in the units of a scene of a size."""
    waves = [(rng.uniform(0, 6.28), rng.uniform(0.5, 4) / size, rng.uniform(0, 6.28)) for _ in range(6)]
    depth = size * rng.choice([0.0, 0.02, 0.06, 0.1])

    def height(x: float, y: float) -> float:
        return (
            depth * sum(math.sin(k * (x * math.cos(a) + y * math.sin(a)) * 2 + p) / (1 + i * 0.4) for i, (a, k, p) in enumerate(waves)) / 2
        )

    return height


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    azimuth = rng.uniform(0, 2 * math.pi)
    tile = rng.random() < 0.35  # an island or diorama such as game assets are shown on
    size = rng.uniform(2, 5)
    height = terrain(rng, size)
    groups = [(things.TREES, rng.randint(1, 9)), (things.BUILDINGS, rng.choice([0, 0, 1, 2])), (things.ASSETS, rng.choice([0, 0, 1, 3]))]
    groups.append((things.FIGURES + things.VEHICLES, rng.choice([0, 0, 0, 1])))
    scales = {0: (0.6, 1.6), 1: (0.9, 1.8), 2: (0.3, 0.6), 3: (0.6, 1.2)}
    made = [
        sets.add(stage, rng.choice(kinds), rng.uniform(*scales[index])) for index, (kinds, count) in enumerate(groups) for _ in range(count)
    ]
    rng.shuffle(made)
    sets.spread(stage, made, rng.uniform(0.7, 1.2), height)
    steps, smooth = rng.choice([(24, False), (60, True), (90, True)]), rng.random() < 0.6
    low, high = stage.box()
    reach = max(high.x - low.x, high.y - low.y) * (0.65 if tile else rng.uniform(2, 6))
    ground = parts.sheet(height, (2 * reach, 2 * reach), steps[0], smooth and steps[1])
    earth = paint.on(ground, paint.any_of(rng, {paint.earth: 4, paint.matt: 2}, "earth"))
    if tile:
        walls = ground.modifiers.new("thick", "SOLIDIFY")
        walls.thickness, walls.offset = reach * rng.uniform(0.1, 0.3), -1
    if tile and rng.random() < 0.5:
        stage.shape(earth, "earth")
    else:
        stage.ground(earth, "earth")
        if not tile and rng.random() < 0.3:
            water = parts.sheet(lambda x, y: 0, (2 * reach, 2 * reach), 1, False)
            water.location.z = -0.02 * size
            stage.ground(paint.on(water, paint.plain("water", (0.05, 0.15, 0.25), 0.05)), "water")
    stage.bare = True  # hills shade one another
    stage.description["ground"] = "tile" if tile else "terrain"
    rig = stages.light(stage, azimuth, rng.choice(["sun", "sun", "sun_sky", "sun_sky", "sky", "two_suns"]) if not tile else None)
    stage.description["world"] = stages.sky(stage, rig, outdoors=not tile or rng.random() < 0.5)
    stages.frame_format(stage)
    stages.camera(stage, azimuth, math.radians(rng.uniform(4, 45)), fill=(0.6, 1.4))
    return stages.finish(stage, "landscape")
