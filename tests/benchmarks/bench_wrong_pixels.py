"""Why pixels have the wrong tone on whole scenes: their shares by kind, with the shape given, and how far off the key light is.

    python tests/benchmarks/bench_wrong_pixels.py --scenes renders/scripted/*
    python tests/benchmarks/bench_wrong_pixels.py --scenes renders/scripted/* --weights weights/tones_six.safetensors --find-shape

Scenes are folders as in bench_scenes.py, with an about.md that notes the direction to the light. A wrong pixel counts for the first
kind that it belongs to, in the order of the columns. `--weights` measures a network instead of the recipe `key`, one that sees passes
or the picture alone; it is given the shape, or has to find it (`--find-shape`). A network on the picture alone looks for no light, so
none of its pixels are wrong because of that.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from bench_scenes import SHAPE, SceneFrame, borders, frames_of, noted_light, sees_passes, stacked
from rendered import GROUND

from rotonodes.imaging.passes.key_shading import KeyPasses, light_direction
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import TonesFromPasses, UNetSegment
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Layers

KINDS = (
    "border within 1 px",
    "background for shape",
    "shape for background",
    "no diffuse colour",
    "light over 10 degrees off",
    "highlight, midtone",
    "ground",
    "cast shadow",
    "form shadow",
)
PAINTED = 0.02
OFF = 10.0


def degrees(layers: Layers, true: Sequence[float] | None) -> float:
    """How far the key light that is found lies from the true one; 180 where none is found, 0 where the truth is not noted."""
    found = light_direction(layers, KeyPasses(Passes.of(layers)))
    if true is None:
        return 0.0
    return 180.0 if found is None else float(np.degrees(np.arccos(np.clip(found @ true / np.linalg.norm(true), -1, 1))))


def kinds(true: np.ndarray, found: np.ndarray, unpainted: np.ndarray, off: float) -> Counter[str]:
    """How many wrong pixels are of each kind."""
    border = borders(torch.from_numpy(true))
    pair = np.sort(np.stack([true, found]), axis=0)
    inside = SHAPE.numpy()
    parts = (
        border,
        ~inside[true] & inside[found],
        inside[true] & ~inside[found],
        unpainted,
        np.full(true.shape, off > OFF),
        (pair[0] == 3) & (pair[1] == 4),
        pair[1] == 5,
        pair[0] == 1,
        np.ones(true.shape, bool),
    )
    left, counted = true != found, Counter[str]()
    for name, part in zip(KINDS, parts, strict=True):
        counted[name] += int((left & part).sum())
        left = left & ~part
    return counted


def labelled(frame: SceneFrame, model: Model | None, find_shape: bool) -> np.ndarray:
    """What the recipe, or the network, finds in a frame; ground_shadow only where its labels have it."""
    if model is None:
        return TonesFromPasses(recipe="key", ground=frame.ground)(frame.layers, matte=frame.matte).data.cpu().numpy()
    seen = stacked(frame.layers, None) if sees_passes(model) else frame.beauty
    found = UNetSegment()(seen, model=model, shape=None if find_shape else frame.matte)[0].data.cpu().numpy()
    return found if frame.ground else np.where(found == GROUND, 0, found)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", nargs="+", type=Path, required=True, help="folders of scenes")
    parser.add_argument("--weights", type=Path, help="weights that see passes or the picture alone, instead of the recipe key")
    parser.add_argument("--find-shape", action="store_true", help="the weights are not given the shape")
    parser.add_argument("--frames", type=int, default=99, help="frames of each scene, the first ones")
    args = parser.parse_args(arguments)
    if args.find_shape and args.weights is None:
        parser.error("--find-shape needs --weights: the recipe is always given the shape")
    model = load_weights(args.weights) if args.weights else None
    by_light = model is None or sees_passes(model)
    print(f"| scene | wrong | degrees off | {' | '.join(KINDS)} |\n|---|---:|---:|{'---:|' * len(KINDS)}")
    total, offs, pixels = Counter[str](), [], 0
    for scene in args.scenes:
        own, own_offs, own_pixels = Counter[str](), [], 0
        numbers = FilePattern(str(scene / "render.####.exr")).on_disk()
        for number, frame in zip(numbers[: args.frames], frames_of(scene), strict=False):
            true, layers = frame.truth.data.numpy(), frame.layers
            passes = Passes.of(layers)
            color = pass_planes(layers, passes, passes.find("DiffCol"), 3).mean(0) if passes.has("DiffCol") else np.ones(true.shape)
            found = labelled(frame, model, args.find_shape)
            own_offs += [degrees(layers, noted_light(scene, number))] if by_light else []
            own += kinds(true, found, color < PAINTED, own_offs[-1] if by_light else 0.0)
            own_pixels += true.size
        print(row(scene.name, own, own_offs, own_pixels), flush=True)
        total, offs, pixels = total + own, offs + own_offs, pixels + own_pixels
    print(row("all", total, offs, pixels))
    if offs:
        print(f"\nthe worst frame is {max(offs):.1f} degrees off")
    return 0


def row(name: str, counted: Counter[str], offs: list[float], pixels: int) -> str:
    """A scene's share of wrong pixels, the median degrees off, - where no light was looked for, and the share of each kind among them."""
    wrong = max(sum(counted.values()), 1)
    shares = [f"{100 * counted[kind] / wrong:.0f} %" for kind in KINDS]
    return f"| {' | '.join([name, f'{100 * wrong / max(pixels, 1):.1f} %', f'{np.median(offs):.1f}' if offs else '-', *shares])} |"


if __name__ == "__main__":
    sys.exit(main())
