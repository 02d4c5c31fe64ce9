"""What a GPU makes of the network and of a whole job: `python tests/benchmarks/bench_gpu.py [--size 1920x1080] [--frames 48]`.

Rows: the card's own rate of matrix products in the network's arithmetic; the network alone (31 M parameters, those of
milesial/Pytorch-UNet, random weights) as rotonodes runs it, compiled, and in plain float32, with the share of the matrix rate that it
reaches; the way of an 8-bit frame to the GPU and back; and a whole job (load, segment, tones, paint, composite, PNG) beside the speed
that its slowest stage has alone. Runs on a CPU too, where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from bench_jobs import pictures
from bench_segment import untrained
from run_all import processor
from torch.utils.flop_counter import FlopCounterMode

from rotonodes import Graph
from rotonodes.engine.call_timeline import Timeline
from rotonodes.io import samples
from rotonodes.machine.cores import cpu_count
from rotonodes.nets.inference import PRECISIONS, Segmenter
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import Composite, LoadFrames, PaintTones, ToneSplit, UNetSegment, WriteFrames
from rotonodes.report.measured import measured
from rotonodes.values.pixels import Image
from rotonodes.values.tones import CLASSES, COLORS

MILESIAL = '{"widths": [64, 128, 256, 512, 1024]}'
TERA = 1e12


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", default="1920x1080", help="width and height of frames, px")
    parser.add_argument("--frames", type=int, default=48, help="frames of the whole job")
    parser.add_argument("--batch", type=int, default=8, help="frames at once of the network alone")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--config", default=MILESIAL, help="the network, as JSON")
    parser.add_argument("--matrix", type=int, default=8192, help="side of the matrices")
    parser.add_argument("--compile", action="store_true", help="the compiled network, too: a minute or more")
    options = parser.parse_args(arguments)
    width, height = map(int, options.size.split("x"))
    name = torch.cuda.get_device_name() if options.device != "cpu" else processor()
    print(f"{name}, torch {torch.__version__}, {cpu_count()} cores; {width} x {height} px\n\n| what | figure | beside |\n|---|---:|---:|")
    rate = network_rows(options, width, height)
    print(f"| the network's share of the matrix rate | {rate:.3g} | |")
    for row in way_rows(options.device, width, height, options.repeats):
        print(row)
    for row in job_rows(options, width, height):
        print(row)
    return 0


def network_rows(options: argparse.Namespace, width: int, height: int) -> float:
    """Print the rows of the network alone; returns its share of the rate of matrix products."""
    torch.manual_seed(0)
    model, device = untrained(json.loads(options.config)), options.device
    plain = model.module().to(device).eval()
    ways = {"auto": Segmenter(model, device, "auto")}
    if options.compile:
        ways["auto, compiled"] = Segmenter(model, device, "auto", compiles=True)
    kind = ways["auto"].precision
    matrix = torch.rand(options.matrix, options.matrix, device=device).to(PRECISIONS[kind])
    frames = torch.rand(options.batch, 3, height, width, device=device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        plain(frames[:1])
    work = counter.get_total_flops()
    calls: dict[str, Callable[[], object]] = {"matrices": lambda: matrix @ matrix}
    calls |= {name: lambda way=way: way(frames) for name, way in ways.items()}  # type: ignore[misc]
    calls["float32, frame by frame, as a loop would"] = lambda: [plain(frame[None]) for frame in frames]
    with torch.no_grad():
        seconds = by_turns(calls, options.repeats, device)
    products = 2 * options.matrix**3 / seconds.pop("matrices")
    print(f"| matrix products, {kind} | {products / TERA:.3g} TFLOP/s | |")
    for way, taken in seconds.items():
        speed = options.batch / taken
        print(f"| network, {way} | {speed:.3g} frames/s | {work * speed / TERA:.3g} TFLOP/s |")
    return work * options.batch / seconds["auto"] / products


def way_rows(device: str, width: int, height: int, repeats: int) -> list[str]:
    """An 8-bit frame to the device and its 8-bit samples back, by the transfers of a run and by torch's plain ones."""
    codes = torch.randint(256, (height, width, 3), dtype=torch.uint8).numpy()
    read = samples.decode(codes, "srgb")
    there = Image(read.data.to(device) * 0.5)
    calls: dict[str, Callable[[], object]] = {
        "8-bit frame up": lambda: Image(read.data, encoded=read.encoded).to(device),
        "the same, floats and plain memory up": lambda: read.data.to(device),
        "8-bit samples down": lambda: samples.encode(there, "8", "srgb"),
        "the same, floats and plain memory down": lambda: samples.encode(Image(there.data.cpu()), "8", "srgb"),
    }
    return [f"| {name} | {1000 * taken:.3g} ms | |" for name, taken in by_turns(calls, repeats, device).items()]


def job_rows(options: argparse.Namespace, width: int, height: int) -> list[str]:
    """The whole job, measured as `rotonodes bench` does, beside its slowest stage alone."""
    model = untrained({**json.loads(options.config), "classes": 5})
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            pictures(width, options.frames, height)
            save_weights(replace(model, classes=CLASSES[:5], colors=COLORS[:5], channels=("R", "G", "B")), "n.safetensors")
            graph = Graph()
            plate = graph.add(LoadFrames(path="in/a.####.png"))
            roto = graph.add(UNetSegment(weights="n.safetensors"), image=plate)
            paint = graph.add(PaintTones(), labels=graph.add(ToneSplit(), labels=roto.labels))
            comp = graph.add(Composite(), fg=paint, bg=plate, mask=roto.matte)
            graph.add(WriteFrames(path="out/f.####.png"), image=comp)
            assert graph.run(cache="none", force=True, device=options.device).exit_code == 0  # the first run warms up
            begun = time.perf_counter()
            assert graph.run(cache="none", force=True, device=options.device).exit_code == 0
            plain = options.frames / (time.perf_counter() - begun)
            timeline = Timeline()
            result = graph.run(cache="none", force=True, device=options.device, timeline=timeline)
            found = measured(result, timeline.spans, cpu_count())
        finally:
            os.chdir(here)
    slowest = min((found.stage_alone(stage), stage) for stage in found.waits)
    return [
        f"| whole job | {plain:.3g} frames/s | {plain / slowest[0]:.2f} of its slowest stage |",
        f"| slowest stage alone: {slowest[1]} | {slowest[0]:.3g} frames/s | {found.limit} |",
    ]


def by_turns(calls: dict[str, Callable[[], object]], repeats: int, device: str) -> dict[str, float]:
    """Seconds of each call, the best of the repeats, by turns; a first call of each does not count."""
    best = dict.fromkeys(calls, float("inf"))
    for number in range(repeats + 1):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            if device != "cpu":
                torch.cuda.synchronize()
            if number:
                best[name] = min(best[name], time.perf_counter() - begun)
    return best


if __name__ == "__main__":
    sys.exit(main())
