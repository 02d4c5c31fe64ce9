"""Ways to find tones, side by side on the same clips: a Markdown table of what `EvaluateLabels` would say of each.

    python tests/benchmarks/bench_tones.py --clips renders/unseen --fit renders/tones --weights weights/tones.safetensors

Clips are sequences as examples/blender/clips.py renders them, or folders of cNNN_fNN_beauty.png and cNNN_fNN_label.png.
Thresholds, k-means and the key light are given the true matte, and have to find the tones inside it alone: their shape IoU
is 1. Thresholds are those with the highest mean IoU on every 20th frame of `--fit` (give the clips themselves for the best that
thresholds could do). With `--train-a4 MINUTES` the U-Net of the system that came before learns from all frames of `--fit` first
(see predecessor.py; a second call goes on). Each `--weights` is a row, and weights that see passes find them in the EXRs;
`--steady` adds rows with StabilizeTones. ground_shadow counts as background among the five classes, and has a column of its own, over
the clips whose truth tells it (clips.py --ground).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import predecessor
import torch
from methods import Method, clusters, fit_thresholds, key_light, needs_passes, network, picture_for, thresholds
from rendered import GROUND, Rendered, Source, add_source_arguments, frames, opened, read_clip, source_of, tones_of

from rotonodes.errors import RotoError, UsageError
from rotonodes.metrics.label_scores import Score
from rotonodes.metrics.labels import ClipScores, ConfusionMatrix
from rotonodes.nets.weights import load_weights
from rotonodes.train.checkpoint import NEWEST
from rotonodes.values.pixels import Labels
from rotonodes.values.tones import CLASSES, GROUND_SHADOW, SIX_CLASSES

FIT_EVERY = 20
COLUMNS = ("method", "mean IoU", *CLASSES, "shape IoU", "pixel accuracy", "boundary F", "flicker", GROUND_SHADOW)


class Tally:
    """The scores of one method, added up clip by clip."""

    def __init__(self) -> None:
        self.tones, self.ground = ClipScores(len(CLASSES)), ConfusionMatrix(2)

    def add(self, predicted: Sequence[Labels], clip: Sequence[Rendered]) -> None:
        """Count the frames of one clip, in order."""
        self.tones.flicker.cut()
        for found, frame in zip(predicted, clip, strict=True):
            self.tones.add(tones_of(found).data, frame.truth.data)
            if frame.ground is not None and GROUND_SHADOW in found.classes:
                self.ground.add(found.data == GROUND, frame.ground)

    def row(self) -> list[Score]:
        """One score for each of `COLUMNS` after the first."""
        scores = self.tones.scores(CLASSES)
        found = scores.as_json()
        more = scores.shape_iou, self.tones.confusion.pixel_accuracy(), found["boundary_f"], scores.flicker, self.ground.iou()[1]
        return [found["mean_iou"], *scores.iou, *more]


def score(methods: dict[str, Method], source: Source) -> dict[str, Tally]:
    """Every method on every clip; each frame is read once, and one clip is in memory at a time."""
    tallies: dict[str, Tally] = {}
    for number, clip in enumerate(source.clips, 1):
        rendered = read_clip(source, clip)
        for name, method in methods.items():
            for variant, labels in method(rendered).items():
                tallies.setdefault(name + variant, Tally()).add(labels, rendered)
        print(f"{source.title}: clip {number} of {len(source.clips)}", file=sys.stderr)
    return tallies


def table(rows: dict[str, list[Score]]) -> str:
    """Markdown; a score that does not exist is a dash."""
    lines = [COLUMNS, ("---", *("---:" for _ in COLUMNS[1:]))]
    lines += [(name, *("-" if value is None else f"{value:.3f}" for value in row)) for name, row in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def methods_of(options: argparse.Namespace) -> Iterator[tuple[str, Method, bool]]:
    """What the options ask for: a name, the method, and whether it needs passes."""
    learned_from = [opened(path, 1, options.beauty) for path in options.fit]
    for source in learned_from:
        scale = fit_thresholds(frames(source, FIT_EVERY))
        limits = ", ".join(f"{limit:.3f}" for limit in scale.thresholds)
        yield f"luminance thresholds {limits} (linear), fitted on {source.title}, true matte", thresholds(scale), False
    yield "k-means on luminance, 4 clusters a frame, true matte", clusters, False
    yield "ours, no network: TonesFromPasses, recipe key, true matte", key_light, True
    if options.train_a4:
        pictures, labels = predecessor.cut_frames(options.a4, learned_from[0] if learned_from else None)
        predecessor.learn(options.a4, pictures, labels, options.train_a4)
    if options.train_a4 or (options.a4 / NEWEST).exists():
        model = predecessor.trained(options.a4)
        yield f"the predecessor's U-Net (grey, 31 M parameters), {predecessor.progress(model)}", network(model, predecessor.grey), False
    for path in options.weights:
        model = load_weights(path)
        if model.classes not in (CLASSES, SIX_CLASSES):
            raise UsageError(f"{path}: its classes are {', '.join(model.classes)}, not {', '.join(SIX_CLASSES)}: take weights of tones")
        passes = needs_passes(model)
        sees = f" (sees {', '.join(passes)} too)" if passes else ""
        name = path.name if [other.name for other in options.weights].count(path.name) == 1 else path
        yield f"ours: {name}{sees}", network(model, picture_for(model, options.normals), options.steady), bool(passes)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="+", required=True, help="folders or sequences to score on, a table each")
    add_source_arguments(parser)
    parser.add_argument("--fit", nargs="*", default=[], help="training renders, for thresholds and --train-a4")
    parser.add_argument("--train-a4", type=float, default=0, metavar="MINUTES", help="train the predecessor's U-Net for so long first")
    parser.add_argument("--a4", type=Path, default=Path("out/a4"), help="folder of that training; a row if it has a checkpoint")
    parser.add_argument("--weights", nargs="*", type=Path, default=[], help="weights of ours, a row each")
    parser.add_argument("--steady", action="store_true", help="more rows for each weights: with StabilizeTones, with and without vectors")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    try:
        clips = [source_of(path, options) for path in options.clips]
        methods = list(methods_of(options))
        for source in clips:
            tallies = score({name: method for name, method, passes in methods if source.has_passes or not passes}, source)
            count = sum(map(len, source.clips))
            print(f"\n{source.title}: {count} frames of {len(source.clips)} clips, beauty {source.beauty}\n")
            print(table({name: tally.row() for name, tally in tallies.items()}), flush=True)
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
