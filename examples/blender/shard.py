# SPDX-License-Identifier: GPL-3.0-or-later
"""Render one shard: the clips of a range, each frame with its pictures, truth and passes. `shards.py` calls it, a process a shard."""

import argparse
import json
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import exr
import framing
import kinds
import scene as scenes
import shapes
import shard_file
import tone_rules
import truth
from label_layer import keylight, passes

GENERATOR = 4  # goes up whenever the same seed makes other scenes
ROLLS = 12
TWO_FRAMES = 0.15  # share of the scenes; a second frame costs as much as another scene, and shows little that is new
SAMPLES = (4, 4, 4, 4, 4, 6, 8, 12)
LOOKS = ("None", "None", "High Contrast", "Medium High Contrast", "Medium Low Contrast", "Low Contrast")


@dataclass
class Clip:
    """A scene that was chosen, with how it is rendered."""

    number: int
    seed: str
    kind: str
    shot: scenes.Shot
    frames: int
    samples: int
    denoise: bool
    views: list[dict]


def choose_clip(args: argparse.Namespace, number: int, models: list[Path]) -> Clip:
    """Roll scenes of one kind until one is well framed; the roll is part of the seed, so the outcome never varies."""
    rng = Random(f"{args.seed}/{number}")
    kind = args.kind or kinds.choose(rng)
    frames = args.frames or (2 if rng.random() < TWO_FRAMES else 1)
    loose, wants_cast = rng.random() < 0.15, rng.random() < 0.7
    for roll in range(ROLLS):
        seed = f"{args.seed}/{number}/{roll}"
        shot = kinds.KINDS[kind].build(Random(seed), max(frames, 2), models)
        render = shot.scene.render
        render.resolution_x, render.resolution_y = (round(args.res * side / 16) * 16 for side in (shot.width, shot.height))
        found = framing.shares(shot.scene, shot.key, 1, reach=shot.reach)
        if framing.well_framed(found, wants_cast) if kind == kinds.PLAIN else framing.usable(found, wants_cast, loose):
            break
    samples, denoise = rng.choice(SAMPLES), rng.random() < 0.85
    passes.sampling(shot.scene, samples, denoise)
    render.use_persistent_data = False
    if args.threads:
        render.threads_mode, render.threads = "FIXED", args.threads
    if args.vector:
        render.use_motion_blur = False  # Cycles writes either vectors or blur
        shot.scene.view_layers["Beauty"].use_pass_vector = True
    return Clip(number, seed, kind, shot, frames, samples, denoise, views(rng))


def views(rng: Random) -> list[dict]:
    """How the picture is developed: plain sRGB first, then AgX, then Filmic or plain sRGB with another exposure."""
    found = [{"transform": "Standard", "look": "None", "exposure": 0.0}]
    for transform in ("AgX", rng.choice(["Filmic", "Filmic", "Standard"])):
        look = rng.choice(LOOKS) if transform != "Standard" else "None"
        if transform == "AgX" and look != "None":
            look = f"AgX - {look}"  # looks of AgX carry its name
        exposure = round(rng.choice([0, rng.uniform(-0.7, 0.9)]), 3)
        found.append({"transform": transform, "look": look, "exposure": exposure})
    return found


def develop(scene: bpy.types.Scene, wanted: list[dict], folder: Path) -> dict[str, np.ndarray]:
    """The picture that was rendered last, by several view transforms, each uint8 `[3,H,W]`."""
    settings, found = scene.render.image_settings, {}
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode = "BMP", "RGB"
    for index, view in enumerate(wanted):
        target = scene.view_settings
        target.view_transform = view["transform"]
        target.look, target.exposure = view["look"], view["exposure"]
        path = folder / "view.bmp"
        bpy.data.images["Render Result"].save_render(str(path), scene=scene)
        found[f"view{index}"] = read_bmp(path)
    return found


def read_bmp(path: Path) -> np.ndarray:
    """A BMP of 24 bits as Blender writes it, uint8 `[3,H,W]`."""
    data = path.read_bytes()
    start, width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (10, 18, 22))
    stride = (width * 3 + 3) // 4 * 4
    rows = np.frombuffer(data, np.uint8, stride * height, start).reshape(height, stride)[:, : width * 3]
    return rows.reshape(height, width, 3)[::-1, :, ::-1].transpose(2, 0, 1).copy()


def picture_passes(layers: dict, vector: bool) -> dict[str, np.ndarray]:
    """What training reads of the picture, half floats `[C,H,W]`, and how much of each pixel shapes cover, uint8 `[H,W]`."""
    found = {
        "shape": np.rint(255 * exr.coverage(layers, "Beauty")).astype(np.uint8),
        "normal": (np.round(layers["Beauty.Normal"] * 128) / 128 + 0.0).astype(np.float16),
        "depth": shard_file.rounded(layers["Beauty.Depth"], shard_file.DEPTH_BITS),
    }
    for name in ("Combined", "DiffDir", "DiffCol", "GlossDir"):
        found[name.lower()] = shard_file.rounded(layers[f"Beauty.{name}"][..., :3], shard_file.BITS)
    if vector:
        found["vector"] = shard_file.rounded(layers["Beauty.Vector"], shard_file.DEPTH_BITS)
    return {name: array.transpose(2, 0, 1) if array.ndim == 3 else array for name, array in found.items()}


