"""What a farm costs: `python tests/benchmarks/bench_farm.py [--frames 1000000] [--chunks 2 6] [--parts plan done warm engines workers]`.

- plan: seconds, seconds of a core, and peak memory of `check`, `plan` and `submit --to openjd` for a graph of eight nodes with so many
  frames, and the wall time of the job on 1, 10, 100 and 1000 machines, simulated from times that a run measured.
- done: the same of `plan`, `submit` and `run` where every output is there already, each of which is looked at (`--done`).
- warm: seconds of a chunk with a network in a process that has just started, and in one that stays.
- engines: seconds that each engine adds to a chunk, one chunk after the other: how much longer a job takes with more chunks, less the
  time that the runs of these chunks say they took. Slurm is among them where SLURM_CONF names one that runs.
- workers: frames per second of one and of two Dask workers, beside one process that makes all frames one by one, and one on all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
EIGHT = """rotonodes: 1
frames: 1-{frames}
nodes:
  plate: {{type: LoadFrames, path: "in/plate.####.png"}}
  crop:  {{type: Crop, in: plate, left: 8}}
  half:  {{type: Reformat, in: crop, width: 64, height: 64}}
  roto:  {{type: UNetSegment, in: half, weights: {root}/weights/tones.safetensors, precision: float32}}
  paint: {{type: PaintTones, in: {{probabilities: roto.probabilities}}, palette: {{highlight: "#fff4d6"}}}}
  comp:  {{type: Composite, in: {{fg: paint, bg: half}}}}
  png:   {{type: WriteFrames, in: comp, path: "out/flat.####.png"}}
  other: {{type: WriteFrames, in: paint, path: "out/paint.####.png"}}
"""


class Cost(NamedTuple):
    """One process: wall time and core time in seconds, peak memory in bytes, and what it printed."""

    wall: float
    core: float
    peak: int
    out: str


def cost(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Cost:
    """Call the command line, which must succeed."""
    words = [sys.executable, str(ROOT / "cli.py"), *arguments]
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            words, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}, stdout=out, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit code {process.returncode}\n{text}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, text)


def shot(folder: Path, frames: int) -> Path:
    """A folder with the graph of eight nodes and its frames."""
    from PIL import Image

    (folder / "in").mkdir(parents=True)
    (folder / "g.yaml").write_text(EIGHT.format(frames=frames, root=ROOT))
    Image.effect_noise((256, 256), 60).convert("RGB").save(folder / "in/plate.0001.png")
    for frame in range(2, frames + 1):
        shutil.copyfile(folder / "in/plate.0001.png", folder / f"in/plate.{frame:04d}.png")
    return folder


def plan(folder: Path, frames: int) -> None:
    """Print what planning a long job costs, and how long it would take."""
    measured = shot(folder / "few", 8)
    cost(measured, "run", "g.yaml", "--progress", "none", "--threads", "1", "--stats", str(folder / "stats.json"))
    (folder / "g.yaml").write_text(EIGHT.format(frames=frames, root=ROOT))
    print(f"{frames} frames x 8 nodes      wall s   core s   peak MB")
    for words in (["check", "g.yaml"], ["plan", "g.yaml"], ["plan", "g.yaml", "--json"], ["submit", "g.yaml", "--to", "openjd"]):
        made = cost(folder, *words)
        print(f"{' '.join(words):30} {made.wall:7.2f} {made.core:8.2f} {made.peak / (1 << 20):9.0f}")
    bundle = sum(file.stat().st_size for file in (folder / ".rotonodes/jobs/g").iterdir())
    print(f"the bundle has {bundle} bytes")
    print(cost(folder, "plan", "g.yaml", "--farm", "--stats", "stats.json").out)


DONE = """rotonodes: 1
frames: 1-{frames}
nodes:
  still: {{type: LoadFrames, path: still.png}}
  crop:  {{type: Crop, in: still, left: 2}}
  png:   {{type: WriteFrames, in: crop, path: "out/flat.#######.png"}}
