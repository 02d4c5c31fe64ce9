"""Frames per second of weights files: `python tests/benchmarks/bench_segment.py [weights/*.safetensors ...]`.

Every file runs in float32 and in bfloat16, at 256, 512 and 1920 x 1080 px, on the CPU and where there is one on CUDA, all in one
process and taking turns; the fastest of the repeats counts. What is timed is `Segmenter`: from scene-linear float32 frames to
probabilities. The table is Markdown, for the model cards; in brackets is the speed beside the first row of the same device.

`--eager` adds rows for each file with its network alone, from encoded frames to logits: as `Segmenter` has made it ready, in each
arithmetic, and as plain torch runs it, in float32 with nothing folded.
`--config '{"widths": [16, 32]}'` adds a network that has not been trained. `--cpu-time` divides by the seconds that the
processor spent on it, not by those on the clock: on a machine that is busy with other things, one thread is measured so.
"""

import argparse
import glob
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch

from rotonodes.machine.memory import reuse_memory
from rotonodes.nets.encode import pad
from rotonodes.nets.inference import PRECISIONS, Segmenter
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import load_weights

SIZES = {"256": (256, 256), "512": (512, 512), "1080p": (1920, 1080)}
CUDA_BATCH = 8


EAGER, ALONE = "float32, eager", ", network alone"


class Eager:
    """A network as torch runs it from its file, on the CPU; called as a `Segmenter` is."""

    def __init__(self, model: Model) -> None:
        self.model, self.device, self.network = model, torch.device("cpu"), model.module()

    @torch.no_grad()
    def __call__(self, frames: torch.Tensor) -> None:
        self.network(pad(frames, self.model.size_multiple, int(getattr(self.network, "smallest", 1))))


class Alone:
    """The network of a `Segmenter`, without the encoding of frames and without probabilities."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.model, self.device, self.network, self.dtype = segmenter.model, segmenter.device, segmenter.network, segmenter.dtype
        self.smallest = segmenter.smallest

    @torch.inference_mode()
    def __call__(self, frames: torch.Tensor) -> None:
        padded = pad(frames.to(self.device), self.model.size_multiple, self.smallest)
        self.network(padded.to(self.dtype).contiguous(memory_format=torch.channels_last))


class Row(NamedTuple):
    """What is timed: a network on a device, in a precision, with its file's size in bytes (0 where there is no file)."""

    name: str
    model: Model
    bytes: int
    device: str
    precision: str


def side(row: Row) -> Segmenter | Eager | Alone:
    if row.precision == EAGER:
        return Eager(row.model)
    made = Segmenter(row.model, row.device, row.precision.removesuffix(ALONE))
    return Alone(made) if row.precision.endswith(ALONE) else made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", help="weights files (default: weights/*.safetensors)")
    parser.add_argument("--config", action="append", default=[], metavar="JSON", help="a U-Net's config, with random weights")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=["float32", "bfloat16"])
    parser.add_argument("--eager", action="store_true", help="beside plain torch, on the CPU")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--threads", type=int, default=1, help="torch threads; the engine gives each frame on the CPU one (default: 1)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cpu-time", action="store_true", help="count the processor's seconds instead of the clock's")
    parser.add_argument("--no-cuda", action="store_true", help="the CPU only")
    options = parser.parse_args(arguments)
    files = options.weights or ([] if options.config else sorted(glob.glob("weights/*.safetensors")))
    if not files and not options.config:
        print("no weights/*.safetensors here: name files, or run from the repository's folder", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    reuse_memory()

    devices = ["cpu", "cuda"] if torch.cuda.is_available() and not options.no_cuda else ["cpu"]
    networks = [(file, load_weights(file), os.path.getsize(file)) for file in files]
    networks += [(text, untrained(json.loads(text)), 0) for text in options.config]
    alone = [*(precision + ALONE for precision in options.precisions), EAGER]
    ways = {"cpu": [*options.precisions, *(alone if options.eager else [])], "cuda": options.precisions}
    rows = [Row(*network, device, way) for device in devices for network in networks for way in ways[device]]
    clock = time.process_time if options.cpu_time else time.perf_counter
    speeds = [dict.fromkeys(options.sizes, 0.0) for _ in rows]
    for size in options.sizes:
        segmenters = [side(row) for row in rows]
        for segmenter in segmenters:
            frames_per_second(segmenter, size, clock)  # the first frame is slower
        for _ in range(options.repeats):
            for segmenter, speed in zip(segmenters, speeds, strict=True):
                speed[size] = max(speed[size], frames_per_second(segmenter, size, clock))
    print(table(rows, speeds, options.sizes))
    print(f"\n{conditions(devices, options.threads, options.repeats, options.cpu_time)}")
    return 0


def untrained(config: dict) -> Model:
    """A network with random weights: it takes as long as one that knows something."""
    config = {"in_channels": 3, "classes": 5, **config}
    network = build("unet", config)
    names = tuple(f"class{i}" for i in range(config["classes"]))
    channels = tuple(f"channel{i}" for i in range(config["in_channels"]))
    multiple = int(network.size_multiple)  # type: ignore[arg-type]
    return Model("unet", config, names, ("#000000",) * len(names), channels, size_multiple=multiple, state=network.state_dict())


def frames_per_second(segmenter: Segmenter | Eager | Alone, size: str, clock) -> float:
    width, height = SIZES[size]
    on_cuda = segmenter.device.type == "cuda"
    count = CUDA_BATCH if on_cuda else 1
    if not isinstance(segmenter, Segmenter):  # frames as large as the network sees them
        shaping = segmenter.model.preprocessing
        width, height = (shaping.squash or int(shaping.scale * length) for length in (width, height))
    frames = torch.rand(count, len(segmenter.model.channels), height, width, device=segmenter.device)
    if on_cuda:
        torch.cuda.synchronize()
    begun = clock()
    segmenter(frames)
    if on_cuda:
        torch.cuda.synchronize()
    return count / (clock() - begun)


def table(rows: Sequence[Row], speeds: Sequence[dict[str, float]], sizes: Sequence[str]) -> str:
    """Markdown: a line for each row, its speeds in frames per second and beside the first row of its device."""
    heads = ["weights", "parameters", "file", "device", "arithmetic", *(f"{s} px" if s.isdigit() else s for s in sizes)]
    lines = [heads, ["---"] * 5 + ["---:"] * len(sizes)]
    for row, speed in zip(rows, speeds, strict=True):
        first = speeds[[other.device for other in rows].index(row.device)]
        parameters = sum(p.numel() for p in row.model.module().parameters())
        size = f"{row.bytes / 1e6:.1f} MB" if row.bytes else "none"
        figures = [f"{speed[size]:.3g} ({speed[size] / first[size]:.2f})" for size in sizes]
        lines.append([row.name, f"{parameters / 1e6:.2f} M", size, row.device, row.precision, *figures])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def conditions(devices: Sequence[str], threads: int, repeats: int, cpu_time: bool) -> str:
    """One line that says what the figures hold for."""
    cpu = next((line.split(":", 1)[1].strip() for line in lines_of("/proc/cpuinfo") if line.startswith("model name")), "CPU")
    seconds = "processor time" if cpu_time else "the clock"
    text = f"Frames per second by {seconds}, the best of {repeats}. CPU: {cpu}, {threads} torch thread(s), one frame at a time."
    if "cuda" in devices:
        text += f" CUDA: {torch.cuda.get_device_name()}, {CUDA_BATCH} frames at a time."
    return f"{text} torch {torch.__version__}."


def lines_of(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
