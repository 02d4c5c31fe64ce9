"""`rotonodes cutout` beside rembg with the same network: `python tests/benchmarks/bench_rembg.py --python VENV/bin/python`.

rembg is no dependency: `--python` names an interpreter of a virtual environment of its own (`pip install rembg onnxruntime`). Both cut
the same pictures out by one U2NETP, rembg from an ONNX file that is exported here, with random weights: nothing is downloaded. The sides
take turns, each in a process that stays; medians of the time by the clock and of all cores, after one call each that does not count.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from bench_jobs import command, pictures

sys.path.append(str(Path(__file__).parents[1]))  # foreign_networks

THEIRS = """
import sys, time
from pathlib import Path
from PIL import Image
from rembg import new_session, remove
session = new_session("u2net_custom", model_path="u2netp.onnx", providers=["CPUExecutionProvider"])
Path("theirs").mkdir()
print("ready", flush=True)
for line in sys.stdin:
    wall, cores = time.perf_counter(), time.process_time()
    for file in sorted(Path("in").iterdir()):
        with Image.open(file) as picture:
            remove(picture, session=session).save(f"theirs/{file.name}")
    print([time.perf_counter() - wall, time.process_time() - cores], flush=True)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="an interpreter that has rembg")
    parser.add_argument("--size", type=int, default=512, help="width and height of the pictures, px")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            pictures(options.size, options.frames)
            network()
            found = taken(options.python, options.repeats)
        finally:
            os.chdir(here)
    first = found["rembg"]
    print("| side | ms a frame | ms of all cores | ratio, wall | ratio, cores |\n|---|---:|---:|---:|---:|")
    for side, (wall, cores) in found.items():
        times = [f"{1000 * seconds / options.frames:.1f}" for seconds in (wall, cores)]
        print(f"| {side} | {' | '.join(times)} | {first[0] / wall:.2f} | {first[1] / cores:.2f} |")
    return 0


def network() -> None:
    """u2netp.pth and u2netp.onnx: one network."""
    from foreign_networks import NestedU, randomised, saved

    made = randomised(NestedU(*NestedU.SMALL)).eval()
    saved(made, Path("u2netp.pth"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(made, (torch.rand(1, 3, 320, 320),), "u2netp.onnx", input_names=["input"], dynamo=False)


def taken(python: str, repeats: int) -> dict[str, tuple[float, float]]:
    """Median seconds of rembg and of ours, by the clock and of all cores."""
    pipe = subprocess.PIPE
    environment = {**os.environ, "U2NET_HOME": os.getcwd()}  # the only folder that it takes a network from
    with subprocess.Popen([python, "-c", THEIRS], env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{python} has no rembg that starts: pip install rembg onnxruntime")
        stdin, stdout = process.stdin, process.stdout

        def theirs() -> list[float]:
            stdin.write("\n")
            stdin.flush()
            return list(json.loads(stdout.readline()))

        sides: dict[str, Callable[[], list[float]]] = {"rembg": theirs, "rotonodes cutout": ours}
        times: dict[str, list[list[float]]] = {name: [] for name in sides}
        for number in range(repeats + 1):
            for name, side in sides.items():
                seconds = side()
                if number:
                    times[name].append(seconds)
        with contextlib.suppress(OSError):
            stdin.close()
    return {name: (statistics.median(w for w, _ in found), statistics.median(c for _, c in found)) for name, found in times.items()}


def ours() -> list[float]:
    wall, cores = time.perf_counter(), time.process_time()
    command("cutout", "in", "-o", "ours", "-m", "u2netp.pth")
    return [time.perf_counter() - wall, time.process_time() - cores]


if __name__ == "__main__":
    sys.exit(main())
