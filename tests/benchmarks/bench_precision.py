"""What shorter arithmetic costs weights: mean IoU and pixels changed against float32, as Markdown tables for the model cards.

    python tests/benchmarks/bench_precision.py [weights/*.safetensors ...] [--clips FOLDER]

Frames are those of examples/ whose truth is known: examples/shots/torus and monkey (tones by their label layer, the shape for mattes,
which count as shape above 0.5), examples/parts/clip for parts; every `--every`-th. `--clips` adds a folder of `cNNN_fNN_beauty.png` and
`cNNN_fNN_label.png` for networks that see the picture alone. All frames are counted together. A file that loses more than 0.002 mean
IoU should say `precision: float32` in its metadata. float16 is measured on CUDA only.
"""

from __future__ import annotations

import argparse
import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from methods import picture_for
from rendered import Rendered, opened
from torch import Tensor

from rotonodes.errors import RotoError
from rotonodes.metrics.labels import ConfusionMatrix
from rotonodes.nets.encode import network_frames, whole_frames
from rotonodes.nets.inference import Segmenter, best_class
from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import LoadFrames, LoadParts, MultipassDecode
from rotonodes.values.pixels import Batch, Image

ROOT = Path(__file__).parents[2]
SHOTS = ("torus", "monkey")


class Known(NamedTuple):
    """A frame as a network sees it, and its true classes `[H, W]`."""

    picture: Image
    truth: Tensor


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", help="weights files (default: weights/*.safetensors)")
    parser.add_argument("--clips", help="further frames for networks that see the picture alone")
    parser.add_argument("--every", type=int, default=1, help="take every so many-th frame")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    kinds = ["float32", "bfloat16", *(["float16"] if torch.cuda.is_available() else [])]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print("| weights | frames | arithmetic | mean IoU | against float32 | pixels changed |\n|---|---|---|---:|---:|---:|")
    try:
        for file in options.weights or sorted(glob.glob(str(ROOT / "weights/*.safetensors"))):
            model = load_weights(file)
            for title, frames in sets(model, options.clips, options.every):
                for row in compared(model, frames, kinds, device):
                    print(f"| {Path(file).name} | {title} | {row} |", flush=True)
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def sets(model: Model, clips: str | None, every: int) -> Iterator[tuple[str, list[Known]]]:
    """The frames whose truth is known of what a network finds, by where they come from."""
    if "head" in model.classes:  # parts of a character
        yield "examples/parts/clip", list(parts(model))[::every]
        return
    show = picture_for(model, "camera")
    for shot in SHOTS:
        source = opened(str(ROOT / "examples/shots" / shot / "render.####.exr"), 1, "exr")
        names = [name for clip in source.clips for name in clip][::every]
        yield f"examples/shots/{shot}", [known(model, show(frame), frame) for frame in map(source.read, names)]
    if clips and not any("." in channel for channel in model.channels):
        source = opened(clips, 4, "png")
        names = [name for clip in source.clips for name in clip][::every]
        yield f"{len(names)} rendered frames", [known(model, show(frame), frame) for frame in map(source.read, names)]


def known(model: Model, picture: Image, frame: Rendered) -> Known:
    tones = frame.truth.data
    return Known(picture, tones if model.activation == "softmax" else (tones > 0).byte())


def parts(model: Model) -> Iterator[Known]:
    path = str(ROOT / "examples/parts/clip/parts.####.exr")
    truth = LoadParts(path=path, parts=list(model.classes[1:]))
    for frame in LoadFrames(path=path).available() or ():
        layers = LoadFrames(path=path)(frame=frame).layers
        picture = MultipassDecode(passes=["Combined"])(layers)["Combined"].on_frame()
        yield Known(picture, truth(frame=frame).labels.data)


def compared(model: Model, frames: Sequence[Known], kinds: Sequence[str], device: str) -> Iterator[str]:
    """A row for each arithmetic: its mean IoU, what it loses against the first, and the share of pixels with another class."""
    found: dict[str, list[Tensor]] = {}
    base = 0.0
    for kind in kinds:
        segmenter = Segmenter(model, device, kind)  # type: ignore[arg-type]
        threshold = None if model.activation == "softmax" else 0.5
        matrix, labels = ConfusionMatrix(len(model.classes)), []
        for picture, truth in frames:
            stack = network_frames(model, whole_frames(Batch.of([picture])))
            best = best_class(segmenter(stack), threshold)[0].cpu()
            matrix.add(best, truth)
            labels.append(best)
        found[kind] = labels
        first = found[kinds[0]]
        changed = sum(int((a != b).sum()) for a, b in zip(labels, first, strict=True)) / sum(map(torch.numel, labels))
        score = matrix.mean_iou() or 0.0
        base = score if kind == kinds[0] else base
        yield f"{kind} | {score:.4f} | {score - base:+.4f} | {100 * changed:.3f} %"


if __name__ == "__main__":
    sys.exit(main())
