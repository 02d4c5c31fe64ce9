# SPDX-License-Identifier: GPL-3.0-or-later
"""A cartoon character whose parts are objects: a training set of random looks and poses, or a clip in which it walks and waves.

    python character.py --out renders/parts --frames 240 --seed 1
    python character.py --out examples/parts/clip --frames 12 --clip --seed 40
    blender -b --python character.py -- --out renders/parts --frames 240

Each frame is a multilayer EXR, `parts.####.exr`: the picture and an object cryptomatte in which every part has its name: legs, clothes,
torso, arms, head, eyes, hair. A set has another character in another pose under other light in every frame; all of a frame
follows from the seed and its number. A frame that is there is not rendered again.
"""

import argparse
import colorsys
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import bpy
from mathutils import Euler, Matrix, Vector

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import scene as backgrounds
import surfaces
from label_layer import passes

PARTS = ("legs", "clothes", "torso", "arms", "head", "eyes", "hair")
AROUND, ALONG = 24, 8  # vertices around a tube, and along each stretch of it
HEAD = 0.42  # radius of the head; the whole character is about 2.1 high
SIDEWAYS, UPRIGHT = Vector((1, 0, 0)), Matrix.Identity(4)
SIDES = (-1, 1)  # its right, its left; it looks along -y


# Forms.


class Form:
    """The mesh of one part while it is put together: tubes and balls, each in one of the part's materials."""

    def __init__(self) -> None:
        self.vertices, self.faces, self.inks = [], [], []

    def grid(self, rows: list[list[Vector]], ink: int) -> None:
        """Rings of points, joined to a skin and closed at both ends."""
        start, around = len(self.vertices), len(rows[0])
        self.vertices += [point for row in rows for point in row]
        for i in range(len(rows) - 1):
            for j in range(around):
                a, b = start + i * around + j, start + i * around + (j + 1) % around
                self.faces.append((a, b, b + around, a + around))
        last = start + (len(rows) - 1) * around
        self.faces += [tuple(range(start + around - 1, start - 1, -1)), tuple(range(last, last + around))]
        self.inks += [ink] * (len(self.faces) - len(self.inks))

    def tube(self, points, radii, ink=0, side=SIDEWAYS, deep=1.0, hem=False) -> None:
        """A tube through points; `side` is the direction of its width, `deep` how deep it is for its width; `hem` for a flat end."""
        points = [Vector(point) for point in points]
        path, sizes = smooth(points), [size for size, *_ in smooth([Vector((radius, 0, 0)) for radius in radii])]
        rows = []
        for i, (point, size) in enumerate(zip(path, sizes, strict=True)):
            along = (path[min(i + 1, len(path) - 1)] - path[max(i - 1, 0)]).normalized()
            across = side - along * side.dot(along)
            across = (across if across.length > 1e-3 else along.orthogonal()).normalized()
            depth = along.cross(across) * deep
            ends = [(point, size)]
            if i == 0 or (i == len(path) - 1 and not hem):  # half a ball
                out = -1 if i == 0 else 1
                angles = [k * math.pi / 12 for k in range(6)]
                ends = [(point + along * out * size * deep * math.sin(a), size * math.cos(a)) for a in angles][:: -1 if i == 0 else 1]
            rows += [[center + (across * math.cos(t) + depth * math.sin(t)) * r for t in turns(AROUND)] for center, r in ends]
        self.grid(rows, ink)

    def ball(self, matrix: Matrix, ink=0, shape=lambda point: point, rings=24) -> None:
        """A unit ball, bent by `shape`, then placed by a matrix."""
        rows = []
        for i in range(1, rings):
            height, ring = -math.cos(math.pi * i / rings), math.sin(math.pi * i / rings)
            rows.append([matrix @ shape(Vector((ring * math.cos(t), ring * math.sin(t), height))) for t in turns(2 * rings)])
        self.grid(rows, ink)

    def cut(self, keep) -> None:
        """Leave only faces whose middle `keep` wants."""
        kept = [(f, k) for f, k in zip(self.faces, self.inks, strict=True) if keep(sum((self.vertices[v] for v in f), Vector()) / len(f))]
        self.faces, self.inks = [f for f, _ in kept], [k for _, k in kept]

    def moved(self, matrix: Matrix) -> "Form":
        self.vertices = [matrix @ vertex for vertex in self.vertices]
        return self

    def __iadd__(self, other: "Form") -> "Form":
        start = len(self.vertices)
        self.vertices += other.vertices
        self.faces += [tuple(start + index for index in face) for face in other.faces]
        self.inks += other.inks
        return self

    def object(self, name: str, materials: list[bpy.types.Material]) -> bpy.types.Object:
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(self.vertices, [], self.faces)
        for material in materials:
            mesh.materials.append(material)
        mesh.polygons.foreach_set("material_index", self.inks)
        mesh.shade_smooth()
        obj = bpy.data.objects.new(name, mesh)
        bpy.context.scene.collection.objects.link(obj)
        return passes.link_to(obj, passes.SHAPES)


