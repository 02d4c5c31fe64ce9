# SPDX-License-Identifier: GPL-3.0-or-later
"""Three frames of a textured cube that moves to the right and up, ever faster, with the Vector pass.

python moving_cube.py folder
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "blender"))
from label_layer import passes

PLACES = ((-0.6, -0.4), (0.0, -0.2), (0.9, 0.1))  # x and z, in frames 1 to 3
SIDE, SAMPLES = 64, 16


def cube() -> None:
    """The steps differ, so that the vectors to the frame before and to the next cannot be taken for each other."""
    bpy.ops.mesh.primitive_cube_add(size=1.2, rotation=(0.5, 0.2, 0.3))
    made = bpy.context.active_object
    made.name = "cube"
    material = bpy.data.materials.new("cells")
    tree = passes.node_tree(material)
    cells, space = tree.nodes.new("ShaderNodeTexVoronoi"), tree.nodes.new("ShaderNodeTexCoord")
    cells.inputs["Scale"].default_value = 4
    tree.links.new(space.outputs["Object"], cells.inputs["Vector"])
    # it glows, so that its look does not depend on where it is
    shader = tree.nodes["Principled BSDF"]
    tree.links.new(cells.outputs["Color"], shader.inputs["Emission Color"])
    shader.inputs["Emission Strength"].default_value = 1
    shader.inputs["Base Color"].default_value = (0, 0, 0, 1)
    made.data.materials.append(material)
    for frame, (x, z) in enumerate(PLACES, 1):
        made.location = (x, 0, z)
        made.keyframe_insert("location", frame=frame)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    scene = passes.empty_scene()
    scene.frame_start, scene.frame_end = 1, len(PLACES)
    scene.world = bpy.data.worlds.new("black")
    passes.node_tree(scene.world).nodes["Background"].inputs["Strength"].default_value = 0
    cube()
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location = (0, -6, 0)
    passes.aim(scene.camera, (0, 0, 0))
    passes.enable_passes(scene.view_layers[0], {"combined", "vector", "cryptomatte_object"})
    scene.render.resolution_x = scene.render.resolution_y = SIDE
    passes.sampling(scene, SAMPLES, denoise=False)
    passes.multilayer(scene)
    for frame in range(1, len(PLACES) + 1):
        passes.render_to(scene, frame, folder / f"cube.{frame:04d}.exr")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
