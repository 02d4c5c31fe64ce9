"""What StabilizeTones gains on rendered clips, and what it costs: a Markdown table.

    python tests/benchmarks/bench_stabilize.py --clips renders/unseen --weights weights/tones.safetensors --radius 1 2 3

Clips are sequences as examples/blender/clips.py renders them (with --vector for the rows of the Vector pass), or folders of
cNNN_fNN_beauty.png and cNNN_fNN_label.png. `flicker` is that of EvaluateLabels: of the pixels whose true class stays, the share
whose class changes. `along motion` counts the same where the surface went, by the render's vectors, in place of at the same
pixel: a wrong tone that moves with its surface flickers for the one, not for the other. Times are of one core, in ms a frame, on
these clips and on frames of 1920 x 1080; those of EstimateMotion are in the row that needs it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from rendered import Rendered, add_source_arguments, source_of

from rotonodes.errors import RotoError
from rotonodes.imaging.temporal.motion import follow, own_positions
from rotonodes.metrics.labels import ClipScores
from rotonodes.nets.weights import load_weights
from rotonodes.node.base import Node
from rotonodes.nodes import EstimateMotion, StabilizeTones, UNetSegment
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import CLASSES

COLUMNS = ("", "radius", "mean IoU", "boundary F", "flicker", "along motion", "ms", "ms at 1080p")
NETWORK = "as the network says"
HEIGHT, WIDTH = 1080, 1920  # of the large frames
WAYS = {  # which inputs are linked beside the probabilities
    "probabilities alone": (),
    "and the picture": ("image",),
    "and EstimateMotion": ("image", "estimate"),
    "and the Vector pass": ("image", "vectors"),
}


@dataclass
class Tally:
    """Scores and times of one way, added up clip by clip."""

    scores: ClipScores = field(default_factory=lambda: ClipScores(len(CLASSES)))
    still: int = 0
    changed: int = 0
    seconds: float = 0.0

    def add(self, found: list[Labels], clip: list[Rendered]) -> None:
        self.scores.flicker.cut()
        for labels, frame in zip(found, clip, strict=True):
            self.scores.add(labels.data, frame.truth.data)
        for before, after, first, second in zip(clip, clip[1:], found, found[1:], strict=False):
            if before.motion is not None and after.motion is not None:
                kept, held = (carried(other, now, before.motion, after.motion) for other, now in
                              ((before.truth, after.truth), (first, second)))  # fmt: skip
                self.still += int((kept == 1).sum())
                self.changed += int(((kept == 1) & (held == 0)).sum())

    def row(self) -> list[str]:
        found = self.scores.scores(CLASSES).as_json()
        along = self.changed / self.still if self.still else None
        shares = [f"{100 * share:.2f} %" if share is not None else "-" for share in (found["flicker"], along)]
        return [f"{found['mean_iou']:.4f}", f"{found['boundary_f']:.4f}", *shares, f"{1000 * self.seconds / self.scores.frames:.0f}"]


def carried(before: Labels, after: Labels, motion_before: Image, motion_after: Image) -> torch.Tensor:
    """1 where a surface point has the class that it had, 0 where it has another, -1 where it cannot be followed back."""
    at = own_positions(after.data)
    to, trust = follow(motion_after.data, motion_before.data, -1, at)
    height, width = after.data.shape
    rows, columns = to.y.round().clamp(0, height - 1).long(), to.x.round().clamp(0, width - 1).long()
    same = (before.data[rows, columns] == after.data).int()
    return torch.where(trust > 0.5, same, -1)


def stabilized(node: StabilizeTones, linked: tuple[str, ...], inputs: dict[str, list[Image]]) -> tuple[list[Labels], float]:
    """The labels of every frame of a clip, and the seconds they took on one core."""
    numbers, motion = range(1, len(inputs["probabilities"]) + 1), inputs.get("vectors")
    begun = time.process_time()
    if "estimate" in linked:
        motion = [EstimateMotion()(inputs["image"], frame=number).motion for number in numbers]
    given = {"probabilities": inputs["probabilities"], "image": inputs["image"] if "image" in linked else None}
    given["motion"] = motion if {"estimate", "vectors"} & set(linked) else None
    found = [node(**given, frame=number).labels for number in numbers]
    return found, time.process_time() - begun


def large(radius: int) -> dict[str, list[Image]]:
    """Inputs of WIDTH x HEIGHT, enough frames for one with all its neighbours."""
    torch.manual_seed(0)
    count = 2 * radius + 1
    return {
        "probabilities": [Image(torch.rand(len(CLASSES), HEIGHT, WIDTH).softmax(0), CLASSES) for _ in range(count)],
        "image": [Image(torch.rand(3, HEIGHT, WIDTH)) for _ in range(count)],
        "vectors": [Image(torch.rand(4, HEIGHT, WIDTH), ("X", "Y", "Z", "W")) for _ in range(count)],
    }


def large_times(radius: int) -> dict[str, float]:
    """Milliseconds of one large frame with all its neighbours, by way."""
    inputs, middle, times = large(radius), radius + 1, {}

    def taken(call: Callable[[], object]) -> float:
        begun = time.process_time()
        call()
        return 1000 * (time.process_time() - begun)

    estimate = taken(lambda: EstimateMotion()(inputs["image"], frame=middle))
    for way, linked in WAYS.items():
        given = {name: clip for name, clip in inputs.items() if name in ("probabilities", *linked)}
        motion = inputs["vectors"] if {"estimate", "vectors"} & set(linked) else None
        node: Node = StabilizeTones(radius=radius)
        call = lambda: node(given["probabilities"], motion, given.get("image"), frame=middle)  # noqa: B023, E731
        times[way] = taken(call) + (estimate if "estimate" in linked else 0)
    return times


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    """The rows of the table; one clip is in memory at a time."""
    source, model, segment = source_of(options.clips, options), load_weights(options.weights), UNetSegment()
    tallies: dict[tuple[str, int], Tally] = {(NETWORK, 0): Tally()}
    for number, names in enumerate(source.clips, 1):
        clip = [source.read(name) for name in names]
        segments = [segment(frame.beauty, model=model) for frame in clip]
        inputs = {"probabilities": [s.probabilities for s in segments], "image": [frame.beauty for frame in clip]}
        vectors = [frame.motion for frame in clip if frame.motion is not None]
        if len(vectors) == len(clip):
            inputs["vectors"] = vectors
        tallies[NETWORK, 0].add([s.labels for s in segments], clip)
        for radius in options.radius:
            for way, linked in WAYS.items():
                if "vectors" not in linked or "vectors" in inputs:
                    found, seconds = stabilized(StabilizeTones(radius=radius, change=options.change), linked, inputs)
                    tally = tallies.setdefault((way, radius), Tally())
                    tally.add(found, clip)
                    tally.seconds += seconds
        print(f"clip {number} of {len(source.clips)}", file=sys.stderr, flush=True)
    times = {radius: large_times(radius) for radius in options.radius} if not options.no_1080p else {}
    for (way, radius), tally in tallies.items():
        wide = times.get(radius, {}).get(way)
        row = [way, str(radius), *tally.row(), f"{wide:.0f}" if wide else "-"]
        yield row if radius else [way, "", *row[2:-2], "-", "-"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", required=True, help="sequence or folder of rendered clips")
    parser.add_argument("--weights", default="weights/tones.safetensors", help="whose probabilities are stabilised")
    parser.add_argument(
        "--radius", type=int, nargs="+", default=[StabilizeTones().radius], help="frames on each side; several make a row each"
    )
    parser.add_argument("--change", type=float, default=StabilizeTones().change, help="chance of another tone from frame to frame")
    parser.add_argument("--no-1080p", action="store_true", help="leave out the times of large frames")
    add_source_arguments(parser)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        table = list(rows(options))
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for row in (COLUMNS, ("---",) * len(COLUMNS), *table):
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