def turns(count: int) -> list[float]:
    return [2 * math.pi * i / count for i in range(count)]


def smooth(points: list[Vector]) -> list[Vector]:
    """A curve through points: Catmull and Rom, "A Class of Local Interpolating Splines", 1974."""
    padded = [2 * points[0] - points[1], *points, 2 * points[-1] - points[-2]]
    found = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for i in range(ALONG):
            t = i / ALONG
            found.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return [*found, points[-1]]


def placed(center, sizes, turn: Matrix = UPRIGHT) -> Matrix:
    """A matrix for `ball`: sizes along x, y and z, turned, then moved."""
    return Matrix.Translation(center) @ turn @ Matrix.Diagonal([*sizes, 1])


# Poses.


@dataclass
class Pose:
    """Angles in radians; pairs are the right and the left side. An arm raised by 0 hangs down, by pi points up."""

    lean: float = 0.0
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)  # nod, tilt, turn
    upper_arms: tuple = ((0.25, 0.0), (0.25, 0.0))  # raised to the side, swung forward
    forearms: tuple = ((0.15, 0.3), (0.15, 0.3))
    legs: tuple = ((0.0, 0.0, 0.06), (0.0, 0.0, 0.06))  # swung forward, knee bent, spread


def random_pose(rng: Random) -> Pose:
    upper = [(max(0.12, rng.gauss(0.5, 0.6)) if rng.random() < 0.7 else rng.uniform(1.2, 2.7), rng.gauss(0, 0.5)) for _ in SIDES]
    fore = [(side_up + rng.uniform(-0.2, 1.2) * rng.choice([1, 1, -0.3]), forward + rng.uniform(0, 1.4)) for side_up, forward in upper]
    stride = rng.gauss(0, 0.45)
    legs = [(out * stride + rng.gauss(0, 0.1), max(0, rng.gauss(0.1, 0.35)), rng.uniform(0.02, 0.25)) for out in SIDES]
    return Pose(rng.gauss(0, 0.1), (rng.gauss(0, 0.15), rng.gauss(0, 0.15), rng.gauss(0, 0.35)), tuple(upper), tuple(fore), tuple(legs))


def walking_pose(done: float) -> Pose:
    """A step of a walk, `done` from 0 to 1, in which the left hand waves."""
    phase = 2 * math.pi * done
    swing, wave = math.sin(phase), math.sin(2 * phase)
    knees = (max(0, -math.cos(phase)) * 0.9, max(0, math.cos(phase)) * 0.9)
    return Pose(
        lean=0.04 * wave,
        head=(0.04 * wave, 0.1 * swing, 0.15),
        upper_arms=((0.3, -0.6 * swing), (1.75, 0.25)),
        forearms=((0.15, 0.35 - 0.6 * swing), (2.9 + 0.45 * wave, 0.3)),
        legs=((0.55 * swing, knees[0], 0.06), (-0.55 * swing, knees[1], 0.06)),
    )


def direction(out: int, raised: float, forward: float) -> Vector:
    """Where a limb of one side points."""
    return Matrix.Rotation(-forward, 3, "X") @ Vector((out * math.sin(raised), 0, -math.cos(raised)))


# The character.


def skull(point: Vector) -> Vector:
    """A ball as a head: a rounder cranium, and a chin that is narrow and forward."""
    low = max(0.0, -point.z) ** 2
    return Vector((point.x * (1 - 0.28 * low), point.y * (0.96 - 0.12 * low) - 0.10 * low, point.z * 0.96)) * HEAD


