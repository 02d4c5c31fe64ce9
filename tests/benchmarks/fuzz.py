"""Throws damaged graphs and pictures at the readers: every one is read, or refused in one line.

    python tests/benchmarks/fuzz.py --graphs 20000 --pictures 2000

Prints for each kind how many were read, refused, raised another exception than an error on purpose (a fault of ours), or took
longer than 5 s of processor time. Exit code 1 when any of the last two is not 0, or when a process dies.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

WORDS = ["", "~", "on", "1e999", "-1", "0", "$a", "${env:HOME}", "*x", "&x", "####", "{", "[", "]", "}", ":", "#", "\t", "<<", "\x00"]
WORDS.append("!!python/object:os.system")
HANG = 5.0


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes replaced, cut out, doubled or cut off, mostly in the first 300."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not changed:
            break
        at = int(rng.integers(0, len(changed) if rng.random() < 0.4 else min(len(changed), 300)))
        kind = rng.integers(5)
        if kind <= 1:
            changed[at] = int(rng.choice([0, 1, 2, 4, 127, 128, 255, int(rng.integers(256))]))
        elif kind == 2:
            del changed[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            changed[at:at] = changed[max(0, at - int(rng.integers(1, 40))) : at]
        else:
            del changed[at + 1 :]
    return bytes(changed)


def mutated_text(text: str, rng: np.random.Generator) -> str:
    """Lines swapped, words replaced, characters as in `mutated`."""
    lines = text.split("\n")
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(lines)))
        kind = rng.integers(4)
        if kind == 0:
            lines[at] = lines[int(rng.integers(len(lines)))]
        elif kind == 1:
            words = lines[at].split(" ")
            words[int(rng.integers(len(words)))] = str(rng.choice(WORDS))
            lines[at] = " ".join(words)
        elif kind == 2:
            lines.insert(at, lines[int(rng.integers(len(lines)))])
        else:
            lines[at] = mutated(lines[at].encode(), rng).decode("utf-8", "replace")
    return "\n".join(lines)


def graph_texts() -> list[str]:
    """The graphs that ship, and those of the examples."""
    found = [*sorted((ROOT / "graphs").glob("*.yaml")), *sorted((ROOT / "examples").rglob("*.yaml"))]
    return [path.read_text(encoding="utf-8") for path in found]


def fuzz_graphs(count: int, seed: int) -> Counter[str]:
    """Load `count` mutated graphs."""
    from rotonodes import Graph

    texts, rng, counts = graph_texts(), np.random.default_rng(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "g.yaml"
        for _ in range(count):
            path.write_text(mutated_text(texts[int(rng.integers(len(texts)))], rng), encoding="utf-8", errors="replace")
            tried(lambda: Graph.load(path), counts, path)
    return counts


def fuzz_pictures(name: str, count: int, seed: int) -> Counter[str]:
    """Read `count` mutated files of one kind with every reader it has."""
    from test_hostile_files import KINDS

    write, readers = KINDS[name]
    rng, counts = np.random.default_rng(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        whole = path.read_bytes()
        for number in range(count):
            path.write_bytes(mutated(whole, rng))
            tried(lambda number=number: readers[number % len(readers)](path), counts, path)  # type: ignore[misc]
    return counts


def tried(call: Callable[[], Any], counts: Counter[str], path: Path) -> None:
    """Count how a call ends."""
    from rotonodes.errors import RotoError

    begun = time.process_time()
    try:
        call()
        counts["read"] += 1
    except RotoError as error:
        counts["refused"] += 1
        if "Traceback" in str(error):
            counts["foreign"] += 1
    except BaseException as error:
        counts["foreign"] += 1
        print(f"{path.name}: {type(error).__name__}: {error}", file=sys.stderr)
    if time.process_time() - begun > HANG:
        counts["slow"] += 1
        print(f"{path.name}: {time.process_time() - begun:.1f} s", file=sys.stderr)


def in_process(target: Callable[..., Counter[str]], *arguments: Any) -> Counter[str]:
    """Call in a process of its own, so that a crash of a decoder is counted too."""
    there, here = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        warnings.simplefilter("ignore")
        here.send(target(*arguments))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    here.close()
    try:
        counts: Counter[str] = there.recv()
    except EOFError:
        counts = Counter(crashed=1)
    process.join()
    return counts


def lines(graphs: int, pictures: int, seed: int) -> Iterator[tuple[str, Counter[str]]]:
    """(kind, counts) of every kind."""
    from test_hostile_files import KINDS

    yield "graphs", in_process(fuzz_graphs, graphs, seed)
    for name in KINDS:
        yield name, in_process(fuzz_pictures, name, pictures, seed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--graphs", type=int, default=20_000)
    parser.add_argument("--pictures", type=int, default=2_000, help="of each format")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    total = Counter[str]()
    text = io.StringIO()
    for name, counts in lines(given.graphs, given.pictures, given.seed):
        total += counts
        line = f"{name:12} " + "  ".join(f"{what} {counts[what]:6}" for what in ("read", "refused", "foreign", "slow", "crashed"))
        print(line, flush=True)
        text.write(line + "\n")
    return int(total["foreign"] + total["slow"] + total["crashed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
