# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend with a cube that crosses a floor from left to right, over a wall's shadow, with a shining panel, a board and instances.

python studio.py scene.blend
"""

import sys
from pathlib import Path

import bpy
from mathutils import Vector

SIDE = 96


def material(name: str, shining: float = 0.0) -> bpy.types.Material:
    made = bpy.data.materials.new(name)
    if made.node_tree is None:
        made.use_nodes = True
    made.node_tree.nodes["Principled BSDF"].inputs["Emission Strength"].default_value = shining
    return made


def mesh(name: str, kind: str, painted: bpy.types.Material, **arguments) -> bpy.types.Object:
    getattr(bpy.ops.mesh, f"primitive_{kind}_add")(**arguments)
    obj = bpy.context.active_object
    obj.name = name
    obj.data.materials.append(painted)
    return obj


def instances(grey: bpy.types.Material) -> None:
    """Two empties that instance the same ball, and a plane whose geometry nodes instance a cone."""
    toys = bpy.data.collections.new("Toys")  # in no scene
    ball = mesh("Ball", "uv_sphere", grey, radius=0.3)
    bpy.context.scene.collection.objects.unlink(ball)
    toys.objects.link(ball)
    for name, x in (("Gift", -1.6), ("Decoy", 1.6)):
        empty = bpy.data.objects.new(name, None)
        empty.instance_type, empty.instance_collection, empty.location = "COLLECTION", toys, (x, 1, 0.3)
        bpy.context.scene.collection.objects.link(empty)


def build(path: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    grey = material("grey")
    mesh("Floor", "plane", grey, size=20)
    hero = mesh("Hero", "cube", grey, size=1)
    for frame, x in ((1, -1.5), (3, 1.5)):
        hero.location = (x, 0, 0.5)
        hero.keyframe_insert("location", frame=frame)
    instances(grey)
    mesh("Post", "cube", grey, size=1, location=(0, 2.2, 0.5))  # throws a shadow that is none of a shape's
    # a panel and a board above, in the way of light from straight above only
    mesh("Panel", "plane", material("glow", 1.0), size=5, location=(0, 0, 4))
    board = mesh("Board", "plane", grey, size=0.2, location=(0, 0, 5))
    board.scale = (30, 30, 1)
    light = bpy.data.lights.new("Key", "SUN")
    light.energy = 3
    key = bpy.data.objects.new("Key", light)
    key.rotation_euler = Vector((1, 1, -0.9)).to_track_quat("-Z", "Y").to_euler()  # from the left, in front
    scene.collection.objects.link(key)
    scene.world = bpy.data.worlds.new("sky")
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, scene.camera = (0, -7, 3), camera
    camera.rotation_euler = (Vector((0, 0, 0.4)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    scene.render.engine, scene.cycles.samples = "CYCLES", 2
    scene.render.resolution_x = scene.render.resolution_y = SIDE
    scene.frame_start, scene.frame_end = 1, 3
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