def on_head(turn: float, up: float, away: float = 1.0) -> Vector:
    """A point on the head, `turn` to its left and `up` from the middle of the face; `away` 1 lies on the skin."""
    return skull(Vector((math.sin(turn) * math.cos(up), -math.cos(turn) * math.cos(up), math.sin(up)))) * away


def lock(form: Form, turns_: list[float], ups: list[float], width: float, away: float = 1.05) -> None:
    """A lock of hair along the head, which thins out."""
    points = [on_head(turn, up, away) for turn, up in zip(turns_, ups, strict=True)]
    form.tube(points, [width * (1 - 0.88 * (i / (len(points) - 1)) ** 1.6) for i in range(len(points))], deep=0.7)


def hair_form(rng: Random) -> Form:
    """A cap of hair with a fringe, and a style behind: cropped, long, a tail, two tails or a bun."""
    form, line = Form(), rng.uniform(0.10, 0.16)
    form.ball(Matrix.Scale(1.09, 4) @ Matrix.Translation((0, 0.012, 0.012)), shape=skull, rings=96)
    form.cut(lambda p: p.z > (line + 0.1 if p.y < -0.1 else line + 0.1 - 1.5 * (p.y + 0.1)) - 0.25 * abs(p.x))
    part, count, low = rng.uniform(-0.5, 0.5), rng.randint(6, 9), rng.uniform(0.32, 0.5)
    for i in range(count):
        turn = -1.15 + 2.3 * i / (count - 1)
        end = low - 0.45 * abs(turn) ** 1.5 + rng.uniform(-0.12, 0.12)
        lock(form, [part, (part + turn) / 2, turn * 1.02, turn * 1.05], [1.3, 1.02, 0.7, end], 0.13)
    reach = rng.uniform(-1.0, -0.2)
    for out in SIDES:
        lock(form, [out * 0.9, out * 1.35, out * 1.5, out * 1.42], [1.1, 0.6, 0.0, reach], 0.1, 1.08)
    style = rng.choice(["cropped", "long", "tail", "tails", "bun"])
    back, top = Vector((0, 0.40, 0.14)), Vector((0, 0.12, 0.46))
    if style == "long":
        length = rng.uniform(0.35, 0.8)
        for i in range(9):
            turn = math.pi + (i - 4) * 0.33
            start, middle = on_head(turn, 0.3, 1.04), on_head(turn, -0.35, 1.12)
            end = Vector((middle.x * 1.1, middle.y + 0.05, middle.z - length * rng.uniform(0.8, 1.1)))
            form.tube([start, middle, (middle + end) / 2 + Vector((0, 0.05, 0)), end], [0.12, 0.13, 0.11, 0.03])
    elif style == "tail":
        length = rng.uniform(0.5, 0.9)
        out = Vector((rng.uniform(-0.25, 0.25), 0.32, -length * 0.5))
        form.tube(
            [back, back + Vector((0, 0.16, 0.12)), back + out, back + out + Vector((0, -0.02, -length * 0.5))], [0.08, 0.12, 0.13, 0.02]
        )
    elif style == "tails":
        length = rng.uniform(0.4, 0.8)
        for out in SIDES:
            knot = Vector((out * 0.38, 0.12, 0.22))
            ends = [knot, knot + Vector((out * 0.16, 0.02, 0.06)), knot + Vector((out * 0.24, 0.02, -length * 0.5))]
            form.tube([*ends, ends[-1] + Vector((-out * 0.05, 0, -length * 0.5))], [0.07, 0.12, 0.12, 0.02])
    elif style == "bun":
        size = rng.uniform(0.14, 0.2)
        form.ball(placed(top, (size, size, size * 0.9)))
    else:
        for i in range(9):
            turn = math.pi + (i - 4) * 0.36
            lock(form, [turn] * 4, [0.9, 0.3, -0.3, -0.62 + rng.uniform(-0.15, 0.15)], 0.14, 1.06)
    return form


