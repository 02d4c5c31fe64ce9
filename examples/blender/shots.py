# SPDX-License-Identifier: GPL-3.0-or-later
"""The example shots: a torus knot, a monkey head, and a cube as Cinema 4D would write it to disk.

    python shots.py torus  --out ../shots/torus      Blender 4.5: one part, `layer.pass.channel`
    python shots.py monkey --out ../shots/monkey     Blender 5.0: a part for each pass
    python shots.py cube   --out ../shots/c4d        one PNG for each pass

Needs OpenEXR beside bpy, and pillow for the cube. All three shots are loops.
"""

import argparse
import math
import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import exr
from label_layer import passes
from shapes import knot_mesh

RESOLUTION = 256  # pixels, square
KEY = Vector((-0.80, -0.40, 0.72)).normalized()  # from the upper left, in front of the shapes
FILL = Vector((0.45, -0.62, 0.40)).normalized()
LABEL_SAMPLES = 16  # these pictures are looked at closely: smoother edges than in training clips


def surface(name: str, color, roughness: float, specular: float = 0.5) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    inputs = passes.node_tree(material).nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*color, 1)
    inputs["Roughness"].default_value = roughness
    inputs["Specular IOR Level"].default_value = specular
    return material


def stage(color, height: float) -> None:
    """A floor that runs up into a wall without a corner; matt, so that its gloss pass is empty."""
    radius, depth, width, steps = 4.0, 5.0, 40.0, 48
    profile = [(-30.0, 0.0), (depth - radius, 0.0)]
    for i in range(1, steps + 1):
        angle = math.pi / 2 * i / steps
        profile.append((depth - radius + radius * math.sin(angle), radius - radius * math.cos(angle)))
    profile.append((depth, 20.0))
    vertices = [(x, y, z + height) for y, z in profile for x in (-width, width)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("stage")
    mesh.from_pydata(vertices, [], faces)
    mesh.shade_smooth()
    mesh.materials.append(surface("stage", color, 1.0, specular=0))
    passes.link_to(bpy.data.objects.new("stage", mesh), passes.BACKGROUND)


def lights(scene: bpy.types.Scene) -> None:
    """A soft key and a fill without shadow or gloss, both white, and no sky.

    So the light passes have next to no noise, three equal channels, and shadows that only the key casts.
    """
    passes.sun("key", passes.LIGHTS, KEY, energy=3.5, angle=math.radians(5))
    fill = passes.sun("fill", passes.LIGHTS, FILL, energy=0.45, angle=0)
    fill.data.use_shadow, fill.visible_glossy = False, False
    scene.world = passes.black_world()


def camera(scene: bpy.types.Scene, place, target, lens: float) -> None:
    data = bpy.data.cameras.new("camera")
    data.lens = lens
    obj = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(obj)
    obj.location = place
    passes.aim(obj, target)
    scene.camera = obj


def shape(name: str, mesh: bpy.types.Mesh, material: bpy.types.Material, place) -> bpy.types.Object:
    """A smooth object; `ZYX` turns it about its own axis before it is tilted."""
    obj = passes.link_to(bpy.data.objects.new(name, mesh), passes.SHAPES)
    obj.location, obj.rotation_mode = place, "ZYX"
    mesh.materials.clear()
    mesh.materials.append(material)
    mesh.shade_smooth()
    return obj


def primitive(operator: str, **arguments) -> bpy.types.Mesh:
    getattr(bpy.ops.mesh, operator)(**arguments)
    obj = bpy.context.active_object
    mesh = obj.data
    bpy.data.objects.remove(obj)
    return mesh


def torus() -> int:
    """A torus knot with a small ball; a third of a turn brings the knot back onto itself."""
    frames = 24
    stage((0.20, 0.36, 0.42), height=-1.02)
    knot = shape(
        "shape_knot", knot_mesh(2, 3, radius=1.22, tube=0.31, steps=360), surface("ochre", (0.80, 0.36, 0.07), 0.32),
        (-0.12, 0, 0.12),
    )  # fmt: skip
    ball = primitive("primitive_uv_sphere_add", radius=0.3, segments=96, ring_count=48)
    shape("shape_ball", ball, surface("coral", (0.72, 0.15, 0.10), 0.32), (1.06, -0.80, -0.72))
    for frame in range(1, frames + 1):
        knot.rotation_euler = (math.radians(52), 0, math.radians(120) * (frame - 1) / frames)
        knot.keyframe_insert("rotation_euler", frame=frame)
    return frames


def monkey() -> int:
    """A monkey head that looks from side to side."""
    frames = 16
    stage((0.44, 0.30, 0.34), height=-1.08)
    head = shape("shape_monkey", primitive("primitive_monkey_add", size=2.3), surface("teal", (0.06, 0.40, 0.38), 0.35),
                 (0, 0, 0.06))  # fmt: skip
    head.modifiers.new("subdivision", "SUBSURF").render_levels = 3
    for frame in range(1, frames + 1):
        sway = math.sin(2 * math.pi * (frame - 1) / frames)
        head.rotation_euler = (math.radians(-18), 0, math.radians(32) * sway)
        head.keyframe_insert("rotation_euler", frame=frame)
    return frames


def cube() -> int:
    """A rounded cube; a quarter of a turn brings it back onto itself."""
    frames = 8
    stage((0.50, 0.48, 0.42), height=-0.86)
    block = shape("shape_cube", primitive("primitive_cube_add", size=1.6), surface("rose", (0.72, 0.16, 0.22), 0.25),
                  (0, 0, 0))  # fmt: skip
    bevel = block.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = 0.28, 10
    for frame in range(1, frames + 1):
        block.rotation_euler = (0, 0, math.radians(20) + math.radians(90) * (frame - 1) / frames)
        block.keyframe_insert("rotation_euler", frame=frame)
    return frames


def set_up(shot: str, samples: int) -> tuple[bpy.types.Scene, int]:
    """The whole scene of a shot, and how many frames it has."""
    scene = passes.empty_scene()
    frames = {"torus": torus, "monkey": monkey, "cube": cube}[shot]()
    lights(scene)
    camera(scene, (0, -7.6, 3.0), (0.1, 0, -0.04), lens=67)
    passes.view_layers(scene, KEY)
    scene.view_layers["Label"].samples = LABEL_SAMPLES
    scene.render.resolution_x = scene.render.resolution_y = RESOLUTION
    passes.sampling(scene, samples, denoise=True, fast=False)
    passes.multilayer(scene)
    passes.metadata(scene, key_direction=passes.rounded(KEY))
    return scene, frames


def render_exr(scene: bpy.types.Scene, frame: int, folder: Path) -> None:
    path = folder / f"render.{frame:04d}.exr"
    passes.render_to(scene, frame, path)
    exr.slim(path)


def srgb8(linear: np.ndarray) -> np.ndarray:
    """Linear `[..., C]` to 8-bit sRGB, by IEC 61966-2-1."""
    x = np.clip(linear.astype(np.float32), 0, 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(x, 1 / 2.4) - 0.055)
    return (255 * encoded + 0.5).astype(np.uint8)


def render_c4d(scene: bpy.types.Scene, frame: int, folder: Path) -> None:
    """Write the passes that Cinema 4D would, named as it names them.

    Its shadow pass is a factor: the key light with shadows over the key light without, white where none fall.
    """
    from PIL import Image

    label = scene.view_layers["Label"]
    label.layer_collection.children[passes.BACKGROUND].holdout = False  # shadows are also on the floor
    label.samples = 64
    # the tighter the gloss, the less of it lies outside the highlight, as with Cinema 4D's own material
    label.material_override.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.22
    light = bpy.data.objects["label_sun"].data
    lit, unshadowed = folder / ".lit.exr", folder / ".unshadowed.exr"
    light.use_shadow = True
    passes.render_to(scene, frame, lit)
    light.use_shadow, scene.view_layers["Beauty"].use = False, False
    passes.render_to(scene, frame, unshadowed)
    scene.view_layers["Beauty"].use = True
    layers, free = exr.read(lit), exr.read(unshadowed)["Label.DiffDir"]
    lit.unlink()
    unshadowed.unlink()
    shape_only = exr.coverage(layers)[..., None]
    shadow = np.where(free > 0.02, layers["Label.DiffDir"] / np.maximum(free, 0.02), 1)
    pictures = {
        "": srgb8(layers["Beauty.Combined"][..., :3]),
        "matcolor": srgb8(layers["Beauty.DiffCol"] * shape_only),
        "illum": srgb8(layers["Label.DiffDir"]),
        "shadow": srgb8(shadow),
        "specular": srgb8(layers["Label.GlossDir"] * shape_only),
        "object_1_": (255 * shape_only[..., 0] + 0.5).astype(np.uint8),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"Cube1_{name}{frame:04d}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shot", choices=["torus", "monkey", "cube"])
    parser.add_argument("--out", type=Path, required=True, help="folder of the frames")
    parser.add_argument("--samples", type=int, default=96, help="samples per pixel")
    parser.add_argument("--only", type=int, help="render just this frame")
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(own)
    args.out.mkdir(parents=True, exist_ok=True)
    scene, frames = set_up(args.shot, args.samples)
    write = render_c4d if args.shot == "cube" else render_exr
    for frame in [args.only] if args.only else range(1, frames + 1):
        write(scene, frame, args.out)


if __name__ == "__main__":
    main()
