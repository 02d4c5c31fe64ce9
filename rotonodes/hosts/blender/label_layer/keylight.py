# SPDX-License-Identifier: GPL-3.0-or-later
"""The key light of somebody's scene, and a sun that shines from where it is and throws its shadows."""

import math
from collections.abc import Iterator
from itertools import product

import bpy
from mathutils import Vector

from . import choose

MOST_HITS = 100  # of one ray
WITHOUT_SHADOW = "label_without_shadow"  # collection of what the label light shines through
LUMINANCE = Vector((0.2126, 0.7152, 0.0722))  # Rec. 709


def named(scene: bpy.types.Scene, lamps: list[bpy.types.Object], name: str) -> bpy.types.Object:
    """The light of this name. Raises Refused."""
    found = next((lamp for lamp in lamps if lamp.name == name), None)
    if found is None:
        raise choose.Refused(f"scene {scene.name} has no light {name} that renders: there are {choose.names(lamps) or 'none'}")
    return found


def strongest(scene: bpy.types.Scene, lamps: list[bpy.types.Object], layer: bpy.types.ViewLayer, point: Vector) -> bpy.types.Object:
    """The light that throws most onto a point. Raises Refused where there is none."""
    if not lamps:
        raise choose.Refused(f"scene {scene.name} has no light that renders: say with --direction where its light comes from")
    return max(lamps, key=lambda lamp: irradiance(lamp.evaluated_get(layer.depsgraph), point))


def irradiance(lamp: bpy.types.Object, point: Vector) -> float:
    """What a light throws onto a surface at a point that faces it, W/m², by its kind, power, colour and cone."""
    light = lamp.data
    power = light.energy * 2 ** getattr(light, "exposure", 0) * LUMINANCE.dot(Vector(light.color))
    if light.type == "SUN":
        return power
    way = point - lamp.matrix_world.translation
    around = 4 * math.pi * max(way.length_squared, 1e-6)
    if light.type == "POINT":
        return power / around
    cosine = way.normalized().dot(-axis(lamp))
    if light.type == "SPOT":
        return power / around if cosine > math.cos(light.spot_size / 2) else 0
    return 4 * power * max(cosine, 0) / around  # an area's light is Lambertian, to one side


def axis(lamp: bpy.types.Object) -> Vector:
    """The unit vector against which a sun, spot or area light shines."""
    return (lamp.matrix_world.to_3x3() @ Vector((0, 0, 1))).normalized()


