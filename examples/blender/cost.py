# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame of shards.py and one of clips.py cost, stage by stage, in CPU seconds: seconds of all cores together.

python cost.py --clips 16 --models DIR
"""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import clips
import exr
import shapes
import shard
import shard_file
import truth
from label_layer import passes

Costs = dict[str, float]


def timed(costs: Costs, stage: str, work: Callable):
    """What `work` returns; its CPU seconds are added to a stage's."""
    started = time.process_time()
    result = work()
    costs[stage] += time.process_time() - started
    return result


def picture(costs: Costs, scene: bpy.types.Scene, path: Path) -> None:
    """Render the picture three times, to tell building, sampling and denoising apart; one thread, for threads that wait count too."""
    render, cycles = scene.render, scene.cycles
    render.threads_mode, render.threads = "FIXED", 1
    size, denoise, samples = (render.resolution_x, render.resolution_y), cycles.use_denoising, cycles.samples
    for layer in scene.view_layers:
        layer.use = layer.name == "Beauty"
    found: Costs = defaultdict(float)
    cycles.use_denoising = False
    timed(found, "whole", lambda: passes.render_to(scene, 1, path))
    render.resolution_x, render.resolution_y, cycles.samples = 16, 16, 1
    timed(found, "tiny", lambda: passes.render_to(scene, 1, path))
    (render.resolution_x, render.resolution_y), cycles.use_denoising, cycles.samples = size, denoise, samples
    timed(found, "denoised", lambda: passes.render_to(scene, 1, path))
    costs["synchronising, BVH"] += found["tiny"]
    costs["sampling the picture"] += found["whole"] - found["tiny"]
    costs["denoising"] += found["denoised"] - found["whole"]


def of_shards(args: argparse.Namespace, models: list[Path], folder: Path) -> tuple[Costs, int]:
    costs: Costs = defaultdict(float)
    task = argparse.Namespace(seed=args.seed, frames=1, res=args.res, vector=False, kind="", threads=1)
    size = 0
    with shard_file.writing(folder / "cost.npz", {}) as writer:
        for number in range(args.clips):
            clip = timed(costs, "building scenes", lambda number=number: shard.choose_clip(task, number, models))
            scene, path = clip.shot.scene, folder / "frame.exr"
            passes.ground_layers(scene, clip.shot.bare)
            passes.multilayer(scene)
            scene.render.image_settings.exr_codec = "NONE"
            picture(costs, scene, path)
            arrays = timed(costs, "reading, developing", lambda clip=clip, path=path: shard.picture_passes(exr.read(path), False))
            arrays |= timed(costs, "reading, developing", lambda clip=clip, scene=scene: shard.develop(scene, clip.views, folder))
            passes.multilayer(scene)
            layers = timed(costs, "label layers", lambda scene=scene, path=path: truth.render(scene, 1, path))
            arrays |= timed(costs, "reading, developing", lambda clip=clip, layers=layers: truth.arrays(layers, clip.shot.key))
            timed(costs, "writing", lambda arrays=arrays: writer.add(arrays, {}))
    size = (folder / "cost.npz").stat().st_size
    return costs, size


def of_clips(args: argparse.Namespace, models: list[Path], folder: Path) -> tuple[Costs, int]:
    costs: Costs = defaultdict(float)
    task = argparse.Namespace(seed=args.seed, frames=1, res=args.res, samples=16, vector=False, out=folder)
    size = 0
    for number in range(args.clips):
        shot, entry = timed(costs, "building scenes", lambda number=number: clips.build_clip(task, number, models))
        scene, path = shot.scene, folder / "frame.exr"
        passes.multilayer(scene)
        picture(costs, scene, path)
        for layer in scene.view_layers:
            layer.use = layer.name == "Label"
        denoise, scene.cycles.use_denoising = scene.cycles.use_denoising, False
        timed(costs, "label layers", lambda scene=scene, path=path: passes.render_to(scene, 1, path))
        for layer in scene.view_layers:
            layer.use = True
        scene.cycles.use_denoising = denoise
        found: Costs = defaultdict(float)
        written = timed(found, "all", lambda shot=shot, entry=entry: clips.render_clip(task, shot, entry))
        scene.render.image_settings.exr_codec = "ZIP"
        size += sum((folder / name).stat().st_size for name in written)
        costs["together"] += found["all"]
    return costs, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=16, help="scenes of either, one frame each")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--res", type=int, default=256)
    parser.add_argument("--models", type=Path)
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(own)
    models = shapes.model_files(args.models)
    with tempfile.TemporaryDirectory() as folder:
        found = {"clips.py": of_clips(args, models, Path(folder)), "shards.py": of_shards(args, models, Path(folder))}
    print("| CPU seconds a frame | clips.py | shards.py |\n|---|---|---|")
    for stage in found["shards.py"][0]:
        print(f"| {stage} | " + " | ".join(f"{costs.get(stage, 0) / args.clips:.3f}" for costs, _ in found.values()) + " |")
    whole = found["clips.py"][0]
    told = sum(value for stage, value in whole.items() if stage not in ("building scenes", "together"))
    print(f"| writing files of clips.py | {(whole['together'] - told) / args.clips:.3f} | |")
    totals = [whole["building scenes"] + whole["together"], sum(found["shards.py"][0].values())]
    print("| together | " + " | ".join(f"{total / args.clips:.2f}" for total in totals) + " |")
    print("| MB a frame | " + " | ".join(f"{size / args.clips / 1e6:.2f}" for _, size in found.values()) + " |")


if __name__ == "__main__":
    main()