def face_forms(rng: Random) -> tuple[Form, Form]:
    """The head (skin, mouth, brows) and the eyes (white, iris, pupil, glint), around the middle of the head."""
    head, eyes = Form(), Form()
    head.ball(Matrix.Identity(4), shape=skull)
    head.ball(placed(on_head(0, -0.22, 1.0), (0.035, 0.04, 0.03)))
    head.tube([(0, 0.03, -0.33), (0, 0.05, -0.52)], [0.13, 0.13])
    smile, wide = rng.uniform(-0.02, 0.1), rng.uniform(0.12, 0.25)
    head.tube(
        [on_head(t, -0.55 + smile * abs(t / wide) ** 2, 1.0) for t in (-wide, -wide / 2, 0, wide / 2, wide)],
        [0.008, 0.014, 0.016, 0.014, 0.008],
        1,
    )
    open_, apart, iris = rng.uniform(0.75, 1.1), rng.uniform(0.40, 0.46), rng.uniform(0.85, 1.05)
    look = (rng.uniform(-0.012, 0.012), rng.uniform(-0.012, 0.012))
    for out in SIDES:
        turn = out * apart
        head.ball(placed(on_head(out * 1.5, -0.15, 1.02), (0.05, 0.08, 0.1)))
        brow = [on_head(turn + out * step, 0.30 + rise, 1.01) for step, rise in ((-0.17, -0.02), (0, 0.04), (0.17, 0.0))]
        head.tube(brow, [0.012, 0.02, 0.01], 2)
        place, facing = on_head(turn, -0.06, 0.955), Matrix.Rotation(turn, 4, "Z")
        for ink, (size, forward, shift) in enumerate(((1.0, 0.0, 0), (0.82 * iris, 0.018, 1), (0.5 * iris, 0.03, 1), (0.2, 0.042, 1))):
            glint = Vector((-0.03, 0, 0.035)) if ink == 3 else Vector((look[0], 0, look[1])) * shift
            sizes = (0.08 * size, 0.035, 0.112 * size * (open_ if ink == 0 else min(open_ * 1.1, 1.0)))
            eyes.ball(placed(place + facing.to_3x3() @ (Vector((0, -forward, 0)) + glint), sizes, facing), ink)
    return head, eyes


