"""`plan` on a half-done job: `python tests/benchmarks/bench_plan.py [--frames 10000] [--repeats 3]`.

The graph reads numbered pictures, changes them in three nodes, and writes PNGs and a GIF. Half of the PNGs are there. Timed are whole
processes, by the clock and, for a machine that is busy with other things, by what they use of a core; the least of the repeats counts:
the plan of one frame (what starting up costs), the plan of all frames, and the plan with a changed parameter, which says for every frame
that is there what changed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
GRAPH = """rotonodes: 1
frames: 1-{frames}
nodes:
  plate: {{type: LoadFrames, path: "in/plate.####.png"}}
  grade: {{type: Grade, in: plate, gain: 1.5}}
  blur:  {{type: Blur, in: grade, size: 3}}
  crop:  {{type: Crop, in: blur, left: 1}}
  write: {{type: WriteFrames, in: crop, path: "out/a.####.png"}}
  gif:   {{type: WriteGIF, in: crop, path: out/a.gif}}
"""
CHANGED = ["--set", "grade.gain=2"]


def half_done(folder: Path, frames: int) -> None:
    """A job of which half of the pictures are there, with their keys and the record of the run that made them."""
    import numpy as np

    from rotonodes import Graph
    from rotonodes.io.png import KEY, write_png
    from rotonodes.plan.made_from import Records
    from rotonodes.plan.make_plan import make_plan

    (folder / "g.yaml").write_text(GRAPH.format(frames=frames))
    samples = np.zeros((16, 16, 3), np.uint8)
    (folder / "in").mkdir()
    write_png(folder / "in/plate.0001.png", samples)
    for frame in range(2, frames + 1):
        shutil.copyfile(folder / "in/plate.0001.png", folder / f"in/plate.{frame:04d}.png")
    begun = make_plan(Graph.load(str(folder / "g.yaml")), root=str(folder))
    Records(folder / ".rotonodes").note(begun)
    (folder / "out").mkdir()
    for frame in range(1, frames // 2 + 1):
        write_png(folder / f"out/a.{frame:04d}.png", samples, text={KEY: begun.keys.of("write", frame)})


def timed(folder: Path, *options: str) -> tuple[float, float, str]:
    """Seconds of the processor and of the clock of a `plan` process, and the reasons that it gives for the PNGs."""
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(ROOT / "cli.py"), "plan", "g.yaml", "--json", *options]
    made = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True, text=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return spent, time.perf_counter() - begun, json.dumps(json.loads(made.stdout)["nodes"]["write"]["reasons"])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        half_done(folder, given.frames)
        ways = {"one frame": ["-F", "1", "-X", "write"], "all frames": [], "a changed parameter": CHANGED}
        for name, options in ways.items():
            spent, seconds, reasons = min(timed(folder, *options) for _ in range(given.repeats))
            print(f"{name:20} {seconds:6.2f} s, {spent:5.2f} s of a core  {reasons}", flush=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
