# SPDX-License-Identifier: GPL-3.0-or-later
"""Testers of materials in their beds: a ball on a foot, a knob, a teapot or a model, polished or matt, before a ruled backdrop."""

import math
from pathlib import Path
from random import Random

import paint
import parts
import scene
import sets
import shapes
import stage as stages
import surfaces
import things


def surface(rng: Random):
    """What testers are shown with: polished metals, lacquers and glass more often than elsewhere."""
    return paint.any_of(
        rng,
        {paint.metal: 5, paint.car_paint: 2, paint.ceramic: 1, paint.glass: 1, paint.skin: 1, paint.black: 1, paint.textured: 2},
        "tested",
    )


def tester(rng: Random) -> list:
    """A ball, often hollow before a core, on a ring and a foot."""
    tested, other = surface(rng), rng.choice([None, paint.matt(rng, "other")])
    radius = rng.uniform(0.35, 0.5)
    up = radius + rng.uniform(0.12, 0.3)
    if rng.random() < 0.5:  # a bowl with a core inside
        arc = rng.uniform(0.5, 0.8) * math.pi
        profile = [(radius * math.sin(t), -radius * math.cos(t)) for t in [arc * i / 32 for i in range(33)]]
        profile[0] = (0, -radius)
        shell = parts.vessel(profile, radius * 0.1, 96)
        shell.rotation_euler, shell.location = (rng.uniform(0.6, 1.4), 0, rng.uniform(-0.6, 0.6)), (0, 0, up)
        pieces = paint.on(shell, tested) + paint.on(parts.ball(radius * 0.62, (0, 0, up)), other or tested)
    else:
        pieces = paint.on(parts.ball(radius, (0, 0, up), segments=96), tested)
        if rng.random() < 0.6:
            pieces += paint.on(parts.ring(radius * 1.0, 0.03, (0, 0, up), (rng.uniform(0, 1), 0, 0)), other or tested)
    pieces += paint.on(
        parts.turned(
            [
                (0, 0),
                (radius * 0.8, 0),
                (radius * 0.8, 0.04),
                (radius * 0.3, 0.07),
                (radius * 0.25, up - radius + 0.05),
                (0, up - radius + 0.05),
            ]
        ),
        other or tested,
    )
    return pieces


def statue(rng: Random) -> list:
    """One of the random shapes, all of one surface."""
    kind, obj, smooth = shapes.bare(rng, [])
    shapes.deform(rng, obj, kind, smooth)
    obj.location.z = 1
    return paint.on(obj, surface(rng))


def bust(models: list[Path]):
    """A model file, all of one surface."""

    def model(rng: Random) -> list:
        obj = shapes.model(rng.choice(models))
        obj.data.shade_smooth()
        obj.location.z = 0.9
        obj.rotation_euler.x = rng.choice([0, math.pi / 2])
        return paint.on(obj, surface(rng) if rng.random() < 0.7 else surfaces.material(rng, "tested"))

    return model


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    stage = stages.start(rng, frames)
    azimuth = rng.uniform(0, 2 * math.pi)
    choices = [tester, tester, tester, statue, things.vessels.teapot, things.vessels.letters, *([bust(models)] * 4 if models else [])]
    count = rng.choice([1, 1, 1, 1, 2, 3])
    made = [sets.add(stage, rng.choice(choices), rng.uniform(0.9, 1.2)) for _ in range(count)]
    sets.spread(stage, made, 1.0)
    low, _ = stage.box()
    for pieces, _ in made:
        next(piece.parent for piece in pieces if piece.parent).location.z -= low.z
    ground = sets.around(stage, azimuth, {"backdrop": 3, "pedestal": 2, "corner": 2.5, "floor": 2})
    rig = stages.light(
        stage, azimuth, rng.choice(["area", "area", "three_point", "near_lamp", "sun", "sky", "spot"]), 1.4 if ground == "backdrop" else 1.9
    )
    stage.description["world"] = stages.sky(stage, rig, outdoors=False)
    stages.frame_format(stage)
    stages.camera(stage, azimuth, math.radians(rng.uniform(3, 40)), fill=(0.5, 1.05), lens=(35, 100))
    return stages.finish(stage, "test_bed")
