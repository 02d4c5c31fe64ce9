"""Kills runs with SIGKILL at random moments: nothing is lost, nothing is half-written, and the end is the same.

    python tests/benchmarks/chaos.py --kills 100

The graph has every writer: a training with checkpoints, its weights with their card and as ONNX, pictures of every format, GIF,
animations, videos, PSDs, SVG, masks, sheets and scores. An undisturbed run comes first. Then runs are started and killed
until one of them finishes, in rounds with a fresh folder, until there were enough kills. After each kill every file under a final name
is compared with the undisturbed run's; after each round all files are, and no unfinished file may be left. Exit code 1 when anything
differs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL.Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

FRAMES = 6
SHORT_FRAMES = 2
PICTURES = ("png", "exr", "jpg", "tif", "webp", "bmp")
GRAPH = """rotonodes: 1
frames: 1-{frames}
nodes:
  plate: {{type: LoadFrames, path: "in/plate.####.png"}}
  truth: {{type: LoadLabels, path: "in/truth.####.png", classes: [background, shape], colors: ["#000000", "#ffffff"]}}
  train: {{type: TrainUNet, in: {{image: plate, labels: truth}}, steps: {steps}, batch: 2, crop: 32, widths: [4, 8],
          every: 4, checkpoints: out/training}}
  model: {{type: WriteModel, in: train, path: out/net.safetensors}}
  roto:  {{type: UNetSegment, in: {{image: plate, model: train}}, cache: true}}
  lut:   {{type: WriteFrames, in: roto.labels, path: "out/labels.####.png"}}
  score: {{type: EvaluateLabels, in: {{prediction: roto.labels, truth: truth}}, path: out/scores.json}}
  gif:   {{type: WriteGIF, in: roto.labels, path: out/clip.gif}}
  apng:  {{type: WriteAnimation, in: plate, path: out/clip.png}}
  movie: {{type: WriteVideo, in: plate, path: out/clip.mkv, codec: ffv1}}
  webp:  {{type: WriteAnimation, in: plate, path: out/clip.webp}}
  mp4:   {{type: WriteVideo, in: plate, path: out/clip.mp4}}
  psd:   {{type: WritePSD, in: {{labels: roto.labels}}, path: "out/layers.####.psd"}}
  flat:  {{type: WriteFlatPSD, in: {{labels: truth}}, path: "out/flat.####.psd"}}
  svg:   {{type: WriteSVG, in: {{labels: truth}}, path: "out/flat.####.svg"}}
  lottie: {{type: WriteLottie, in: {{labels: truth}}, path: out/flat.json}}
  named: {{type: WritePictures, in: plate, pictures: "in/plate.*.png", path: "out/named/*_b.png"}}
  layer: {{type: WritePicturePSD, in: {{pictures: [plate]}}, names: [plate], named_after: "in/plate.*.png", path: "out/named/*.psd"}}
  parts: {{type: WriteParts, in: truth, parts: [shape], path: "out/parts/{{part}}.####.png"}}
  edges: {{type: CheckEdges, in: roto.matte, path: out/edges.json, picture: out/edges.png}}
  sheet: {{type: ContactSheet, in: plate, path: out/sheet.png}}
  mask:  {{type: LoadMattes, path: "in/truth.####.png"}}
  alpha: {{type: EvaluateMatte, in: {{matte: roto.matte, truth: mask}}, path: out/alpha.json}}
"""
ONNX = "  onnx:  {type: ExportONNX, in: train, path: out/net.onnx}\n"


def graph_text(short: bool) -> str:
    onnx = ONNX if not short and all(find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")) else ""
    graph = GRAPH.format(frames=SHORT_FRAMES if short else FRAMES, steps=3 if short else 12)
    return graph + onnx + "".join(f'  w_{kind}: {{type: WriteFrames, in: plate, path: "out/{kind}/a.####.{kind}"}}\n' for kind in PICTURES)


def make_inputs(folder: Path, short: bool) -> None:
    """A clip of a bright square that moves over noise, and its labels."""
    (folder / "in").mkdir(parents=True)
    (folder / "g.yaml").write_text(graph_text(short))
    for frame in range(1, (SHORT_FRAMES if short else FRAMES) + 1):
        plate = np.random.default_rng(frame).integers(0, 90, (48, 48, 3), np.uint8)
        truth = np.zeros((48, 48), np.uint8)
        truth[10:30, 4 * frame : 4 * frame + 20] = 1
        plate[truth == 1] += 150
        PIL.Image.fromarray(plate).save(folder / f"in/plate.{frame:04d}.png")
        PIL.Image.fromarray(truth).save(folder / f"in/truth.{frame:04d}.png")
        for name in ("plate", "truth"):
            os.utime(folder / f"in/{name}.{frame:04d}.png", ns=(10**18, 10**18))


def start(folder: Path) -> int:
    """A run in a process of its own, forked from this one, where everything is imported; returns its id."""
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.chdir(folder)
        sink = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        from rotonodes.cli.main import main

        main(["run", "g.yaml", "--device", "cpu", "--threads", "2", "--progress", "plain"])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file under a final name below `out`, except logs of the training, which grow."""
    found = {}
    for path in sorted((folder / "out").rglob("*")):
        inside = path.relative_to(folder / "out")
        if path.is_file() and not path.name.startswith(".") and inside.parts[0] != "training":
            found[str(inside)] = path.read_bytes()
    return found


def unfinished(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*.rotonodes-*")]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="fewer frames and steps, no ONNX")
    given = parser.parse_args(arguments)
    chance, kills, rounds, partial, differing, left, failed = random.Random(given.seed), 0, 0, 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        make_inputs(whole, given.short)
        warm_up()
        begun = time.monotonic()
        code = os.waitstatus_to_exitcode(os.waitpid(start(whole), 0)[1])
        if code:
            print((whole / "log.txt").read_text(), file=sys.stderr)
            return 1
        length, wanted = time.monotonic() - begun, outputs(whole)
        print(f"undisturbed run: {length:.1f} s, {len(wanted)} files", flush=True)
        while kills < given.kills:
            folder = Path(place) / f"round{rounds}"
            rounds += 1
            make_inputs(folder, given.short)
            while True:
                process = start(folder)
                deadline = time.monotonic() + (chance.uniform(0, length * 0.7) if kills < given.kills else 3600)
                while (ended := os.waitpid(process, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
                    time.sleep(0.01)
                if ended[0]:
                    if os.waitstatus_to_exitcode(ended[1]):
                        failed += 1
                        print((folder / "log.txt").read_text()[-2000:], file=sys.stderr)
                    break
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                kills += 1
                partial += sum(wanted.get(name) != data for name, data in outputs(folder).items())
            made = outputs(folder)
            differing += sum(made.get(name) != data for name, data in wanted.items()) + len(made.keys() - wanted.keys())
            left += len(unfinished(folder))
    print(f"{kills} kills in {rounds} rounds: {partial} partial files, {differing} files that differ or are lost at the end,")
    print(f"{left} unfinished files left, {failed} runs that failed by themselves")
    return int(partial + differing + left + failed > 0)


def warm_up() -> None:
    """Import what a run imports, so that each run is short and most kills hit the work."""
    for name in ("OpenEXR", "av", "imageio.v3", "isal", "numba", "psd_tools", "onnx", "onnxscript", "onnxruntime", "torch.onnx"):
        with contextlib.suppress(ImportError):
            import_module(name)
    import torch

    import rotonodes.engine.run
    import rotonodes.train.training_run  # noqa: F401

    torch.set_num_threads(1)


if __name__ == "__main__":
    sys.exit(main())
