# SPDX-License-Identifier: GPL-3.0-or-later
"""Random scenes for training: shapes, materials, lights, backgrounds, camera and motion, all drawn from one generator."""

import math
from dataclasses import dataclass
from pathlib import Path
from random import Random

import bpy
import motion
import shapes
import surfaces
from label_layer import passes
from mathutils import Vector

BACKGROUNDS = ("plain", "plain", "gradient", "noise", "surround", "floor", "floor", "floor", "wall", "clutter", "clutter")
# width and height in units of --res, all of about as many pixels: mostly square, some wide, some tall
FORMATS = ((1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.25, 0.75), (0.75, 1.25), (0.75, 0.75), (0.75, 0.75))


@dataclass
class Shot:
    """A scene with what its makers know about it."""

    scene: bpy.types.Scene
    key: Vector  # unit vector towards the key light, world space
    description: dict  # for the manifest
    width: float  # of the frame, in units of --res
    height: float
    light: bpy.types.Object | None = None  # the key light
    key_kind: str = ""  # where it is not the kind of `light`: the sky
    reach: float = math.inf  # how far from the shapes the key light stands
    bare: bool = False  # whether the background may shade itself


def add_object(rng: Random, name: str, collection: str, place, size: float, models, muted=False) -> dict:
    """Place one random object; returns its description with the object under `object`."""
    kind, obj, smooth = shapes.bare(rng, models)
    shapes.place(obj, collection, f"{name}_{kind.split()[0]}")
    obj.location = place
    if kind not in ("figure", "lathe", "text") or rng.random() < 0.4:
        obj.rotation_euler = [rng.uniform(0, 2 * math.pi) for _ in range(3)]
    else:  # things with a top and a bottom stand upright as often as not
        obj.rotation_euler = (math.pi / 2 if kind == "text" else 0, 0, rng.uniform(0, 2 * math.pi))
    spread = (0.9, 1.1) if kind.startswith("model") or kind == "figure" else (0.75, 1.3)
    obj.scale = [size * rng.uniform(*spread) for _ in range(3)]
    modifiers = shapes.deform(rng, obj, kind, smooth)
    obj.data.materials.append(surfaces.material(rng, name, muted))
    return {"object": obj, "kind": kind, "modifiers": modifiers}


def add_shapes(rng: Random, frames: int, key: Vector, models: list[Path]) -> list[dict]:
    """One to five shapes; names begin with `shape`, which is how the label decoder finds them."""
    found = [add_object(rng, "shape0", passes.SHAPES, (0, 0, 0), rng.uniform(0.9, 1.25), models)]
    for i in range(1, rng.choice([1, 1, 2, 2, 3, 4, 5])):
        place = Vector([rng.uniform(-1.1, 1.1), rng.uniform(-1.1, 1.1), rng.uniform(-0.9, 0.9)])
        if rng.random() < 0.35:  # between key light and main shape: its shadow then falls on the shape
            place = key * rng.uniform(1.2, 1.9) + place * 0.4
        found.append(add_object(rng, f"shape{i}", passes.SHAPES, place, rng.uniform(0.35, 0.8), models))
    for shape in found:
        shape["motion"] = motion.move(rng, shape["object"], frames)
    return found


def plane(rng: Random, name: str, location, rotation=(0, 0, 0)) -> bpy.types.Object:
    bpy.ops.mesh.primitive_plane_add(size=60, location=location, rotation=rotation)
    obj = passes.link_to(bpy.context.active_object, passes.BACKGROUND)
    obj.name = name
    obj.data.materials.append(surfaces.material(rng, name, muted=True))
    return obj


def add_background(rng: Random, kind: str, azimuth: float, lowest: float) -> None:
    """What stands behind the shapes, seen from a camera at `azimuth`; half of the floors touch the lowest shape."""
    if kind in ("floor", "wall", "clutter"):
        height = lowest if rng.random() < 0.5 else min(lowest, rng.uniform(-1.7, -1.3))
        floor = plane(rng, "background_floor", (0, 0, height))
        if rng.random() < 0.25:  # polished
            inputs = passes.node_tree(floor.data.materials[0]).nodes["Principled BSDF"].inputs
            inputs["Roughness"].default_value, inputs["Coat Weight"].default_value = rng.uniform(0.02, 0.2), 0.5
    if kind == "wall":
        away = rng.uniform(3, 8)
        plane(rng, "background_wall", (-away * math.sin(azimuth), away * math.cos(azimuth), 0), (math.pi / 2, 0, azimuth))
    if kind == "clutter":
        for i in range(rng.randint(3, 7)):
            angle, away = azimuth + rng.uniform(-0.6, 0.6), rng.uniform(3.5, 8)
            place = (-away * math.sin(angle), away * math.cos(angle), rng.uniform(-1.2, 0.6))
            add_object(rng, f"background{i}", passes.BACKGROUND, place, rng.uniform(0.4, 1), [], muted=True)


