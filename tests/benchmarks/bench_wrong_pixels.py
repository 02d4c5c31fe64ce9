"""Why pixels have the wrong tone on whole scenes: their shares by kind, with the shape given, and how far off the key light is.

    python tests/benchmarks/bench_wrong_pixels.py --scenes renders/scripted/*

Scenes are folders as in bench_scenes.py, with an about.md that notes the direction to the light. A wrong pixel counts for the first
kind that it belongs to, in the order of the columns. `--weights` measures a network that is given the shape instead of the recipe
`key`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from bench_scenes import PASSES, SHAPE, borders, noted_light

from rotonodes.imaging.passes.key_shading import KeyPasses, light_direction
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import FindKeyLight, LoadFrames, LoadLabels, StackPasses, TonesFromPasses, UNetSegment
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Labels, Layers, Matte
from rotonodes.values.tones import SIX_CLASSES

KINDS = (
    "border within 1 px",
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
    parts = (
        border,
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


def labelled(layers: Layers, matte: Matte, weights: Path | None, ground: bool) -> Labels:
    if weights is None:
        return TonesFromPasses(recipe="key", ground=ground)(layers, matte=matte)
    stack = StackPasses(passes=PASSES, normals="camera")(layers, more=FindKeyLight()(layers))
    return UNetSegment()(stack, model=load_weights(weights), shape=matte)[0]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", nargs="+", type=Path, required=True, help="folders of scenes")
    parser.add_argument("--weights", type=Path, help="weights that see passes, instead of the recipe key")
    parser.add_argument("--frames", type=int, default=99, help="frames of each scene, the first ones")
    args = parser.parse_args(arguments)
    print(f"| scene | wrong | degrees off | {' | '.join(KINDS)} |\n|---|---:|---:|{'---:|' * len(KINDS)}")
    total, offs, pixels = Counter[str](), [], 0
    for scene in args.scenes:
        own, own_offs, own_pixels = Counter[str](), [], 0
        for frame in FilePattern(str(scene / "render.####.exr")).on_disk()[: args.frames]:
            layers = LoadFrames(path=str(scene / "render.####.exr"))(frame=frame)[1]
            labels = LoadLabels(path=str(scene / "label.####.png"), classes=list(SIX_CLASSES))(frame=frame).data
            true, passes = labels.numpy(), Passes.of(layers)
            color = pass_planes(layers, passes, passes.find("DiffCol"), 3).mean(0) if passes.has("DiffCol") else np.ones(true.shape)
            found = labelled(layers, Matte(SHAPE[labels.long()].float()[None]), args.weights, bool((true == 5).any()))
            own_offs.append(degrees(layers, noted_light(scene, frame)))
            own += kinds(true, found.data.cpu().numpy(), color < PAINTED, own_offs[-1])
            own_pixels += true.size
        print(row(scene.name, own, own_offs, own_pixels), flush=True)
        total, offs, pixels = total + own, offs + own_offs, pixels + own_pixels
    print(row("all", total, offs, pixels))
    print(f"\nthe worst frame is {max(offs):.1f} degrees off")
    return 0


def row(name: str, counted: Counter[str], offs: list[float], pixels: int) -> str:
    """A scene's share of wrong pixels, the median degrees off, and the share of each kind among the wrong pixels."""
    wrong = max(sum(counted.values()), 1)
    shares = [f"{100 * counted[kind] / wrong:.0f} %" for kind in KINDS]
    return f"| {' | '.join([name, f'{100 * wrong / max(pixels, 1):.1f} %', f'{np.median(offs):.1f}', *shares])} |"


if __name__ == "__main__":
    sys.exit(main())
