"""A sheet of six unseen clips, good and bad ones: the beauty, the truth, and what the weights find.

    python tests/benchmarks/unseen_clips.py --clips renders/unseen --weights weights/tones.safetensors weights/tones_passes.safetensors

Clips are ranked by the mean IoU of the first weights over all frames; shown are the best, the worst, and four evenly between, each with its
middle frame. Which they are is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from methods import Method, network, picture_for
from rendered import Rendered, Source, add_source_arguments, read_clip, source_of, tones_of

from rotonodes.errors import RotoError
from rotonodes.imaging.picture.sheet import cell, contact_sheet
from rotonodes.io.pictures import write_image
from rotonodes.metrics.labels import ConfusionMatrix
from rotonodes.nets.weights import load_weights
from rotonodes.values.pixels import Image
from rotonodes.values.tones import CLASSES, COLORS

SHOWN = 6


@dataclass(frozen=True)
class Ranked:
    """A clip: its number (from 1), the frame that is shown, the mean IoU of each weights, and its cells from top to bottom."""

    number: int
    frame: str
    scores: tuple[float, ...]
    cells: tuple[Image, ...]


def rank(source: Source, methods: Sequence[Method], width: int) -> list[Ranked]:
    """All clips, the best of the first method first."""
    ranked = []
    for number, clip in enumerate(source.clips, 1):
        rendered = read_clip(source, clip)
        answers = [labels for method in methods for labels in method(rendered).values()]
        scores = []
        for labels in answers:
            matrix = ConfusionMatrix(len(CLASSES))
            for frame, found in zip(rendered, labels, strict=True):
                matrix.add(tones_of(found).data, frame.truth.data)
            scores.append(matrix.mean_iou() or 0.0)
        middle = len(clip) // 2
        shown: Rendered = rendered[middle]
        cells = tuple(cell(value, (width, width)) for value in (shown.beauty, shown.truth, *(labels[middle] for labels in answers)))
        ranked.append(Ranked(number, shown.name, tuple(scores), cells))
    return sorted(ranked, key=lambda clip: -clip.scores[0])


def spread(count: int, shown: int = SHOWN) -> list[int]:
    """Places among `count` clips, the first and the last of them, and others evenly between."""
    shown = min(count, shown)
    return [round(i * (count - 1) / max(shown - 1, 1)) for i in range(shown)]


def sheet(ranked: Sequence[Ranked], names: Sequence[str], title: str) -> Image:
    """The sheet of the clips that `spread` picks of the ranked ones, a column each; `names` are those of the weights."""
    places = spread(len(ranked))
    chosen = [ranked[place] for place in places]
    cells = [clip.cells[row] for row in range(2 + len(names)) for clip in chosen]
    texts = [f"beauty (rank {place + 1} of {len(ranked)})" for place in places]
    texts += ["truth"] * len(chosen)
    texts += [f"{name}: mean IoU {clip.scores[place]:.3f}" for place, name in enumerate(names) for clip in chosen]
    return contact_sheet(cells, texts, columns=len(chosen), title=title, legend=list(zip(CLASSES, COLORS, strict=True)))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", required=True, help="folder or sequence")
    add_source_arguments(parser)
    parser.add_argument("--weights", nargs="+", type=Path, required=True, help="a row each; clips are ranked by the first")
    parser.add_argument("--width", type=int, default=160, help="side of a cell, px")
    parser.add_argument("--title", default="six clips that the network never saw", help="what stands above them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/unseen.png"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        models = [load_weights(path) for path in options.weights]
        methods = [network(model, picture_for(model, options.normals)) for model in models]
        ranked = rank(source_of(options.clips, options), methods, options.width)
        write_image(str(options.output), sheet(ranked, [path.stem for path in options.weights], options.title))
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for place in spread(len(ranked)):
        clip = ranked[place]
        found = ", ".join(f"{score:.3f}" for score in clip.scores)
        print(f"rank {place + 1} of {len(ranked)}: clip {clip.number}, frame {clip.frame}, mean IoU {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
