"""Whole jobs in one run: the main job against its network, and `segment` against the loops of milesial/Pytorch-UNet and U-2-Net.

    python tests/benchmarks/bench_jobs.py [--size 512] [--frames 8] [--repeats 3] [--only job milesial u2net]

- `job`: load, segment, tones, paint, composite, PNG and GIF, beside load, network and label PNG alone: how much of the network's speed
  the whole job keeps.
- `milesial`: the predict loop of milesial/Pytorch-UNet (31 M parameters, scale 1), as its users run it, beside `rotonodes segment` with
  default options on the same file and pictures.
- `u2net`: the test loop of U-2-Net (U2NETP, 320 px), likewise.

Weights are random, pictures are made here. Each side has a process of its own, as its users have: how rotonodes sets up memory for large
tensors, and threads that wait (as its command line does before torch is imported), would change the other loop too. In `job` both sides
are run from Python, in that environment. The sides take turns; what is printed are medians over the repeats of wall time, and of
processor time of all threads, which a busy machine changes less, with their ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from torch.nn import functional as F

from rotonodes import Graph
from rotonodes.cli.main import call
from rotonodes.cli.session import Session
from rotonodes.machine.cores import wait_briefly
from rotonodes.machine.memory import reuse_memory
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import Composite, LoadFrames, PaintTones, ToneSplit, UNetSegment, WriteFrames, WriteGIF
from rotonodes.values.tones import CLASSES, COLORS

sys.path.append(str(Path(__file__).parents[1]))  # foreign_networks, which other tests use too

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # as the loops choose it, and ours too
THEIRS = "its "  # how the names of the loops of others begin
Way = Callable[[], object]
PROCESS = multiprocessing.get_context("spawn").Process
TONES = {"in_channels": 3, "classes": 5, "widths": [32, 64, 128, 256, 512]}  # 7.8 M parameters


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="width and height of the pictures, px")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--small", action="store_true", help="tiny networks, to see that it works")
    options = parser.parse_args(arguments)
    print("| job | side | ms a frame | ms of all cores | ratio, wall | ratio, cores |\n|---|---|---:|---:|---:|---:|")
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            pictures(options.size, options.frames)
            for name in options.only:
                found = taken(name, options.small, options.repeats)
                first = next(iter(found.values()))
                for side, (wall, cores) in found.items():
                    times = [f"{1000 * seconds / options.frames:.1f}" for seconds in (wall, cores)]
                    print(f"| {name} | {side} | {' | '.join(times)} | {first[0] / wall:.2f} | {first[1] / cores:.2f} |", flush=True)
        finally:
            os.chdir(here)
    return 0


def pictures(size: int, count: int, height: int | None = None) -> None:
    """`in/a.####.png`, square without a `height`: shaded and noisy, as renders are."""
    Path("in").mkdir()
    y, x = np.mgrid[: height or size, :size] / size
    for number in range(1, count + 1):
        light = np.sin(6 * x + number / 3)[..., None] * np.cos(5 * y[..., None] * (1, 1.2, 1.5))
        noise = np.random.default_rng(number).normal(0, 3, light.shape)
        PIL.Image.fromarray((light * 90 + 130 + noise).clip(0, 255).astype(np.uint8)).save(f"in/a.{number:04d}.png")


def taken(job: str, small: bool, repeats: int) -> dict[str, tuple[float, float]]:
    """Median seconds of each side, by the clock and of all cores; the sides take turns, after one call each that does not count."""
    sides = list(JOBS[job](small))  # writes the weights, too
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    with contextlib.ExitStack() as stack:
        ends = {}
        for name in sides:
            ends[name], theirs = multiprocessing.Pipe()
            process = PROCESS(target=serve, args=(theirs, job, small, name), daemon=True)
            with environment_of(name):
                process.start()
            stack.callback(process.join)
            stack.callback(ends[name].send, False)
            ends[name].recv()  # it has written and read the weights
        for number in range(repeats + 1):
            for name, end in ends.items():
                end.send(True)
                seconds = end.recv()
                if number:
                    times[name].append(seconds)
    return {name: (statistics.median(w for w, _ in found), statistics.median(c for _, c in found)) for name, found in times.items()}


@contextlib.contextmanager
def environment_of(side: str) -> Iterator[None]:
    """The environment in which a side's process begins: that of the command line, or for the loops of others the one that is there."""
    before = set(os.environ)
    if not side.startswith(THEIRS):
        wait_briefly()
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            del os.environ[name]


def serve(asked: Connection, job: str, small: bool, side: str) -> None:
    """Run one side each time it is asked for, and answer the seconds that it took."""
    if not side.startswith(THEIRS):
        reuse_memory()  # as the command line does in its first line, before there are threads
    way = JOBS[job](small)[side]
    asked.send(None)
    while asked.recv():
        wall, cores = time.perf_counter(), time.process_time()
        way()
        asked.send((time.perf_counter() - wall, time.process_time() - cores))


