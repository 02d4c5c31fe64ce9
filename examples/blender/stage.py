# SPDX-License-Identifier: GPL-3.0-or-later
"""What all kinds of scenes share: what is shape and what is not, lights, skies, the camera, and the finished shot."""

import math
from dataclasses import dataclass, field
from random import Random

import bpy
import motion
import numpy as np
import scene as scenes
import surfaces
from label_layer import keylight, passes
from mathutils import Vector

FORMATS = ((1, 1), (1, 1), (1.25, 0.9375), (1.25, 0.9375), (1.25, 0.9375), (1.25, 0.75), (0.9375, 1.25), (0.75, 1.25), (0.75, 0.75))
RIGS = {"sun": 4, "sun_sky": 4, "area": 4, "near_lamp": 3, "three_point": 3, "spot": 2, "two_suns": 1, "sky": 1.3, "lamp_and_sun": 1}


@dataclass
class Stage:
    """A scene that is being built."""

    rng: Random
    scene: bpy.types.Scene
    frames: int
    description: dict = field(default_factory=dict)
    count: int = 0
    bare: bool = False  # whether the background may shade itself
    sky_key: bpy.types.Object | None = None  # an unlit sun, where the light comes from the sky alone

    def shape(self, objects, name: str) -> list[bpy.types.Object]:
        """Make objects shapes."""
        return self._put(objects, passes.SHAPES, f"shape{self.count}_{name}")

    def ground(self, objects, name: str) -> list[bpy.types.Object]:
        """Make objects background: held out of the labels, and shaded by the shapes."""
        return self._put(objects, passes.BACKGROUND, f"background_{name}")

    def unseen(self, objects, name: str) -> list[bpy.types.Object]:
        """Put objects where the label layers do not see them: panes of glass, glowing strips."""
        return self._put(objects, passes.LIGHTS, f"unseen_{name}")

    def _put(self, objects, collection: str, name: str) -> list[bpy.types.Object]:
        found = [objects] if isinstance(objects, bpy.types.Object) else list(objects)
        for obj in found:
            obj.name = name
            passes.link_to(obj, collection)
        self.count += 1
        return found

    def shapes(self) -> list[bpy.types.Object]:
        return [obj for obj in bpy.data.collections[passes.SHAPES].objects if obj.type != "EMPTY"]

    def box(self) -> tuple[Vector, Vector]:
        """Lowest and highest corner of the shapes' box, world space."""
        bpy.context.view_layer.update()
        corners = scenes.corners_of([{"object": obj} for obj in self.shapes()])
        return tuple(Vector(map(extreme, zip(*corners, strict=True))) for extreme in (min, max))


def start(rng: Random, frames: int) -> Stage:
    scene = passes.empty_scene()
    scene.frame_start, scene.frame_end = 1, frames
    return Stage(rng, scene, frames)


def towards(azimuth: float, elevation: float) -> Vector:
    """Unit vector at an azimuth, counted from -y as cameras are, and an elevation."""
    return Vector((math.sin(azimuth) * math.cos(elevation), -math.cos(azimuth) * math.cos(elevation), math.sin(elevation)))


# --- lights --------------------------------------------------------------------------------------------------------------------------


def tint(rng: Random, strong: float = 0.25) -> tuple[float, float, float]:
    return surfaces.color(rng, (0, strong), (0.9, 1))[:3]


def sun(stage: Stage, name: str, direction: Vector, energy: float, softness: float | None = None) -> bpy.types.Object:
    degrees = stage.rng.choice([0, 0.5, 0.5, 2, 6]) if softness is None else softness
    return passes.sun(name, passes.LIGHTS, direction, energy, math.radians(degrees), tint(stage.rng))


def lamp(stage: Stage, kind: str, name: str, place: Vector, aim: Vector, irradiance: float, size: float) -> bpy.types.Object:
    """An area, point or spot light of such power that `irradiance` W/m2 arrive at `aim`."""
    light = bpy.data.lights.new(name, kind)
    away = max((place - aim).length, 1e-3)
    light.energy = irradiance * away**2 * (math.pi if kind == "AREA" else 4 * math.pi)
    light.color = tint(stage.rng)
    if kind == "AREA":
        light.shape = stage.rng.choice(["SQUARE", "RECTANGLE", "DISK"])
        light.size, light.size_y = size, size * stage.rng.uniform(0.3, 1)
    else:
        light.shadow_soft_size = size / 4
    if kind == "SPOT":
        light.spot_size, light.spot_blend = stage.rng.uniform(0.5, 1.6), stage.rng.uniform(0, 0.6)
    obj = passes.link_to(bpy.data.objects.new(name, light), passes.LIGHTS)
    obj.location = place
    passes.aim(obj, aim)
    return obj


