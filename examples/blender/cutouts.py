# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut-outs with true alpha: fur, thin wires, a blurred edge and a smooth one, each before a patterned wall.

    bpy45/bin/python examples/blender/cutouts.py --out renders/cutouts

`Beauty.Combined` is the picture. `Cutout.Combined` is the same subject in the same light with the wall held out: its premultiplied
colour and its alpha, so that Beauty = Cutout + (1 - alpha) wall holds in linear light, but for noise. `Wall.Combined` is the wall
alone. They are what tests/benchmarks/bench_halo.py measures mattes and foregrounds with.
"""

import argparse
import math
import sys
from pathlib import Path

import bpy
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
from label_layer import passes
from shapes import knot_mesh

RESOLUTION = 384  # pixels, square
KEY = Vector((-0.7, -0.6, 0.55)).normalized()
SUBJECTS = ("fur", "wires", "focus", "knot")
WALLS = (((0.75, 0.10, 0.06), (0.95, 0.75, 0.2)), ((0.03, 0.45, 0.10), (0.05, 0.75, 0.16)), ((0.9, 0.88, 0.8), (0.35, 0.5, 0.9)))
COATS = ((0.10, 0.07, 0.05), (0.75, 0.6, 0.4), (0.05, 0.2, 0.5), (0.55, 0.08, 0.2))


def surface(name: str, color) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    inputs = passes.node_tree(material).nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*color, 1)
    inputs["Roughness"].default_value = 0.5
    return material


def wall(number: int) -> None:
    """A wall that shines by itself, in two colours: soft patches, so that the band around the subject sees several."""
    bpy.ops.mesh.primitive_plane_add(size=16, location=(0, 4, 0), rotation=(math.radians(90), 0, 0))
    plane = passes.link_to(bpy.context.active_object, passes.BACKGROUND)
    plane.name = "wall"
    material = bpy.data.materials.new("wall")
    tree = passes.node_tree(material)
    tree.nodes.clear()
    noise, ramp, light, out = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexNoise", "ValToRGB", "Emission", "OutputMaterial"))
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 0.9 + 0.5 * (number % 3), 3
    first, second = WALLS[number % len(WALLS)]
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*first, 1), (*second, 1)
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.42, 0.58
    tree.links.new(noise.outputs[0], ramp.inputs[0])
    tree.links.new(ramp.outputs[0], light.inputs[0])
    tree.links.new(light.outputs[0], out.inputs[0])
    plane.data.materials.append(material)


def subject(kind: str, color) -> None:
    coat = surface("coat", color)
    if kind == "knot":
        shape = bpy.data.objects.new("shape", knot_mesh(2, 3, radius=1.1, tube=0.3, steps=240))
    elif kind == "wires":
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=3, radius=1.35)
        shape = bpy.context.active_object
        shape.modifiers.new("wires", "WIREFRAME").thickness = 0.035
    else:
        bpy.ops.mesh.primitive_monkey_add(size=2.2)
        shape = bpy.context.active_object
        shape.modifiers.new("smooth", "SUBSURF").render_levels = 2
    shape.data.materials.append(coat)
    shape.rotation_euler = (math.radians(-10), 0, math.radians(25))
    passes.link_to(shape, passes.SHAPES)
    if kind == "fur":
        shape.modifiers.new("fur", "PARTICLE_SYSTEM")
        fur = shape.particle_systems[0].settings
        fur.type, fur.count, fur.hair_length, fur.hair_step = "HAIR", 2500, 0.35, 4
        fur.child_type, fur.rendered_child_count, fur.roughness_2 = "INTERPOLATED", 12, 0.05
        fur.root_radius, fur.tip_radius, fur.radius_scale = 1.0, 0.2, 0.008


def scene_of(number: int, samples: int) -> bpy.types.Scene:
    scene = passes.empty_scene()
    kind = SUBJECTS[number % len(SUBJECTS)]
    wall(number)
    subject(kind, COATS[(number + number // len(SUBJECTS)) % len(COATS)])
    passes.sun("key", passes.LIGHTS, KEY, energy=3, angle=math.radians(3))
    scene.world = passes.black_world()
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.25
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    data = bpy.data.cameras.new("camera")
    data.lens, data.dof.use_dof = 67, kind == "focus"
    data.dof.focus_distance, data.dof.aperture_fstop = 6.2, 0.5
    scene.camera = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(scene.camera)
    scene.camera.location = (0, -7.2, 0.6)
    passes.aim(scene.camera, (0, 0, 0))
    scene.render.resolution_x = scene.render.resolution_y = RESOLUTION
    scene.render.film_transparent = True
    beauty = scene.view_layers[0]
    beauty.name = "Beauty"
    cutout, alone = scene.view_layers.new("Cutout"), scene.view_layers.new("Wall")
    cutout.layer_collection.children[passes.BACKGROUND].holdout = True
    alone.layer_collection.children[passes.SHAPES].exclude = True
    for layer in (beauty, cutout, alone):
        passes.enable_passes(layer, {"combined"})
    alone.samples = 16  # it is seen sharp or not at all, and shines by itself
    passes.sampling(scene, samples, denoise=False)
    passes.multilayer(scene)
    passes.metadata(scene, subject=kind)
    return scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the frames, cutout.####.exr")
    parser.add_argument("--count", type=int, default=8, help="how many frames")
    parser.add_argument("--samples", type=int, default=64, help="samples per pixel")
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(own)
    args.out.mkdir(parents=True, exist_ok=True)
    for number in range(args.count):
        passes.render_to(scene_of(number, args.samples), 1, args.out / f"cutout.{number + 1:04d}.exr")


if __name__ == "__main__":
    main()
