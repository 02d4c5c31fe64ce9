# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters assembled from parts: people, toys, blocky game figures, animals, birds, robots, with hair cards now and then."""

import itertools
import math
from random import Random

import bmesh
import bpy
import paint
import parts
from mathutils import Vector

Pieces = list[bpy.types.Object]


def pose(rng: Random, amount: float = 1.0) -> dict[str, Vector]:
    """Joints of a standing, walking or waving person 1.7 units tall, z up, facing -y."""
    hip = Vector((0, 0, 0.9))
    neck = hip + Vector((rng.uniform(-0.06, 0.06), rng.uniform(-0.1, 0.06), 0.55))
    found = {"hip": hip, "neck": neck, "head": neck + Vector((rng.uniform(-0.04, 0.04), rng.uniform(-0.08, 0.02), 0.2))}
    for side, name in ((-1, "left"), (1, "right")):
        shoulder = neck + Vector((side * 0.2, 0, -0.07))
        spread, swing = rng.uniform(0.1, 1.5) * amount, rng.uniform(-0.7, 0.9) * amount
        way = Vector((side * math.sin(spread), -math.sin(swing) * math.cos(spread), -math.cos(swing) * math.cos(spread)))
        elbow = shoulder + 0.29 * way.normalized()
        fore = (way + Vector((0, -rng.uniform(0, 0.9), rng.uniform(0, 0.9)))).normalized()
        found |= {f"{name}_shoulder": shoulder, f"{name}_elbow": elbow, f"{name}_hand": elbow + 0.27 * fore}
        thigh, step = hip + Vector((side * 0.1, 0, -0.03)), rng.uniform(-0.5, 0.5) * amount
        knee = thigh + 0.42 * Vector((side * 0.08, -math.sin(step), -math.cos(step)))
        bend = max(0, rng.uniform(-0.3, 0.7)) * amount
        foot = knee + 0.42 * Vector((0, math.sin(bend - step * 0.3), -math.cos(bend - step * 0.3)))
        found |= {f"{name}_thigh": thigh, f"{name}_knee": knee, f"{name}_foot": foot}
    lowest = min(found["left_foot"].z, found["right_foot"].z) - 0.05
    for joint in found.values():
        joint.z -= lowest
    return found


def person(rng: Random) -> Pieces:
    """A figure of capsules, with clothes by colours or of one surface, jointed like a mannequin or smooth."""
    joint, thick, sides = pose(rng), rng.uniform(0.8, 1.3), rng.choice([8, 16, 24])
    skin = paint.any_of(rng, {paint.skin: 2, paint.plastic: 1, paint.matt: 2}, "skin")
    one = paint.anything(rng, "body") if rng.random() < 0.4 else None
    top, legs, shoes = (one or paint.any_of(rng, {paint.cloth: 2, paint.matt: 1, paint.textured: 1}, "cloth") for _ in range(3))
    pieces = paint.on(parts.capsule(joint["hip"], joint["neck"] - Vector((0, 0, 0.1)), 0.14 * thick, 0.17 * thick, sides), top)
    if rng.random() < 0.5:
        pieces += paint.on(
            parts.capsule(joint["neck"] - Vector((0.13, 0, 0.1)), joint["neck"] + Vector((0.13, 0, -0.1)), 0.08 * thick, None, sides), top
        )
    pieces += paint.on(parts.rod(joint["neck"] - Vector((0, 0, 0.05)), joint["head"], 0.05 * thick, None, sides), one or skin)
    pieces += paint.on(parts.ball(0.12, joint["head"] + Vector((0, 0, 0.05)), (0.85, 0.95, rng.uniform(1, 1.25)), sides * 2), one or skin)
    for side in ("left", "right"):
        pieces += paint.on(parts.capsule(joint[f"{side}_shoulder"], joint[f"{side}_elbow"], 0.055 * thick, 0.045 * thick, sides), top)
        pieces += paint.on(
            parts.capsule(joint[f"{side}_elbow"], joint[f"{side}_hand"], 0.045 * thick, 0.035 * thick, sides),
            one or rng.choice([skin, top]),
        )
        pieces += paint.on(parts.ball(0.05 * thick, joint[f"{side}_hand"], (0.8, 1.2, 1.1), sides), one or skin)
        pieces += paint.on(parts.capsule(joint[f"{side}_thigh"], joint[f"{side}_knee"], 0.085 * thick, 0.06 * thick, sides), legs)
        pieces += paint.on(parts.capsule(joint[f"{side}_knee"], joint[f"{side}_foot"], 0.06 * thick, 0.045 * thick, sides), legs)
        foot = joint[f"{side}_foot"]
        pieces += paint.on(parts.capsule(foot, foot + Vector((0, -0.14, -0.01)), 0.05, 0.04, sides), shoes)
    if rng.random() < 0.6:
        pieces += hair(rng, joint["head"] + Vector((0, 0, 0.08)), 0.13)
    return pieces


