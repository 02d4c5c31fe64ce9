"""Tones on whole scenes, each a folder with render.####.exr, beauty.####.png and label.####.png: weights and recipes, shape given or not.

    python tests/benchmarks/bench_scenes.py --scenes renders/scripted/* --weights weights/tones.safetensors weights/tones_passes.safetensors

The score of a scene is the mean IoU over the classes in its labels, all its frames together; what is printed is the mean over scenes.
The given shape is where the labels are neither background nor ground_shadow. Where a scene's labels do not know ground_shadow, it counts as
background in what is found too. `inside borders` is the same mean IoU without the pixels that touch another class in the truth, which may
hold two tones. The key light is that of the scene's frames together, as in the ready graphs; `--light frame` looks for
it in each, `--light noted` takes the direction that a scene's about.md notes: what is left when the light is known, and `--light none`
measures only weights on the picture alone, which need none. `--sheet FILE.png` shows the first frame of each scene, the beauty, the truth
and what each method makes of it, in a row.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rendered import GROUND, measured_light
from torch.nn import functional as F

from rotonodes.errors import RotoError
from rotonodes.imaging.picture.sheet import cell, contact_sheet
from rotonodes.io.pictures import write_image
from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import FindKeyLight, LoadFrames, LoadLabels, StackPasses, TonesFromPasses, UNetSegment
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import OUTSIDE, SIX_CLASSES, SIX_COLORS, LightDirection

PASSES = ("Combined", "DiffDir", "GlossDir", "Normal", "Depth")
LIGHT = "#dcdce4"  # background of sheets
SHAPE = torch.tensor([name not in OUTSIDE for name in SIX_CLASSES])

Found = Iterator[tuple[str, Labels]]


def labels_of(
    layers: Layers, beauty: Image, matte: Matte, models: dict[str, Model], ground: bool, light: LightDirection | str | None
) -> Found:
    """(method, labels) of a frame; a method that cannot read it is left out. `light` "none" leaves out all that read passes."""
    stack = None
    if not isinstance(light, str):
        try:
            found = stacked(layers, light)
            yield "recipe key, shape given", TonesFromPasses(recipe="key", ground=ground)(layers, matte=matte, direction=light)
            stack = found
        except RotoError as error:
            print(f"left out: {error}", file=sys.stderr)
    for name, model in models.items():
        image = stack if sees_passes(model) else beauty
        if image is not None:
            yield name, UNetSegment()(image, model=model)[0]
            yield f"{name}, shape given", UNetSegment()(image, model=model, shape=matte)[0]


def sees_passes(model: Model) -> bool:
    """Whether a network reads passes, not the picture alone."""
    return any("." in channel for channel in model.channels)


def scores(matrix: np.ndarray) -> tuple[float, float]:
    """(mean IoU over the classes that are there, shape IoU) of a confusion matrix, truth by prediction."""
    hits, sizes = np.diag(matrix), matrix.sum(0) + matrix.sum(1)
    there = matrix.sum(1) > 0
    inside = SHAPE.numpy()
    shared = matrix[np.ix_(inside, inside)].sum()
    return float((hits / np.maximum(sizes - hits, 1))[there].mean()), float(
        shared / max(matrix.sum() - matrix[np.ix_(~inside, ~inside)].sum(), 1)
    )


def noted_light(scene: Path, frame: int = 1) -> tuple[float, ...] | None:
    """The direction to the key light that about.md notes for a frame, or for the first."""
    text = (scene / "about.md").read_text(encoding="utf-8") if (scene / "about.md").is_file() else ""
    found = re.search(rf"\| frame {frame} \| light \[([^\]]*)\]", text) or re.search(r"direction in frame 1: \[([^\]]*)\]", text)
    return tuple(map(float, found[1].split(","))) if found else None


def light_of(scene: Path, way: str) -> LightDirection | str | None:
    """The key light of a scene's frames, found (`scene`) or as `noted`; None for `frame`, and where there is none; "none" as it is."""
    if way == "none":
        return way
    if way != "scene":
        return LightDirection(noted_light(scene) or ()) if way == "noted" else None
    load = LoadFrames(path=str(scene / "render.####.exr"))
    return measured_light([load(frame=frame)[1] for frame in FilePattern(load.path).on_disk()])


class SceneFrame(NamedTuple):
    """A frame of a scene: its passes, the developed picture, the true labels and shape, whether ground_shadow is among the labels."""

    layers: Layers
    beauty: Image
    truth: Labels
    matte: Matte
    ground: bool


