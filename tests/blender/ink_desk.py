# SPDX-License-Identifier: GPL-3.0-or-later
"""A table with a mug, a pot with a plant, letters, a book and a head, rendered with the passes that lines need and Freestyle's own lines.

python ink_desk.py OUT [FRAMES] [WIDTH] [HEIGHT] [SAMPLES]      # by a Python with bpy 4.5; about 15 s of one core a frame at 480 x 270
"""

import math
import sys

import bpy

import addon_utils  # isort: skip  (there once bpy is)
from mathutils import Vector

TOP = 0.5  # height of the table
CREASE = 35  # degrees
COLORS = {
    "wood": (0.5, 0.3, 0.16),
    "blue": (0.05, 0.2, 0.5),
    "white": (0.8, 0.78, 0.72),
    "clay": (0.6, 0.22, 0.1),
    "leaf": (0.1, 0.35, 0.08),
    "red": (0.7, 0.06, 0.05),
    "steel": (0.6, 0.6, 0.62),
}
PROFILE = [
    (0, 0.02),
    (0.42, 0.02),
    (0.45, 0.06),
    (0.45, 1.0),
    (0.41, 1.03),
    (0.37, 1.0),
    (0.37, 0.12),
    (0, 0.1),
]  # of the mug: radius, height
PASSES = ("z", "normal", "position", "vector", "diffuse_direct", "diffuse_color", "glossy_direct", "object_index", "material_index")


def materials() -> dict[str, bpy.types.Material]:
    made = {}
    for name, color in COLORS.items():
        made[name] = bpy.data.materials.new(name)
        made[name].use_nodes = True
        surface = made[name].node_tree.nodes["Principled BSDF"]
        surface.inputs["Base Color"].default_value = (*color, 1)
        surface.inputs["Metallic"].default_value = float(name == "steel")
    return made


def named(name: str, painted: bpy.types.Material, sharp: bool = False, smooth: bool = False) -> bpy.types.Object:
    """The object that was just added, with its name, its material and its shading."""
    obj = bpy.context.object
    obj.name = name
    obj.data.materials.append(painted)
    if sharp:
        bpy.ops.object.shade_smooth_by_angle(angle=math.radians(CREASE))
    elif smooth:
        bpy.ops.object.shade_smooth()
    return obj


def add_mug(painted: bpy.types.Material, around: int = 64) -> None:
    mesh, count = bpy.data.meshes.new("mug"), len(PROFILE)
    turns = [2 * math.pi * step / around for step in range(around)]
    places = [(r * math.cos(turn), r * math.sin(turn), z) for turn in turns for r, z in PROFILE]
    faces = []
    for step in range(around):
        here, there = step * count, (step + 1) % around * count
        faces += [(here + j, there + j, there + j + 1, here + j + 1) for j in range(count - 1)]
    mesh.from_pydata(places, [], faces)
    mesh.validate()
    mug = bpy.data.objects.new("mug", mesh)
    bpy.context.scene.collection.objects.link(mug)
    mug.location = (-1.1, -0.25, TOP)
    for other in bpy.context.selected_objects:
        other.select_set(False)
    mug.select_set(True)
    bpy.context.view_layer.objects.active = mug
    named("mug", painted, sharp=True)
    size = {"major_radius": 0.27, "minor_radius": 0.065, "major_segments": 48, "minor_segments": 16}
    bpy.ops.mesh.primitive_torus_add(**size, location=(-1.58, -0.25, TOP + 0.52), rotation=(math.pi / 2, 0, 0))
    named("mug_handle", painted, smooth=True)


