# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion over a clip: spins, moves, lattices that bulge and bones that bend. Each function adds keyframes to one object."""

import math
from random import Random

import bpy
from mathutils import Matrix, Vector


def key_twice(obj: bpy.types.ID, path: str, first, last, frames: int) -> None:
    """Keyframes for a value at the first and at the last frame."""
    setattr(obj, path, first)
    obj.keyframe_insert(path, frame=1)
    setattr(obj, path, last)
    obj.keyframe_insert(path, frame=max(2, frames))


def spin(rng: Random, obj: bpy.types.Object, frames: int) -> None:
    """Turn an object by up to 0.9 radians about each axis over the clip."""
    start = tuple(obj.rotation_euler)
    key_twice(obj, "rotation_euler", start, [angle + rng.uniform(-0.9, 0.9) for angle in start], frames)


def drift(rng: Random, obj: bpy.types.Object, frames: int) -> None:
    """Move an object by up to 0.3 units along each axis over the clip."""
    start = tuple(obj.location)
    key_twice(obj, "location", start, [x + rng.uniform(-0.3, 0.3) for x in start], frames)


def bulge(rng: Random, obj: bpy.types.Object, frames: int) -> None:
    """Put an object into a lattice whose points wander."""
    data = bpy.data.lattices.new("lattice")
    data.points_u = data.points_v = data.points_w = 3
    holder = bpy.data.objects.new("lattice", data)
    bpy.context.scene.collection.objects.link(holder)
    low, high = (Vector(map(extreme, zip(*obj.bound_box, strict=True))) for extreme in (min, max))
    holder.matrix_world = Matrix.Translation((low + high) / 2) @ Matrix.Diagonal([*(1.02 * (high - low)), 1])
    holder.shape_key_add(name="rest")
    moved = holder.shape_key_add(name="moved")
    for point in moved.data:
        point.co = [x + rng.uniform(-0.22, 0.22) for x in point.co]
    # the lattice rides with the object: deformation happens in the object's own space
    holder.parent, holder.matrix_parent_inverse = obj, Matrix.Identity(4)
    modifier = obj.modifiers.new("lattice", "LATTICE")
    modifier.object = holder
    key_twice(moved, "value", rng.uniform(0, 0.5), rng.uniform(0.6, 1), frames)


def bend(rng: Random, obj: bpy.types.Object, frames: int) -> None:
    """Give an object a chain of three bones along its longest side, which bend."""
    low, high = (Vector(map(extreme, zip(*obj.bound_box, strict=True))) for extreme in (min, max))
    axis = max(range(3), key=lambda i: high[i] - low[i])
    middle = (low + high) / 2
    joints = []
    for i in range(4):
        joint = middle.copy()
        joint[axis] = low[axis] + (high[axis] - low[axis]) * i / 3
        joints.append(joint)
    data = bpy.data.armatures.new("bones")
    holder = bpy.data.objects.new("bones", data)
    bpy.context.scene.collection.objects.link(holder)
    holder.parent = obj
    bpy.context.view_layer.objects.active = holder
    bpy.ops.object.mode_set(mode="EDIT")
    parent = None
    for i in range(3):
        bone = data.edit_bones.new(f"bone{i}")
        bone.head, bone.tail = joints[i], joints[i + 1]
        bone.parent, bone.use_connect = parent, parent is not None
        parent = bone
    bpy.ops.object.mode_set(mode="OBJECT")
    length = max(high[axis] - low[axis], 1e-6)
    groups = [obj.vertex_groups.new(name=f"bone{i}") for i in range(3)]
    for vertex in obj.data.vertices:
        along = (vertex.co[axis] - low[axis]) / length
        for i, group in enumerate(groups):  # triangular weights, which sum to 1 between the bones' middles
            weight = max(0.0, 1 - 3 * abs(min(max(along, 1 / 6), 5 / 6) - (i + 0.5) / 3))
            if weight:
                group.add([vertex.index], weight, "REPLACE")
    obj.modifiers.new("bones", "ARMATURE").object = holder
    for i in (1, 2):
        pose = holder.pose.bones[f"bone{i}"]
        pose.rotation_mode = "XYZ"
        turn = [rng.uniform(-0.6, 0.6) for _ in range(3)]
        key_twice(pose, "rotation_euler", (0, 0, 0), turn, frames)


def move(rng: Random, obj: bpy.types.Object, frames: int) -> list[str]:
    """Some motion for one object; returns what it is."""
    done = []
    if rng.random() < 0.8:
        spin(rng, obj, frames)
        done.append("spin")
    if rng.random() < 0.2:
        drift(rng, obj, frames)
        done.append("drift")
    if rng.random() < 0.2:
        deformation = rng.choice([bulge, bend])
        deformation(rng, obj, frames)
        done.append(deformation.__name__)
    return done


def orbit(rng: Random, camera: bpy.types.Object, frames: int, place, aim) -> float:
    """Keyframes of a camera on its way: `place(t)` and `aim()` are asked at t = 0 and 1; returns the angle in radians."""
    swing = rng.uniform(-0.5, 0.5)
    for frame, t in ((1, 0.0), (max(2, frames), 1.0)):
        camera.location = place(swing * t, t)
        aim()
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
    return math.copysign(swing, swing)