def light(stage: Stage, azimuth: float, rig: str | None = None, spread: float = 1.9, reach: tuple[float, float] = (1.5, 5)) -> str:
    """Light the shapes by a rig; its key light stands within `spread` radians of the camera's azimuth."""
    rng = stage.rng
    low, high = stage.box()
    middle, size = (low + high) / 2, max((high - low).length / 2, 1e-3)
    name = rig or rng.choices(list(RIGS), list(RIGS.values()))[0]
    key = towards(azimuth + rng.uniform(-spread, spread), math.radians(rng.uniform(18, 78)))

    def away() -> float:
        return size * rng.uniform(*reach)

    def near(kind: str, label: str, direction: Vector, power: float, wide: float) -> None:
        place = middle + direction * away()
        place.z = max(place.z, low.z + 0.15 * size)
        lamp(stage, kind, label, place, middle, power, wide * size)

    other = towards(azimuth + rng.uniform(-2.5, 2.5), math.radians(rng.uniform(10, 70)))
    strength = rng.uniform(1.6, 4.5)
    if name in ("sun", "sun_sky"):
        sun(stage, "sun", key, strength)
    elif name == "two_suns":
        sun(stage, "sun", key, strength)
        sun(stage, "sun2", other, strength * rng.uniform(0.2, 0.8))
    elif name == "lamp_and_sun":
        sun(stage, "sun", key, strength)
        near("POINT", "lamp", other, strength * rng.uniform(0.3, 0.8), rng.uniform(0.1, 0.6))
    elif name == "area":
        near("AREA", "area", key, strength, rng.uniform(0.3, 2.5))
        if rng.random() < 0.6:
            near("AREA", "area_fill", other, strength * rng.uniform(0.1, 0.6), rng.uniform(0.5, 2.5))
    elif name == "near_lamp":
        near("POINT", "lamp", key, strength, rng.uniform(0.05, 0.8))
        if rng.random() < 0.4:
            near("POINT", "lamp2", other, strength * rng.uniform(0.1, 0.7), rng.uniform(0.05, 0.8))
    elif name == "three_point":
        near("AREA", "key", key, strength, rng.uniform(0.4, 1.5))
        near("AREA", "fill", towards(azimuth - rng.uniform(0.4, 1.2), 0.4), strength * rng.uniform(0.15, 0.5), rng.uniform(0.8, 2.5))
        near("AREA", "rim", towards(azimuth + math.pi + rng.uniform(-0.8, 0.8), 0.7), strength * rng.uniform(0.4, 1.6), rng.uniform(0.3, 1))
    elif name == "spot":
        near("SPOT", "spot", key, strength, rng.uniform(0.05, 0.8))
        if rng.random() < 0.5:
            near("SPOT", "spot2", other, strength * rng.uniform(0.2, 0.9), rng.uniform(0.05, 0.8))
    else:  # the sky alone
        stage.sky_key = sun(stage, "sky", key, 0.0, 0)
        stage.sky_key.hide_render = True
    stage.description["rig"] = name
    return name


# --- skies ---------------------------------------------------------------------------------------------------------------------------


def sky(stage: Stage, rig: str, outdoors: bool) -> str:
    """The world behind and around: bright and blue outdoors, dim and even in a studio, or a surround like a photographed one."""
    rng = stage.rng
    if rig == "sky":
        return _lit_sky(stage)
    kind = rng.choices(["gradient", "plain", "surround", "black"], [5, 2, 2, 0.3] if outdoors else [1, 5, 2, 1.5])[0]
    if rig == "sun_sky":
        kind = "gradient"
    strength = rng.uniform(0.25, 1.1) if outdoors else rng.uniform(0.03, 0.5)
    background = _world(stage.scene)
    background.inputs["Strength"].default_value = strength
    if kind == "gradient":
        _gradient(rng, stage.scene, background)
    elif kind == "surround":
        _picture(stage.scene, background, surfaces.sky(surfaces.numbers(rng), towards(rng.uniform(0, 6.28), 0.7)) * 0.5)
    else:
        grey = kind == "plain" and rng.random() < 0.6
        value = rng.uniform(0.3, 1)
        color = (value, value, value, 1) if grey else surfaces.color(rng, (0, 0.5), (0.2, 1))
        background.inputs["Color"].default_value = color if kind == "plain" else (0, 0, 0, 1)
    return kind


