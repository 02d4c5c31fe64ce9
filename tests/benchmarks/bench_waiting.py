"""Trainings beside each other on the same cores, with threads that wait as GNU's OpenMP lets them, and as the command line does.

    python tests/benchmarks/bench_waiting.py [--together 2] [--steps 40]

Each training is a process of its own, `rotonodes run` on a graph with one TrainUNet. What is printed are the seconds of a step, from its
log.jsonl: of one training alone, and of several at once, the mean of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

SHOT = Path(__file__).resolve().parents[2] / "examples/shots/torus"
# GNU's is the number that its manual gives for a machine whose cores are not all taken by the threads of one program.
SPINS = {"GNU's OpenMP": "300000", "the command line's": ""}
GRAPH = """
rotonodes: 1
frames: 1-8
nodes:
  picture: {{type: LoadFrames, path: "{shot}/render.####.exr"}}
  truth: {{type: TonesFromPasses, in: picture.layers, recipe: light}}
  train:
    type: TrainUNet
    in: {{image: picture, labels: truth}}
    steps: {steps}
    batch: 4
    crop: 128
    width: 16
    checkpoints: "{folder}"
  weights: {{type: WriteModel, in: train, path: "{folder}/weights.safetensors"}}
"""


def seconds_of_a_step(together: int, steps: int, spins: str) -> float:
    """Of so many trainings at once; without their first logged steps, in which oneDNN prepares itself."""
    environment = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    environment |= {"GOMP_SPINCOUNT": spins} if spins else {}
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / str(number) for number in range(together)]
        running = []
        for number, folder in enumerate(folders):
            folder.mkdir()
            graph = folder / "graph.yaml"
            graph.write_text(GRAPH.format(shot=SHOT, steps=steps, folder=folder / "run"), encoding="utf-8")
            words = ["run", str(graph), "--cache", str(folder / "cache"), "--set", f"train.seed={number}", "-q"]
            command = [sys.executable, "-m", "rotonodes", *words]
            running.append(subprocess.Popen(command, env=environment))
        if any(process.wait() for process in running):
            sys.exit("a training failed")
        rows = [[json.loads(line) for line in (folder / "run/log.jsonl").read_text("utf-8").splitlines()] for folder in folders]
    return fmean((each[-1]["seconds"] - each[0]["seconds"]) / (each[-1]["step"] - each[0]["step"]) for each in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--together", type=int, default=2, help="trainings at once (default: 2)")
    parser.add_argument("--steps", type=int, default=60, help="steps of each; every tenth is logged (default: 60)")
    options = parser.parse_args(arguments)
    print(f"| threads wait as | s a step, alone | {options.together} at once |\n|---|---:|---:|")
    for name, spins in SPINS.items():
        alone, several = (seconds_of_a_step(count, options.steps, spins) for count in (1, options.together))
        print(f"| {name} | {alone:.3f} | {several:.3f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
