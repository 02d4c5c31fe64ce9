"""OnnxSegment beside UNetSegment: `python tests/benchmarks/bench_onnx.py [weights/*.safetensors ...]`.

Every network is exported in memory, then both run on the same frames in turns; the fastest of the repeats counts. What is timed
is `Segmenter` and `OnnxSegmenter`: from scene-linear float32 frames to probabilities. The table is Markdown; `apart` is the largest
difference of a probability, `classes` the share of pixels of one class. `--cpu-time` divides by the seconds that the processor
spent on it, for a machine that is busy with other things.
"""

import argparse
import glob
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from bench_segment import SIZES, conditions

from rotonodes.machine.memory import reuse_memory
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.onnx import OnnxSegmenter, checked_onnx
from rotonodes.nets.weights import load_weights


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", help="weights files (default: weights/*.safetensors)")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["512", "1080p"])
    parser.add_argument("--threads", type=int, default=1, help="threads of both (default: 1, as the engine gives each frame)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu", help="cpu or cuda[:N]")
    parser.add_argument("--cpu-time", action="store_true", help="count the processor's seconds instead of the clock's")
    options = parser.parse_args(arguments)
    files = options.weights or sorted(glob.glob("weights/*.safetensors"))
    if not files:
        print("no weights/*.safetensors here: name files, or run from the repository's folder", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    reuse_memory()
    clock = time.process_time if options.cpu_time else time.perf_counter
    print("| weights | frame | torch, frames/s | onnxruntime, frames/s | times as fast | apart | classes |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for file in files:
        model = load_weights(file)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "network.onnx")
            path.write_bytes(checked_onnx(model, file))
            networks = [Segmenter(model, options.device), OnnxSegmenter(path, options.device)]
        for size in options.sizes:
            width, height = SIZES[size]
            frames = torch.rand(1, len(model.channels), height, width, device=options.device)
            first, second = (network(frames) for network in networks)  # the first frame is slower
            best = [0.0, 0.0]
            for _ in range(options.repeats):
                for at, network in enumerate(networks):
                    begun = clock()
                    network(frames)[..., :1, :1].cpu()
                    best[at] = max(best[at], 1 / (clock() - begun))
            apart = float((first - second).abs().max())
            same = float((first.argmax(1) == second.argmax(1)).float().mean())
            figures = f"{best[0]:.3g} | {best[1]:.3g} | {best[1] / best[0]:.2f} | {apart:.1g} | {100 * same:.4g} %"
            print(f"| {Path(file).name} | {width} x {height} | {figures} |", flush=True)
    print(f"\n{conditions([options.device], options.threads, options.repeats, options.cpu_time)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
