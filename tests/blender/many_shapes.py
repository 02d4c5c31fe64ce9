# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene of twelve cubes in a row under a sun, in two frames: `python many_shapes.py scene.blend`."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "blender"))
from label_layer import passes


def main(path: Path) -> None:
    scene = passes.empty_scene()
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.frame_start, scene.frame_end = 1, 2
    for number in range(12):
        bpy.ops.mesh.primitive_cube_add(size=0.5, location=(number - 6, 0, 0))
        bpy.context.active_object.name = f"Cube{number:02d}"
    bpy.ops.object.light_add(type="SUN", rotation=(0.5, 0.3, 0))
    bpy.ops.object.camera_add(location=(0, -20, 0), rotation=(1.5708, 0, 0))
    scene.camera = bpy.context.active_object
    bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()))


main(Path(sys.argv[1]))
