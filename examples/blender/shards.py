# SPDX-License-Identifier: GPL-3.0-or-later
"""Random labelled frames for training, packed into shards that TrainUNet streams; see shard_file.py and README.md.

    python shards.py --out renders/train --seed 11 --shards 0-199 --models DIR
    blender -b --python shards.py -- --out renders/train --seed 11 --shards 0-199

Each shard is rendered by a process of its own, so that Blender's memory does not grow and a scene that crashes it costs one shard.
A shard that is there is not rendered again: the same command goes on where it was stopped.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import shard_file

WORKER = Path(__file__).resolve().with_name("shard.py")
QUIET = ("Fra:", "Saved:", "Time:", "Info:", "OBJ import")  # lines of Blender's that say nothing here


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--seed", type=int, required=True, help="another seed, other scenes")
    parser.add_argument("--shards", default="0-9", help="first and last shard, as in 0-99")
    parser.add_argument("--clips", type=int, default=40, help="scenes in a shard")
    parser.add_argument("--frames", type=int, default=0, help="frames of each scene; 0 for one or two")
    parser.add_argument("--res", type=int, default=256, help="side in pixels of a square frame; others have about as many")
    parser.add_argument("--kind", default="", help="only this kind of scene")
    parser.add_argument("--vector", action="store_true", help="pack the Vector pass as well; then there is no motion blur")
    parser.add_argument("--models", type=Path, help="folder of OBJ, PLY, STL or GLB files to mix in")
    parser.add_argument("--threads", type=int, default=0, help="threads of the render; 0 for all")
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else ""
    parser.add_argument("--scratch", default=memory, help="folder for the files of the frame being made")
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(own)
    if args.clips < 1 or args.frames < 0 or args.res < 16:
        parser.error("at least one scene a shard and 16 pixels a side")
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", args.shards)
    if not match:
        parser.error(f"--shards {args.shards}: first and last, as in 0-99")
    args.range = range(int(match[1]), int(match[2] or match[1]) + 1)
    known = sorted(path.stem for path in WORKER.with_name("kinds").glob("[a-z]*.py"))
    if args.kind and args.kind not in known:
        parser.error(f"--kind {args.kind}: there are {', '.join(known)}")
    if args.models and not args.models.is_dir():
        parser.error(f"--models {args.models}: no such folder")
    return args


def command(task: dict) -> list[str]:
    """The command that renders a shard, by the Python or the Blender that runs this script."""
    bpy = sys.modules.get("bpy")
    if bpy and bpy.app.binary_path:
        return [bpy.app.binary_path, "-b", "--factory-startup", "--python-exit-code", "1", "--python", str(WORKER), "--", json.dumps(task)]
    return [sys.executable, str(WORKER), json.dumps(task)]


def render(task: dict) -> int:
    """Render one shard; returns the process's exit code."""
    process = subprocess.Popen(command(task), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for line in process.stdout:
            if line.strip() and not line.startswith(QUIET):
                print(line, end="", flush=True)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    return process.wait()


def main() -> int:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    code = 0
    for shard in args.range:
        path = args.out / f"s{args.seed:02d}-{shard:05d}.npz"
        if path.exists():
            continue
        keep = ("seed", "clips", "frames", "res", "kind", "vector", "scratch", "threads")
        task = {name: getattr(args, name) for name in keep} | {"shard": shard, "path": str(path.resolve())}
        task["models"] = str(args.models.resolve()) if args.models else ""
        started = time.perf_counter()
        failed = render(task)
        if failed:
            code = 1
            print(f"shard {shard} failed: exit code {failed}; the same command tries it again", flush=True)
            continue
        frames, seconds = shard_file.head_of(path)["frames"], time.perf_counter() - started
        size = path.stat().st_size / frames / 1e6 if frames else 0
        print(f"shard {shard}: {frames} frames in {seconds:.0f} s, {size:.2f} MB a frame: {path.name}", flush=True)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
