"""Tones on whole scenes, each a folder with render.####.exr, beauty.####.png and label.####.png: weights and recipes, shape given or not.

    python tests/benchmarks/bench_scenes.py --scenes renders/scripted/* --weights weights/tones.safetensors weights/tones_passes.safetensors

The score of a scene is the mean IoU over the classes in its labels, all its frames together; what is printed is the mean over scenes.
The given shape is where the labels are neither background nor ground_shadow.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from rotonodes.errors import RotoError
from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import FindKeyLight, LoadFrames, LoadLabels, StackPasses, TonesFromPasses, UNetSegment
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import OUTSIDE, SIX_CLASSES

PASSES = ("Combined", "DiffDir", "GlossDir", "Normal", "Depth")
SHAPE = torch.tensor([name not in OUTSIDE for name in SIX_CLASSES])

Found = Iterator[tuple[str, Labels]]


def labels_of(layers: Layers, beauty: Image, matte: Matte, models: dict[str, Model], ground: bool) -> Found:
    """(method, labels) of a frame; a method that cannot read it is left out."""
    try:
        key = FindKeyLight()(layers)
        stack = StackPasses(passes=PASSES, normals="camera")(layers, more=key)
        yield "recipe key, shape given", TonesFromPasses(recipe="key", ground=ground)(layers, matte=matte)
    except RotoError as error:
        print(f"left out: {error}", file=sys.stderr)
        stack = None
    for name, model in models.items():
        image = stack if any("." in channel for channel in model.channels) else beauty
        if image is not None:
            yield name, UNetSegment()(image, model=model)[0]
            yield f"{name}, shape given", UNetSegment()(image, model=model, shape=matte)[0]


def scores(matrix: np.ndarray) -> tuple[float, float]:
    """(mean IoU over the classes that are there, shape IoU) of a confusion matrix, truth by prediction."""
    hits, sizes = np.diag(matrix), matrix.sum(0) + matrix.sum(1)
    there = matrix.sum(1) > 0
    inside = SHAPE.numpy()
    shared = matrix[np.ix_(inside, inside)].sum()
    return float((hits / np.maximum(sizes - hits, 1))[there].mean()), float(
        shared / max(matrix.sum() - matrix[np.ix_(~inside, ~inside)].sum(), 1)
    )


def measure(scene: Path, models: dict[str, Model]) -> dict[str, np.ndarray]:
    """The confusion matrix of each method over the frames of a scene."""
    found: dict[str, np.ndarray] = {}
    for frame in FilePattern(str(scene / "render.####.exr")).on_disk():
        layers = LoadFrames(path=str(scene / "render.####.exr"))(frame=frame)[1]
        beauty = LoadFrames(path=str(scene / "beauty.####.png"))(frame=frame)[0]
        true = LoadLabels(path=str(scene / "label.####.png"), classes=list(SIX_CLASSES))(frame=frame).data
        matte = Matte(SHAPE[true.long()].float()[None])
        for name, labels in labels_of(layers, beauty, matte, models, bool((true == 5).any())):
            matrix = found.setdefault(name, np.zeros((6, 6), np.int64))
            np.add.at(matrix, (true.numpy().ravel(), labels.data.cpu().numpy().ravel()), 1)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", nargs="+", type=Path, required=True, help="folders of scenes")
    parser.add_argument("--weights", nargs="*", type=Path, default=[], help="weights files")
    parser.add_argument("--each", action="store_true", help="a row for every scene too")
    args = parser.parse_args(arguments)
    names = [path.name for path in args.weights]
    models = {path.name if names.count(path.name) == 1 else str(path): load_weights(path) for path in args.weights}
    each: dict[str, list[tuple[float, float]]] = {}
    print("| scenes | method | mean IoU | shape IoU |\n|---|---|---|---|")
    for scene in args.scenes:
        for name, matrix in measure(scene, models).items():
            each.setdefault(name, []).append(scores(matrix))
            if args.each:
                print(f"| {scene.name} | {name} | {each[name][-1][0]:.3f} | {each[name][-1][1]:.3f} |", flush=True)
    for name, found in each.items():
        iou, shape = np.mean(found, axis=0)
        print(f"| {len(found)} | {name} | {iou:.3f} | {shape:.3f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
