"""All benchmarks of speed, one after the other, beside the limits of this machine.

    python tests/benchmarks/run_all.py [-o FILE.md] [--quick] [--rembg VENV/bin/python]

Written to a Markdown file as they end: first what the machine can do (matrix products in float32 and bfloat16, copying memory, writing
and reading a disk), then what each benchmark prints, with its command and the seconds it took. One that fails is told, and the others go
on; the exit code is then 1. One whose libraries are not installed is left out, with what it needs. `--quick` runs each on little, to see
that it works.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

HERE = Path(__file__).parent
REMBG, GPU = "bench_rembg.py", "bench_gpu.py"


class Benchmark(NamedTuple):
    """The arguments of its full form, those of the quick one, and the libraries that it needs beside rotonodes: module -> package."""

    full: list[str]
    quick: list[str]
    needs: Mapping[str, str] = MappingProxyType({})


FAST = "weights/tones_passes_fast.safetensors"
BENCHMARKS = {
    "bench_jobs.py": Benchmark([], ["--size", "64", "--frames", "2", "--repeats", "1", "--small"]),
    "bench_segment.py": Benchmark(["--repeats", "3"], ["--sizes", "256", "--repeats", "1", "--config", '{"widths": [4, 8]}']),
    GPU: Benchmark(
        [], ["--size", "32x32", "--frames", "2", "--batch", "1", "--repeats", "1", "--matrix", "64", "--config", '{"widths": [4, 8]}']
    ),
    "bench_onnx.py": Benchmark(
        ["--repeats", "3", "weights/tones.safetensors", FAST],
        ["--sizes", "256", "--repeats", "1", FAST],
        {"onnx": "onnx", "onnxruntime": "onnxruntime"},
    ),
    "bench_openvino.py": Benchmark(
        ["--repeats", "3", "weights/tones.safetensors", FAST],
        ["--size", "64", "--times", "1", "--repeats", "1", FAST],
        {"openvino": "openvino"},
    ),
    REMBG: Benchmark(["--repeats", "3"], ["--size", "64", "--frames", "1", "--repeats", "1"]),
    "bench_precision.py": Benchmark(["--every", "4"], ["--every", "12", FAST]),
    "bench_palette.py": Benchmark([], ["--size", "96", "--frames", "3"]),
    "bench_waiting.py": Benchmark([], ["--steps", "20", "--together", "1"]),
    "bench_training.py": Benchmark([], [FAST, "--crop", "32", "--batch", "2", "--repeats", "1"]),
    "bench_io.py": Benchmark([], ["--size", "64", "--repeats", "1", "--frames", "3"]),
    "bench_libraries.py": Benchmark([], ["--size", "64", "--repeats", "1"]),
    "bench_engine.py": Benchmark([], ["--frames", "4", "--repeats", "1"]),
    "bench_scale.py": Benchmark([], ["--size", "100", "--doublings", "1"]),
    "bench_plan.py": Benchmark([], ["--frames", "20", "--repeats", "1"]),
    "bench_memory.py": Benchmark(["--short", "100", "--long", "10000"], ["--short", "4", "--long", "8", "--repeats", "1"]),
    "bench_nodes.py": Benchmark(
        [], ["--repeats", "1", "--only", "Invert"], {"cv2": "opencv-python-headless", "OpenImageIO": "OpenImageIO", "scipy": "scipy"}
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/benchmarks.md"))
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="each on little")
    parser.add_argument("--rembg", metavar="PYTHON", help="an interpreter of an environment with rembg, for bench_rembg.py")
    options = parser.parse_args(arguments)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    failed = []
    with options.output.open("w", encoding="utf-8") as file:
        file.write(f"# Benchmarks\n\n{machine_table(64 if options.quick else 2048)}\n")
        for name in options.only:
            words = BENCHMARKS[name][int(options.quick)] + (["--python", options.rembg] if name == REMBG and options.rembg else [])
            if lacking := what_lacks(name, options):
                file.write(f"\n## {name}\n\nleft out: {lacking}\n")
                print(f"{name}: left out, {lacking}", flush=True)
                continue
            begun = time.perf_counter()
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])}
            command = [sys.executable, str(HERE / name), *words]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE.parents[1])
            failed += [name] if done.returncode else []
            seconds = time.perf_counter() - begun
            shown = done.stdout.strip() or "(nothing was printed)"
            shown += f"\n\nended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}" if done.returncode else ""
            file.write(f"\n## {name}\n\n    python tests/benchmarks/{' '.join([name, *words])}\n\n{shown}\n\n{seconds:.0f} s\n")
            file.flush()
            print(f"{name}: {'failed' if done.returncode else 'done'}, {seconds:.0f} s", flush=True)
    print(f"{options.output}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def what_lacks(name: str, options: argparse.Namespace) -> str:
    """What to do before a benchmark can run here; "" when it can."""
    packages = [package for module, package in BENCHMARKS[name].needs.items() if find_spec(module) is None]
    if packages:
        return f"pip install {' '.join(packages)}"
    if name == GPU and not options.quick:
        import torch

        return "" if torch.cuda.is_available() else "a CUDA GPU"
    return "--rembg names an interpreter of an environment with rembg" if name == REMBG and not options.rembg else ""


def machine_table(side: int) -> str:
    """The limits of this machine as a Markdown table; matrices are `side` x `side`."""
    import torch

    rows = [("processor", f"{processor()}, {len(os.sched_getaffinity(0))} cores"), ("torch", torch.__version__)]
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices:
        for kind in (torch.float32, torch.bfloat16):
            a, b = (torch.rand(side, side, device=device).to(kind) for _ in range(2))
            seconds = best(lambda a=a, b=b, device=device: _product(a, b, device))
            rows.append((f"matrix product, {str(kind).removeprefix('torch.')}, {device}", f"{2 * side**3 / seconds / 1e9:.0f} GFLOP/s"))
    block = torch.rand(max(side, 256) * 4096)
    other = torch.empty_like(block)
    rows.append(("copying memory", f"{2 * block.numel() * 4 / best(lambda: other.copy_(block)) / 1e9:.1f} GB/s"))
    data = os.urandom(1 << 20) * max(side // 8, 1)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        file = Path(folder) / "block"
        rows.append(("writing a file, flushed to the disk", f"{len(data) / best(lambda: written(file, data), 3) / 1e6:.0f} MB/s"))
        rows.append(("reading it again, from memory of the system", f"{len(data) / best(file.read_bytes, 3) / 1e6:.0f} MB/s"))
    return "\n".join(["| this machine | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _product(a, b, device: str) -> None:
    import torch

    a @ b
    if device == "cuda":
        torch.cuda.synchronize()


def best(call: Callable[[], object], repeats: int = 5) -> float:
    """Seconds of the fastest of some calls."""
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return max(min(found), 1e-9)


def written(file: Path, data: bytes) -> None:
    with file.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