"""


def done(folder: Path, frames: int) -> None:
    """Print what planning costs where every output is there: small files, with the keys that they must have."""
    from PIL import Image

    from rotonodes import Graph
    from rotonodes.io.png import KEY, chunk
    from rotonodes.plan.make_plan import make_plan

    (folder / "out").mkdir(parents=True)
    Image.effect_noise((8, 8), 60).convert("RGB").save(folder / "still.png")
    (folder / "g.yaml").write_text(DONE.format(frames=frames))
    keys = make_plan(Graph.load(str(folder / "g.yaml")), root=str(folder)).keys
    data = (folder / "still.png").read_bytes()
    for frame in range(1, frames + 1):
        text = chunk(b"tEXt", f"{KEY}\0{keys.of('png', frame)}".encode())
        (folder / f"out/flat.{frame:07d}.png").write_bytes(data[:33] + text + data[33:])  # after the header
        if frame % 1000 == 0:
            keys.forget(8)
    print(f"{frames} frames that are done    wall s   core s   peak MB")
    for words in (["plan", "g.yaml"], ["submit", "g.yaml", "--to", "openjd"], ["run", "g.yaml", "--progress", "none"]):
        made = cost(folder, *words)
        print(f"{' '.join(words):30} {made.wall:7.2f} {made.core:8.2f} {made.peak / (1 << 20):9.0f}")


def warm(folder: Path) -> None:
    """Print how long a chunk of one frame takes in a process that starts, and in one that stays."""
    shot(folder, 6)
    words = [sys.executable, "-m", "rotonodes.cli.warm"]
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    seconds = []
    with subprocess.Popen(words, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for frame in range(1, 7):
            begun = time.perf_counter()
            command = ["run", "g.yaml", "-F", str(frame), "--threads", "1"]
            process.stdin.write(json.dumps({"words": command, "log": str(folder / "log")}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"code": 0}
            seconds.append(time.perf_counter() - begun)
        process.stdin.close()
    cold = [cost(folder, "run", "g.yaml", "-F", str(frame), "--threads", "1", "--force").wall for frame in (1, 2)]
    print(f"a chunk of one frame: {min(cold):.2f} s in a process that starts, {min(seconds[1:]):.2f} s in one that stays")


def engines(folder: Path, few: int, many: int) -> None:
    """Print what each engine adds to a chunk."""
    ways = {"run, a process each": None, "openjd": ["--to", "openjd", "--run"], "dask": ["--to", "dask", "--workers", "1", "--run"]}
    if os.environ.get("SLURM_CONF") and shutil.which("sbatch"):
        ways["slurm"] = ["--to", "slurm", "--cpus", "2", "--wait"]
    print("engine                  seconds added to a chunk")
    for number, (name, words) in enumerate(ways.items()):
        walls, works = [], []
        for count in (few, many):
            place = shot(folder / f"{number}-{count}", count)
            begun = time.perf_counter()
            if words is None:
                for frame in range(1, count + 1):
                    cost(place, "run", "g.yaml", "-F", str(frame), "--threads", "1", "--stats", str(place / f"{frame}.json"))
                works.append(sum(json.loads((place / f"{frame}.json").read_text())["seconds"] for frame in range(1, count + 1)))
            else:
                cost(place, "submit", "g.yaml", "--chunk", "1", *words, environment={"SLURM_CPUS_PER_TASK": "1"})
                works.append(sum(_seconds(text) for text in _logs(place, name)))
            walls.append(time.perf_counter() - begun)
        added = (walls[1] - walls[0] - (works[1] - works[0])) / (many - few)
        print(f"{name:24} {added:.2f}" + ("" if works[1] else " (with the work itself)"))


def _logs(place: Path, engine: str) -> list[str]:
    return [file.read_text() for file in sorted(place.glob(".rotonodes/jobs/g/logs/*.log"))] if engine != "openjd" else []


def _seconds(log: str) -> float:
    return sum(float(found) for found in re.findall(r"delivered \d+ frames? in ([\d.]+) s", log))


def workers(folder: Path, frames: int) -> None:
    """Print frames per second of one process, and of one and two workers."""
    chunk = max(1, frames // 8)
    single = cost(shot(folder / "one", frames), "run", "g.yaml", "--threads", "1").wall
    every = cost(shot(folder / "all", frames), "run", "g.yaml").wall
    print(f"{'one process, one thread':24} {frames / single:6.2f} fps  1.00")
    print(f"{'one process, all cores':24} {frames / every:6.2f} fps {single / every:5.2f}")
    for count in (1, 2):
        place = shot(folder / str(count), frames)
        wall = cost(place, "submit", "g.yaml", "--to", "dask", "--workers", str(count), "--chunk", str(chunk), "--run").wall
        print(f"{f'dask, {count} worker' + 's' * (count > 1):24} {frames / wall:6.2f} fps {single / wall:5.2f}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000, help="of the job that is planned")
    parser.add_argument("--done", type=int, default=1_000_000, help="frames of the job that is done")
    parser.add_argument("--chunks", type=int, nargs=2, default=(2, 6), metavar=("FEW", "MANY"))
    parser.add_argument("--work", type=int, default=160, help="frames for the comparison of workers")
    parser.add_argument("--parts", nargs="+", default=["plan", "done", "warm", "engines", "workers"])
    given = parser.parse_args(arguments)
    calls = {
        "plan": lambda folder: plan(folder, given.frames),
        "done": lambda folder: done(folder, given.done),
        "warm": warm,
        "engines": lambda folder: engines(folder, *given.chunks),
        "workers": lambda folder: workers(folder, given.work),
    }
    with tempfile.TemporaryDirectory() as folder:
        for part in given.parts:
            calls[part](Path(folder) / part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
