"""A training step on the CPU with torch's own layers, and with those that are put in their place: seconds, by turns.

    python tests/benchmarks/bench_training.py [weights/tones_unet.safetensors ...] [--crop 224] [--batch 8] [--repeats 5]

A step is forward and backward through the network of the weights, with cross entropy as the loss, in float32 and in bfloat16. `distance`
is how far the gradients of all parameters are from those of torch in float32, as a share of their length: of torch and of the new layers.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotonodes.machine.memory import reuse_memory
from rotonodes.nets.ensemble_network import member_of
from rotonodes.nets.model import build
from rotonodes.nets.weights import load_weights
from rotonodes.train.cpu_layers import quicken

WEIGHTS = [Path("weights") / f"{name}.safetensors" for name in ("tones_six", "tones_unet", "tones_passes_unet", "tones_passes_fast")]


def stepped(network: nn.Module, pictures: Tensor, labels: Tensor, dtype: torch.dtype) -> tuple[float, Tensor]:
    """Seconds of a step, and the gradients of all parameters."""
    network.zero_grad(set_to_none=True)
    begun = time.perf_counter()
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        logits = network(pictures)
    F.cross_entropy(logits.float(), labels).backward()
    seconds = time.perf_counter() - begun
    return seconds, torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def row(path: Path, dtype: torch.dtype, options: argparse.Namespace) -> list[str]:
    model = load_weights(path)
    model = member_of(model, 1) if model.architecture == "ensemble" else model  # whose networks learn one by one
    plain = build(model.architecture, model.config).train().to(memory_format=torch.channels_last)
    plain.load_state_dict(model.state)
    quick = quicken(copy.deepcopy(plain))
    drawn = torch.Generator().manual_seed(0)
    channels = int(model.config["in_channels"])
    coarse = torch.rand(options.batch, channels, options.crop // 16, options.crop // 16, generator=drawn)
    pictures = F.interpolate(coarse, size=options.crop, mode="bilinear").to(memory_format=torch.channels_last)
    labels = torch.randint(int(model.config["classes"]), (options.batch, options.crop, options.crop), generator=drawn)
    _, exact = stepped(copy.deepcopy(plain), pictures, labels, torch.float32)
    seconds: tuple[list[float], list[float]] = [], []
    distances = [0.0, 0.0]
    for turn in range(options.repeats + 1):
        for number in (0, 1) if turn % 2 else (1, 0):
            network = (plain, quick)[number]
            taken, gradient = stepped(network, pictures, labels, dtype)
            distances[number] = float((gradient - exact).norm() / exact.norm())
            if turn:  # in the first oneDNN prepares itself
                seconds[number].append(taken)
    before, after = min(seconds[0]), min(seconds[1])
    name = str(dtype).removeprefix("torch.")
    return [path.stem, name, f"{before:.3f}", f"{after:.3f}", f"{before / after:.2f}", f"{distances[0]:.4f}, {distances[1]:.4f}"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", type=Path, default=WEIGHTS)
    parser.add_argument("--crop", type=int, default=224, help="side of a crop in pixels, a multiple of 32")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    reuse_memory()  # as runs do
    columns = ("network", "arithmetic", "torch's layers, s a step", "ours", "times as fast", "distance")
    print(f"| {' | '.join(columns)} |\n|---|---|{'---:|' * 4}")
    for path in options.weights:
        for dtype in (torch.float32, torch.bfloat16):
            print(f"| {' | '.join(row(path, dtype, options))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