def add_things(paint: dict[str, bpy.types.Material]) -> None:
    bpy.ops.mesh.primitive_plane_add(size=40)
    named("ground", paint["white"])
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 0, 0.35))
    named("table", paint["wood"]).scale = (4.4, 2.8, 0.3)
    add_mug(paint["blue"])
    bpy.ops.mesh.primitive_cone_add(vertices=48, radius1=0.36, radius2=0.5, depth=0.8, location=(0.35, 0.45, TOP + 0.4))
    named("pot", paint["clay"], sharp=True)
    rim = {"major_radius": 0.5, "minor_radius": 0.06, "major_segments": 48, "minor_segments": 12}
    bpy.ops.mesh.primitive_torus_add(**rim, location=(0.35, 0.45, TOP + 0.78))
    named("pot_rim", paint["clay"], smooth=True)
    for i in range(9):
        turn = 2.4 * i
        place = (0.35 + 0.28 * math.cos(turn), 0.45 + 0.28 * math.sin(turn), TOP + 1.25 + 0.05 * (i % 4))
        bpy.ops.mesh.primitive_uv_sphere_add(segments=32, ring_count=16, radius=0.5, location=place)
        leaf = named(f"plant_{i}", paint["leaf"], smooth=True)
        leaf.scale, leaf.rotation_euler = (0.16, 0.05 + 0.03 * (i % 3), 0.85), (-0.8 * math.sin(turn), 0.8 * math.cos(turn), turn)
    for i, letter in enumerate("ART"):
        bpy.ops.object.text_add(location=(-0.25 + i * 0.55, -0.95, TOP), rotation=(math.pi / 2, 0, 0.12))
        text = named(f"letter_{letter}", paint["steel" if i == 1 else "red"]).data
        text.body, text.size, text.extrude, text.bevel_depth = letter, 0.75, 0.09, 0.012
    bpy.ops.mesh.primitive_cube_add(size=1, location=(1.45, -0.35, TOP + 0.11), rotation=(0, 0, 0.4))
    book = named("book", paint["red"])
    book.scale = (0.9, 0.65, 0.2)
    book.data.materials.append(paint["white"])
    for face in book.data.polygons:
        face.material_index = int(abs(face.normal.x) > 0.5 or face.normal.y < -0.5)
    bpy.ops.mesh.primitive_monkey_add(size=0.75, location=(1.45, -0.32, TOP + 0.6), rotation=(-0.55, 0, 0.5))
    head = named("head", paint["white"], smooth=True)
    finer = head.modifiers.new("finer", "SUBSURF")
    finer.levels = finer.render_levels = 2


def aimed(obj: bpy.types.Object, place: Vector, at: Vector) -> None:
    obj.location, obj.rotation_euler = place, (at - place).to_track_quat("-Z", "Y").to_euler()


def add_lights_and_camera(scene: bpy.types.Scene, frames: int) -> None:
    for place, energy, size in ((Vector((-4, -3, 5.5)), 500, 1.2), (Vector((4, -4, 3)), 90, 4)):
        light = bpy.data.lights.new("area", "AREA")
        light.energy, light.size = energy, size
        lamp = bpy.data.objects.new("area", light)
        scene.collection.objects.link(lamp)
        aimed(lamp, place, Vector((0, 0, 1)))
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (0.15, 0.165, 0.18, 1)
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    for frame in range(1, frames + 1):
        turn = -0.25 + 0.012 * (frame - 1)
        aimed(scene.camera, Vector((7.2 * math.sin(turn), -7.2 * math.cos(turn), 3.4)), Vector((0.15, 0, 0.95)))
        for path in ("location", "rotation_euler"):
            scene.camera.keyframe_insert(path, frame=frame)


def draw_with_freestyle(scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> None:
    """Silhouettes, borders, creases and material boundaries, one pixel wide, in a pass of their own."""
    scene.render.use_freestyle = True
    scene.render.line_thickness_mode = "ABSOLUTE"
    scene.render.line_thickness = 1.0
    layer.freestyle_settings.as_render_pass = True
    layer.freestyle_settings.crease_angle = math.radians(180 - CREASE)
    sets = layer.freestyle_settings.linesets
    lines = sets[0] if len(sets) else sets.new("lines")
    lines.select_silhouette = lines.select_border = lines.select_crease = lines.select_material_boundary = True
    if lines.linestyle is None:
        lines.linestyle = bpy.data.linestyles.new("line")
    lines.linestyle.thickness, lines.linestyle.color = 1.0, (0, 0, 0)


def main(out: str, frames: int = 2, width: int = 480, height: int = 270, samples: int = 8) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("cycles")
    scene, layer = bpy.context.scene, bpy.context.view_layer
    scene.render.engine, scene.cycles.samples, scene.cycles.max_bounces = "CYCLES", samples, 4
    scene.render.resolution_x, scene.render.resolution_y = width, height
    add_things(materials())
    add_lights_and_camera(scene, frames)
    for name in PASSES:
        setattr(layer, f"use_pass_{name}", True)
    layer.use_pass_cryptomatte_object = layer.use_pass_cryptomatte_material = True
    draw_with_freestyle(scene, layer)
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.image_settings.exr_codec, scene.render.image_settings.color_depth = "ZIP", "32"
    scene.render.filepath = f"{out}/render.####"
    bpy.ops.render.render(animation=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
