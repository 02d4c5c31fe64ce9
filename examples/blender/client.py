# SPDX-License-Identifier: GPL-3.0-or-later
"""Three shots as a client would bring them: a tea set on a plain, a character walking by, the corner of a study.

    python client.py tea    --out renders/tea       # a product shot; README's first picture is made of it
    python client.py walk   --out renders/walk      # a character on a plain
    python client.py study  --out renders/study     # a room with several objects

Each frame is one multilayer EXR, `render.####.exr`, as anybody's render: passes, object and material cryptomatte, no label layer, no
note in the header. All shots are loops with a moving camera. A frame that is there is not rendered again. Nobody trains on them.
"""

import argparse
import math
import sys
from pathlib import Path
from random import Random

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import character
import paint
import parts
from label_layer import passes
from mathutils import Vector
from scenes import kit

PASSES = {
    *("combined", "z", "normal", "vector", "diffuse_direct", "diffuse_color", "glossy_direct"),
    *("cryptomatte_object", "cryptomatte_material"),
}  # fmt: skip


def sweep(color: kit.Color, depth: float, radius: float = 2.0) -> None:
    """A ground that runs up into a backdrop without a corner; both have their names."""
    kit.wall((60, depth + 30), (0, (depth - 30) / 2, 0), (0, 0, 0), "Ground", paint.plain("Paper", color, 1.0, Specular_IOR_Level=0))
    arc = [(depth + radius * math.sin(a), radius - radius * math.cos(a)) for a in (math.pi / 2 * i / 40 for i in range(41))]
    profile = [*arc, (depth + radius, 30.0)]
    corners = [(x, y, z) for y, z in profile for x in (-30, 30)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    backdrop = parts.of_faces(corners, faces, "Backdrop", smooth=True)
    kit.named(backdrop, "Backdrop", bpy.data.materials["Paper"])


def camera(aim, distance: float, azimuth: float, elevation: float, lens: float, swing: float, done: float) -> None:
    """A camera that swings about a point and back, `swing` radians to each side; `done` from 0 to 1 is one loop."""
    data = bpy.data.cameras.new("Camera")
    data.lens = lens
    obj = bpy.data.objects.new("Camera", data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.scene.camera = obj
    for frame, at in ((0, done - 1 / 24), (1, done), (2, done + 1 / 24)):  # its neighbours, for the motion vectors
        a = azimuth + swing * math.sin(2 * math.pi * at)
        around = Vector((math.sin(a) * math.cos(elevation), -math.cos(a) * math.cos(elevation), math.sin(elevation)))
        obj.location = Vector(aim) + distance * around
        passes.aim(obj, aim)
        for path in ("location", "rotation_euler"):
            obj.keyframe_insert(path, frame=frame)


def teapot() -> list[bpy.types.Object]:
    glaze = paint.plain("Teapot glaze", (0.72, 0.17, 0.10), 0.35)
    body = parts.turned([(0, 0), (0.2, 0), (0.24, 0.02), *((0.36 * math.sin(a), 0.31 - 0.3 * math.cos(a)) for a in
                         (0.8 + i * 0.09 for i in range(22))), (0.14, 0.58), (0.135, 0.6), (0, 0.6)])  # fmt: skip
    lid = parts.turned([(0.15, 0.575), (0.15, 0.6), (0.1, 0.645), (0.03, 0.665), (0, 0.668)])
    spout = [(0.29 + 0.3 * t, 0, 0.24 + 0.30 * t + 0.08 * math.sin(3.2 * t)) for t in (i / 12 for i in range(13))]
    handle = parts.pipe([(p.x, p.y, p.z) for p in kit.arc(0.2, 0.7, 5.3, 28, (-0.36, 0, 0.34))], 0.032, sides=20)
    knob = parts.ball(0.05, (0, 0, 0.705), segments=32)
    made = kit.all_named([body, lid, parts.pipe(spout, 0.055, sides=24), handle], "Teapot", glaze)
    return [*made, kit.named(knob, "Teapot knob", paint.plain("Knob", (0.85, 0.62, 0.3), 0.5))]


def cup(name: str, color: kit.Color, inside: kit.Color) -> list[bpy.types.Object]:
    body = parts.vessel([(0, 0), (0.12, 0), (0.15, 0.03), (0.175, 0.16), (0.18, 0.29), (0.178, 0.3)], 0.018)
    handle = parts.pipe([(p.x, p.y, p.z) for p in kit.arc(0.085, -1.9, 1.9, 20, (0.185, 0, 0.16))], 0.022, sides=20)
    tea = parts.rod((0, 0, 0.22), (0, 0, 0.245), 0.158, sides=64)
    glaze = paint.plain(f"{name} glaze", color, 0.3)
    return [*kit.all_named([body, handle], name, glaze), kit.named(tea, f"{name} tea", paint.plain("Tea", inside, 0.15))]


def plant() -> list[bpy.types.Object]:
    pot = parts.vessel([(0, 0), (0.17, 0), (0.2, 0.02), (0.245, 0.28), (0.27, 0.28), (0.275, 0.36), (0.27, 0.365)], 0.03)
    soil = parts.rod((0, 0, 0.26), (0, 0, 0.32), 0.235, sides=48)
    green = paint.plain("Leaf", (0.10, 0.36, 0.13), 0.5)
    leaves = []
    for index in range(9):
        long, lean, turn = 0.55 + 0.035 * (index % 4), 0.5 + 0.085 * index, index * 2.4
        steps, rows = 10, []
        for i in range(steps + 1):
            t = i / steps
            wide = 0.09 * math.sin(math.pi * min(0.06 + 0.94 * t, 1)) ** 0.8
            out, up = long * t * math.sin(lean * (0.35 + t * 0.65)), long * t * math.cos(lean * (0.2 + t * 0.55))
            rows += [(out, -wide, up + 0.25 * wide), (out, 0, up), (out, wide, up + 0.25 * wide)]
        faces = [(3 * i + j, 3 * i + j + 1, 3 * i + j + 4, 3 * i + j + 3) for i in range(steps) for j in (0, 1)]
        leaf = parts.subdivided(parts.of_faces(rows, faces, "Plant leaf", smooth=True), 2)
        leaf.location, leaf.rotation_euler = (0, 0, 0.3), (0, 0, turn)
        leaves.append(leaf)
    made = [
        kit.named(pot, "Pot", paint.plain("Pot", (0.16, 0.24, 0.42), 0.6)),
        kit.named(soil, "Pot soil", paint.plain("Soil", (0.06, 0.04, 0.03))),
    ]
    return [*made, *kit.all_named(leaves, "Plant leaf", green)]


def tea(done: float) -> None:
    """A red teapot, a cream cup and a plant in a blue pot on a paper sweep, under one soft sun."""
    kit.empty(4)
    sweep((0.62, 0.56, 0.46), 1.4)
    kit.hang(teapot(), "Teapot place", (-0.16, 0.0, 0), (0, 0, -0.35))
    kit.hang(cup("Cup", (0.86, 0.74, 0.52), (0.30, 0.12, 0.03)), "Cup place", (0.62, -0.36, 0), (0, 0, -0.5))
    kit.hang(plant(), "Plant place", (-0.86, 0.42, 0), (0, 0, 0.4), 1.15)
    kit.lamp("SUN", "Key", (-2.3, -1.05, 2.1), 3.8, size=2.0, color=(1, 0.95, 0.88))
    kit.world((0.62, 0.72, 0.9), 0.28)
    camera((-0.08, 0.02, 0.36), 4.3, 0.12, 0.36, 62, 0.16, done)


def walk(done: float) -> None:
    """A cartoon character that walks and waves on a plain, under a low sun."""
    kit.empty(4)
    for name in (passes.SHAPES, passes.BACKGROUND, passes.LIGHTS, passes.LABEL_LIGHT):
        bpy.context.scene.collection.children.link(bpy.data.collections.new(name))
    character.build(Random("look 3"), character.walking_pose(done))
    sweep((0.36, 0.50, 0.46), 3.0, 3.0)
    kit.lamp("SUN", "Key", (1.5, -1.9, 2.0), 3.8, size=1.5, color=(1, 0.93, 0.82))
    kit.world((0.6, 0.72, 0.95), 0.3)
    camera((0.05, 0, 0.98), 5.6, -0.25, 0.16, 62, 0.14, done)


def desk() -> None:
    oak = paint.plain("Oak", (0.42, 0.24, 0.10), 0.5)
    top = [parts.box((1.5, 0.7, 0.05), (0, 0, 0.74), 0.012), parts.box((1.4, 0.03, 0.12), (0, 0.28, 0.65))]
    top += [parts.rod((x * 0.62, y * 0.26, 0.72), (x * 0.7, y * 0.32, 0), 0.035, 0.02) for x in (-1, 1) for y in (-1, 1)]
    made = kit.all_named(top, "Desk", oak)
    colors = ((0.62, 0.12, 0.10), (0.08, 0.25, 0.36), (0.80, 0.58, 0.18), (0.20, 0.34, 0.20))
    for index, color in enumerate(colors):
        size, place = (0.05 + 0.012 * (index % 3), 0.2, 0.26 + 0.03 * (index % 2)), (-0.62 + 0.07 * index, 0.12, 0)
        book = parts.box(size, (place[0], place[1], 0.765 + size[2] / 2), 0.006, (0, 0.0 if index < 3 else 0.16, 0))
        made.append(kit.named(book, "Book", paint.plain(f"Book {index}", color, 0.7)))
    brass = paint.plain("Lamp paint", (0.88, 0.66, 0.16), 0.35)
    arm = parts.pipe([(0.5, 0.16, 0.78), (0.58, 0.16, 1.0), (0.46, 0.14, 1.2), (0.36, 0.1, 1.24)], 0.014, sides=16)
    shade = parts.vessel([(0.0, 0), (0.03, 0), (0.05, 0.03), (0.13, 0.17)], 0.008)
    shade.location, shade.rotation_euler = (0.34, 0.1, 1.26), (0, math.pi + 0.35, 0)
    foot = parts.turned([(0, 0.765), (0.11, 0.765), (0.105, 0.785), (0.02, 0.8), (0, 0.8)])
    foot.location = (0.5, 0.16, 0)
    made += kit.all_named([arm, shade, foot], "Lamp", brass)
    kit.hang(made, "Desk place", (-0.2, 1.0, 0))
    kit.hang(cup("Mug", (0.75, 0.78, 0.8), (0.12, 0.06, 0.03)), "Mug place", (0.1, 0.86, 0.765), (0, 0, -0.3), 0.42)


def chair() -> None:
    teal = paint.plain("Chair paint", (0.05, 0.33, 0.35), 0.55)
    seat = [parts.subdivided(parts.box((0.46, 0.44, 0.07), (0, 0, 0.46), 0.02, segments=1), 2)]
    seat += [parts.subdivided(parts.box((0.44, 0.05, 0.24), (0, 0.21, 0.86), 0.02, (-0.12, 0, 0), 1), 2)]
    seat += [parts.rod((x * 0.18, 0.19, 0.46), (x * 0.17, 0.215, 0.8), 0.016) for x in (-1, 1)]
    seat += [parts.rod((x * 0.17, y * 0.16, 0.45), (x * 0.22, y * 0.21, 0), 0.022, 0.014) for x in (-1, 1) for y in (-1, 1)]
    kit.hang(kit.all_named(seat, "Chair", teal), "Chair place", (0.28, 0.28, 0), (0, 0, 2.5))


def study(done: float) -> None:
    """The corner of a study: desk, chair, lamp, books, mug, plant and a rug, in sunlight from a window that is not seen."""
    kit.empty(6)
    desk()
    chair()
    kit.hang(plant(), "Plant place", (1.02, 1.02, 0), (0, 0, 0.9), 1.5)
    rug = parts.rod((0, 0, 0), (0, 0, 0.012), 0.95, sides=96)
    kit.named(rug, "Rug", paint.plain("Rug", (0.70, 0.42, 0.34), 1.0, Specular_IOR_Level=0)).location = (0.1, 0.2, 0.002)
    plaster, boards = paint.plain("Plaster", (0.66, 0.62, 0.55), 0.95), paint.plain("Boards", (0.44, 0.30, 0.19), 0.7)
    kit.named(parts.box((8, 8, 0.1), (-2.4, -2.5, -0.05)), "Floor", boards)
    kit.named(parts.box((8, 0.1, 3), (-2.4, 1.5, 1.5)), "Wall back", plaster)
    kit.named(parts.box((0.1, 8, 3), (1.6, -2.5, 1.5)), "Wall right", plaster)
    kit.lamp("SUN", "Window", (-2.0, -1.7, 2.3), 3.4, size=1.2, color=(1, 0.92, 0.8))
    kit.world((0.66, 0.74, 0.9), 0.4)
    camera((0.16, 0.75, 0.66), 4.6, -0.5, 0.30, 50, 0.1, done)


SHOTS = {"tea": (tea, (512, 384), 12), "walk": (walk, (384, 480), 12), "study": (study, (512, 384), 12)}


def set_up(shot: str, done: float, samples: int, scale: float) -> bpy.types.Scene:
    """The scene of a shot at one moment of its loop."""
    build, (width, height), _ = SHOTS[shot]
    build(done)
    scene = bpy.context.scene
    passes.sampling(scene, samples, denoise=True)
    scene.cycles.max_bounces = 4
    scene.view_layers[0].name = "ViewLayer"
    passes.enable_passes(scene.view_layers[0], PASSES)
    passes.metadata(scene)
    scene.render.use_stamp_note = False
    scene.render.resolution_x, scene.render.resolution_y = round(width * scale), round(height * scale)
    passes.multilayer(scene)
    return scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shot", choices=list(SHOTS))
    parser.add_argument("--out", type=Path, required=True, help="folder of the frames")
    parser.add_argument("--samples", type=int, default=32, help="samples per pixel")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the frames, in shares of the shot's own")
    parser.add_argument("--only", type=int, help="render just this frame")
    parser.add_argument("--save", action="store_true", help="write SHOT.blend instead of rendering")
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(own)
    args.out.mkdir(parents=True, exist_ok=True)
    frames = SHOTS[args.shot][2]
    if args.save:
        set_up(args.shot, 0.0, args.samples, args.scale)
        bpy.ops.wm.save_as_mainfile(filepath=str((args.out / f"{args.shot}.blend").resolve()))
        return
    for frame in [args.only] if args.only else range(1, frames + 1):
        path = args.out / f"render.{frame:04d}.exr"
        if not path.exists():
            passes.render_to(set_up(args.shot, (frame - 1) / frames, args.samples, args.scale), 1, path)
            print(f"{args.shot} {frame} of {frames}", flush=True)


if __name__ == "__main__":
    main()