def body_forms(rng: Random, pose: Pose) -> tuple[dict[str, Form], Matrix]:
    """Legs, clothes, torso and arms in a pose, feet on the floor, and the matrix that puts a head on them."""
    forms = {name: Form() for name in ("legs", "clothes", "torso", "arms")}
    limb, thigh, shin, spine = rng.uniform(0.062, 0.085), rng.uniform(0.28, 0.38), rng.uniform(0.28, 0.38), rng.uniform(0.52, 0.64)
    girth, upper, lower = rng.uniform(0.18, 0.235), rng.uniform(0.25, 0.32), rng.uniform(0.24, 0.30)
    hip = Vector((0, 0, 0))
    joints = []
    for out, (swing, knee, spread) in zip(SIDES, pose.legs, strict=True):
        start = hip + Vector((out * girth * 0.5, 0, 0))
        bend = start + direction(out, spread, swing) * thigh
        joints.append((start, bend, bend + direction(out, spread * 0.5, swing - knee) * shin))
    floor = min(foot.z for *_, foot in joints) - 0.06
    up = Matrix.Rotation(pose.lean, 3, "X") @ Vector((0, 0, 1))
    chest, neck = hip + up * spine * 0.72, hip + up * spine
    forms["torso"].tube([hip + up * 0.06, hip + up * spine * 0.4, chest, neck], [girth, girth * 0.95, girth * 1.08, girth * 0.5], deep=0.78)
    skirt, cuff, boot = rng.random() < 0.45, rng.uniform(0.45, 0.95), rng.uniform(0.1, 0.45)
    if skirt:
        length = rng.uniform(0.2, 0.34)
        flare = [girth * 1.03, girth * 1.2, girth * rng.uniform(1.4, 1.75)]
        forms["clothes"].tube([hip + up * 0.1, hip - up * length * 0.3, hip - Vector((0, 0, length))], flare, deep=0.85, hem=True)
    else:
        forms["clothes"].tube([hip + up * 0.06, hip - up * 0.07], [girth * 1.08, girth * 0.92], deep=0.86)
    for out, (start, bend, foot) in zip(SIDES, joints, strict=True):
        forms["legs"].tube([start, bend, foot], [limb * 1.35, limb * 1.05, limb * 0.85])
        if not skirt:
            forms["clothes"].tube([start, start.lerp(bend, cuff / 2), start.lerp(bend, cuff)], [limb * 1.75, limb * 1.6, limb * 1.55], 0)
        forms["clothes"].tube([foot.lerp(bend, boot), foot], [limb * 1.2, limb * 1.15], 1)
        forms["clothes"].ball(placed(foot + Vector((out * 0.01, -0.055, -0.02)), (0.085, 0.15, 0.068)), 1)
    sleeve = rng.choice([0.35, 0.5, 0.85])
    for out, (raised, forward), (raised2, forward2) in zip(SIDES, pose.upper_arms, pose.forearms, strict=True):
        shoulder = chest + up * spine * 0.1 + Vector((out * girth * 0.98, 0, 0))
        elbow = shoulder + direction(out, raised, forward) * upper
        hand = elbow + direction(out, raised2, forward2) * lower
        forms["arms"].tube([shoulder, elbow, hand], [limb, limb * 0.88, limb * 0.75])
        forms["arms"].ball(placed(hand + (hand - elbow).normalized() * 0.05, (0.082, 0.07, 0.085)))
        forms["arms"].tube([hand, hand + (hand - elbow).normalized() * 0.02 + Vector((0, -0.09, 0.03))], [0.028, 0.026])
        forms["torso"].tube([shoulder, shoulder.lerp(elbow, sleeve)], [limb * 1.45, limb * 1.4])
    if rng.random() < 0.5:  # a scarf
        ring = [neck + Vector((0.15 * math.sin(t), 0.02 - 0.13 * math.cos(t), 0.015 * math.sin(3 * t))) for t in turns(12)]
        forms["clothes"].tube([*ring, ring[0]], [0.055] * 13, 2)
        forms["clothes"].tube(
            [ring[1], ring[1] + Vector((0.02, -0.07, -0.14)), ring[1] + Vector((0.03, -0.08, -0.3))], [0.05, 0.055, 0.05], 2, deep=0.5
        )
    lift = Matrix.Translation((0, 0, -floor))
    nod, tilt, turn = pose.head
    head = lift @ Matrix.Translation(neck) @ Euler((nod + pose.lean, tilt, turn)).to_matrix().to_4x4() @ Matrix.Translation((0, 0, 0.42))
    return {name: form.moved(lift) for name, form in forms.items()}, head


def build(look: Random, pose: Pose) -> list[bpy.types.Object]:
    """The objects of a character, one for each part and called after it; everything about its looks comes from `look`."""
    skin = plain("skin", (look.uniform(0.03, 0.09), look.uniform(0.25, 0.6), look.choice([0.95, 0.9, 0.75, 0.5, 0.32])), 0.5)
    ink, white = plain("ink", (0.05, 0.6, 0.06), 0.6), plain("white", (0, 0, 0.9), 0.25)
    strands = plain("hair", (look.random(), look.uniform(0.2, 0.85), look.uniform(0.04, 0.85)), look.uniform(0.3, 0.6))
    iris = plain("iris", (look.random(), look.uniform(0.4, 0.9), look.uniform(0.15, 0.6)), 0.3)
    cloth = [cloth_of(look, f"cloth{i}") for i in range(4)]
    forms, onto = body_forms(look, pose)
    head, eyes = face_forms(look)
    forms |= {"head": head.moved(onto), "eyes": eyes.moved(onto), "hair": hair_form(look).moved(onto)}
    inks = {"head": [skin, ink, strands], "eyes": [white, iris, ink, white], "hair": [strands], "torso": cloth[:1], "clothes": cloth[1:]}
    return [forms[name].object(name, inks.get(name, [skin])) for name in PARTS]


def plain(name: str, hsv, roughness: float) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    inputs = passes.node_tree(material).nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*colorsys.hsv_to_rgb(*hsv), 1)
    inputs["Roughness"].default_value = roughness
    return material