def hair(rng: Random, place: Vector, radius: float) -> Pieces:
    """Hair: a cap, or cards that hang from the top of a head."""
    material = paint.any_of(rng, {paint.black: 1, paint.cloth: 1, paint.plastic: 1}, "hair")
    if rng.random() < 0.4:
        cap = parts.ball(radius * 1.08, place + Vector((0, 0.02, 0.02)), (0.95, 1, 0.95), 24)
        return paint.on(cap, material)
    form, long = bmesh.new(), radius * rng.uniform(0.8, 3)
    for _ in range(rng.randint(40, 110)):
        angle, up = rng.uniform(-2.3, 2.3) + math.pi / 2, rng.uniform(0.1, 1.4)
        root = Vector((math.cos(angle) * math.cos(up), math.sin(angle) * math.cos(up), math.sin(up)))
        across = root.cross(Vector((0, 0, 1))).normalized() * radius * rng.uniform(0.06, 0.16)
        out = root * radius * 1.02
        row = []
        for i in range(5):
            t = i / 4
            at = place + out * (1 + 0.25 * math.sin(t * 2)) + Vector((0, 0, -1)) * long * t**1.5
            row.append([form.verts.new(at + side * across * (1 - 0.8 * t)) for side in (-1, 1)])
        for low, high in itertools.pairwise(row):
            form.faces.new((low[0], low[1], high[1], high[0]))
    return paint.on(parts.of_bmesh(form, "hair", smooth=True), material)


def chibi(rng: Random) -> Pieces:
    """A toy with a large head, round body and stumps, with ears, eyes and a nose."""
    body, face = rng.uniform(0.28, 0.4), rng.uniform(0.35, 0.5)
    main = paint.any_of(rng, {paint.plastic: 2, paint.matt: 2, paint.cloth: 1, paint.skin: 1, paint.textured: 1}, "toy")
    second = paint.any_of(rng, {paint.plastic: 1, paint.matt: 1, paint.white: 1}, "second")
    top = body * 1.6
    pieces = paint.on(parts.ball(body, (0, 0, body * 0.95), (1, 0.85, rng.uniform(1, 1.3))), main)
    pieces += paint.on(parts.ball(face, (0, -0.03, top + face * 0.75), (rng.uniform(1, 1.2), 0.95, rng.uniform(0.85, 1))), main)
    ear = ""
    for side in (-1, 1):
        pieces += paint.on(
            parts.capsule(
                (side * body * 0.8, 0, body * 1.4), (side * (body + 0.2), -rng.uniform(-0.1, 0.2), body * rng.uniform(0.7, 1.8)), 0.09, 0.07
            ),
            main,
        )
        pieces += paint.on(parts.capsule((side * body * 0.45, 0, body * 0.4), (side * body * 0.55, -0.02, 0.09), 0.11, 0.1), main)
        pieces += paint.on(parts.ball(0.1, (side * body * 0.55, -0.08, 0.08), (1, 1.5, 0.8), 24), second)
        pieces += paint.on(
            parts.ball(face * 0.13, (side * face * 0.4, -face * 0.88, top + face * 0.85), segments=24), paint.black(rng, "eye")
        )
        ear = ear or rng.choice(["round", "long", "cone"])
        at = Vector((side * face * 0.65, 0, top + face * 1.45))
        if ear == "round":
            pieces += paint.on(parts.ball(face * 0.3, at, (1, 0.5, 1), 32), main)
        elif ear == "long":
            pieces += paint.on(
                parts.capsule(at - Vector((side * 0.05, 0, 0.1)), at + Vector((side * 0.1, 0.05, face)), face * 0.16, face * 0.12), main
            )
        else:
            pieces += paint.on(parts.rod(at - Vector((0, 0, 0.12)), at + Vector((side * 0.05, 0, face * 0.5)), face * 0.25, 0.0), main)
    return pieces + paint.on(parts.ball(face * 0.1, (0, -face * 0.98, top + face * 0.65), (1.3, 0.8, 0.8), 24), second)


