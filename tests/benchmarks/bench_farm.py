"""What a farm costs: `python tests/benchmarks/bench_farm.py [--frames 1000000] [--chunks 2 6] [--parts plan done warm engines workers]`.

- plan: seconds, seconds of a core, and peak memory of `check`, `plan` and `submit --to openjd` for a graph of eight nodes with so many
  frames, and the wall time of the job on 1, 10, 100 and 1000 machines, simulated from times that a run measured.
- done: the same of `plan`, `submit` and `run` where every output is there already, each of which is looked at (`--done`).
- warm: seconds of a chunk with a network in a process that has just started, and in one that stays.
- engines: seconds that each engine adds to a chunk of one frame, one chunk after the other: how much longer a job takes with more
  chunks, less what one process takes for as many more frames; by the clock, and of a core (all processes that the engine starts),
  which a busy machine changes less. Slurm is among them where SLURM_CONF names one that runs.
- workers: frames per second of one and of two Dask workers, beside one process that makes all frames one by one, and one on all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
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


def engines(folder: Path, few: int, many: int, repeats: int) -> None:
    """Print what each engine adds to a chunk of one frame, as medians; the engines take turns."""
    ways = {"one process": None, "run, a process each": None, "openjd": ["--to", "openjd", "--run"]}
    ways |= {"dask": ["--to", "dask", "--workers", "1", "--run"]}
    if os.environ.get("SLURM_CONF") and shutil.which("sbatch"):
        ways["slurm"] = ["--to", "slurm", "--cpus", "2", "--wait"]
    slopes: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for number, (name, words) in enumerate(ways.items()):
            wall, core = [], []
            for count in (few, many):
                made = _chunks(shot(folder / f"{repeat}-{number}-{count}", count), name, words, count)
                wall.append(sum(one.wall for one in made))
                core.append(sum(one.core for one in made))
            slopes[name].append(((wall[1] - wall[0]) / (many - few), (core[1] - core[0]) / (many - few)))
    medians = {name: [statistics.median(values) for values in zip(*found, strict=True)] for name, found in slopes.items()}
    print("added to a chunk of one frame |  s by the clock | s of a core")
    for name, (wall, core) in medians.items():
        if name == "one process":
            print(f"{'(its work: a frame more)':29} | {wall:14.2f} | {core:10.2f}")
            continue
        counted = f"{core - medians['one process'][1]:10.2f}" if name != "slurm" else "         –"  # its tasks are not our children
        print(f"{name:29} | {wall - medians['one process'][0]:14.2f} | {counted}")


def _chunks(place: Path, name: str, words: list[str] | None, count: int) -> list[Cost]:
    """The costs of making so many frames in chunks of one."""
    if words is not None:
        return [cost(place, "submit", "g.yaml", "--chunk", "1", *words, environment={"SLURM_CPUS_PER_TASK": "1"})]
    frames = [f"1-{count}"] if name == "one process" else map(str, range(1, count + 1))
    return [cost(place, "run", "g.yaml", "-F", one, "--threads", "1") for one in frames]


def workers(folder: Path, frames: int, repeats: int) -> None:
    """Print frames per second of one process, and of one and two workers: medians, by turns."""
    chunk = str(max(1, frames // 8))
    ways = {"one process, one thread": ["run", "g.yaml", "--threads", "1"], "one process, all cores": ["run", "g.yaml"]}
    for count in (1, 2):
        submit = ["submit", "g.yaml", "--to", "dask", "--workers", str(count), "--chunk", chunk, "--run"]
        ways[f"dask, {count} worker" + "s" * (count > 1)] = submit
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for number, (name, words) in enumerate(ways.items()):
            found[name].append(cost(shot(folder / f"{repeat}-{number}", frames), *words))
    walls = {name: statistics.median(one.wall for one in costs) for name, costs in found.items()}
    single = next(iter(walls.values()))
    for name, costs in found.items():
        core = statistics.median(one.core for one in costs)
        print(f"{name:24} {frames / walls[name]:6.2f} fps {single / walls[name]:5.2f}   {1000 * core / frames:7.1f} ms of a core a frame")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000, help="of the job that is planned")
    parser.add_argument("--done", type=int, default=1_000_000, help="frames of the job that is done")
    parser.add_argument("--chunks", type=int, nargs=2, default=(2, 6), metavar=("FEW", "MANY"))
    parser.add_argument("--repeats", type=int, default=3, help="of the engines and the workers")
    parser.add_argument("--work", type=int, default=160, help="frames for the comparison of workers")
    parser.add_argument("--parts", nargs="+", default=["plan", "done", "warm", "engines", "workers"])
    given = parser.parse_args(arguments)
    calls = {
        "plan": lambda folder: plan(folder, given.frames),
        "done": lambda folder: done(folder, given.done),
        "warm": warm,
        "engines": lambda folder: engines(folder, *given.chunks, given.repeats),
        "workers": lambda folder: workers(folder, given.work, given.repeats),
    }
    with tempfile.TemporaryDirectory() as folder:
        for part in given.parts:
            calls[part](Path(folder) / part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
