# SPDX-License-Identifier: GPL-3.0-or-later
"""Random labelled clips for training, as one sequence of multilayer EXRs and one of PNGs as an artist would see them.

    python clips.py --out renders/tones --clips 1600 --frames 2 --res 256 --seed 1
    blender -b --python clips.py -- --out renders/tones --clips 1600

Clip c (from 0), frame f (from 1) is number c * frames + f of `clips.####.exr` and `clips.####.png`, so a clip is a frame range.
Everything in a clip follows from the seed and the clip's number. A clip whose files have the checksums that `manifest.jsonl`
holds is not rendered again, so a stopped run goes on where it was.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from random import Random

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import framing
import scene
import shapes
from label_layer import passes

ROLLS = 12
# How the PNG is developed from linear light: mostly plain sRGB, which is what rotonodes makes of an EXR.
VIEWS = ("Standard", "Standard", "Standard", "AgX", "Filmic")
LOOKS = ("None", "None", "Medium High Contrast", "Medium Low Contrast")
SAMPLES = (0.25, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1.0)  # shares of --samples
MANIFEST = "manifest.jsonl"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the sequences and their manifest")
    parser.add_argument("--clips", type=int, default=120, help="how many clips to render")
    parser.add_argument("--first-clip", type=int, default=0, help="number of the first of them")
    parser.add_argument("--frames", type=int, default=2, help="frames in each clip; the motion is spread over them")
    parser.add_argument("--res", type=int, default=256, help="side in pixels of a square frame; others have about as many")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other clips")
    parser.add_argument("--samples", type=int, default=16, help="most samples per pixel; most clips get fewer")
    parser.add_argument("--models", type=Path, help="folder of OBJ, PLY, STL or GLB files to mix in")
    parser.add_argument("--vector", action="store_true", help="write the Vector pass as well; then no clip has motion blur")
    parser.add_argument("--ground", action="store_true", help="write the layers that tell the shapes' shadow on the ground as well")
    # inside Blender only what follows `--` is ours
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(own)
    if min(args.clips, args.frames, args.samples) < 1 or args.res < 16:
        parser.error("at least one clip, one frame, one sample and 16 pixels a side")
    if args.models and not (args.models.is_dir() and shapes.model_files(args.models)):
        parser.error(f"--models {args.models}: no folder with OBJ, PLY, STL or GLB files")
    return args


def settings(args: argparse.Namespace) -> dict:
    """What decides the pixels beside a clip's number."""
    return {
        "sequence": "clips.####.exr",
        "seed": args.seed,
        "frames_per_clip": args.frames,
        "resolution": args.res,
        "samples": args.samples,
        "vector": args.vector,
        "models": {model.name: sha256(model) for model in shapes.model_files(args.models)},
        "blender": bpy.app.version_string,
        **({"ground": True} if args.ground else {}),  # folders from before this option say nothing of it
    }


