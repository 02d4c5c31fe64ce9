# SPDX-License-Identifier: GPL-3.0-or-later
"""A small .blend such as an artist might have: a toy with a hat in a room, lit by a lamp, with much that could get in the way.

python character.py scene.blend library.blend
"""

import sys
from pathlib import Path

import bpy
from mathutils import Vector

SIDE = 64


def material(name: str, color: tuple[float, float, float]) -> bpy.types.Material:
    made = bpy.data.materials.new(name)
    if made.node_tree is None:
        made.use_nodes = True
    made.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*color, 1)
    return made


def collection(name: str, parent: bpy.types.Collection) -> bpy.types.Collection:
    made = bpy.data.collections.new(name)
    parent.children.link(made)
    return made


def mesh(name: str, kind: str, into: bpy.types.Collection, *materials: bpy.types.Material, **arguments) -> bpy.types.Object:
    getattr(bpy.ops.mesh, f"primitive_{kind}_add")(**arguments)
    obj = bpy.context.active_object
    obj.name = name
    for current in list(obj.users_collection):
        current.objects.unlink(obj)
    into.objects.link(obj)
    for made in materials:
        obj.data.materials.append(made)
    return obj


def keyed(obj: bpy.types.ID, path: str, first, last, at: tuple[int, int] = (1, 2)) -> None:
    for frame, value in zip(at, (first, last), strict=True):
        setattr(obj, path, value)
        obj.keyframe_insert(path, frame=frame)


def lamp(name: str, kind: str, place: tuple, energy: float, into: bpy.types.Collection) -> bpy.types.Object:
    light = bpy.data.lights.new(name, kind)
    light.energy = energy
    obj = bpy.data.objects.new(name, light)
    obj.location = place
    obj.rotation_euler = (-Vector(place)).to_track_quat("-Z", "Y").to_euler()
    into.objects.link(obj)
    return obj


def library(path: Path) -> None:
    """A file that another one links a ball from."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    toys = collection("Toys", bpy.context.scene.collection)
    mesh("Ball", "uv_sphere", toys, material("rubber", (0.1, 0.2, 0.8)), radius=0.25)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


def link_toys(path: Path) -> bpy.types.Collection:
    with bpy.data.libraries.load(str(path), link=True, relative=True) as (_, wanted):
        wanted.collections = ["Toys"]
    return wanted.collections[0]


def room(scene: bpy.types.Scene) -> None:
    """A floor, a ceiling above the lamp, fog, and things that renders do not see."""
    stage, stone = collection("Set", scene.collection), material("stone", (0.4, 0.4, 0.35))
    mesh("Floor", "plane", stage, stone, size=12, location=(0, 0, -1))
    mesh("Ceiling", "plane", stage, stone, size=12, location=(0, 0, 4))
    fog = material("fog", (1, 1, 1))
    tree = fog.node_tree
    tree.nodes.remove(tree.nodes["Principled BSDF"])
    scatter = tree.nodes.new("ShaderNodeVolumeScatter")
    scatter.inputs["Density"].default_value = 0.01
    tree.links.new(scatter.outputs[0], tree.get_output_node("ALL").inputs["Volume"])
    mesh("Fog", "cube", stage, fog, size=6)
    off = collection("Off", scene.collection)
    mesh("Blocker", "cube", off, stone, size=3, location=(0, -3, 0))
    scene.view_layers["ViewLayer"].layer_collection.children["Off"].exclude = True
    hidden = collection("Hidden", scene.collection)
    mesh("Char_old", "cube", hidden, stone, size=3, location=(0, -3, 0))
    hidden.hide_render = True
    mesh("Pillar", "cylinder", scene.collection, stone, radius=0.3, depth=2, location=(1.2, -0.9, 0))  # in no collection of its own


def toy(scene: bpy.types.Scene) -> None:
    """A body that turns, a head, and a hat with a brim that shades it."""
    hero = collection("Hero", scene.collection)
    parts = collection("Parts", hero)
    body = mesh("Char_body", "cone", hero, material("cloth", (0.8, 0.2, 0.1)), radius1=0.7, depth=1.4, location=(0, 0, -0.3))
    keyed(body, "rotation_euler", (0, 0, 0), (0, 0, 0.5))
    head = mesh("Char_head", "uv_sphere", parts, material("skin", (0.8, 0.5, 0.4)), radius=0.4, location=(0, 0, 0.75))
    head.parent = body
    hat = mesh("Char_hat", "cylinder", parts, material("felt", (0.05, 0.05, 0.1)), radius=0.6, depth=0.1, location=(0, 0, 1.1))
    spare = collection("Spare", parts)  # excluded, in a collection that is not
    mesh("Char_spare", "cube", spare, size=3, location=(0, -3, 0))
    layer = scene.view_layers["ViewLayer"].layer_collection
    layer.children["Hero"].children["Parts"].children["Spare"].exclude = True
    hat.data.materials.append(material("ribbon", (0.9, 0.8, 0.1)))
    hat.data.polygons[0].material_index = 1


def compositor(scene: bpy.types.Scene, folder: Path) -> None:
    """Nodes that would paint over the render, and write files of their own."""
    if hasattr(scene, "compositing_node_group"):  # since 5.0
        tree = scene.compositing_node_group = bpy.data.node_groups.new("comp", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        end = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        end = tree.nodes.new("CompositorNodeComposite")
    source = tree.nodes.new("CompositorNodeRLayers")
    paint = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(source.outputs["Image"], paint.inputs["Color"])
    tree.links.new(paint.outputs["Color"], end.inputs[0])
    writer = tree.nodes.new("CompositorNodeOutputFile")
    setattr(writer, "directory" if hasattr(writer, "directory") else "base_path", str(folder / "compositor"))


def build(path: Path, linked: Path) -> None:
    library(linked)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.name = "Shot"
    toy(scene)
    room(scene)
    toys = link_toys(linked)
    for name, place in (("Gift", (-1.1, -0.5, -0.7)), ("Decoy", (-1.4, 1.4, -0.7))):
        empty = bpy.data.objects.new(name, None)
        empty.instance_type, empty.instance_collection, empty.location = "COLLECTION", toys, place
        scene.collection.objects.link(empty)
    lights = collection("Lights", scene.collection)
    key = lamp("Key", "AREA", (-2, -2, 3), 300, lights)
    keyed(key, "location", (-2, -2, 3), (-1.5, -2.5, 3))
    lamp("Fill", "POINT", (3, -3, 1), 40, lights)
    scene.world = bpy.data.worlds.new("sky")
    scene.world.color = (0.2, 0.3, 0.4)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, scene.camera = (0, -6, 2), camera
    camera.rotation_euler = (-camera.location).to_track_quat("-Z", "Y").to_euler()
    compositor(scene, path.parent)
    scene.view_layers["ViewLayer"].use_pass_mist = True
    scene.view_layers.new("Label").use_pass_z = True  # somebody else's
    bpy.data.scenes.new("Other")
    render = scene.render
    engines = {item.identifier for item in render.bl_rna.properties["engine"].enum_items}
    render.engine = next(name for name in ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE", "BLENDER_WORKBENCH") if name in engines)
    render.resolution_x = render.resolution_y = SIDE
    render.use_stamp, render.stamp_note_text, render.use_stamp_note = True, "mine", True
    render.filepath, render.image_settings.file_format = "//mine/", "PNG"
    scene.frame_start, scene.frame_end = 1, 2
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


if __name__ == "__main__":
    build(*(Path(name).resolve() for name in sys.argv[1:3]))
