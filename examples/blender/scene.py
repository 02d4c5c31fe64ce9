# SPDX-License-Identifier: GPL-3.0-or-later
"""Random scenes for training: shapes, materials, lights, backgrounds, camera, all drawn from one generator."""

import colorsys
import math
from pathlib import Path
from random import Random

import bpy
import passes
from mathutils import Matrix, Vector

# Most textures in nature are faint, and half of all toys have none: plain colour is listed twice.
TEXTURES = (None, None, "Noise", "Voronoi", "Checker", "Wave", "Brick", "Magic")
# Rings are finer than Blender's own, or the edge of the shadow on smooth shapes shows the facets.
PRIMITIVES = {
    "monkey": ("primitive_monkey_add", {"size": 1.6}),
    "sphere": ("primitive_uv_sphere_add", {"radius": 0.8, "segments": 96, "ring_count": 48}),
    "ico": ("primitive_ico_sphere_add", {"radius": 0.85, "subdivisions": 2}),
    "cube": ("primitive_cube_add", {"size": 1.2}),
    "cylinder": ("primitive_cylinder_add", {"radius": 0.6, "depth": 1.3, "vertices": 96}),
    "cone": ("primitive_cone_add", {"radius1": 0.75, "depth": 1.4, "vertices": 96}),
    "torus": (
        "primitive_torus_add",
        {"major_radius": 0.7, "minor_radius": 0.28, "major_segments": 96, "minor_segments": 32},
    ),
}
ROUND = ("monkey", "sphere", "torus", "knot", "model")
BACKGROUNDS = ("plain", "gradient", "noise", "floor", "floor", "wall", "clutter")


def color(rng: Random, saturation=(0.1, 0.95), value=(0.15, 0.95)) -> tuple[float, float, float, float]:
    """A random linear RGBA of any hue."""
    return (*colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)), 1.0)


def ramp(rng: Random, tree, factor, target, colors) -> None:
    """Colour `target` by a scalar output, through a ramp of two colours."""
    node = tree.nodes.new("ShaderNodeValToRGB")
    node.color_ramp.interpolation = rng.choice(["LINEAR", "EASE", "CONSTANT"])
    for element, rgba in zip(node.color_ramp.elements, colors, strict=True):
        element.color = rgba
    tree.links.new(factor, node.inputs[0])
    tree.links.new(node.outputs[0], target)


def texture(rng: Random, tree, kind: str, coordinates: str):
    """The scalar output of a procedural texture."""
    node = tree.nodes.new(f"ShaderNodeTex{kind}")
    if "Scale" in node.inputs:
        node.inputs["Scale"].default_value = rng.uniform(1.5, 9)
    space = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(space.outputs[coordinates], node.inputs["Vector"])
    named = (node.outputs.get(name) for name in ("Factor", "Fac", "Distance"))  # 5.0 spells Fac out
    return next((output for output in named if output), node.outputs[0])


def material(rng: Random, name: str, muted: bool = False) -> bpy.types.Material:
    """A random surface; `muted` keeps backgrounds from being louder than what stands before them."""
    result = bpy.data.materials.new(name)
    tree = passes.node_tree(result)
    inputs = tree.nodes["Principled BSDF"].inputs
    colors = [color(rng, saturation=(0, 0.4)) if muted else color(rng) for _ in range(2)]
    inputs["Base Color"].default_value = colors[0]
    inputs["Roughness"].default_value = rng.uniform(0.15, 0.9)
    inputs["Metallic"].default_value = 0 if rng.random() < 0.85 else rng.uniform(0.2, 0.9)
    inputs["Coat Weight"].default_value = 0 if rng.random() < 0.8 else rng.random()
    kind = rng.choice(TEXTURES)
    if kind:
        scalar = texture(rng, tree, kind, rng.choice(["Object", "Generated"]))
        ramp(rng, tree, scalar, inputs["Base Color"], colors)
    return result