def _world(scene: bpy.types.Scene) -> bpy.types.ShaderNode:
    scene.world = bpy.data.worlds.new("world")
    scene.world.cycles.sampling_method, scene.world.cycles.sample_map_resolution = "MANUAL", 128
    return passes.node_tree(scene.world).nodes["Background"]


def _gradient(rng: Random, scene: bpy.types.Scene, background: bpy.types.ShaderNode) -> None:
    """A sky from the horizon up, over a ground colour, by the direction's z."""
    tree = passes.node_tree(scene.world)
    space, split, node = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexCoord", "SeparateXYZ", "ValToRGB"))
    zenith = (
        (rng.uniform(0.02, 0.35), rng.uniform(0.1, 0.5), rng.uniform(0.4, 1), 1) if rng.random() < 0.75 else surfaces.color(rng, (0.1, 0.8))
    )
    horizon = [0.5 + 0.5 * channel for channel in zenith[:3]] if rng.random() < 0.7 else surfaces.color(rng, (0, 0.4), (0.5, 1))[:3]
    below = surfaces.color(rng, (0, 0.4), (0.05, 0.7)) if rng.random() < 0.6 else (*horizon, 1)
    stretch = tree.nodes.new("ShaderNodeMath")
    stretch.operation, stretch.inputs[1].default_value, stretch.inputs[2].default_value = "MULTIPLY_ADD", 0.5, 0.5
    ramp = node.color_ramp
    ramp.elements[0].color, ramp.elements[1].color, ramp.elements[1].position = below, zenith, rng.uniform(0.6, 1)
    for place, color in ((0.49 - rng.choice([0, 0.1]), below), (0.5, (*horizon, 1))):
        ramp.elements.new(place).color = color
    tree.links.new(space.outputs["Generated"], split.inputs[0])
    tree.links.new(split.outputs["Z"], stretch.inputs[0])
    tree.links.new(stretch.outputs[0], node.inputs[0])
    tree.links.new(node.outputs[0], background.inputs["Color"])


def _lit_sky(stage: Stage) -> str:
    """A sky that is the only light, with a sun or a small bright window in its picture where the key is.

    It outshines the rest of the sky: what a wide or faint one lights has no edges between light and shade, and the hard sun of the
    labels would tell tones that no pass shows.
    """
    rng, random = stage.rng, surfaces.numbers(stage.rng)
    key = keylight.axis(stage.sky_key)
    rows, columns = 64, 128
    picture = surfaces.sky(random, key).astype(np.float64)
    height = np.linspace(-math.pi / 2, math.pi / 2, rows)[:, None]
    around = np.linspace(-math.pi, math.pi, columns)[None, :]
    azimuth, elevation = -math.atan2(key.y, key.x), math.asin(key.z)
    cosine = np.sin(height) * math.sin(elevation) + np.cos(height) * math.cos(elevation) * np.cos(around - azimuth)
    size = math.radians(rng.choice([2, 4, 8]))
    solid = 2 * math.pi * (1 - math.cos(size))
    picture = 0.5 * picture + (rng.uniform(2, 4) / solid) * (cosine > math.cos(size))[..., None]
    background = _world(stage.scene)
    background.inputs["Strength"].default_value = rng.uniform(0.6, 1.2)
    _picture(stage.scene, background, picture.astype(np.float32))
    return "lit sky"


def _picture(scene: bpy.types.Scene, background: bpy.types.ShaderNode, pixels: np.ndarray) -> None:
    tree = passes.node_tree(scene.world)
    node = tree.nodes.new("ShaderNodeTexEnvironment")
    node.image = surfaces.image(pixels, "surround")
    tree.links.new(node.outputs["Color"], background.inputs["Color"])


# --- the camera ----------------------------------------------------------------------------------------------------------------------


