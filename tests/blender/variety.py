# SPDX-License-Identifier: GPL-3.0-or-later
"""Build random clips as clips.py does, without rendering them, and say what is in each: by its manifest and by the scene itself.

python variety.py how-many out.json
"""

import json
import sys
from argparse import Namespace
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "blender"))
import clips
from label_layer import passes

SIDE = 56  # rays across the frame


def silhouette(scene: bpy.types.Scene) -> np.ndarray:
    """Where rays from the camera hit a shape in the first frame: bool `[SIDE, SIDE]`."""
    scene.frame_set(1)
    depsgraph, camera = bpy.context.evaluated_depsgraph_get(), scene.camera
    corners = [camera.matrix_world.to_3x3() @ corner for corner in camera.data.view_frame(scene=scene)]
    right_top, right_bottom, left_bottom, left_top = corners
    seen = np.zeros((SIDE, SIDE), bool)
    for row, column in np.ndindex(seen.shape):
        x, y = (column + 0.5) / SIDE, (row + 0.5) / SIDE
        towards = left_top.lerp(right_top, x).lerp(left_bottom.lerp(right_bottom, x), y).normalized()
        hit, _, _, _, obj, _ = scene.ray_cast(depsgraph, camera.matrix_world.translation, towards)
        seen[row, column] = hit and obj.name.startswith("shape")
    return seen


def grown(mask: np.ndarray) -> np.ndarray:
    """A mask and its eight neighbours."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    return np.any([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)


def holes(mask: np.ndarray) -> int:
    """How many pixels of what is not the mask do not reach the frame's border."""
    outside = np.zeros_like(mask)
    outside[[0, -1]] = outside[:, [0, -1]] = True
    outside &= ~mask
    while True:
        wider = grown(outside) & ~mask
        if (wider == outside).all():
            return int((~mask & ~outside).sum())
        outside = wider


def thin(mask: np.ndarray) -> float:
    """The share of the mask that is narrower than three rays."""
    core = grown(~grown(~np.pad(mask, 1, mode="edge")))[1:-1, 1:-1]
    return float((mask & ~core).sum() / max(mask.sum(), 1))


def materials(prefix: str) -> list[bpy.types.NodeTree]:
    objects = [obj for obj in bpy.context.scene.objects if obj.name.startswith(prefix) and obj.type == "MESH"]
    return [passes.node_tree(slot.material) for obj in objects for slot in obj.material_slots]


def value(tree: bpy.types.NodeTree, name: str) -> float:
    return tree.nodes["Principled BSDF"].inputs[name].default_value


def described(shot, entry: dict) -> dict:
    """A clip's line of the manifest, and what its scene holds."""
    scene, mask = shot.scene, silhouette(shot.scene)
    shapes = [obj for obj in scene.objects if obj.name.startswith("shape")]
    floors = materials("background_floor")
    return entry | {
        "rendered_size": [scene.render.resolution_x, scene.render.resolution_y],
        "shapes_there": len(shapes),
        "floor": bool(floors),
        "polished": any(value(tree, "Roughness") <= 0.2 and value(tree, "Coat Weight") == 0.5 for tree in floors),
        "clutter": sum(obj.name.startswith("background") and "floor" not in obj.name and "wall" not in obj.name for obj in scene.objects),
        "metallic": max(value(tree, "Metallic") for tree in materials("shape")),
        "pictures": any(node.bl_idname == "ShaderNodeTexImage" for tree in materials("shape") for node in tree.nodes),
        "surround": any(node.bl_idname == "ShaderNodeTexEnvironment" for node in passes.node_tree(scene.world).nodes),
        "blurred": bool(scene.render.use_motion_blur and scene.render.motion_blur_shutter > 0),
        "modifiers": sorted({modifier.type for obj in shapes for modifier in obj.modifiers}),
        "developed": [scene.view_settings.view_transform, scene.view_settings.look, round(scene.view_settings.exposure, 3)],
        "holes": holes(mask),
        "thin": thin(mask),
        "at_the_edge": bool(mask[[0, -1]].any() or mask[:, [0, -1]].any()),
    }


if __name__ == "__main__":
    options = Namespace(seed=1, frames=2, res=256, samples=16, models=None, vector=False)
    found = [described(*clips.build_clip(options, number, [])) for number in range(int(sys.argv[1]))]
    Path(sys.argv[2]).write_text(json.dumps(found))
