# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts that things are assembled from: boxes, balls, rods, turned and extruded forms. Each returns a mesh object where it belongs.

Angles are radians, lengths the scene's units. Nothing is named or painted here.
"""

import itertools
import math
from collections.abc import Iterable, Sequence

import bmesh
import bpy
from mathutils import Matrix, Vector

Point = Sequence[float]


def of_bmesh(form: bmesh.types.BMesh, name: str, smooth: bool) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    form.to_mesh(mesh)
    form.free()
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    if smooth:
        mesh.shade_smooth()
    return obj


def of_faces(vertices: Sequence[Point], faces: Sequence[Sequence[int]], name: str, smooth: bool = False) -> bpy.types.Object:
    """A mesh of vertices and faces, its normals turned outwards."""
    form = bmesh.new()
    points = [form.verts.new(vertex) for vertex in vertices]
    for face in faces:
        if len(set(face)) > 2:
            form.faces.new([points[index] for index in face])
    bmesh.ops.recalc_face_normals(form, faces=form.faces)
    return of_bmesh(form, name, smooth)


def box(size: Point, at: Point = (0, 0, 0), bevel: float = 0.0, turn: Point = (0, 0, 0), segments: int = 2) -> bpy.types.Object:
    """A box of a size around a point, its edges rounded by `bevel`, turned by Euler angles."""
    form = bmesh.new()
    bmesh.ops.create_cube(form, size=1, matrix=Matrix.Diagonal((*size, 1)))
    if bevel > 0:
        width = min(bevel, 0.45 * min(size))
        bmesh.ops.bevel(form, geom=form.edges[:], offset=width, segments=segments, affect="EDGES", profile=0.5)
    obj = of_bmesh(form, "box", smooth=False)
    if bevel > 0 and segments > 1:
        smooth_by_angle(obj)
    obj.location, obj.rotation_euler = at, turn
    return obj


def ball(radius: float, at: Point = (0, 0, 0), scale: Point = (1, 1, 1), segments: int = 48, smooth: bool = True) -> bpy.types.Object:
    """A sphere, stretched by `scale`; few segments make it low-poly."""
    form = bmesh.new()
    bmesh.ops.create_uvsphere(form, u_segments=segments, v_segments=max(segments // 2, 3), radius=radius)
    obj = of_bmesh(form, "ball", smooth)
    obj.location, obj.scale = at, scale
    return obj


def ico(radius: float, at: Point = (0, 0, 0), subdivisions: int = 1) -> bpy.types.Object:
    """A low-poly ball of triangles."""
    form = bmesh.new()
    bmesh.ops.create_icosphere(form, subdivisions=subdivisions, radius=radius)
    obj = of_bmesh(form, "ico", smooth=False)
    obj.location = at
    return obj


def rod(start: Point, end: Point, radius: float, end_radius: float | None = None, sides: int = 24, smooth: bool = True) -> bpy.types.Object:
    """A cylinder or cone from one point to another, closed at both ends."""
    start, end = Vector(start), Vector(end)
    axis = end - start
    form = bmesh.new()
    top = radius if end_radius is None else end_radius
    bmesh.ops.create_cone(form, cap_ends=True, segments=sides, radius1=radius, radius2=max(top, 1e-4), depth=axis.length)
    obj = of_bmesh(form, "rod", smooth)
    if smooth:
        smooth_by_angle(obj)
    obj.location = (start + end) / 2
    obj.rotation_euler = axis.to_track_quat("Z", "Y").to_euler()
    return obj


def capsule(start: Point, end: Point, radius: float, end_radius: float | None = None, sides: int = 24) -> bpy.types.Object:
    """A limb with round ends, whose thickness may change from one end to the other."""
    start, end = Vector(start), Vector(end)
    other = radius if end_radius is None else end_radius
    length, rings = (end - start).length, max(sides // 3, 3)
    profile = [(radius * math.sin(t), -radius * math.cos(t)) for t in (math.pi / 2 * i / rings for i in range(rings + 1))]
    profile += [(other * math.cos(t), length + other * math.sin(t)) for t in (math.pi / 2 * i / rings for i in range(rings + 1))]
    obj = turned(profile, sides)
    obj.location = start
    obj.rotation_euler = (end - start).to_track_quat("Z", "Y").to_euler()
    return obj


def turned(profile: Sequence[tuple[float, float]], sides: int = 64, smooth: bool = True) -> bpy.types.Object:
    """A profile of (radius, height) turned around the z axis; where its ends have a radius they are closed."""
    form = bmesh.new()
    rings = []
    for radius, height in profile:
        if radius < 1e-5:
            rings.append([form.verts.new((0, 0, height))])
        else:
            angles = (2 * math.pi * i / sides for i in range(sides))
            rings.append([form.verts.new((radius * math.cos(a), radius * math.sin(a), height)) for a in angles])
    for low, high in itertools.pairwise(rings):
        for i in range(sides):
            quad = [low[i % len(low)], low[(i + 1) % len(low)], high[(i + 1) % len(high)], high[i % len(high)]]
            corners = list(dict.fromkeys(quad))
            if len(corners) > 2:
                form.faces.new(corners)
    for ring in (rings[0], rings[-1]):
        if len(ring) > 2:
            form.faces.new(ring)
    bmesh.ops.recalc_face_normals(form, faces=form.faces)
    obj = of_bmesh(form, "turned", smooth)
    if smooth:
        smooth_by_angle(obj)
    return obj


def vessel(profile: Sequence[tuple[float, float]], wall: float, sides: int = 64) -> bpy.types.Object:
    """An open vessel: a profile from the bottom's middle up to the rim, and back inside at the distance of a wall."""
    inner = [(max(radius - wall, 0), max(height, profile[0][1] + wall)) for radius, height in reversed(profile)]
    return turned([*profile, *inner], sides)


