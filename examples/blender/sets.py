# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things stand: floors, tables, backdrops, pedestals, rooms; and how several things are set beside one another."""

import math
from collections.abc import Callable
from random import Random

import bpy
import paint
import parts
import scene as scenes
import stage as stages
from mathutils import Vector
from stage import Stage

Thing = Callable[[Random], list[bpy.types.Object]]


def footprint(pieces: list[bpy.types.Object]) -> tuple[Vector, Vector]:
    """Lowest and highest corner of pieces' box, world space."""
    bpy.context.view_layer.update()
    corners = scenes.corners_of([{"object": piece} for piece in pieces])
    return tuple(Vector(map(extreme, zip(*corners, strict=True))) for extreme in (min, max))


def add(stage: Stage, thing: Thing, size: float | None = None, shape: bool = True) -> tuple[list[bpy.types.Object], float]:
    """Build a thing around the origin, its longest side `size`; returns its pieces and how far it reaches from the z axis."""
    pieces = thing(stage.rng)
    put = stage.shape if shape else stage.ground
    pieces = put(pieces, thing.__name__)
    low, high = footprint(pieces)
    reach = max(abs(low.x), abs(low.y), abs(high.x), abs(high.y))
    scale = 1.0 if size is None else size / max(high - low)
    stage.description.setdefault("things" if shape else "around", []).append(thing.__name__)
    parts.together(pieces, scale=scale)
    return pieces, reach * scale


def put(pieces: list[bpy.types.Object], at, turn: float) -> None:
    """Stand a thing that `add` built somewhere, turned about the vertical."""
    holder = next(piece.parent for piece in pieces if piece.parent)
    holder.location, holder.rotation_euler.z = at, turn


def spread(stage: Stage, built: list[tuple[list[bpy.types.Object], float]], gap: float = 1.0, height: Callable | None = None) -> None:
    """Set things beside one another at random places where they do not meet; `gap` above 1 leaves more room."""
    rng, taken = stage.rng, []
    for pieces, reach in built:
        area = sum(other for _, other in taken) + reach
        for attempt in range(60):
            away = 0 if not taken else area * (0.3 + 0.06 * attempt) * rng.uniform(0.4, 1.2)
            angle = rng.uniform(0, 2 * math.pi)
            place = Vector((away * math.cos(angle), away * math.sin(angle), 0))
            if all((place - other).length > 0.85 * gap * (reach + size) for other, size in taken):
                break
        taken.append((place.copy(), reach))
        place.z = height(place.x, place.y) if height else 0
        put(pieces, place, rng.uniform(0, 2 * math.pi) if rng.random() < 0.6 else rng.gauss(0, 0.5))


# --- grounds -------------------------------------------------------------------------------------------------------------------------


def floor(stage: Stage, size: float, z: float = 0.0, material: bpy.types.Material | None = None) -> None:
    """A floor that reaches far beyond things of a size."""
    wide = size * stage.rng.choice([4, 12, 40])
    plane = parts.sheet(lambda x, y: 0.0, (wide, wide), 1, smooth=False)
    plane.location.z, plane.rotation_euler.z = z, stage.rng.uniform(0, 6.28)
    found = material or paint.floor(stage.rng, "floor")
    stage.ground(paint.on(plane, paint.scaled(found, 1.5 / size)), "floor")


def table(stage: Stage, size: float) -> None:
    """A table or shelf that ends within the picture."""
    rng = stage.rng
    wide, deep, thick = size * rng.uniform(1.8, 4), size * rng.uniform(1.4, 2.5), size * rng.uniform(0.04, 0.2)
    top = parts.box((wide, deep, thick), (0, 0, -thick / 2), rng.choice([0, thick * 0.2]), (0, 0, rng.gauss(0, 0.3)))
    stage.bare = True
    stage.ground(paint.on(top, paint.scaled(paint.floor(rng, "table"), 1.5 / size)), "table")
    if rng.random() < 0.5:
        floor(stage, size * 2, -size * rng.uniform(0.8, 2))


