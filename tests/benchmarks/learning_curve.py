"""What more training frames bring: the same training on more and more frames of shards, the weights scored on scenes of other kinds.

    python tests/benchmarks/learning_curve.py graphs/train_tones_efficient.yaml --scenes renders/scripted/* --frames 150 300 600 1200 \\
        --chart weights/learning_curve.png --set train.steps=500 --var shards=renders/train

Each training takes the first frames of the shards, which come in random order, and is otherwise the same: same steps, same settings. Scores
are those of bench_scenes.py, the mean over scenes. Trainings that are done are not made again (`--out`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from bench_scenes import light_of, measure, scores

from rotonodes.io.files import write_bytes
from rotonodes.nets.weights import load_weights
from rotonodes.train.log.curve import Curve, draw_curves

# Curve -> its colour.
CURVES = {"mean IoU": "#1f77b4", "mean IoU, shape given": "#7fb2d9", "shape IoU": "#d95f02"}


def trained(graph: str, frames: int, out: Path, settings: list[str]) -> Path:
    """The weights of the graph's training on the first `frames` frames."""
    file = out / f"{frames}.safetensors"
    if not file.exists():
        shot = ["-F", f"1-{frames}", "--set", f"frames=1-{frames}", "--progress", "plain"]
        where = ["--set", f"train.checkpoints={out / str(frames)}", "--set", f"weights.path={file}"]
        command = [sys.executable, "-m", "rotonodes", "run", graph, *shot, *where, *settings]
        subprocess.run(command, check=True, stdout=2)  # to where errors go, so that the table stands alone
    return file


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graph", help="a training graph whose nodes are called train and weights")
    parser.add_argument("--scenes", nargs="+", type=Path, required=True, help="folders of scenes")
    parser.add_argument("--frames", nargs="+", type=int, required=True, help="numbers of training frames")
    parser.add_argument("--light", choices=("scene", "none"), default="none", help="none: for weights on the picture alone")
    parser.add_argument("--out", type=Path, default=Path("out/learning_curve"), help="folder of the trainings")
    parser.add_argument("--chart", type=Path, help="write a chart")
    parser.add_argument("--set", nargs="*", action="extend", default=[], help="as for run")
    parser.add_argument("--var", nargs="*", action="extend", default=[], help="as for run")
    args = parser.parse_args(arguments)
    settings = [part for name in ("set", "var") for value in getattr(args, name) for part in (f"--{name}", value)]
    found: dict[str, list[tuple[float, float]]] = {}
    print("| frames | method | mean IoU | shape IoU |\n|---|---|---|---|")
    for frames in sorted(args.frames):
        model = {"weights": load_weights(trained(args.graph, frames, args.out, settings))}
        each: dict[str, list[tuple[float, float]]] = {}
        for scene in args.scenes:
            for name, matrix in measure(scene, model, light_of(scene, args.light))[0].items():
                each.setdefault(name, []).append(scores(matrix[0]))
        for name in ("weights", "weights, shape given"):
            iou, shape = (float(score) for score in np.mean(each[name], axis=0))
            print(f"| {frames} | {name} | {iou:.3f} | {shape:.3f} |", flush=True)
            found.setdefault(name.replace("weights", "mean IoU"), []).append((frames, iou))
            if name == "weights":
                found.setdefault("shape IoU", []).append((frames, shape))
    if args.chart:
        write_bytes(args.chart, draw_curves([Curve(name, color, found[name]) for name, color in CURVES.items()], "training frames"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