def blocky(rng: Random) -> Pieces:
    """A game figure of boxes."""
    joint, bevel = pose(rng, 0.7), rng.choice([0, 0, 0.015])
    colors = [paint.any_of(rng, {paint.matt: 3, paint.plastic: 1, paint.textured: 0.5}, "block") for _ in range(4)]
    pieces = []

    def bar(start: Vector, end: Vector, thick: float, material) -> None:
        axis = end - start
        obj = parts.box((thick, thick, axis.length + thick * 0.6), (start + end) / 2, bevel)
        obj.rotation_euler = axis.to_track_quat("Z", "Y").to_euler()
        pieces.extend(paint.on(obj, material))

    middle = (joint["hip"] + joint["neck"]) / 2
    pieces += paint.on(parts.box((0.36, 0.2, 0.6), middle, bevel), colors[0])
    pieces += paint.on(
        parts.box((0.27, 0.27, 0.27), joint["head"] + Vector((0, 0, 0.08)), bevel, (0, 0, rng.uniform(-0.4, 0.4))), colors[1]
    )
    if rng.random() < 0.5:
        pieces += paint.on(parts.box((0.3, 0.3, 0.1), joint["head"] + Vector((0, 0.01, 0.2)), bevel), colors[3])
    for side in ("left", "right"):
        bar(joint[f"{side}_shoulder"], joint[f"{side}_elbow"], 0.12, colors[0])
        bar(joint[f"{side}_elbow"], joint[f"{side}_hand"], 0.1, colors[1])
        bar(joint[f"{side}_thigh"], joint[f"{side}_knee"], 0.15, colors[2])
        bar(joint[f"{side}_knee"], joint[f"{side}_foot"], 0.13, colors[2])
    return pieces


def animal(rng: Random) -> Pieces:
    """Four legs, a body, a neck with a head, a tail."""
    long, high, thick, sides = rng.uniform(0.6, 1.1), rng.uniform(0.35, 0.8), rng.uniform(0.15, 0.3), rng.choice([8, 24])
    coat = paint.any_of(rng, {paint.matt: 2, paint.cloth: 2, paint.skin: 1, paint.textured: 2, paint.plastic: 1}, "coat")
    front, back = Vector((0, -long / 2, high + thick)), Vector((0, long / 2, high + thick * rng.uniform(0.8, 1.1)))
    pieces = [parts.capsule(front, back, thick, thick * rng.uniform(0.7, 1.1), sides)]
    neck = front + Vector((0, -rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.7)))
    pieces.append(parts.capsule(front, neck, thick * 0.6, thick * 0.45, sides))
    nose = neck + Vector((0, -rng.uniform(0.15, 0.35), -rng.uniform(0, 0.15)))
    pieces.append(parts.capsule(neck, nose, thick * rng.uniform(0.5, 0.8), thick * rng.uniform(0.25, 0.45), sides))
    for x in (-1, 1):
        pieces.append(
            parts.rod(
                neck + Vector((x * thick * 0.3, 0.05, thick * 0.3)),
                neck + Vector((x * thick * 0.5, 0.08, thick * rng.uniform(0.7, 1.3))),
                thick * 0.18,
                0.01,
                8,
            )
        )
        for start in (front, back):
            top = start + Vector((x * thick * 0.6, 0, -thick * 0.3))
            knee = Vector((top.x, top.y + rng.uniform(-0.12, 0.12), high * 0.5))
            pieces += [
                parts.capsule(top, knee, thick * 0.35, thick * 0.22, sides),
                parts.capsule(knee, (top.x, knee.y + rng.uniform(-0.08, 0.05), thick * 0.2), thick * 0.22, thick * 0.17, sides),
            ]
    tail = back + Vector((rng.uniform(-0.2, 0.2), rng.uniform(0.2, 0.5), rng.uniform(-0.3, 0.4)))
    pieces.append(parts.capsule(back, tail, thick * 0.2, thick * 0.07, sides))
    return paint.on(pieces, coat)