def knot_mesh(p: int, q: int, radius: float, tube: float, steps: int = 240) -> bpy.types.Mesh:
    """A (p, q) torus knot: p times round the axis, q times through the hole; its outer radius is about `radius`."""
    curve = bpy.data.curves.new("knot", "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution = "3D", tube, 6
    spline = curve.splines.new("POLY")
    spline.points.add(steps - 1)
    spline.use_cyclic_u = True
    middle, swing = (radius - tube) * 2 / 3, (radius - tube) / 3
    for i, point in enumerate(spline.points):
        t = 2 * math.pi * i / steps
        reach = middle + swing * math.cos(q * t)
        point.co = (reach * math.cos(p * t), reach * math.sin(p * t), swing * 1.2 * math.sin(q * t), 1)
    holder = bpy.data.objects.new("knot", curve)
    mesh = bpy.data.meshes.new_from_object(holder)
    bpy.data.objects.remove(holder)
    return mesh


def model_object(path: Path) -> bpy.types.Object:
    """An OBJ or PLY file as one object of about the size of the primitives, around the origin."""
    importer = bpy.ops.wm.ply_import if path.suffix == ".ply" else bpy.ops.wm.obj_import
    importer(filepath=str(path.resolve()))
    parts = [obj for obj in bpy.context.selected_objects if obj.type == "MESH"]
    bpy.context.view_layer.objects.active = parts[0]
    if len(parts) > 1:
        bpy.ops.object.join()
    obj = bpy.context.view_layer.objects.active
    mesh = obj.data
    mesh.materials.clear()
    mesh.transform(obj.matrix_world)
    obj.matrix_world = Matrix.Identity(4)
    corners = [Vector(corner) for corner in obj.bound_box]
    middle = sum(corners, Vector()) / 8
    reach = max((corner - middle).length for corner in corners)
    mesh.transform(Matrix.Scale(1.15 / reach, 4) @ Matrix.Translation(-middle))
    return obj


def bare_object(rng: Random, models: list[Path]) -> tuple[str, bpy.types.Object]:
    """A primitive, a torus knot or one of the given model files, without modifiers or material."""
    kind = rng.choice([*PRIMITIVES, "knot", "torus"] + ["model"] * (4 if models else 0))
    if kind == "model":
        path = rng.choice(models)
        return f"model {path.stem}", model_object(path)
    if kind == "knot":
        p, q = rng.choice([(2, 3), (3, 2), (2, 5), (3, 4)])
        mesh = knot_mesh(p, q, radius=rng.uniform(0.8, 1.0), tube=rng.uniform(0.12, 0.24))
        obj = bpy.data.objects.new("knot", mesh)
        bpy.context.scene.collection.objects.link(obj)
        return kind, obj
    operator, arguments = PRIMITIVES[kind]
    getattr(bpy.ops.mesh, operator)(**arguments)
    return kind, bpy.context.active_object


def deform(rng: Random, obj: bpy.types.Object, kind: str) -> list[str]:
    """Add random modifiers; returns their names for the scene's description."""
    smooth = rng.random() < (0.85 if kind.split()[0] in ROUND else 0.15)
    if kind in ("monkey", "ico", "cube") and rng.random() < 0.6:
        subdivision = obj.modifiers.new("subdivision", "SUBSURF")
        subdivision.render_levels = rng.choice([1, 2, 3])
        smooth = True
    elif kind in ("cube", "cylinder", "cone") and rng.random() < 0.5:
        bevel = obj.modifiers.new("bevel", "BEVEL")
        bevel.width, bevel.segments = rng.uniform(0.03, 0.15), 3
    if rng.random() < 0.35:
        method = rng.choice(["TWIST", "BEND", "TAPER"])
        bend = obj.modifiers.new(method.lower(), "SIMPLE_DEFORM")
        bend.deform_method = method
        if method == "TAPER":
            bend.factor = rng.uniform(-0.6, 0.6)
        else:
            bend.angle = rng.uniform(-1.2, 1.2)
    if rng.random() < 0.25:
        clouds = bpy.data.textures.new(obj.name, "CLOUDS")
        clouds.noise_scale = rng.uniform(0.4, 1.2)
        displace = obj.modifiers.new("displace", "DISPLACE")
        displace.texture, displace.strength = clouds, rng.uniform(0.1, 0.35)
    if smooth:
        obj.data.shade_smooth()
    else:
        obj.data.shade_flat()
    return [modifier.name for modifier in obj.modifiers] + ["smooth" if smooth else "flat"]


def add_object(rng: Random, name: str, collection: str, place, size: float, models, muted=False) -> dict:
    """Place one random object; returns its description with the object under `object`."""
    kind, obj = bare_object(rng, models)
    obj.name = f"{name}_{kind.split()[0]}"
    passes.link_to(obj, collection)
    obj.location = place
    obj.rotation_euler = [rng.uniform(0, 2 * math.pi) for _ in range(3)]
    spread = (0.9, 1.1) if kind.startswith("model") else (0.75, 1.3)
    obj.scale = [size * rng.uniform(*spread) for _ in range(3)]
    modifiers = deform(rng, obj, kind)
    obj.data.materials.append(material(rng, name, muted))
    return {"object": obj, "kind": kind, "modifiers": modifiers}


def spin(rng: Random, obj: bpy.types.Object, frames: int) -> None:
    """Turn an object by up to 0.9 radians about each axis over the clip."""
    obj.keyframe_insert("rotation_euler", frame=1)
    obj.rotation_euler = [angle + rng.uniform(-0.9, 0.9) for angle in obj.rotation_euler]
    obj.keyframe_insert("rotation_euler", frame=max(2, frames))


def add_shapes(rng: Random, frames: int, key: Vector, models: list[Path]) -> list[dict]:
    """One to four shapes; names begin with `shape`, which is how the label decoder finds them."""
    shapes = [add_object(rng, "shape0", passes.SHAPES, (0, 0, 0), rng.uniform(0.9, 1.25), models)]
    for i in range(1, rng.choice([1, 2, 2, 3, 4])):
        place = Vector([rng.uniform(-1.1, 1.1), rng.uniform(-1.1, 1.1), rng.uniform(-0.9, 0.9)])
        if rng.random() < 0.4:  # between key light and main shape: its shadow then falls on the shape
            place = key * rng.uniform(1.2, 1.9) + place * 0.4
        shapes.append(add_object(rng, f"shape{i}", passes.SHAPES, place, rng.uniform(0.35, 0.8), models))
    for shape in shapes:
        if rng.random() < 0.8:
            spin(rng, shape["object"], frames)
    return shapes


def plane(rng: Random, name: str, location, rotation=(0, 0, 0)) -> None:
    bpy.ops.mesh.primitive_plane_add(size=60, location=location, rotation=rotation)
    obj = passes.link_to(bpy.context.active_object, passes.BACKGROUND)
    obj.name = name
    obj.data.materials.append(material(rng, name, muted=True))


def add_background(rng: Random, kind: str, azimuth: float) -> None:
    """What stands behind the shapes, seen from a camera at `azimuth`."""
    if kind in ("floor", "wall", "clutter"):
        plane(rng, "background_floor", (0, 0, rng.uniform(-1.7, -1.3)))
    if kind == "wall":
        place = (-8 * math.sin(azimuth), 8 * math.cos(azimuth), 0)
        plane(rng, "background_wall", place, (math.pi / 2, 0, azimuth))
    if kind == "clutter":
        for i in range(rng.randint(3, 7)):
            angle, away = azimuth + rng.uniform(-0.6, 0.6), rng.uniform(3.5, 8)
            place = (-away * math.sin(angle), away * math.cos(angle), rng.uniform(-1.2, 0.6))
            add_object(rng, f"background{i}", passes.BACKGROUND, place, rng.uniform(0.4, 1), [], muted=True)


def add_world(rng: Random, scene: bpy.types.Scene, kind: str) -> None:
    scene.world = bpy.data.worlds.new("world")
    tree = passes.node_tree(scene.world)
    background = tree.nodes["Background"]
    background.inputs["Color"].default_value = color(rng, (0, 0.6), (0.1, 0.9))
    background.inputs["Strength"].default_value = rng.uniform(0.2, 0.8)
    if kind in ("gradient", "noise"):
        space = "Window" if kind == "gradient" else "Generated"
        scalar = texture(rng, tree, kind.title(), space)
        colors = [color(rng, (0, 0.6)) for _ in range(2)]
        ramp(rng, tree, scalar, background.inputs["Color"], colors)


def add_lights(rng: Random, key: Vector) -> dict:
    """The key light and up to two coloured fills; returns their description."""
    energy, softness = rng.uniform(2, 5), rng.choice([0, 0.5, 2, 6, 12])
    tint = color(rng, (0, 0.25), (0.9, 1))[:3]
    passes.sun("key", passes.LIGHTS, key, energy, math.radians(softness), tint)
    fills = rng.choice([0, 0, 1, 2])
    for i in range(fills):
        light = bpy.data.lights.new(f"fill{i}", "AREA")
        light.energy, light.size = rng.uniform(20, 120), rng.uniform(0.5, 3)
        light.color = color(rng, (0, 0.5), (0.8, 1))[:3]
        obj = passes.link_to(bpy.data.objects.new(light.name, light), passes.LIGHTS)
        angle = rng.uniform(0, 2 * math.pi)
        obj.location = (5 * math.sin(angle), 5 * math.cos(angle), rng.uniform(1, 5))
        passes.aim(obj, (0, 0, 0))
    return {"key_energy": round(energy, 3), "key_softness_degrees": softness, "fills": fills}


def add_camera(rng: Random, scene, shapes: list[dict], frames: int, azimuth: float, elevation: float) -> dict:
    """A camera that frames the shapes, loosely, and orbits them a little."""
    camera = bpy.data.cameras.new("camera")
    camera.lens = rng.uniform(35, 75)
    obj = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(obj)
    scene.camera = obj
    depsgraph = bpy.context.evaluated_depsgraph_get()
    corners = []
    for shape in shapes:
        evaluated = shape["object"].evaluated_get(depsgraph)
        corners += [evaluated.matrix_world @ Vector(corner) for corner in evaluated.bound_box]
    middle = sum(corners, Vector()) / len(corners)
    radius = max((corner - middle).length for corner in corners)
    distance = radius / math.sin(camera.angle / 2) * rng.uniform(0.5, 0.9)
    target = [x + radius * rng.uniform(-0.15, 0.15) for x in middle]
    orbit, push = rng.uniform(-0.5, 0.5), rng.uniform(0, 0.12)
    for frame, done in ((1, 0), (max(2, frames), 1)):
        a, e, d = azimuth + orbit * done, elevation + 0.1 * orbit * done, distance * (1 - push * done)
        around = Vector((math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)))
        obj.location = middle + d * around
        passes.aim(obj, target)
        obj.keyframe_insert("location", frame=frame)
        obj.keyframe_insert("rotation_euler", frame=frame)
    return {"lens_mm": round(camera.lens, 2), "orbit_radians": round(orbit, 3)}


def build(rng: Random, frames: int, models: list[Path]) -> tuple[bpy.types.Scene, Vector, dict]:
    """A random scene; returns it with the key light's direction and a description for the manifest."""
    scene = passes.empty_scene()
    scene.frame_start, scene.frame_end = 1, frames
    background = rng.choice(BACKGROUNDS)
    azimuth, elevation = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(5, 40))
    # a wall would stand in the way of light that comes from behind it
    side = azimuth + rng.uniform(-1, 1) * (1.4 if background == "wall" else 2.0)
    height = math.radians(rng.uniform(20, 75))
    key = Vector((math.sin(side) * math.cos(height), -math.cos(side) * math.cos(height), math.sin(height)))
    shapes = add_shapes(rng, frames, key, models)
    add_background(rng, background, azimuth)
    lights = add_lights(rng, key)
    add_world(rng, scene, background)
    camera = add_camera(rng, scene, shapes, frames, azimuth, elevation)
    passes.view_layers(scene, key)
    described = [{"kind": shape["kind"], "modifiers": shape["modifiers"]} for shape in shapes]
    return scene, key, {"background": background, "shapes": described, **lights, **camera}