def camera(
    stage: Stage,
    azimuth: float,
    elevation: float,
    fill: tuple[float, float] = (0.5, 1.05),
    lens: tuple[float, float] = (28, 85),
    farthest: float = math.inf,
) -> None:
    """A camera that sees the shapes' box as large as `fill` of the frame, whichever side is met first; no farther than `farthest`.

    What is in a box is smaller than the box, so a fill above 1 seldom cuts anything off.
    """
    rng, scene = stage.rng, stage.scene
    low, high = stage.box()
    middle, radius = (low + high) / 2, max((high - low).length / 2, 1e-3)
    data = bpy.data.cameras.new("camera")
    data.lens = rng.uniform(*lens)
    obj = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(obj)
    scene.camera = obj
    width, height = stage.description["format"]
    view = 2 * math.atan(math.tan(data.angle / 2) * min(width, height) / max(width, height))
    share = 1.4 * rng.uniform(*fill)
    distance = _distance(low, high, towards(azimuth, elevation), data.angle / max(width, height), (width, height), share)
    if distance > farthest:
        wide = math.atan(math.tan(view / 2) * distance / farthest)
        data.lens = max(data.lens * math.tan(view / 2) / math.tan(min(wide, 0.9)), 14)
        distance = farthest
    target = middle + Vector([radius * rng.uniform(-0.18, 0.18) for _ in range(3)])
    push = rng.choice([0, rng.uniform(0, 0.12)])

    def place(angle: float, done: float) -> Vector:
        return target + distance * (1 - push * done) * towards(azimuth + 0.5 * angle, elevation + 0.05 * angle)

    swing = motion.orbit(rng, obj, stage.frames, place, lambda: passes.aim(obj, target))
    data.clip_start, data.clip_end = distance / 200, distance * 200
    if rng.random() < 0.06:  # shallow focus
        data.dof.use_dof, data.dof.focus_distance, data.dof.aperture_fstop = True, distance, rng.uniform(1.4, 5.6) * radius / 4
    stage.description |= {"lens_mm": round(data.lens, 2), "orbit_radians": round(0.5 * swing, 3)}


def _distance(low: Vector, high: Vector, direction: Vector, angle: float, size: tuple[float, float], share: float) -> float:
    """How far from the box's middle a camera sees it as large as a share of the frame; `angle` is that of a unit of the frame."""
    middle = (low + high) / 2
    corners = [Vector([(low, high)[bits >> axis & 1][axis] for axis in range(3)]) - middle for bits in range(8)]
    right = Vector((0, 0, 1)).cross(direction)
    right = right.normalized() if right.length > 1e-4 else Vector((1, 0, 0))
    up = direction.cross(right)
    near, far = max(corner.dot(direction) for corner in corners) + 1e-3, 1e4
    for _ in range(40):
        distance = (near * far) ** 0.5
        extents = [
            max(abs(corner.dot(axis)) / max(distance - corner.dot(direction), 1e-6) for corner in corners) / math.tan(angle * side / 2)
            for axis, side in ((right, size[0]), (up, size[1]))
        ]
        near, far = (distance, far) if max(extents) > share else (near, distance)
    return (near * far) ** 0.5


# --- the shot ------------------------------------------------------------------------------------------------------------------------


def frame_format(stage: Stage) -> None:
    """Choose width and height; the camera needs them."""
    stage.description["format"] = stage.rng.choice(FORMATS)
    width, height = stage.description["format"]
    stage.scene.render.resolution_x, stage.scene.render.resolution_y = round(256 * width), round(256 * height)


def finish(stage: Stage, kind: str) -> scenes.Shot:
    """View layers, the key light as label_scene.py would find it, and what is known about the scene."""
    scene = stage.scene
    passes.view_layers(scene, Vector((0, 0, 1)))
    beauty = scene.view_layers["Beauty"]
    scene.frame_set(1)
    shaped = stage.shapes()
    lamps = [obj for obj in bpy.data.collections[passes.LIGHTS].objects if obj.type == "LIGHT" and not obj.hide_render]
    key = stage.sky_key or keylight.strongest(scene, lamps, beauty, keylight.middle(beauty, shaped))
    direction = keylight.direction(key, beauty, shaped)
    passes.shine_from(bpy.data.objects["label_sun"], direction)
    stage.description["motion_blur_frames"] = scenes.blur(stage.rng, scene, stage.frames) if stage.rng.random() < 0.5 else 0.0
    reach = math.inf if key.data.type == "SUN" else (key.matrix_world.translation - keylight.middle(beauty, shaped)).length
    width, height = stage.description.pop("format")
    described = {"kind": kind, "shapes": len(shaped), **stage.description}
    key_kind = "sky" if stage.sky_key else ""
    return scenes.Shot(scene, direction, described, width, height, key, key_kind, reach, stage.bare)