def add_lights(rng: Random, key: Vector) -> dict:
    """The key light and up to two coloured fills; returns their description."""
    energy, softness = rng.uniform(2, 5), rng.choice([0, 0.5, 2, 6, 12])
    tint = surfaces.color(rng, (0, 0.25), (0.9, 1))[:3]
    passes.sun("key", passes.LIGHTS, key, energy, math.radians(softness), tint)
    fills = rng.choice([0, 0, 1, 2])
    for i in range(fills):
        light = bpy.data.lights.new(f"fill{i}", "AREA")
        light.energy, light.size = rng.uniform(20, 120), rng.uniform(0.5, 3)
        light.color = surfaces.color(rng, (0, 0.5), (0.8, 1))[:3]
        obj = passes.link_to(bpy.data.objects.new(light.name, light), passes.LIGHTS)
        angle = rng.uniform(0, 2 * math.pi)
        obj.location = (5 * math.sin(angle), 5 * math.cos(angle), rng.uniform(1, 5))
        passes.aim(obj, (0, 0, 0))
    return {"key_energy": round(energy, 3), "key_softness_degrees": softness, "fills": fills}


def corners_of(found: list[dict]) -> list[Vector]:
    """The corners of the shapes' boxes, in the world, after all modifiers."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = [shape["object"].evaluated_get(depsgraph) for shape in found]
    return [obj.matrix_world @ Vector(corner) for obj in evaluated for corner in obj.bound_box]


def add_camera(rng: Random, scene, corners: list[Vector], frames: int, azimuth: float, elevation: float) -> dict:
    """A camera that frames the shapes, loosely, often so close that they touch the frame's edge, and orbits them a little."""
    camera = bpy.data.cameras.new("camera")
    camera.lens = rng.uniform(30, 85)
    obj = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(obj)
    scene.camera = obj
    middle = sum(corners, Vector()) / len(corners)
    radius = max((corner - middle).length for corner in corners)
    distance = radius / math.sin(camera.angle / 2) * rng.uniform(0.45, 0.95)
    aside = 0.15 if rng.random() < 0.7 else 0.45
    target = [x + radius * rng.uniform(-aside, aside) for x in middle]
    push = rng.uniform(0, 0.12)

    def place(angle: float, done: float) -> Vector:
        a, e = azimuth + angle, elevation + 0.1 * angle
        around = Vector((math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)))
        return middle + distance * (1 - push * done) * around

    swing = motion.orbit(rng, obj, frames, place, lambda: passes.aim(obj, target))
    return {"lens_mm": round(camera.lens, 2), "orbit_radians": round(swing, 3)}


def blur(rng: Random, scene: bpy.types.Scene, frames: int) -> float:
    """Motion blur in one clip out of fifteen: a share of the way from the first frame to the last, whatever their number."""
    if rng.random() > 1 / 15:
        return 0.0
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = rng.uniform(0.01, 0.05) * max(frames - 1, 1)
    return round(scene.render.motion_blur_shutter, 3)


def build(rng: Random, frames: int, models: list[Path]) -> Shot:
    """A random scene."""
    scene = passes.empty_scene()
    scene.frame_start, scene.frame_end = 1, frames
    background = rng.choice(BACKGROUNDS)
    azimuth, elevation = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(3, 45))
    # a wall would stand in the way of light that comes from behind it
    side = azimuth + rng.uniform(-1, 1) * (1.4 if background == "wall" else 2.0)
    height = math.radians(rng.uniform(20, 75))
    key = Vector((math.sin(side) * math.cos(height), -math.cos(side) * math.cos(height), math.sin(height)))
    found = add_shapes(rng, frames, key, models)
    corners = corners_of(found)
    add_background(rng, background, azimuth, min(corner.z for corner in corners))
    described = add_lights(rng, key)
    described["world"] = surfaces.world(rng, scene, background, key)
    described |= add_camera(rng, scene, corners, frames, azimuth, elevation)
    passes.view_layers(scene, key)
    described["motion_blur_frames"] = blur(rng, scene, frames)
    width, height = rng.choice(FORMATS)
    kinds = [{name: shape[name] for name in ("kind", "modifiers", "motion")} for shape in found]
    described = {"background": background, "shapes": kinds, **described}
    return Shot(scene, key, described, width, height, bpy.data.objects["key"], bare=background in ("wall", "clutter"))
