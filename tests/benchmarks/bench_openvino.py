"""OpenVINO beside torch, as the engine runs networks: `python tests/benchmarks/bench_openvino.py [weights/*.safetensors ...]`.

Needs `pip install openvino`. Every network is converted in memory; then as many threads as there are cores make frames at once, one
frame a thread, by turns in torch and in OpenVINO, in the precision that `auto` chooses here. What is timed is the network alone, from
frames as it sees them to logits. The table is Markdown, of medians, with the seconds that converting and the first frame took, and
the largest difference of a logit.
"""

import argparse
import glob
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from bench_segment import conditions
from torch import Tensor, nn

from rotonodes.machine.cores import cpu_count
from rotonodes.machine.memory import reuse_memory
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.onnx import FirstMap
from rotonodes.nets.weights import load_weights

HINTS = {"float32": "f32", "bfloat16": "bf16"}


def converted(network: nn.Module, frame: Tensor, precision: str, threads: int) -> Callable[[], Tensor]:
    """A call that makes the frame's logits in OpenVINO, from any thread."""
    import openvino  # type: ignore[import-not-found, unused-ignore]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's tracing, which it takes, is deprecated, and tells of every check of a size
        made = openvino.convert_model(FirstMap(network), example_input=frame)
    made.reshape([1, frame.shape[1], -1, -1])
    settings = {"INFERENCE_PRECISION_HINT": HINTS[precision], "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads}
    compiled, own = openvino.Core().compile_model(made, "CPU", settings), threading.local()

    def call() -> Tensor:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return torch.from_numpy(own.request.infer([frame.numpy()], share_inputs=True)[0])

    return call


def seconds(call: Callable[[], Any], threads: int, times: int) -> float:
    """Seconds a frame, over all threads; the first frame of each does not count, for OpenVINO makes a request for each thread."""
    ready = threading.Barrier(threads + 1)

    def work() -> None:
        torch.set_num_threads(1)
        call()
        ready.wait()
        for _ in range(times):
            call()

    crew = [threading.Thread(target=work) for _ in range(threads)]
    for thread in crew:
        thread.start()
    ready.wait()
    begun = time.perf_counter()
    for thread in crew:
        thread.join()
    return (time.perf_counter() - begun) / (threads * times)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", help="weights files (default: weights/*.safetensors)")
    parser.add_argument("--size", type=int, default=512, help="width and height of the frames, px, rounded up to what the network takes")
    parser.add_argument("--times", type=int, default=10, help="frames of each thread in each turn")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    threads = cpu_count()
    torch.set_num_threads(1)
    reuse_memory()
    print("| weights | torch, ms a frame | OpenVINO | times as fast | seconds to convert | apart |\n|---|---:|---:|---:|---:|---:|")
    for file in options.weights or sorted(glob.glob("weights/*.safetensors")):
        model = load_weights(file)
        segmenter = Segmenter(model, precision="auto")
        side = model.preprocessing.squash or options.size + -options.size % model.size_multiple
        frame = torch.rand(1, len(model.channels), side, side)

        def ours(segmenter: Segmenter = segmenter, frame: Tensor = frame) -> Tensor:
            with torch.no_grad():
                return segmenter._logits(frame).float()

        begun = time.perf_counter()
        with torch.no_grad():
            theirs = converted(model.module(), frame, segmenter.precision, threads)
        made = theirs()  # the first call makes its kernels
        ready = time.perf_counter() - begun
        apart = float((ours() - made).abs().max())
        taken: dict[Callable[[], Tensor], list[float]] = {ours: [], theirs: []}
        for _ in range(options.repeats + 1):
            for call, found in taken.items():
                found.append(seconds(call, threads, options.times))
        torch_ms, their_ms = (1000 * statistics.median(found[1:]) for found in taken.values())
        row = f"{torch_ms:.1f} | {their_ms:.1f} | {torch_ms / their_ms:.2f} | {ready:.1f} | {apart:.1g}"
        print(f"| {Path(file).name}, {segmenter.precision} | {row} |", flush=True)
    machine = conditions(["cpu"], 1, options.repeats, False).partition("CPU: ")[2]
    print(f"\nBy the clock, medians of {options.repeats}; {threads} threads, each with frames of its own. CPU: {machine}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
