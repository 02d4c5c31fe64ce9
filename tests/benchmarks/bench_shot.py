"""Does training on six frames of a shot beat the shipped weights on its other frames? Both are scored in one run.

    python tests/benchmarks/bench_shot.py examples/shots/torus examples/shots/monkey

A shot is a folder of `render.####.exr` with a label view layer. It is trained as graphs/train_on_shot.yaml says, on frames spread
evenly over it; the scores, as a Markdown table, are those of the frames that were not learned from. `--set train.steps=40` and the like
change the graph.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rotonodes import Graph
from rotonodes.graph.graph import Handle
from rotonodes.nodes import EvaluateLabels, UNetSegment
from rotonodes.values.frames import FilePattern

GRAPH, WEIGHTS = "graphs/train_on_shot.yaml", "weights/tones_unet.safetensors"
COLUMNS = ("mean_iou", "mean_iou_foreground", "boundary_f", "flicker")


def scored(
    shot: Path, count: int, folder: Path, threads: int | None, changes: Sequence[str] = ()
) -> tuple[dict[str, dict[str, Any]], float]:
    """The scores of the shipped weights and of those trained on `count` frames, on all others, and the minutes that both took."""
    numbers = FilePattern(str(shot / "render.####.exr")).on_disk()
    learned = numbers[:: -(-len(numbers) // count)]
    everything = f"{numbers[0]}-{numbers[-1]}"
    settings = {"train.frames": ",".join(map(str, learned)), "train.checkpoints": str(folder / "checkpoints")}
    settings |= {name: value for name, _, value in (change.partition("=") for change in changes)}
    graph = Graph.load(GRAPH, variables={"shot": str(shot)}, settings=settings)
    graph.frames = numbers
    picture, truth = Handle(graph, "passes", "Combined"), Handle(graph, "truth", "labels")
    shipped = graph.add(UNetSegment(weights=WEIGHTS), name="shipped", image=picture)
    for name, labels in (("shipped weights", shipped.labels), ("trained on the shot", Handle(graph, "roto", "labels"))):
        node = EvaluateLabels(path=str(folder / f"{name}.json"))
        graph.add(node, name="score_" + name.split()[0], prediction=labels, truth=truth)
    others = [number for number in numbers if number not in learned]
    print(f"{shot}: frames {everything}, {len(learned)} learned from, {len(others)} scored", flush=True)
    start = time.monotonic()
    graph.run(frames=others, nodes=["score_shipped", "score_trained"], cache=str(folder / "cache"), progress="plain", threads=threads)
    minutes = (time.monotonic() - start) / 60
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}, minutes


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shots", nargs="+", type=Path, help="folders of render.####.exr")
    parser.add_argument("--count", type=int, default=6, help="frames to learn from")
    parser.add_argument("--threads", type=int, help="of the engine; default all cores")
    parser.add_argument("--set", nargs="*", default=[], metavar="NODE.PARAM=VALUE", help="parameters of the graph, for shorter trainings")
    args = parser.parse_args(arguments)
    rows = []
    for shot in args.shots:
        with TemporaryDirectory() as folder:
            scores, minutes = scored(shot, args.count, Path(folder), args.threads, args.set)
        for name, found in scores.items():
            cells = [f"{found[column]:.3f}" for column in COLUMNS]
            rows.append([shot.name, name, *cells, f"{minutes:.1f}" if name.startswith("trained") else ""])
    head = ["shot", "weights", *(column.replace("_", " ") for column in COLUMNS), "minutes"]
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