def main_job(small: bool) -> dict[str, Way]:
    """The network with label PNGs, and the whole job."""
    torch.manual_seed(0)
    config = {**TONES, "widths": [4, 8]} if small else TONES
    network = build("unet", config)
    multiple = int(network.size_multiple)  # type: ignore[arg-type]
    save_weights(Model("unet", config, CLASSES[:5], COLORS[:5], size_multiple=multiple, state=network.state_dict()), "tones.safetensors")

    def alone() -> None:
        graph = Graph()
        plate = graph.add(LoadFrames(path="in/a.####.png"))
        graph.add(WriteFrames(path="out/l.####.png"), image=graph.add(UNetSegment(weights="tones.safetensors"), image=plate).labels)
        assert graph.run(cache="none", force=True).exit_code == 0

    def whole() -> None:
        graph = Graph()
        plate = graph.add(LoadFrames(path="in/a.####.png"))
        roto = graph.add(UNetSegment(weights="tones.safetensors"), image=plate)
        tones = graph.add(ToneSplit(), labels=roto.labels)
        palette = {"cast_shadow": "#22223b", "form_shadow": "#4a4e69", "midtone": "#c9ada7", "highlight": "#f2e9e4"}
        paint = graph.add(PaintTones(palette=palette), labels=tones.labels)
        comp = graph.add(Composite(), fg=paint, bg=plate, mask=roto.matte)
        graph.add(WriteFrames(path="out/f.####.png"), image=comp)
        graph.add(WriteGIF(path="out/f.gif"), image=comp)
        assert graph.run(cache="none", force=True).exit_code == 0

    return {"load, network, label PNG": alone, "the whole job": whole}


def milesial(small: bool) -> dict[str, Way]:
    """The loop loads its network once, as ours does, in each call."""
    from foreign_networks import Milesial, randomised, saved

    width = 4 if small else 64
    saved(randomised(Milesial(width=width)), Path("milesial.pth"))

    @torch.no_grad()
    def loop() -> None:
        net = Milesial(width=width)
        net.load_state_dict(torch.load("milesial.pth", weights_only=True), strict=False)
        net.to(DEVICE).eval()
        Path("theirs").mkdir(exist_ok=True)
        for file in sorted(Path("in").iterdir()):
            with PIL.Image.open(file) as picture:
                samples = np.asarray(picture).transpose(2, 0, 1) / 255.0
                size = picture.size[::-1]
            output = net(torch.from_numpy(samples)[None].float().to(DEVICE)).cpu()
            mask = F.interpolate(output, size, mode="bilinear").argmax(dim=1)[0].long().numpy()
            PIL.Image.fromarray((mask * 255).astype(np.uint8)).save(f"theirs/{file.name}")

    return {"its predict loop": loop, "rotonodes segment": lambda: command("segment", "in", "-o", "ours", "-m", "milesial.pth")}


def u2net(small: bool) -> dict[str, Way]:
    from foreign_networks import NestedU, randomised, saved

    saved(randomised(NestedU(*NestedU.SMALL)), Path("u2netp.pth"))
    side = 64 if small else 320

    @torch.no_grad()
    def loop() -> None:
        net = NestedU(*NestedU.SMALL)
        net.load_state_dict(torch.load("u2netp.pth", weights_only=True))
        net.to(DEVICE).eval()
        Path("their_mattes").mkdir(exist_ok=True)
        for file in sorted(Path("in").iterdir()):
            with PIL.Image.open(file) as picture:
                size = picture.size
                samples = np.asarray(picture.resize((side, side), PIL.Image.Resampling.BILINEAR), np.float64)
            samples = samples / samples.max()
            samples = (samples - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
            output = net(torch.from_numpy(samples.transpose(2, 0, 1))[None].float().to(DEVICE))[0][:, 0].cpu()
            matte = (output - output.min()) / (output.max() - output.min())
            picture = PIL.Image.fromarray((matte.squeeze().numpy() * 255).astype(np.uint8)).convert("RGB")
            picture.resize(size, PIL.Image.Resampling.BILINEAR).save(f"their_mattes/{file.name}")

    return {"its test loop": loop, "rotonodes segment": lambda: command("segment", "in", "-o", "our_mattes", "-m", "u2netp.pth")}


def command(*words: str) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = call(list(words), Session())
    if code:
        raise RuntimeError(said.getvalue())


JOBS: dict[str, Callable[[bool], dict[str, Way]]] = {"job": main_job, "milesial": milesial, "u2net": u2net}


if __name__ == "__main__":
    sys.exit(main())
