"""What grows with the size of a graph or a shot, and how fast: `python tests/benchmarks/bench_scale.py [--size 10000] [--doublings 2]`.

Each row is measured at a size, twice it, four times it and so on, by processor time of one thread, the best of three; the last column is
the exponent of the growth between the smallest and the largest size: 1 is linear. `--calls` counts calls of Python functions instead of
seconds, which comes out the same on any machine.
"""

from __future__ import annotations

import argparse
import base64
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rotonodes import Frame, Graph, Image, Node
from rotonodes.graph.document import parse_document
from rotonodes.nodes import Constant, Grade, LoadFrames, WriteFrames
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.frames import format_frames, parse_frames

FRAMES = 20  # of the chain that is run
# a black pixel as a PNG
BLACK = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
Prepared = Callable[[], Any]  # what is measured


class Blank(Node):
    """A picture of one pixel."""

    def process(self, frame: Frame) -> Image:
        import torch

        return Image(torch.zeros(3, 1, 1))


class HandOn(Node):
    """The picture as it is."""

    def process(self, image: Image) -> Image:
        return image


def check_of_chain(size: int) -> Prepared:
    text = chain(size)
    return lambda: built(text)


def plan_of_chain(size: int) -> Prepared:
    graph = built(chain(size))
    return lambda: make_plan(graph, cache="none")


def plan_of_writers(size: int) -> Prepared:
    """Half of the nodes are writers, one at each node of the chain: their ancestors are the same ones again and again."""
    graph = built(chain(size // 2, writers=True))
    return lambda: make_plan(graph, cache="none")


def adding(size: int) -> Prepared:
    def add() -> None:
        graph = Graph(frames="1-2")
        plate = graph.add(Constant(size=[4, 4]))
        for _ in range(size):
            plate = graph.add(Grade(gain=1.01), image=plate)

    return add


def range_with_commas(size: int) -> Prepared:
    text = ",".join(str(3 * number) for number in range(size))
    return lambda: parse_frames(text)


def range_as_text(size: int) -> Prepared:
    numbers = [number for number in range(2 * size) if number % 7 != 3]
    return lambda: format_frames(numbers)


def gaps_held(size: int) -> Prepared:
    """The files of every frame of a sequence, a tenth of which is missing."""
    Path(f"gaps{size}").mkdir(exist_ok=True)
    for number in range(size):
        if number % 10 != 3:
            Path(f"gaps{size}/a.{number:06d}.png").touch()
    source = LoadFrames(path=f"gaps{size}/a.######.png", missing="hold").with_files_listed(lambda files, sources: set())
    return lambda: [source.reads(number) for number in range(size)]


def plan_of_files(size: int) -> Prepared:
    """A file for every frame, and one that is not there."""
    return _plan_of_sequence(size, size, "error")


def plan_of_black(size: int) -> Prepared:
    """One file, for whose other frames an empty picture stands in."""
    return _plan_of_sequence(size, 1, "black")


def _plan_of_sequence(size: int, files: int, missing: str) -> Prepared:
    folder = Path(f"{missing}{size}")
    folder.mkdir(exist_ok=True)
    for number in range(1, files + 1):
        (folder / f"a.{number:07d}.png").write_bytes(BLACK)
    graph = Graph(frames=range(1, size + 2))
    loaded = graph.add(LoadFrames(path=f"{folder}/a.#######.png", missing=missing, sizes="any"))
    graph.add(WriteFrames(path=f"out{missing}/a.#######.png"), image=graph.add(HandOn(), image=loaded.image))
    return lambda: make_plan(graph, cache="none")


def plan_of_frames(size: int) -> Prepared:
    graph = Graph(frames=range(1, size + 1))
    graph.add(HandOn(), image=graph.add(HandOn(), image=graph.add(Blank())))
    return lambda: make_plan(graph, cache="none")


def run_of_chain(size: int) -> Prepared:
    """A run of a tenth of so many nodes, each of which hands its picture on, over 20 frames."""
    graph = Graph(frames=f"1-{FRAMES}")
    plate = graph.add(Blank())
    for _ in range(size // 10):
        plate = graph.add(HandOn(), image=plate)
    return lambda: graph.run(cache="none", device="cpu", threads=1)


ROWS = {
    "check, chain of nodes": check_of_chain,
    "plan, chain of nodes": plan_of_chain,
    "plan, a writer at every other node": plan_of_writers,
    "Graph.add": adding,
    "-F with commas": range_with_commas,
    "frames as text": range_as_text,
    "missing: hold, a tenth missing": gaps_held,
    "plan, frames of 3 nodes": plan_of_frames,
    "plan, a file for every frame": plan_of_files,
    "plan, one file, missing: black": plan_of_black,
    "run, nodes that do nothing, 20 frames": run_of_chain,
}


def chain(size: int, writers: bool = False) -> str:
    """The text of a graph of so many nodes in a row, with a writer at its end or (`writers`) at every node."""
    lines = ["rotonodes: 1", "frames: 1-2", "nodes:", "  n0: {type: Constant, size: [4, 4]}"]
    for number in range(1, size):
        lines.append(f"  n{number}: {{type: Grade, in: n{number - 1}, gain: 1.01}}")
        if writers or number == size - 1:
            lines.append(f'  w{number}: {{type: WriteFrames, in: n{number}, path: "out/{number}.####.png"}}')
    return "\n".join(lines) + "\n"


def built(text: str) -> Graph:
    from rotonodes.graph.builder import Builder

    graph = Graph()
    Builder(parse_document(text, "chain.yaml"), {}, {}).build(graph)
    return graph


def seconds(call: Prepared, repeats: int = 3) -> float:
    """Processor time, the best of the repeats."""
    best = math.inf
    for _ in range(repeats):
        begun = time.process_time()
        call()
        best = min(best, time.process_time() - begun)
    return best


def calls(call: Prepared) -> int:
    """Calls of Python functions, and steps of generators, in this thread."""
    count = 0

    def counting(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    call()  # what is made once and kept is no growth
    sys.setprofile(counting)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000, help="nodes or frames of the smallest size")
    parser.add_argument("--doublings", type=int, default=2)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--calls", action="store_true", help="count calls instead of seconds")
    options = parser.parse_args(arguments)
    sizes = [options.size << power for power in range(options.doublings + 1)]
    heads = [f"{size:,}" for size in sizes]
    print(f"| {'calls' if options.calls else 'seconds'} | {' | '.join(heads)} | us for one, largest | growth |")
    print("|---|" + "---:|" * (len(sizes) + 2))
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name in options.rows:
                found = [(calls if options.calls else seconds)(ROWS[name](size)) for size in sizes]
                growth = math.log(found[-1] / max(found[0], 1e-9)) / math.log(sizes[-1] / sizes[0])
                shown = [str(value) if options.calls else f"{value:.3f}" for value in found]
                each = "" if options.calls else f"{found[-1] / sizes[-1] * 1e6 / (FRAMES / 10 if 'run' in name else 1):.1f}"
                print(f"| {name} | {' | '.join(shown)} | {each} | {growth:.2f} |", flush=True)
        finally:
            os.chdir(here)
    return 0


if __name__ == "__main__":
    sys.exit(main())
