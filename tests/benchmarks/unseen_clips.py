"""A sheet of six unseen clips, good and bad ones: the beauty, the truth, and what the weights find.

    python tests/benchmarks/unseen_clips.py --clips renders/unseen --weights weights/tones.safetensors -o out/unseen.png

Clips are ranked by their mean IoU over all frames; shown are the best, the worst, and four evenly between, each with its
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
from rendered import Rendered, Source, add_source_arguments, source_of

from rotonodes.errors import RotoError
from rotonodes.io.pictures import write_image
from rotonodes.io.sheet import contact_sheet
from rotonodes.nets.weights import load_weights
from rotonodes.nodes.contact_sheet import cell
from rotonodes.pixels import Image
from rotonodes.tones import CLASSES, COLORS
from rotonodes.train.metrics import ConfusionMatrix

SHOWN = 6


@dataclass(frozen=True)
class Ranked:
    """A clip: its number (from 1), the frame that is shown, its mean IoU, and its cells from top to bottom."""

    number: int
    frame: str
    score: float
    cells: tuple[Image, ...]


def rank(source: Source, method: Method, width: int) -> list[Ranked]:
    """All clips, the best first."""
    ranked = []
    for number, clip in enumerate(source.clips, 1):
        rendered = [source.read(name) for name in clip]
        (labels,) = method(rendered).values()
        matrix = ConfusionMatrix(len(CLASSES))
        for frame, found in zip(rendered, labels, strict=True):
            matrix.add(found.data, frame.truth.data)
        middle = len(clip) // 2
        shown: Rendered = rendered[middle]
        cells = tuple(cell(value, (width, width)) for value in (shown.beauty, shown.truth, labels[middle]))
        ranked.append(Ranked(number, shown.name, matrix.mean_iou() or 0.0, cells))
    return sorted(ranked, key=lambda clip: -clip.score)


def spread(count: int, shown: int = SHOWN) -> list[int]:
    """Places among `count` clips, the first and the last of them, and others evenly between."""
    shown = min(count, shown)
    return [round(i * (count - 1) / max(shown - 1, 1)) for i in range(shown)]


def sheet(ranked: Sequence[Ranked], title: str) -> Image:
    """The sheet of the clips that `spread` picks of the ranked ones, a column each."""
    places = spread(len(ranked))
    chosen = [ranked[place] for place in places]
    cells = [clip.cells[row] for row in range(3) for clip in chosen]
    texts = [f"beauty (rank {place + 1} of {len(ranked)})" for place in places]
    texts += ["truth"] * len(chosen) + [f"found: mean IoU {clip.score:.3f}" for clip in chosen]
    return contact_sheet(cells, texts, columns=len(chosen), title=title, legend=list(zip(CLASSES, COLORS, strict=True)))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", required=True, help="folder or sequence")
    add_source_arguments(parser)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--width", type=int, default=160, help="side of a cell, px")
    parser.add_argument("--title", default="six clips that the network never saw", help="what stands above them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/unseen.png"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        model = load_weights(options.weights)
        ranked = rank(source_of(options.clips, options), network(model, picture_for(model, options.normals)), options.width)
        write_image(str(options.output), sheet(ranked, options.title))
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for place in spread(len(ranked)):
        clip = ranked[place]
        print(f"rank {place + 1} of {len(ranked)}: clip {clip.number}, frame {clip.frame}, mean IoU {clip.score:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