def frames_of(scene: Path) -> Iterator[SceneFrame]:
    for frame in FilePattern(str(scene / "render.####.exr")).on_disk():
        layers = LoadFrames(path=str(scene / "render.####.exr"))(frame=frame)[1]
        beauty = LoadFrames(path=str(scene / "beauty.####.png"))(frame=frame)[0]
        truth = LoadLabels(path=str(scene / "label.####.png"), classes=list(SIX_CLASSES))(frame=frame)
        yield SceneFrame(layers, beauty, truth, Matte(SHAPE[truth.data.long()].float()[None]), bool((truth.data == GROUND).any()))


def stacked(layers: Layers, light: LightDirection | None) -> Image:
    """What weights on passes see of a frame."""
    return StackPasses(passes=PASSES, normals="camera")(layers, more=FindKeyLight()(layers, light=light))


def measure(
    scene: Path, models: dict[str, Model], light: LightDirection | str | None
) -> tuple[dict[str, np.ndarray], dict[str, Image | Labels]]:
    """What each method found in the frames of a scene, and the pictures of its first frame: beauty, truth, each method's.

    That is two confusion matrices, truth by prediction, `[2, 6, 6]`: of all pixels, and of those inside borders.
    """
    found: dict[str, np.ndarray] = {}
    shown: dict[str, Image | Labels] = {}
    for layers, beauty, truth, matte, ground in frames_of(scene):
        shown.setdefault("beauty", beauty)
        shown.setdefault("truth", truth)
        true = truth.data
        for name, labels in labels_of(layers, beauty, matte, models, ground, light):
            shown.setdefault(name, labels)
            matrices = found.setdefault(name, np.zeros((2, 6, 6), np.int64))
            said = labels.data.cpu().numpy()
            said = said if ground else np.where(said == GROUND, 0, said)
            for matrix, counted in zip(matrices, (np.ones(true.shape, bool), ~borders(true)), strict=True):
                np.add.at(matrix, (true.numpy()[counted], said[counted]), 1)
    return found, shown


def borders(labels: torch.Tensor) -> np.ndarray:
    """The pixels of labels `[H, W]` that touch one of another class, bool `[H, W]`."""
    plane = labels.float()[None]
    return np.asarray((F.max_pool2d(plane, 3, 1, 1) != -F.max_pool2d(-plane, 3, 1, 1))[0].numpy())


def on_light(value: Image | Labels) -> Image | Labels:
    """Labels with a light background, from which cast shadows stand out."""
    return replace(value, colors=(LIGHT, *value.colors[1:])) if isinstance(value, Labels) else value


def sheet(rows: dict[str, dict[str, Image | Labels]], each: dict[str, dict[str, float]], width: int = 160) -> Image:
    """A row for each scene, with the mean IoU of each method below its picture."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    cells, texts, size = [], [], (width, width * 3 // 4)
    for scene, row in rows.items():
        for name in columns:
            cells.append(cell(on_light(row[name]), size) if name in row else Image(torch.zeros(3, size[1], size[0])))
            short = name.replace(".safetensors", "").replace(", shape given", " + shape")
            texts.append(scene if name == "beauty" else f"{short}: {each[scene][name]:.2f}" if name in each[scene] else short)
    return contact_sheet(cells, texts, columns=len(columns), legend=list(zip(SIX_CLASSES, (LIGHT, *SIX_COLORS[1:]), strict=True)))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", nargs="+", type=Path, required=True, help="folders of scenes")
    parser.add_argument("--weights", nargs="*", type=Path, default=[], help="weights files")
    parser.add_argument("--light", choices=("scene", "frame", "noted", "none"), default="scene", help="where the key light comes from")
    parser.add_argument("--each", action="store_true", help="a row for every scene too")
    parser.add_argument("--sheet", type=Path, help="write a picture of the first frames")
    args = parser.parse_args(arguments)
    names = [path.name for path in args.weights]
    models = {path.name if names.count(path.name) == 1 else str(path): load_weights(path) for path in args.weights}
    each: dict[str, list[tuple[float, float, float]]] = {}
    pictures: dict[str, dict[str, Image | Labels]] = {}
    shares: dict[str, dict[str, float]] = {}
    print("| scenes | method | mean IoU | shape IoU | inside borders |\n|---|---|---|---|---|")
    for scene in args.scenes:
        matrices, pictures[scene.name] = measure(scene, models, light_of(scene, args.light))
        of_scene = shares.setdefault(scene.name, {})
        for name, matrix in matrices.items():
            each.setdefault(name, []).append((*scores(matrix[0]), scores(matrix[1])[0]))
            of_scene[name] = each[name][-1][0]
            if args.each:
                print(f"| {scene.name} | {name} | {' | '.join(f'{score:.3f}' for score in each[name][-1])} |", flush=True)
    for name, found in each.items():
        print(f"| {len(found)} | {name} | {' | '.join(f'{score:.3f}' for score in np.mean(found, axis=0))} |")
    if args.sheet:
        write_image(args.sheet, sheet(pictures, shares))
    return 0


if __name__ == "__main__":
    sys.exit(main())