def bird(rng: Random) -> Pieces:
    feathers, beak = paint.any_of(rng, {paint.matt: 2, paint.plastic: 1, paint.cloth: 1}, "feathers"), paint.plastic(rng, "beak")
    size = rng.uniform(0.25, 0.35)
    body, head = Vector((0, 0, size * 1.8)), Vector((0, -size * 0.8, size * 2.9))
    pieces = paint.on(
        [parts.ball(size, body, (0.85, 1.3, 0.9)), parts.ball(size * 0.55, head), parts.capsule(body, head, size * 0.6, size * 0.4)],
        feathers,
    )
    pieces += paint.on(parts.rod(head + Vector((0, -size * 0.4, 0)), head + Vector((0, -size * 1.1, -0.03)), size * 0.18, 0.0, 12), beak)
    spread = rng.uniform(0.2, 1.5)
    for x in (-1, 1):
        wing = parts.slab([(0, 0), (size * 2, -size * 0.3), (size * 1.6, -size * 0.8), (0, -size * 0.9)], 0.03)
        wing.location, wing.rotation_euler = (
            body + Vector((x * size * 0.6, 0, size * 0.4)),
            (math.pi / 2, spread - 1.4, 0 if x > 0 else math.pi),
        )
        pieces += paint.on(wing, feathers)
        pieces += paint.on(parts.rod((x * size * 0.3, 0, size), (x * size * 0.35, 0, 0), 0.02, sides=8), beak)
    tail = parts.box((size * 0.5, size * 1.2, 0.03), body + Vector((0, size * 1.5, 0)), turn=(0.3, 0, 0))
    return pieces + paint.on(tail, feathers)


def robot(rng: Random) -> Pieces:
    """Hard segments with round joints, of metal or plastic."""
    joint = pose(rng)
    shell = paint.any_of(rng, {paint.metal: 2, paint.car_paint: 2, paint.plastic: 1, paint.white: 1}, "shell")
    inner = paint.any_of(rng, {paint.black: 2, paint.metal: 2}, "inner")
    pieces = paint.on(parts.box((0.42, 0.26, 0.42), joint["neck"] - Vector((0, 0, 0.2)), 0.05, segments=3), shell)
    pieces += paint.on(parts.box((0.26, 0.2, 0.16), joint["hip"] + Vector((0, 0, 0.02)), 0.03), shell)
    pieces += paint.on(parts.rod(joint["hip"], joint["neck"], 0.08), inner)
    if rng.random() < 0.5:
        pieces += paint.on(parts.box((0.24, 0.22, 0.2), joint["head"] + Vector((0, 0, 0.05)), 0.04, segments=3), shell)
    else:
        pieces += paint.on(parts.ball(0.14, joint["head"] + Vector((0, 0, 0.05)), (1, 1, 1.1)), shell)
    pieces += paint.on(
        parts.box((0.17, 0.05, 0.05), joint["head"] + Vector((0, -0.115, 0.08)), 0.02), rng.choice([inner, paint.glow(rng, "visor")])
    )
    for side in ("left", "right"):
        for a, b, thick in (("shoulder", "elbow", 0.06), ("elbow", "hand", 0.055), ("thigh", "knee", 0.085), ("knee", "foot", 0.07)):
            start, end = joint[f"{side}_{a}"], joint[f"{side}_{b}"]
            pieces += paint.on(parts.ball(thick * 1.05, start, segments=24), inner)
            pieces += paint.on(parts.rod(start.lerp(end, 0.12), start.lerp(end, 0.9), thick, thick * 0.75, rng.choice([6, 8, 24])), shell)
        pieces += paint.on(parts.box((0.08, 0.1, 0.1), joint[f"{side}_hand"], 0.02), inner)
        pieces += paint.on(parts.box((0.12, 0.26, 0.08), joint[f"{side}_foot"] + Vector((0, -0.05, -0.02)), 0.03), shell)
    return pieces