def slab(outline: Sequence[tuple[float, float]], depth: float, bevel: float = 0.0) -> bpy.types.Object:
    """A closed flat outline `[x, z]` drawn out along y, around y = 0."""
    form = bmesh.new()
    face = form.faces.new([form.verts.new((x, -depth / 2, z)) for x, z in outline])
    pulled = bmesh.ops.extrude_face_region(form, geom=[face])
    bmesh.ops.translate(form, verts=[item for item in pulled["geom"] if isinstance(item, bmesh.types.BMVert)], vec=(0, depth, 0))
    bmesh.ops.recalc_face_normals(form, faces=form.faces)
    if bevel > 0:
        bmesh.ops.bevel(form, geom=form.edges[:], offset=bevel, segments=2, affect="EDGES", profile=0.5, clamp_overlap=True)
    obj = of_bmesh(form, "slab", smooth=False)
    if bevel > 0:
        smooth_by_angle(obj)
    return obj


def ring(radius: float, thickness: float, at: Point = (0, 0, 0), turn: Point = (0, 0, 0), steps: int = 64) -> bpy.types.Object:
    """A torus around the z axis before it is turned."""
    points = [Vector((radius * math.cos(a), radius * math.sin(a), 0)) for a in (2 * math.pi * i / steps for i in range(steps))]
    obj = pipe(points, thickness, closed=True)
    obj.location, obj.rotation_euler = at, turn
    return obj


def pipe(points: Sequence[Point], radius: float, closed: bool = False, sides: int = 12) -> bpy.types.Object:
    """A round pipe along points, its ends closed."""
    places = [Vector(point) for point in points]
    count, form, rings = len(places), bmesh.new(), []
    side = None
    for i, place in enumerate(places):
        before = places[i - 1] if closed or i else place
        after = places[(i + 1) % count] if closed or i < count - 1 else place
        along = (after - before).normalized()
        if side is None:
            side = along.orthogonal().normalized()
        side = (side - along * side.dot(along)).normalized()  # carried along, so that the pipe does not twist
        across = along.cross(side)
        angles = [2 * math.pi * j / sides for j in range(sides)]
        rings.append([form.verts.new(place + radius * (math.cos(a) * side + math.sin(a) * across)) for a in angles])
    for i in range(count if closed else count - 1):
        low, high = rings[i], rings[(i + 1) % count]
        shift = _nearest(low, high) if closed and i == count - 1 else 0
        for j in range(sides):
            form.faces.new((low[j], low[(j + 1) % sides], high[(j + 1 + shift) % sides], high[(j + shift) % sides]))
    if not closed:
        form.faces.new(rings[0])
        form.faces.new(rings[-1])
    bmesh.ops.recalc_face_normals(form, faces=form.faces)
    return of_bmesh(form, "pipe", smooth=True)


def _nearest(low: list, high: list) -> int:
    """By how many corners a ring is turned against the ring that it joins."""
    return min(range(len(high)), key=lambda j: (high[j].co - low[0].co).length)


def sheet(height, size: Point, steps: int, smooth: bool = True) -> bpy.types.Object:
    """A grid of `steps` by `steps` quads around the origin whose z is `height(x, y)`."""
    side = steps + 1
    places = [((i / steps - 0.5) * size[0], (j / steps - 0.5) * size[1]) for i in range(side) for j in range(side)]
    faces = [(i * side + j, (i + 1) * side + j, (i + 1) * side + j + 1, i * side + j + 1) for i in range(steps) for j in range(steps)]
    mesh = bpy.data.meshes.new("sheet")
    mesh.from_pydata([(x, y, height(x, y)) for x, y in places], [], faces)
    obj = bpy.data.objects.new("sheet", mesh)
    bpy.context.scene.collection.objects.link(obj)
    if smooth:
        mesh.shade_smooth()
    return obj


def smooth_by_angle(obj: bpy.types.Object, angle: float = 0.6) -> bpy.types.Object:
    """Shade smooth, with edges that are sharper than an angle kept."""
    obj.data.shade_smooth()
    obj.data.set_sharp_from_angle(angle=angle)
    return obj


def subdivided(obj: bpy.types.Object, levels: int = 2) -> bpy.types.Object:
    modifier = obj.modifiers.new("subdivision", "SUBSURF")
    modifier.levels = modifier.render_levels = levels
    obj.data.shade_smooth()
    return obj


def together(pieces: Iterable[bpy.types.Object], at: Point = (0, 0, 0), turn: float = 0.0, scale: float = 1.0) -> list[bpy.types.Object]:
    """Move pieces as one: they hang on an empty at a point, turned about the z axis."""
    found = list(pieces)
    holder = bpy.data.objects.new("holder", None)
    bpy.context.scene.collection.objects.link(holder)
    for piece in found:
        if piece.parent is None:
            piece.parent = holder
    holder.location, holder.rotation_euler, holder.scale = at, (0, 0, turn), [scale] * 3
    return found