def cloth_of(rng: Random, name: str) -> bpy.types.Material:
    """Cloth is plain twice out of three times, else printed."""
    hsv = (rng.random(), rng.uniform(0.05, 0.9), rng.uniform(0.05, 0.9))
    return plain(name, hsv, rng.uniform(0.5, 0.9)) if rng.random() < 0.67 else surfaces.material(rng, name)


# Scenes.


def stage(rng: Random, clip: bool, look: Random, pose: Pose) -> bpy.types.Scene:
    """A character with a camera, lights and a background."""
    shot = passes.empty_scene()
    objects = build(look, pose)
    azimuth, elevation = (0.35, 0.1) if clip else (rng.gauss(0, 0.75), rng.uniform(-0.1, 0.45))
    side, height = azimuth + rng.uniform(-1.2, 1.2), rng.uniform(0.4, 1.2)
    key = Vector((math.sin(side) * math.cos(height), -math.cos(side) * math.cos(height), math.sin(height)))
    backgrounds.add_lights(rng, key)
    kind = "wall" if clip else rng.choice(backgrounds.BACKGROUNDS)
    backgrounds.add_background(rng, kind, azimuth, 0.0)
    surfaces.world(rng, shot, kind, key)
    corners = [vertex.co for obj in objects for vertex in obj.data.vertices]
    low, high = (Vector(map(extreme, zip(*corners, strict=True))) for extreme in (min, max))
    middle, reach = (low + high) / 2, (high - low).length / 2
    if clip:
        middle, reach = Vector((0.05, 0, 1.03)), 1.2  # the same in every frame
    elif rng.random() < 0.35:  # from the chest up
        middle, reach = Vector((0, 0, high.z - 0.55)), 0.75
    camera = bpy.data.cameras.new("camera")
    camera.lens = 50 if clip else rng.uniform(35, 85)
    obj = bpy.data.objects.new("camera", camera)
    shot.collection.objects.link(obj)
    shot.camera = obj
    distance = reach / math.sin(camera.angle / 2) * (0.98 if clip else rng.uniform(0.8, 1.25))
    around = Vector((math.sin(azimuth) * math.cos(elevation), -math.cos(azimuth) * math.cos(elevation), math.sin(elevation)))
    obj.location = middle + distance * around
    obj.location.z = max(obj.location.z, 0.1)
    passes.aim(obj, middle + (Vector() if clip else Vector([reach * rng.uniform(-0.15, 0.15) for _ in range(3)])))
    return shot


def render(args: argparse.Namespace, number: int) -> None:
    """One frame."""
    own = args.seed if args.clip else f"{args.seed}/{number}"
    rng, look = Random(f"stage {own}"), Random(f"look {own}")
    pose = walking_pose((number - 1) / args.frames) if args.clip else random_pose(rng)
    shot = stage(rng, args.clip, look, pose)
    shot.render.resolution_x = shot.render.resolution_y = args.res
    passes.sampling(shot, args.samples, denoise=True)
    layer = shot.view_layers[0]
    layer.name = "Beauty"
    passes.enable_passes(layer, {"combined", "cryptomatte_object"})
    passes.metadata(shot, parts=PARTS, frame=number)
    passes.multilayer(shot)
    path = args.out / f"parts.{number:04d}.exr"
    passes.render_to(shot, number, path)
    if args.slim:
        import exr

        exr.slim(path)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the frames")
    parser.add_argument("--frames", type=int, default=240, help="how many frames")
    parser.add_argument("--first", type=int, default=1, help="number of the first of them")
    parser.add_argument("--clip", action="store_true", help="one character that walks and waves, instead of another in each frame")
    parser.add_argument("--res", type=int, default=256, help="side of the frames in pixels")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other characters")
    parser.add_argument("--samples", type=int, default=8, help="samples per pixel")
    parser.add_argument("--slim", action="store_true", help="leave out what nobody sees, for files that are kept; needs OpenEXR")
    # inside Blender only what follows `--` is ours
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(own)
    if min(args.frames, args.samples, args.first) < 1 or args.res < 16:
        parser.error("at least one frame, one sample and 16 pixels a side")
    return args


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    for number in range(args.first, args.first + args.frames):
        if (args.out / f"parts.{number:04d}.exr").exists():
            continue
        render(args, number)
        print(f"frame {number} of {args.first + args.frames - 1}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
