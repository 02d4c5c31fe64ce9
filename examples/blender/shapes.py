# SPDX-License-Identifier: GPL-3.0-or-later
"""Random shapes for training: primitives, lathes, gears, springs, text, blobs, cages, figures and model files.

Every shape is a function `(Random) -> Object`, of about the size of a unit sphere, around the origin. A new kind is one more function
with a line in `KINDS`.
"""

import math
from collections.abc import Callable
from pathlib import Path
from random import Random

import bmesh
import bpy
from label_layer import passes
from mathutils import Matrix, Vector

IMPORTERS = {
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".ply": lambda path: bpy.ops.wm.ply_import(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_import(filepath=path),
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".gltf": lambda path: bpy.ops.import_scene.gltf(filepath=path),
}
# Rings are finer than Blender's own, or the edge of the shadow on smooth shapes shows the facets.
PRIMITIVES = {
    "monkey": ("primitive_monkey_add", {"size": 1.6}),
    "sphere": ("primitive_uv_sphere_add", {"radius": 0.8, "segments": 96, "ring_count": 48}),
    "ico": ("primitive_ico_sphere_add", {"radius": 0.85, "subdivisions": 2}),
    "cube": ("primitive_cube_add", {"size": 1.2}),
    "cylinder": ("primitive_cylinder_add", {"radius": 0.6, "depth": 1.3, "vertices": 96}),
    "cone": ("primitive_cone_add", {"radius1": 0.75, "depth": 1.4, "vertices": 96}),
    "torus": (
        "primitive_torus_add",
        {"major_radius": 0.7, "minor_radius": 0.28, "major_segments": 96, "minor_segments": 32},
    ),
}
LETTERS = "ABCDEFGHKMNPRSTXYZabdeghkmnq23456789&?%"


def object_of(mesh: bpy.types.Mesh, name: str) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def mesh_of(data: bpy.types.ID, name: str) -> bpy.types.Object:
    """A curve, text or metaball as a mesh object."""
    holder = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(holder)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(holder.evaluated_get(depsgraph))
    bpy.data.objects.remove(holder)
    return object_of(mesh, name)


def fit(obj: bpy.types.Object, reach: float = 1.0) -> bpy.types.Object:
    """Move a mesh's box to the origin and scale it so that its corners are `reach` away."""
    points = [vertex.co for vertex in obj.data.vertices]
    low, high = (Vector(map(extreme, zip(*points, strict=True))) for extreme in (min, max))
    scale = reach / max((high - low).length / 2, 1e-6)
    obj.data.transform(Matrix.Scale(scale, 4) @ Matrix.Translation(-(low + high) / 2))
    return obj


def primitive(kind: str) -> Callable[[Random], bpy.types.Object]:
    def add(rng: Random) -> bpy.types.Object:
        operator, arguments = PRIMITIVES[kind]
        getattr(bpy.ops.mesh, operator)(**arguments)
        return bpy.context.active_object

    return add


def tube(points: list[Vector], radius: float, closed: bool, name: str) -> bpy.types.Object:
    """A round tube along points."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", radius, 6, True
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    spline.use_cyclic_u = closed
    for place, point in zip(spline.points, points, strict=True):
        place.co = (*point, 1)
    return mesh_of(curve, name)


def knot_points(p: int, q: int, radius: float, tube_radius: float, steps: int) -> list[Vector]:
    """A (p, q) torus knot: p times round the axis, q times through the hole."""
    middle, swing = (radius - tube_radius) * 2 / 3, (radius - tube_radius) / 3
    points = []
    for i in range(steps):
        t = 2 * math.pi * i / steps
        reach = middle + swing * math.cos(q * t)
        points.append(Vector((reach * math.cos(p * t), reach * math.sin(p * t), swing * 1.2 * math.sin(q * t))))
    return points


def knot_mesh(p: int, q: int, radius: float, tube: float, steps: int = 240) -> bpy.types.Mesh:
    """The mesh of a torus knot; its outer radius is about `radius`."""
    curve = bpy.data.curves.new("knot", "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution = "3D", tube, 6
    spline = curve.splines.new("POLY")
    spline.points.add(steps - 1)
    spline.use_cyclic_u = True
    for place, point in zip(spline.points, knot_points(p, q, radius, tube, steps), strict=True):
        place.co = (*point, 1)
    holder = bpy.data.objects.new("knot", curve)
    mesh = bpy.data.meshes.new_from_object(holder)
    bpy.data.objects.remove(holder)
    return mesh


def knot(rng: Random) -> bpy.types.Object:
    p, q = rng.choice([(2, 3), (3, 2), (2, 5), (3, 4), (1, 4), (5, 2)])
    return object_of(knot_mesh(p, q, radius=rng.uniform(0.8, 1.0), tube=rng.uniform(0.06, 0.24)), "knot")


def spring(rng: Random) -> bpy.types.Object:
    """A helix: thin, with gaps that the background is seen through."""
    turns, height, radius = rng.uniform(2, 6), rng.uniform(0.8, 1.6), rng.uniform(0.4, 0.7)
    steps = int(turns * 48)
    points = []
    for i in range(steps):
        t = i / (steps - 1)
        angle = 2 * math.pi * turns * t
        points.append(Vector((radius * math.cos(angle), radius * math.sin(angle), height * (t - 0.5))))
    return tube(points, rng.uniform(0.04, 0.13), False, "spring")


def tangle(rng: Random) -> bpy.types.Object:
    """A closed smooth path through random points."""
    waves = [[rng.gauss(0, 1) / (k + 1) for k in range(4)] for _ in range(6)]
    points = []
    for i in range(300):
        t = 2 * math.pi * i / 300
        turns = [(math.cos((k + 1) * t), math.sin((k + 1) * t)) for k in range(4)]
        points.append(
            Vector([sum(waves[axis][k] * cos + waves[axis + 3][k] * sin for k, (cos, sin) in enumerate(turns)) for axis in range(3)])
        )
    return fit(tube(points, rng.uniform(0.08, 0.3), True, "tangle"))


def outline(rng: Random, steps: int) -> list[tuple[float, float]]:
    """A closed flat outline: a star, a gear, a rounded polygon or a blob; `[x, y]`, radius about 1."""
    kind, teeth = rng.choice(["star", "gear", "super", "blob"]), rng.randint(3, 12)
    depth, power = rng.uniform(0.15, 0.5), rng.uniform(0.4, 5)
    waves = [(rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.3) / k) for k in range(1, 6)]
    points = []
    for i in range(steps):
        angle = 2 * math.pi * i / steps
        if kind == "star":
            radius = 1 - depth * abs(((angle * teeth / math.pi) % 2) - 1)
        elif kind == "gear":
            radius = 1 - depth * (math.sin(angle * teeth) > 0)
        elif kind == "super":  # Gielis, superformula, 2003
            inner = abs(math.cos(teeth * angle / 4)) ** power + abs(math.sin(teeth * angle / 4)) ** power
            radius = min(inner ** (-1 / (power + 1)), 2)
        else:
            radius = 1 + sum(size * math.sin(k * angle + phase) for k, (phase, size) in enumerate(waves, start=1))
        points.append((radius * math.cos(angle), radius * math.sin(angle)))
    return points


def plate(rng: Random) -> bpy.types.Object:
    """An outline drawn out to a slab, often with a hole."""
    outer = outline(rng, 192)
    curve = bpy.data.curves.new("plate", "CURVE")
    curve.dimensions, curve.fill_mode = "2D", "BOTH"
    curve.extrude, curve.bevel_depth, curve.bevel_resolution = rng.uniform(0.08, 0.5), rng.choice([0, 0.02, 0.06]), 3
    rings = [outer]
    if rng.random() < 0.6:
        inner, size = outline(rng, 96), rng.uniform(0.2, 0.45)
        rings.append([(size * x, size * y) for x, y in inner])
    for ring in rings:
        spline = curve.splines.new("POLY")
        spline.points.add(len(ring) - 1)
        spline.use_cyclic_u = True
        for place, (x, y) in zip(spline.points, ring, strict=True):
            place.co = (x, y, 0, 1)
    return fit(mesh_of(curve, "plate"))


def lathe(rng: Random) -> bpy.types.Object:
    """A random profile turned around the axis: vases, bowls, bottles, spinning tops."""
    knots = [rng.uniform(0.12, 0.9) for _ in range(rng.randint(3, 6))]
    rows, columns, height = 64, 96, rng.uniform(0.8, 1.9)
    vertices, faces = [], []
    for i in range(rows):
        t = i / (rows - 1) * (len(knots) - 1)
        k = min(int(t), len(knots) - 2)
        ease = (1 - math.cos(math.pi * (t - k))) / 2
        radius = knots[k] * (1 - ease) + knots[k + 1] * ease
        for j in range(columns):
            angle = 2 * math.pi * j / columns
            vertices.append((radius * math.cos(angle), radius * math.sin(angle), height * (i / (rows - 1) - 0.5)))
    for i in range(rows - 1):
        for j in range(columns):
            right = (j + 1) % columns
            faces.append((i * columns + j, i * columns + right, (i + 1) * columns + right, (i + 1) * columns + j))
    faces.append(tuple(reversed(range(columns))))
    if rng.random() < 0.5:  # else it stays open, a vessel
        faces.append(tuple(range((rows - 1) * columns, rows * columns)))
    mesh = bpy.data.meshes.new("lathe")
    mesh.from_pydata(vertices, [], faces)
    obj = object_of(mesh, "lathe")
    if len(faces) == (rows - 1) * columns + 1:
        walls = obj.modifiers.new("walls", "SOLIDIFY")
        walls.thickness = 0.06
    return fit(obj)


def harmonic(rng: Random) -> bpy.types.Object:
    """A sphere swollen and dented by smooth random waves."""
    bpy.ops.mesh.primitive_ico_sphere_add(radius=0.8, subdivisions=5)
    obj = bpy.context.active_object
    waves = [(Vector([rng.gauss(0, 1) for _ in range(3)]).normalized() * rng.uniform(1.5, 5), rng.uniform(0, 6.28)) for _ in range(5)]
    depth = rng.uniform(0.1, 0.4)
    for vertex in obj.data.vertices:
        swell = sum(math.sin(wave.dot(vertex.co) + phase) for wave, phase in waves) / len(waves)
        vertex.co *= 1 + depth * 2 * swell
    return fit(obj)


def blob(rng: Random) -> bpy.types.Object:
    """Metaballs that have run into one another."""
    data = bpy.data.metaballs.new("blob")
    data.resolution = 0.08
    for _ in range(rng.randint(3, 8)):
        element = data.elements.new()
        element.co = [rng.uniform(-0.7, 0.7) for _ in range(3)]
        element.radius = rng.uniform(0.35, 0.8)
    return fit(mesh_of(data, "blob"))


def letters(rng: Random) -> bpy.types.Object:
    """A word or a letter with depth, in Blender's own font."""
    data = bpy.data.curves.new("text", "FONT")
    data.body = "".join(rng.choice(LETTERS) for _ in range(rng.choice([1, 1, 2, 3])))
    data.extrude, data.bevel_depth, data.bevel_resolution = rng.uniform(0.05, 0.3), rng.choice([0, 0.01, 0.03]), 2
    return fit(mesh_of(data, "text"))


def cage(rng: Random) -> bpy.types.Object:
    """Only the edges of a solid: thin struts and holes."""
    kind = rng.choice(["ico", "cube", "torus"])
    if kind == "ico":
        bpy.ops.mesh.primitive_ico_sphere_add(radius=0.9, subdivisions=rng.choice([1, 2]))
    elif kind == "cube":
        bpy.ops.mesh.primitive_cube_add(size=1.3)
    else:
        bpy.ops.mesh.primitive_torus_add(major_radius=0.7, minor_radius=0.35, major_segments=12, minor_segments=6)
    obj = bpy.context.active_object
    struts = obj.modifiers.new("struts", "WIREFRAME")
    struts.thickness, struts.use_even_offset = rng.uniform(0.06, 0.2), False
    return obj


def rock(rng: Random) -> bpy.types.Object:
    """The hull of random points: flat facets at all angles."""
    mesh = bpy.data.meshes.new("rock")
    form = bmesh.new()
    stretch = [rng.uniform(0.5, 1) for _ in range(3)]
    for _ in range(rng.randint(8, 40)):
        point = Vector([rng.gauss(0, 1) for _ in range(3)]).normalized()
        form.verts.new([a * b for a, b in zip(point, stretch, strict=True)])
    bmesh.ops.convex_hull(form, input=form.verts)
    form.to_mesh(mesh)
    form.free()
    return fit(object_of(mesh, "rock"))


def limb(start: Vector, end: Vector, radius: float) -> bpy.types.Object:
    """A capsule from one point to another."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, segments=32, ring_count=16)
    obj = bpy.context.active_object
    axis = end - start
    turn = axis.to_track_quat("Z", "Y").to_matrix().to_4x4()
    for vertex in obj.data.vertices:
        vertex.co.z += math.copysign(axis.length / 2, vertex.co.z)
    obj.data.transform(Matrix.Translation((start + end) / 2) @ turn)
    return obj


def figure(rng: Random) -> bpy.types.Object:
    """A toy of a head, a body, two arms and two legs, in a random pose."""
    wide, tall, thick = rng.uniform(0.2, 0.4), rng.uniform(0.4, 0.8), rng.uniform(0.07, 0.16)
    parts = [limb(Vector((0, 0, 0)), Vector((0, 0, tall)), wide)]
    head = rng.uniform(0.22, 0.45)
    parts.append(limb(Vector((0, 0, tall + wide + head * 0.7)), Vector((0, 0, tall + wide + head * 0.75)), head))
    for side in (-1, 1):
        shoulder, hip = Vector((side * wide, 0, tall)), Vector((side * wide * 0.6, 0, -wide * 0.4))
        reach = Vector((side * rng.uniform(0.1, 1), rng.uniform(-1, 1), rng.uniform(-1, 1))).normalized() * rng.uniform(0.4, 0.8)
        step = Vector((side * rng.uniform(0, 0.5), rng.uniform(-0.6, 0.6), -1)).normalized() * rng.uniform(0.5, 0.9)
        parts += [limb(shoulder, shoulder + reach, thick), limb(hip, hip + step, thick * 1.2)]
    return fit(join(parts), 1.15)


def heap(rng: Random) -> bpy.types.Object:
    """Several primitives stuck together at random."""
    parts = []
    for _ in range(rng.randint(2, 5)):
        part = primitive(rng.choice(["sphere", "cube", "cylinder", "cone", "torus"]))(rng)
        turn = Matrix.Rotation(rng.uniform(0, 6.28), 4, Vector([rng.gauss(0, 1) for _ in range(3)]).normalized())
        sizes = Matrix.Diagonal([*(rng.uniform(0.3, 0.9) for _ in range(3)), 1])
        part.data.transform(Matrix.Translation([rng.uniform(-0.6, 0.6) for _ in range(3)]) @ turn @ sizes)
        parts.append(part)
    return fit(join(parts), 1.1)


def join(parts: list[bpy.types.Object]) -> bpy.types.Object:
    """Several mesh objects as one."""
    bpy.ops.object.select_all(action="DESELECT")
    for part in parts:
        part.select_set(True)
    bpy.context.view_layer.objects.active = parts[0]
    if len(parts) > 1:
        bpy.ops.object.join()
    return bpy.context.view_layer.objects.active


def model(path: Path) -> bpy.types.Object:
    """An OBJ, PLY, STL or GLB file as one object of about the size of the primitives, around the origin."""
    before = set(bpy.data.objects)
    IMPORTERS[path.suffix.lower()](str(path.resolve()))
    new = [obj for obj in bpy.data.objects if obj not in before]
    parts = [obj for obj in new if obj.type == "MESH"]
    for part in parts:
        part.data.transform(part.matrix_world)
        part.parent, part.matrix_world = None, Matrix.Identity(4)
    obj = join(parts)
    for other in [other for other in new if other.name in bpy.data.objects and other is not obj and other not in parts]:
        bpy.data.objects.remove(other)  # the empties and armatures of a GLB
    obj.data.materials.clear()
    obj.modifiers.clear()
    return fit(obj, 1.15)


def model_files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMPORTERS)


# kind -> how often it comes, and whether it is mostly shaded smooth
KINDS: dict[str, tuple[Callable[[Random], bpy.types.Object], float, bool]] = {
    "monkey": (primitive("monkey"), 1.2, True),
    "sphere": (primitive("sphere"), 1.2, True),
    "ico": (primitive("ico"), 1.0, False),
    "cube": (primitive("cube"), 1.2, False),
    "cylinder": (primitive("cylinder"), 1.2, False),
    "cone": (primitive("cone"), 1.0, False),
    "torus": (primitive("torus"), 1.6, True),
    "knot": (knot, 1.2, True),
    "spring": (spring, 0.5, True),
    "tangle": (tangle, 0.7, True),
    "plate": (plate, 1.0, False),
    "lathe": (lathe, 1.2, True),
    "harmonic": (harmonic, 1.0, True),
    "blob": (blob, 0.8, True),
    "text": (letters, 0.7, False),
    "cage": (cage, 0.5, False),
    "rock": (rock, 0.8, False),
    "figure": (figure, 1.2, True),
    "heap": (heap, 1.0, False),
}
MODEL_WEIGHT = 3.0


def bare(rng: Random, models: list[Path]) -> tuple[str, bpy.types.Object, bool]:
    """A shape of any kind or one of the given model files: its kind, the object, whether to shade it smooth."""
    kinds = [*KINDS, "model"] if models else [*KINDS]
    kind = rng.choices(kinds, [KINDS[k][1] if k in KINDS else MODEL_WEIGHT for k in kinds])[0]
    if kind == "model":
        path = rng.choice(models)
        return f"model {path.stem}", model(path), rng.random() < 0.85
    add, _, smooth = KINDS[kind]
    return kind, add(rng), rng.random() < (0.85 if smooth else 0.15)


def deform(rng: Random, obj: bpy.types.Object, kind: str, smooth: bool) -> list[str]:
    """Add random modifiers; returns their names for the scene's description."""
    if kind in ("monkey", "ico", "cube", "rock", "heap") and rng.random() < 0.5:
        subdivision = obj.modifiers.new("subdivision", "SUBSURF")
        subdivision.render_levels = subdivision.levels = rng.choice([1, 2, 3])
        smooth = True
    elif kind in ("cube", "cylinder", "cone") and rng.random() < 0.5:
        bevel = obj.modifiers.new("bevel", "BEVEL")
        bevel.width, bevel.segments = rng.uniform(0.03, 0.15), 3
    if rng.random() < 0.35:
        method = rng.choice(["TWIST", "BEND", "TAPER"])
        bend = obj.modifiers.new(method.lower(), "SIMPLE_DEFORM")
        bend.deform_method = method
        if method == "TAPER":
            bend.factor = rng.uniform(-0.6, 0.6)
        else:
            bend.angle = rng.uniform(-1.2, 1.2)
    if rng.random() < 0.2:
        clouds = bpy.data.textures.new(obj.name, "CLOUDS")
        clouds.noise_scale = rng.uniform(0.4, 1.2)
        displace = obj.modifiers.new("displace", "DISPLACE")
        displace.texture, displace.strength = clouds, rng.uniform(0.1, 0.35)
    if smooth:
        obj.data.shade_smooth()
    else:
        obj.data.shade_flat()
    return [modifier.name for modifier in obj.modifiers] + ["smooth" if smooth else "flat"]


def place(obj: bpy.types.Object, collection: str, name: str) -> None:
    obj.name = name
    passes.link_to(obj, collection)
