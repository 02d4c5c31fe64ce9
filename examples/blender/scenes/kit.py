# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripted scenes share: an empty scene, lamps, skies, cameras on their way."""

import math
from collections.abc import Sequence

import bpy
from label_layer import passes
from mathutils import Vector

Color = tuple[float, float, float]


def empty(bounces: int = 8) -> bpy.types.Scene:
    """An empty Cycles scene of three frames."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.max_bounces = bounces
    scene.frame_start, scene.frame_end = 1, 3
    return scene


def named(obj: bpy.types.Object, name: str, material: bpy.types.Material | None = None) -> bpy.types.Object:
    obj.name = name
    if material:
        obj.data.materials.clear()
        obj.data.materials.append(material)
    return obj


def all_named(objects: Sequence[bpy.types.Object], name: str, material: bpy.types.Material | None = None) -> list[bpy.types.Object]:
    return [named(obj, name, material) for obj in objects]


def lamp(kind: str, name: str, place, power: float, aim=(0, 0, 0), size: float = 0.1, color: Color = (1, 1, 1), **more) -> bpy.types.Object:
    """A light that looks at a point; power in W, of a sun in W/m2; size in the scene's units, of a sun in degrees."""
    light = bpy.data.lights.new(name, kind)
    light.energy, light.color = power, color
    if kind == "AREA":
        light.size = size
    elif kind == "SUN":
        light.angle = math.radians(size)
    else:
        light.shadow_soft_size = size
    for key, value in more.items():
        setattr(light, key, value)
    obj = bpy.data.objects.new(name, light)
    bpy.context.scene.collection.objects.link(obj)
    obj.location = place
    passes.aim(obj, aim)
    return obj


def world(color: Color, strength: float = 1.0, zenith: Color | None = None, ground: Color | None = None) -> None:
    """An even world, or a sky from its horizon's colour to its zenith's, over a ground colour."""
    made = bpy.data.worlds.new("World")
    bpy.context.scene.world = made
    tree = passes.node_tree(made)
    background = tree.nodes["Background"]
    background.inputs["Color"].default_value, background.inputs["Strength"].default_value = (*color, 1), strength
    if zenith is None:
        return
    space, split, ramp = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexCoord", "SeparateXYZ", "ValToRGB"))
    half = tree.nodes.new("ShaderNodeMath")
    half.operation, half.inputs[1].default_value, half.inputs[2].default_value = "MULTIPLY_ADD", 0.5, 0.5
    stops = ramp.color_ramp
    stops.elements[0].color, stops.elements[1].color = (*(ground or color), 1), (*zenith, 1)
    stops.elements.new(0.49).color = (*(ground or color), 1)
    stops.elements.new(0.51).color = (*color, 1)
    tree.links.new(space.outputs["Generated"], split.inputs[0])
    tree.links.new(split.outputs["Z"], half.inputs[0])
    tree.links.new(half.outputs[0], ramp.inputs[0])
    tree.links.new(ramp.outputs[0], background.inputs["Color"])


def camera(first, last, aim, lens: float, aim_last=None) -> bpy.types.Object:
    """A camera that goes from one place to another over the three frames, looking at a point."""
    data = bpy.data.cameras.new("Camera")
    data.lens = lens
    obj = bpy.data.objects.new("Camera", data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.scene.camera = obj
    for frame, place, target in ((1, first, aim), (3, last, aim_last or aim)):
        obj.location = place
        passes.aim(obj, target)
        obj.keyframe_insert("location", frame=frame)
        obj.keyframe_insert("rotation_euler", frame=frame)
    return obj


def keyed(obj: bpy.types.Object, path: str, first, last) -> None:
    """Animate a value over the three frames."""
    for frame, value in ((1, first), (3, last)):
        setattr(obj, path, value)
        obj.keyframe_insert(path, frame=frame)


def hang(pieces: Sequence[bpy.types.Object], name: str, at=(0, 0, 0), turn=(0, 0, 0), scale: float = 1.0) -> bpy.types.Object:
    """Parent pieces to an empty; returns the empty."""
    holder = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(holder)
    for piece in pieces:
        if piece.parent is None:
            piece.parent = holder
    holder.location, holder.rotation_euler, holder.scale = at, turn, [scale] * 3
    return holder


def texture(material: bpy.types.Material, kind: str, colors: Sequence[Color], scale: float, target: str = "Base Color", **inputs) -> None:
    """Colour a material by a procedural texture of two colours."""
    tree = passes.node_tree(material)
    node, space, ramp = (tree.nodes.new(f"ShaderNode{name}") for name in (f"Tex{kind}", "TexCoord", "ValToRGB"))
    node.inputs["Scale"].default_value = scale
    for key, value in inputs.items():
        node.inputs[key].default_value = value
    for element, color in zip(ramp.color_ramp.elements, colors, strict=True):
        element.color = (*color, 1)
    output = next(found for found in (node.outputs.get(name) for name in ("Factor", "Fac", "Distance")) if found)
    tree.links.new(space.outputs["Object"], node.inputs["Vector"])
    tree.links.new(output, ramp.inputs[0])
    tree.links.new(ramp.outputs[0], tree.nodes["Principled BSDF"].inputs[target])


def wall(size, at, turn, name: str, material: bpy.types.Material) -> bpy.types.Object:
    """A rectangle around a point, facing +z before it is turned."""
    bpy.ops.mesh.primitive_plane_add(size=1, location=at, rotation=turn)
    obj = bpy.context.active_object
    obj.scale = (size[0], size[1], 1)
    return named(obj, name, material)


def arc(radius: float, start: float, end: float, steps: int, at=(0, 0, 0)) -> list[Vector]:
    """Points of an arc in the x-z plane."""
    angles = [start + (end - start) * i / steps for i in range(steps + 1)]
    return [Vector(at) + Vector((radius * math.cos(a), 0, radius * math.sin(a))) for a in angles]
