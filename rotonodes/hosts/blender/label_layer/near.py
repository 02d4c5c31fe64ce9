# SPDX-License-Identifier: GPL-3.0-or-later
"""A lamp that stands close shines on each shape from another side: one hard sun for all shapes of about one direction."""

import json
import math
from collections.abc import Iterator

import bpy
from mathutils import Vector

from . import choose, keylight, passes

ALIKE = (5, 10, 20, 40)  # degrees between directions that one sun serves: the first with which the header has room for all
ROOM = 560  # characters in the header: Blender's note has 767
MOST = 32  # suns: Cycles tells 64 sets of lights apart
RECEIVERS = "label_receivers"

Group = tuple[Vector, list[bpy.types.Object]]  # unit vector to the light, world space, and the shapes that it is for


def groups(key: bpy.types.Object, layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> list[Group]:
    """The shapes by their directions to the key light; none where one direction serves all, or where the header has no room for them.

    What instances other objects stays with the sun of all, and so do all shapes where the key light lights only some objects.
    """
    if key.data.type == "SUN" or key.light_linking.receiver_collection:
        return []
    lamp, all_of_them = key.evaluated_get(layer.depsgraph).matrix_world.translation, keylight.direction(key, layer, shapes)
    towards = {obj: (lamp - middle).normalized() for obj, middle in _middles(layer, shapes)}
    if all(way.angle(all_of_them) < math.radians(ALIKE[0]) for way in towards.values()):
        return []
    for alike in ALIKE:
        found = _alike(towards, math.radians(alike))
        if len(json.dumps(noted(found), separators=(",", ":"))) <= ROOM:
            return found
    return []


def noted(found: list[Group]) -> list[list]:
    """For the header: `[x, y, z, [names]]` of each group."""
    return [[*(round(part, 4) for part in towards), [obj.name for obj in shapes]] for towards, shapes in found]


def _alike(towards: dict[bpy.types.Object, Vector], angle: float) -> list[Group]:
    found: list[list[bpy.types.Object]] = []
    for obj, way in towards.items():
        alike = next((group for group in found if towards[group[0]].angle(way) < angle), None)
        if alike is None:
            found.append([obj])
        else:
            alike.append(obj)
    largest = sorted(found, key=len, reverse=True)[:MOST]
    return [(sum((towards[obj] for obj in group), Vector()).normalized(), group) for group in largest]


def _middles(layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> Iterator[tuple[bpy.types.Object, Vector]]:
    """The middle of each shape's box, world space, in the order of names; only shapes that are one object to Cycles."""
    names = choose.cryptomatte_names(layer, shapes)
    for obj in sorted(shapes, key=lambda obj: obj.name_full):
        if obj.type in choose.SURFACES and names[obj] == [obj.name] and not obj.hide_render:
            seen = obj.evaluated_get(layer.depsgraph)
            corners = [seen.matrix_world @ Vector(corner) for corner in seen.bound_box]
            yield obj, (Vector(map(min, zip(*corners, strict=True))) + Vector(map(max, zip(*corners, strict=True)))) / 2


def shine(
    key: bpy.types.Object, layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object], sun: bpy.types.Object, suns: list[bpy.types.Object]
) -> list[Group]:
    """Let `suns`, of which more are made as needed, shine on shapes that are near the key light, and `sun` on all else."""
    found = groups(key, layer, shapes)
    while len(suns) < len(found):
        suns.append(_another(sun, layer.id_data))
    for i, obj in enumerate(suns):
        obj.hide_render = i >= len(found)
    for obj, (towards, members) in zip(suns, found, strict=False):
        passes.shine_from(obj, towards)
        keylight.shadow_like(obj, key, layer, members)
        _receive(obj, members, "INCLUDE")
    near = [obj for _, members in found for obj in members]
    if near or (sun.light_linking.receiver_collection or key).name.startswith(RECEIVERS):
        _receive(sun, near, "EXCLUDE")
    return found


def _another(sun: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.Object:
    made = bpy.data.objects.new(sun.name, sun.data.copy())
    _for_shapes(sun.users_collection[0], scene).objects.link(made)
    return made


def _for_shapes(light: bpy.types.Collection, scene: bpy.types.Scene) -> bpy.types.Collection:
    """A collection in the label light's own that only `Label` sees.

    What is not shape is lit by one sun, and Cycles would still choose among all of them by chance: its few samples would be noise.
    """
    if light.children:
        return light.children[0]
    made = bpy.data.collections.new("label_suns")
    light.children.link(made)
    for layer in scene.view_layers:
        if layer.name != "Label":
            layer.layer_collection.children[light.name].children[made.name].exclude = True
    return made


def _receive(sun: bpy.types.Object, objects: list[bpy.types.Object], how: str) -> None:
    """Let a sun light only these objects ("INCLUDE"), or all but these ("EXCLUDE")."""
    before, sun.light_linking.receiver_collection = sun.light_linking.receiver_collection, None
    if before and before.name.startswith(RECEIVERS):
        bpy.data.collections.remove(before)
    if not objects:
        return
    group = bpy.data.collections.new(RECEIVERS)
    for obj in objects:
        group.objects.link(obj)
    for linked in group.collection_objects:
        linked.light_linking.link_state = how
    sun.light_linking.receiver_collection = group