def backdrop(stage: Stage, size: float, azimuth: float) -> None:
    """A studio's paper sweep: a floor that curves up behind the things."""
    rng, stage.bare = stage.rng, True
    back, bend, wide = size * rng.uniform(1.0, 3), size * rng.uniform(0.2, 1.5), size * 12
    profile = [(-size * 6, 0.0), (back, 0.0)]
    profile += [(back + bend * math.sin(t), bend * (1 - math.cos(t))) for t in [math.pi / 2 * i / 16 for i in range(1, 17)]]
    profile.append((back + bend, size * 8))
    vertices = [(x * wide / 2, y, z) for y, z in profile for x in (-1, 1)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    obj = parts.of_faces(vertices, faces, "backdrop", smooth=True)
    obj.rotation_euler.z = azimuth
    stage.ground(paint.on(obj, paint.any_of(rng, {paint.matt: 3, paint.white: 2, paint.plastic: 1}, "paper")), "backdrop")


def pedestal(stage: Stage, size: float) -> None:
    """A low disc or block under the things, on a floor."""
    rng, stage.bare = stage.rng, True
    tall, wide = size * rng.uniform(0.1, 0.9), size * rng.uniform(0.8, 1.3)
    sides = rng.choice([4, 6, 64, 64])
    block = parts.rod((0, 0, -tall), (0, 0, 0), wide, wide * rng.uniform(0.9, 1), sides, smooth=sides > 8)
    stage.ground(paint.on(block, paint.floor(rng, "pedestal")), "pedestal")
    floor(stage, size, -tall)


def wall(stage: Stage, size: float, azimuth: float) -> None:
    """A wall behind the things, seen from a camera at an azimuth."""
    stage.bare = True
    away = size * stage.rng.uniform(1.2, 4)
    obj = parts.box((size * 30, size * 0.1, size * 20), stages.towards(azimuth, 0) * -away + Vector((0, 0, size * 6)), turn=(0, 0, azimuth))
    stage.ground(paint.on(obj, paint.scaled(paint.floor(stage.rng, "wall"), 1 / size)), "wall")


def clutter(stage: Stage, size: float, azimuth: float, things: tuple[Thing, ...]) -> None:
    """A few things of the background, well behind the shapes."""
    rng, stage.bare = stage.rng, True
    for _ in range(rng.randint(1, 4)):
        pieces, _ = add(stage, rng.choice(things), size * rng.uniform(0.5, 1.2), shape=False)
        angle, away = azimuth + rng.uniform(-0.7, 0.7), size * rng.uniform(3, 7)
        put(pieces, -stages.towards(angle, 0) * away, rng.uniform(0, 6.28))


def around(stage: Stage, azimuth: float, choices: dict[str, float]) -> str:
    """One of the grounds above under the shapes, as often as its weight says; `none` leaves them in the air."""
    low, high = stage.box()
    size = max(max(high - low) / 2, 0.2)
    name = stage.rng.choices(list(choices), list(choices.values()))[0]
    if name == "floor":
        floor(stage, size)
    elif name == "table":
        table(stage, size)
    elif name == "backdrop":
        backdrop(stage, size, azimuth)
    elif name == "pedestal":
        pedestal(stage, size)
    elif name == "corner":
        floor(stage, size)
        wall(stage, size, azimuth)
    stage.description["ground"] = name
    return name


# --- a room --------------------------------------------------------------------------------------------------------------------------


def room(stage: Stage, wide: float, deep: float, tall: float, window: str) -> None:
    """Floor, ceiling and four walls around the origin, with an opening in one wall: `back`, `left`, `right` or `none`.

    The wall towards -y is missing, so that a camera may stand outside.
    """
    rng, stage.bare = stage.rng, True
    thick, paintwork = 0.1, paint.any_of(rng, {paint.matt: 3, paint.white: 3, paint.muted: 1}, "wall")
    flat = parts.box((wide + 2 * thick, deep + 2 * thick, thick), (0, 0, -thick / 2))
    stage.ground(paint.on(flat, paint.scaled(paint.floor(rng, "floor"), 0.7)), "floor")
    if rng.random() < 0.75:
        stage.ground(
            paint.on(parts.box((wide + 2 * thick, deep + 2 * thick, thick), (0, 0, tall + thick / 2)), paint.white(rng, "ceiling")),
            "ceiling",
        )
    sides = {
        "back": (wide, (0, deep / 2 + thick / 2), 0.0),
        "left": (deep, (-wide / 2 - thick / 2, 0), math.pi / 2),
        "right": (deep, (wide / 2 + thick / 2, 0), math.pi / 2),
    }
    for name, (length, (x, y), turn) in sides.items():
        pieces = _opened(rng, length, tall, thick) if name == window else [parts.box((length, thick, tall), (0, 0, tall / 2))]
        for piece in paint.on(pieces, paintwork):
            along = piece.location.x
            piece.location = (x + along * math.cos(turn), y + along * math.sin(turn), piece.location.z)
            piece.rotation_euler.z = turn
        stage.ground(pieces, f"wall_{name}")


def _opened(rng: Random, length: float, tall: float, thick: float) -> list[bpy.types.Object]:
    """A wall along x with a window, and bars in it."""
    wide, high, sill = length * rng.uniform(0.35, 0.7), tall * rng.uniform(0.4, 0.65), tall * rng.uniform(0.1, 0.3)
    middle = rng.uniform(-0.5, 0.5) * (length - wide) * 0.8
    left, right = -length / 2, length / 2
    a, b = middle - wide / 2, middle + wide / 2
    top = min(sill + high, tall * 0.95)
    pieces = [
        parts.box((a - left, thick, tall), ((left + a) / 2, 0, tall / 2)),
        parts.box((right - b, thick, tall), ((b + right) / 2, 0, tall / 2)),
    ]
    pieces += [parts.box((wide, thick, sill), (middle, 0, sill / 2)), parts.box((wide, thick, tall - top), (middle, 0, (tall + top) / 2))]
    for i in range(1, rng.choice([1, 2, 3])):
        pieces.append(parts.box((0.04, 0.04, top - sill), (a + wide * i / 2, 0, (sill + top) / 2)))
    if rng.random() < 0.5:
        pieces.append(parts.box((wide, 0.04, 0.04), (middle, 0, sill + (top - sill) * 0.6)))
    return pieces