def render_frame(clip: Clip, frame: int, folder: Path, vector: bool) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays of one frame, and what is known about it."""
    scene = clip.shot.scene
    scene.frame_set(frame)
    key, shaped = clip.shot.light, [obj for obj in scene.objects if obj.name.startswith("shape") and not obj.hide_render]
    direction = truth.aim(scene, key, shaped)
    for layer in scene.view_layers:
        layer.use = layer.name == "Beauty"
    passes.multilayer(scene)
    scene.render.image_settings.exr_codec = "NONE"
    path = folder / "frame.exr"
    passes.render_to(scene, frame, path)
    arrays = picture_passes(exr.read(path), vector)
    arrays |= develop(scene, clip.views, folder)
    passes.multilayer(scene)
    scene.render.image_settings.exr_codec = "NONE"
    arrays |= truth.arrays(truth.render(scene, frame, path), direction)
    return arrays, note(clip, frame, direction)


def note(clip: Clip, frame: int, direction) -> dict:
    """What is known about the current frame; lengths in the scene's units, angles in radians, world space."""
    shot, scene = clip.shot, clip.shot.scene
    camera, key = scene.camera.matrix_world, shot.light
    place = None if key.data.type == "SUN" else passes.rounded(key.matrix_world.translation)
    lamps = [obj for obj in scene.objects if obj.type == "LIGHT" and obj.name != "label_sun"]
    return {
        "clip": clip.number,
        "frame": frame,
        "size": [scene.render.resolution_x, scene.render.resolution_y],
        "kind": clip.kind,
        "key": {
            "name": key.name,
            "kind": shot.key_kind or key.data.type.lower(),
            "direction": passes.rounded(direction),
            "position": place,
        },
        "camera": passes.camera_rotation(scene),
        "camera_position": passes.rounded(camera.translation),
        "view_angle": round(scene.camera.data.angle, 5),
        "lights": [lamp_note(lamp) for lamp in lamps],
        "world": shot.description.get("world", ""),
        "samples": clip.samples,
        "denoised": clip.denoise,
        "motion_blur": scene.render.use_motion_blur,
        "views": clip.views,
        "seed": clip.seed,
        "generator": GENERATOR,
        "scene": shot.description,
    }


def lamp_note(lamp: bpy.types.Object) -> dict:
    return {
        "name": lamp.name,
        "kind": lamp.data.type.lower(),
        "position": passes.rounded(lamp.matrix_world.translation),
        "direction": passes.rounded(keylight.axis(lamp)),
        "energy": round(lamp.data.energy, 3),
        "color": [round(x, 4) for x in lamp.data.color],
    }


def render_clip(args: argparse.Namespace, number: int, models: list[Path], writer: shard_file.ShardWriter, folder: Path) -> Clip:
    clip = choose_clip(args, number, models)
    scene = clip.shot.scene
    passes.ground_layers(scene, clip.shot.bare)
    shaped = [obj for obj in scene.objects if obj.name.startswith("shape") and not obj.hide_render]
    scene.frame_set(1)
    keylight.shadow_like(bpy.data.objects["label_sun"], clip.shot.light, scene.view_layers["Beauty"], shaped)
    made = [render_frame(clip, 1 + frame, folder, args.vector) for frame in range(clip.frames)]
    for arrays, known in made:
        writer.add(arrays, known)
    return clip


def main() -> int:
    args = argparse.Namespace(**json.loads(sys.argv[-1]))
    args.models = Path(args.models) if args.models else None
    models, failed, started = shapes.model_files(args.models), {}, time.perf_counter()
    head = {
        "classes": list(tone_rules.CLASSES),
        "generator": GENERATOR,
        "settings": {name: getattr(args, name) for name in ("seed", "clips", "frames", "res", "vector", "kind")},
        "models": [model.name for model in models],
        "blender": bpy.app.version_string,
        "shard": args.shard,
        "failed": failed,
    }
    with tempfile.TemporaryDirectory(dir=args.scratch or None) as scratch, shard_file.writing(Path(args.path), head) as writer:
        for number in range(args.shard * args.clips, (args.shard + 1) * args.clips):
            try:
                clip = render_clip(args, number, models, writer, Path(scratch))
            except Exception as error:  # one scene that cannot be built must not take the others with it
                failed[str(number)] = traceback.format_exception_only(error)[-1].strip()[:200]
                print(f"clip {number} failed: {failed[str(number)]}", flush=True)
                continue
            rate = 60 * writer.frames / (time.perf_counter() - started)
            print(f"clip {number}: {clip.kind}, {clip.frames} frames, {rate:.0f} frames a minute", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
