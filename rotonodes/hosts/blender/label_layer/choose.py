# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of somebody's scene are shapes, which are held out, and which a layer of white shapes cannot show."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase

import bpy

from .frames import Refused

SURFACES = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD"}  # types of objects that a material can paint
SEE_THROUGH = {"ShaderNodeBsdfTransparent", "ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction", "ShaderNodeHoldout"}


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


class ListLength:
    """How long lists of names are: `whole` shows all of each, for who asks what a scene has."""

    most = 8
    whole = False


def names(things: Iterable) -> str:
    """Names in alphabetical order, the first of them where there are many."""
    return shortened(sorted(thing.name for thing in things))


def shortened(found: list[str]) -> str:
    """Names with commas between them, as many as ListLength says."""
    left = 0 if ListLength.whole else len(found) - ListLength.most
    return ", ".join(found[: ListLength.most] if left > 0 else found) + (f" and {left} more" if left > 0 else "")


def view_layer(scene: bpy.types.Scene, name: str | None) -> bpy.types.ViewLayer:
    """The view layer of the picture: the first one that is rendered, unless it is named."""
    if name is None:
        return next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0])
    if name not in scene.view_layers:
        raise Refused(f"scene {scene.name} has no view layer {name}: it has {names(scene.view_layers)}")
    return scene.view_layers[name]


def rendered(layer: bpy.types.LayerCollection, hidden: bool = False) -> Iterator[bpy.types.Object]:
    """The objects of those collections of a view layer that renders see, some of them twice."""
    hidden = hidden or layer.collection.hide_render
    if not (hidden or layer.exclude):
        yield from layer.collection.objects
    for child in layer.children:
        yield from rendered(child, hidden)


def inside(obj: bpy.types.Object) -> set[bpy.types.Object]:
    """The objects that an object instances as a collection, and those that they instance."""
    if obj.instance_type != "COLLECTION" or obj.instance_collection is None:
        return set()
    own = set(obj.instance_collection.all_objects)
    return own.union(*map(inside, own))


def shapes(scene: bpy.types.Scene, seen: list[bpy.types.Object], patterns: list[str], collections: list[str]) -> list[bpy.types.Object]:
    """Those of the `seen` objects that are named, or in a collection that is named, or that instance one.

    Raises Refused where a name matches nothing, or nothing that renders.
    """
    gathered = [group for group in bpy.data.collections if matches(group.name, collections)]
    for pattern in collections:
        if not any(matches(group.name, [pattern]) for group in gathered):
            raise Refused(f"no collection {pattern} in this file: there are {names(bpy.data.collections) or 'none'}")
    members = {obj for group in gathered for obj in group.all_objects}
    found = [obj for obj in seen if obj in members or obj.instance_collection in gathered or matches(obj.name, patterns)]
    for pattern in patterns:
        if not any(matches(obj.name, [pattern]) for obj in found):
            raise Refused(f"scene {scene.name} has no shape {pattern}: {_why_not(scene, seen, pattern)}")
    if all(obj.hide_render for obj in found):
        hidden = f"{names(found)}: hidden from renders" if found else f"nothing in {names(gathered)} renders"
        raise Refused(f"scene {scene.name} has no shape to label: {hidden}")
    return found


def _why_not(scene: bpy.types.Scene, seen: list[bpy.types.Object], pattern: str) -> str:
    """Why no shape has a name like `pattern`."""
    for obj in seen:
        within = [other.name for other in inside(obj) if matches(other.name, [pattern])]
        if within:
            return f"{min(within)} is inside the collection that {obj.name} instances: name {obj.name}"
    for obj in (obj for obj in bpy.data.objects if matches(obj.name, [pattern])):
        if obj not in set(scene.objects):
            return f"{obj.name} is in this file but not in this scene"
        return f"{obj.name} is {'not in a collection that renders see' if obj.type in SURFACES else 'without a surface'}"
    near = get_close_matches(pattern, [obj.name for obj in seen], n=1)
    return f"did you mean {near[0]}?" if near else f"there are {names(seen) or 'none'}"


def materials(obj: bpy.types.Object) -> list[tuple[bpy.types.Material, bpy.types.Node]]:
    """The materials of an object and of what it instances that are made of nodes, each with its output node."""
    slots = [slot.material for part in (obj, *inside(obj)) for slot in part.material_slots]
    trees = [(material, material.node_tree) for material in slots if material and material.node_tree]
    outputs = [(material, tree.get_output_node("CYCLES")) for material, tree in trees]
    return [(material, output) for material, output in outputs if output]


def only_volume(obj: bpy.types.Object) -> bool:
    """Whether an object is smoke or fog, of which a white material would make a box."""
    outputs = [output for _, output in materials(obj)]
    return bool(outputs) and all(output.inputs["Volume"].is_linked and not output.inputs["Surface"].is_linked for output in outputs)


def unlike_white(obj: bpy.types.Object) -> bool:
    """Whether a material changes where an object is seen, by holes, glass or displacement, which a white material does not."""
    for material, output in materials(obj):
        displaced = output.inputs["Displacement"].is_linked and material.displacement_method != "BUMP"
        if displaced or any(map(_see_through, material.node_tree.nodes)):
            return True
    return False


def _see_through(node: bpy.types.Node) -> bool:
    if node.bl_idname != "ShaderNodeBsdfPrincipled":
        return node.bl_idname in SEE_THROUGH
    alpha, glass = node.inputs["Alpha"], node.inputs["Transmission Weight"]
    return alpha.is_linked or alpha.default_value < 1 or glass.is_linked or glass.default_value > 0


def shines(obj: bpy.types.Object) -> bool:
    """Whether one of an object's materials emits light."""
    return any(_emits(node) for material, _ in materials(obj) for node in material.node_tree.nodes)


def _emits(node: bpy.types.Node) -> bool:
    if node.bl_idname == "ShaderNodeEmission":
        color, strength = node.inputs["Color"], node.inputs["Strength"]
    elif node.bl_idname == "ShaderNodeBsdfPrincipled":
        color, strength = node.inputs["Emission Color"], node.inputs["Emission Strength"]
    else:
        return False
    return (strength.is_linked or strength.default_value > 0) and (color.is_linked or any(list(color.default_value)[:3]))


def cryptomatte_names(layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> dict[bpy.types.Object, list[str]]:
    """The names that each shape has in the cryptomatte: its own, or those of the objects that it instances, for Cycles names those."""
    found: dict[bpy.types.Object, set[str]] = {obj: {other.name for other in inside(obj) if other.type in SURFACES} for obj in shapes}
    for instance in layer.depsgraph.object_instances:
        owner = (instance.parent or instance.object).original
        if owner in found and instance.object.type in SURFACES:
            found[owner].add(instance.object.original.name)
    return {obj: sorted(names) or [obj.name] for obj, names in found.items()}


def lamp_inside(obj: bpy.types.Object) -> bpy.types.Object | None:
    """A light that an object instances: no view layer can leave out the one and keep the other."""
    return next((other for other in inside(obj) if other.type == "LIGHT" and not other.hide_render), None)