def direction(key: bpy.types.Object, layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> Vector:
    """Unit vector to the key light in the layer's frame: of a sun its own, of a lamp that from the middle of the shapes."""
    lamp = key.evaluated_get(layer.depsgraph)
    if not lamp.is_evaluated:
        raise choose.Refused(f"{key.name} is disabled in viewports, so that it cannot be looked at: enable it, or give --direction")
    if key.data.type == "SUN":
        return axis(lamp)
    return (lamp.matrix_world.translation - middle(layer, shapes)).normalized()


def box(layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> tuple[Vector, Vector]:
    """Lowest and highest corner of the shapes' box in the layer's frame, in the world, after all modifiers."""
    wanted, corners = set(shapes), []
    for instance in layer.depsgraph.object_instances:
        if (instance.parent or instance.object).original in wanted:
            corners += [instance.matrix_world @ Vector(corner) for corner in instance.object.bound_box]
    if not corners:
        raise choose.Refused(f"{choose.names(shapes)}: disabled in viewports, so that they cannot be looked at: enable them")
    return tuple(Vector(map(extreme, zip(*corners, strict=True))) for extreme in (min, max))


def middle(layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> Vector:
    return sum(box(layer, shapes), Vector()) / 2


def shadow_like(
    sun: bpy.types.Object, key: bpy.types.Object, layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]
) -> list[bpy.types.Object]:
    """Let a sun throw the shadows that the key light throws; returns the objects that it shines through.

    It has the key light's links to receivers and blockers. Where the key light is a lamp the sun is behind all, so that
    walls and ceilings behind the lamp must not stop it.
    """
    sun.data.use_shadow = key.data.use_shadow
    sun.light_linking.receiver_collection = key.light_linking.receiver_collection
    if key.light_linking.blocker_collection:
        sun.light_linking.blocker_collection = key.light_linking.blocker_collection
        return []
    found = [] if key.data.type == "SUN" else behind(key, layer, shapes)
    shine_through(sun, found)
    return found


def shine_through(sun: bpy.types.Object, objects: list[bpy.types.Object]) -> None:
    """Let these objects throw no shadow of a sun's, and all others do."""
    before = sun.light_linking.blocker_collection
    if before and set(before.objects) == set(objects):
        return
    sun.light_linking.blocker_collection = None
    if before and before.name.startswith(WITHOUT_SHADOW):
        bpy.data.collections.remove(before)
    if objects:
        group = bpy.data.collections.new(WITHOUT_SHADOW)
        for obj in objects:
            group.objects.link(obj)
        for linked in group.collection_objects:
            linked.light_linking.link_state = "EXCLUDE"
        sun.light_linking.blocker_collection = group


def points(layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> list[Vector]:
    """Points all over the shapes' box, world space."""
    low, high = box(layer, shapes)
    return [
        Vector([a + part * (b - a) for a, b, part in zip(low, high, parts, strict=True)]) for parts in product((0.05, 0.5, 0.95), repeat=3)
    ]


def emitters(direction: Vector, layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """Objects between the shapes and a light at a direction that shine themselves: panels, bulbs, domes, which are that light.

    In Label they would be white and solid, and take it away.
    """
    met = set().union(*(_met(direction, layer, point) for point in points(layer, shapes))) - set(shapes)
    shining = {obj for obj in met if choose.shines(obj)}
    holders = {obj for obj in layer.objects if shining & choose.inside(obj)}
    return sorted(shining | holders - set(shapes), key=lambda obj: obj.name)


def in_the_way(
    direction: Vector, layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object], through: list[bpy.types.Object]
) -> list[bpy.types.Object]:
    """What takes the light of a direction from all points of the shapes' box, beside what it shines through."""
    met = set.intersection(*(_met(direction, layer, point) for point in points(layer, shapes)))
    return sorted(met.difference(shapes, through), key=lambda obj: obj.name)


def _met(direction: Vector, layer: bpy.types.ViewLayer, point: Vector) -> set[bpy.types.Object]:
    """What renders and lies in a direction from a point."""
    return {obj for _, obj in hits(layer, point, direction) if not obj.hide_render}


def behind(key: bpy.types.Object, layer: bpy.types.ViewLayer, shapes: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """Objects behind the lamp that would stop the sun, and stand nowhere between the shapes and the lamp.

    Asked by rays from all over the shapes' box, to the lamp and, side by side, to the sun.
    """
    lamp = key.evaluated_get(layer.depsgraph).matrix_world.translation
    low, high = box(layer, shapes)
    sun = (lamp - (low + high) / 2).normalized()
    before, after = set(shapes), set()
    for point in points(layer, shapes):
        way = lamp - point
        before.update(obj for distance, obj in hits(layer, point, way.normalized()) if distance < way.length)
        after.update(obj for distance, obj in hits(layer, point, sun) if distance > way.dot(sun))
    met = after - before
    holders = [obj for obj in layer.objects if met & choose.inside(obj)]
    return sorted({*met, *holders} - before, key=lambda obj: obj.name)


def hits(layer: bpy.types.ViewLayer, start: Vector, way: Vector) -> Iterator[tuple[float, bpy.types.Object]]:
    """The objects that a ray meets, each with its distance from the start, nearest first."""
    place = start
    for _ in range(MOST_HITS):
        hit, place, _, _, obj, _ = layer.id_data.ray_cast(layer.depsgraph, place, way)
        if not hit:
            return
        yield (place - start).length, obj.original
        place = place + max(1e-4, 1e-5 * place.length) * way  # past the surface