def build_clip(args: argparse.Namespace, number: int, models: list[Path]) -> tuple[scene.Shot, dict]:
    """Roll scenes until one is well framed; the roll is part of the seed, so the outcome never varies."""
    for roll in range(ROLLS):
        seed = f"{args.seed}/{number}/{roll}"
        rng = Random(seed)
        wants_cast = rng.random() < 0.7  # lone round shapes cast none on themselves and would prevail
        shot = scene.build(rng, args.frames, models)
        render = shot.scene.render
        render.resolution_x, render.resolution_y = (round(args.res * side / 16) * 16 for side in (shot.width, shot.height))
        shares = framing.shares(shot.scene, shot.key, (1 + args.frames) // 2)
        if framing.well_framed(shares, wants_cast):
            break
    samples = max(1, round(args.samples * rng.choice(SAMPLES)))
    denoise = rng.random() < 0.8
    passes.sampling(shot.scene, samples, denoise)
    if args.vector:
        render.use_motion_blur = False  # Cycles writes either vectors or blur
        shot.scene.view_layers["Beauty"].use_pass_vector = True
    entry = {
        "clip": number,
        "frames": [number * args.frames + 1, (number + 1) * args.frames],
        "seed": seed,
        "size": [render.resolution_x, render.resolution_y],
        "key_direction": passes.rounded(shot.key),
        "samples": samples,
        "denoise": denoise,
        "view": develop(rng, shot.scene),
        "shares": {name: round(share, 4) for name, share in shares.items()},
        "scene": shot.description,
    }
    return shot, entry


def develop(rng: Random, shot: bpy.types.Scene) -> dict:
    """Choose the view transform, look and exposure of the PNG; returns them."""
    view = shot.view_settings
    view.view_transform = rng.choice(VIEWS)
    look = rng.choice(LOOKS)
    if view.view_transform != "Standard" and look != "None":
        view.look = f"AgX - {look}" if view.view_transform == "AgX" else look  # looks of AgX carry its name
    view.exposure = rng.choice([0, 0, rng.uniform(-0.5, 0.7)])
    return {"transform": view.view_transform, "look": view.look, "exposure": round(view.exposure, 3)}


def render_clip(args: argparse.Namespace, shot: scene.Shot, entry: dict) -> dict[str, str]:
    """Render all frames of a clip; returns the checksum of each file by name."""
    first, last = entry["frames"]
    written = []
    for number in range(first, last + 1):
        frame = number - first + 1
        shot.scene.frame_set(frame)
        rotation = passes.camera_rotation(shot.scene)
        passes.metadata(shot.scene, key_direction=entry["key_direction"], camera=rotation, clip=entry["clip"])
        exr = args.out / f"clips.{number:04d}.exr"
        passes.multilayer(shot.scene)
        passes.render_to(shot.scene, frame, exr)
        passes.save_view(shot.scene, exr.with_suffix(".png"))
        written += [exr, exr.with_suffix(".png")]
    return {path.name: sha256(path) for path in written}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def whole(folder: Path, entry: dict) -> bool:
    """Whether all files of a clip are there as they were written."""
    paths = [(folder / name, digest) for name, digest in entry["sha256"].items()]
    return all(path.exists() and sha256(path) == digest for path, digest in paths)


def open_manifest(args: argparse.Namespace, path: Path) -> dict[int, dict]:
    """The clips so far, by number; a folder made with other settings is refused. A last line cut short is left out."""
    wanted = settings(args)
    head, *lines = path.read_text().split("\n") if path.exists() else [""]
    if not lines:  # none yet, or one cut short in its first line
        path.write_text(json.dumps(wanted) + "\n")
        return {}
    made_with = json.loads(head)
    for name in {**made_with, **wanted}:
        if made_with.get(name) != wanted.get(name):
            sys.exit(f"{path}: made with {name} {made_with.get(name)}, not {wanted.get(name)}; choose another --out")
    if lines[-1]:
        mended = path.with_suffix(".partial")
        mended.write_text("\n".join([head, *lines[:-1]]) + "\n")
        mended.replace(path)
    entries = [json.loads(line) for line in lines[:-1]]
    return {entry["clip"]: entry for entry in entries}


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    manifest = args.out / MANIFEST
    models, entries = shapes.model_files(args.models), open_manifest(args, manifest)
    rendered, started = 0, time.perf_counter()
    for number in range(args.first_clip, args.first_clip + args.clips):
        if number in entries and whole(args.out, entries[number]):
            continue
        shot, entry = build_clip(args, number, models)
        if args.ground:
            passes.ground_layers(shot.scene, shot.bare)
        entry["sha256"] = render_clip(args, shot, entry)
        with manifest.open("a") as file:  # a clip is in the manifest only when all its frames are there
            file.write(json.dumps(entry) + "\n")
        rendered += args.frames
        rate = 60 * rendered / (time.perf_counter() - started)
        print(f"clip {number}: frames {entry['frames'][0]}-{entry['frames'][1]}, {rate:.0f} frames a minute", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
