# SPDX-License-Identifier: GPL-3.0-or-later
"""Random labelled clips for training, as one sequence of multilayer EXRs.

    python clips.py --out renders/tones --clips 120 --frames 8 --res 256 --seed 2
    blender -b --python clips.py -- --out renders/tones --clips 120

Clip c (from 0), frame f (from 1) is the file `clips.####.exr` number c * frames + f, so a clip is a frame range.
Everything in a clip follows from the seed and the clip's number. A frame whose file has the checksum that
`manifest.json` holds is not rendered again, so a stopped run goes on where it was.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from random import Random

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import passes
import scene

PROBE_RESOLUTION = 64
PROBE_ROLLS = 12
LIT = 0.38  # the label's luminance between form shadow and midtone


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the sequence and its manifest")
    parser.add_argument("--clips", type=int, default=120, help="how many clips to render")
    parser.add_argument("--first-clip", type=int, default=0, help="number of the first of them")
    parser.add_argument("--frames", type=int, default=8, help="frames in each clip")
    parser.add_argument("--res", type=int, default=256, help="width and height in pixels")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other clips")
    parser.add_argument("--samples", type=int, default=16, help="samples per pixel; a third of the clips gets half")
    parser.add_argument("--models", type=Path, help="folder of OBJ and PLY files to mix in with the primitives")
    # inside Blender only what follows `--` is ours
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    return parser.parse_args(own)


def model_files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in (".obj", ".ply"))


def read_rgba(path: Path) -> np.ndarray:
    """Pixels `[H,W,4]` of a single-layer EXR, by Blender itself."""
    image = bpy.data.images.load(str(path.resolve()))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(image.size[1], image.size[0], 4)
    bpy.data.images.remove(image)
    return pixels


def probe(shot: bpy.types.Scene, frame: int, folder: Path) -> dict[str, float]:
    """Shares of the frame that lit, form shadow and cast shadow would take, from two tiny label renders.

    Only `Label` is rendered, without gloss and bounces, so that `Combined` is the luminance that labels come from.
    """
    beauty, label = shot.view_layers["Beauty"], shot.view_layers["Label"]
    specular = label.material_override.node_tree.nodes["Principled BSDF"].inputs["Specular IOR Level"]
    light = bpy.data.objects["label_sun"].data
    path = folder / ".probe.exr"
    passes.sampling(shot, PROBE_RESOLUTION, samples=passes.LABEL_SAMPLES, denoise=False)
    passes.single_layer(shot)
    beauty.use, label.use_pass_combined = False, True
    specular.default_value, shot.cycles.max_bounces, shot.render.film_transparent = 0, 0, True
    tones = []
    for shadows in (False, True):
        light.use_shadow = shadows
        passes.render_to(shot, frame, path)
        pixels = read_rgba(path)
        solid = pixels[..., 3] > 0.5
        tones.append(pixels[..., 1] / np.maximum(pixels[..., 3], 1e-3))
    path.unlink()
    beauty.use, label.use_pass_combined = True, False
    specular.default_value, shot.render.film_transparent = 0.5, False
    facing, shadowed = tones
    cast = solid & (facing > 0.15) & (shadowed < 0.5 * facing)
    lit = solid & ~cast & (shadowed >= LIT)
    return {
        "shape": float(solid.mean()),
        "lit": float(lit.mean()),
        "form_shadow": float((solid & ~cast & ~lit).mean()),
        "cast_shadow": float(cast.mean()),
    }


def well_framed(shares: dict[str, float], wants_cast: bool) -> bool:
    """The shapes fill the frame neither barely nor wholly, and there are tones to tell apart."""
    enough = shares["lit"] > 0.03 and shares["form_shadow"] > 0.015
    return 0.1 < shares["shape"] < 0.75 and enough and (shares["cast_shadow"] > 0.012 or not wants_cast)


def build_clip(args: argparse.Namespace, number: int, models: list[Path]) -> tuple[bpy.types.Scene, dict]:
    """Roll scenes until one is well framed; the roll is part of the seed, so the outcome never varies."""
    for roll in range(PROBE_ROLLS):
        seed = f"{args.seed}/{number}/{roll}"
        rng = Random(seed)
        wants_cast = rng.random() < 0.7  # lone round shapes cast none on themselves and would prevail
        shot, key, description = scene.build(rng, args.frames, models)
        shares = probe(shot, (1 + args.frames) // 2, args.out)
        if well_framed(shares, wants_cast):
            break
    samples = rng.choice([max(1, args.samples // 2), args.samples, args.samples])
    denoise = rng.random() < 0.8
    passes.sampling(shot, args.res, samples, denoise)
    passes.multilayer(shot)
    direction = passes.rounded(key)
    passes.metadata(shot, key_direction=direction, clip=number)
    first = number * args.frames + 1
    entry = {
        "clip": number,
        "frames": [first, first + args.frames - 1],
        "seed": seed,
        "key_direction": direction,
        "samples": samples,
        "denoise": denoise,
        "probe": {name: round(share, 4) for name, share in shares.items()},
        "scene": description,
        "sha256": {},
    }
    return shot, entry


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def missing(folder: Path, entry: dict) -> list[int]:
    """Frame numbers of a clip whose file is not there or not the one that was written."""
    first, last = entry["frames"]
    numbers = range(first, last + 1)
    paths = {number: folder / f"clips.{number:04d}.exr" for number in numbers}
    return [n for n, path in paths.items() if not path.exists() or sha256(path) != entry["sha256"].get(path.name)]


def open_manifest(args: argparse.Namespace, path: Path) -> dict:
    """The manifest so far, or a new one; a folder made with other settings is refused."""
    settings = {"seed": args.seed, "frames_per_clip": args.frames, "resolution": args.res, "samples": args.samples}
    settings["models"] = [model.name for model in model_files(args.models)]
    settings["blender"] = bpy.app.version_string
    if not path.exists():
        return {"sequence": "clips.####.exr", **settings, "clips": []}
    manifest = json.loads(path.read_text())
    for name, value in settings.items():
        if manifest[name] != value:
            sys.exit(f"{path}: made with {name} {manifest[name]}, not {value}; choose another --out")
    return manifest


def save_manifest(manifest: dict, path: Path) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(manifest, indent=1) + "\n")
    partial.replace(path)


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "manifest.json"
    manifest = open_manifest(args, path)
    models = model_files(args.models)
    entries = {entry["clip"]: entry for entry in manifest["clips"]}
    rendered, started = 0, time.perf_counter()
    for number in range(args.first_clip, args.first_clip + args.clips):
        if number in entries and not missing(args.out, entries[number]):
            continue
        shot, entry = build_clip(args, number, models)
        entry["sha256"] = entries.get(number, {}).get("sha256", {})
        entries[number] = entry
        first, last = entry["frames"]
        manifest["clips"] = [entries[n] for n in sorted(entries)]
        for frame in missing(args.out, entry):
            target = args.out / f"clips.{frame:04d}.exr"
            passes.render_to(shot, frame - first + 1, target)
            entry["sha256"][target.name] = sha256(target)
            save_manifest(manifest, path)
            rendered += 1
        rate = 60 * rendered / (time.perf_counter() - started)
        print(f"clip {number}: frames {first}-{last}, {rate:.0f} frames a minute", flush=True)


if __name__ == "__main__":
    main()
