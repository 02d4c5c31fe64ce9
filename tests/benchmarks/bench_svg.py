"""WriteSVG on a frame of 1920 x 1080: IoU of each class with Inkscape's rendering, seconds and bytes a frame, at several tolerances.

    python tests/benchmarks/bench_svg.py [-o out/bench_svg.json]

Beside it the same for a plain tracing of the same frame: every border as a polygon along the edges of pixels, which is exact and larger.
The frame is a character's tones at four times their size: soft discs before each other, five classes. Inkscape draws five times as large,
and each pixel is what is at its centre; its colours are such that no mixture of two is a third. Without Inkscape, times and bytes only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image
import torch

from rotonodes.imaging.vector.pixel_borders import find_borders
from rotonodes.nodes import WriteSVG
from rotonodes.values.pixels import Labels
from rotonodes.values.tones import CLASSES, COLORS

PALETTE = dict(zip(CLASSES, ("#000000", "#ff0000", "#00ff00", "#0000ff", "#ffffff"), strict=True))
SIZE = (1080, 1920)
SCALE = 5


def frame() -> np.ndarray:
    """Shaded balls: form shadow, midtone and highlight on each, cast shadows between them."""
    height, width = SIZE
    random = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width] + 0.5
    classes = np.zeros(SIZE, np.uint8)
    for _ in range(14):
        cx, cy, radius = random.uniform(200, width - 200), random.uniform(150, height - 150), random.uniform(60, 220)
        wave = 1 + 0.06 * np.sin(5 * np.arctan2(y - cy, x - cx) + radius)
        inside = np.hypot(x - cx, y - cy) < radius * wave
        lit = ((x - cx) * 0.5 - (y - cy) * 0.6) / radius
        shadow = inside & (np.hypot(x - cx - 0.5 * radius, y - cy - 0.7 * radius) < 0.45 * radius)
        classes[inside] = np.where(lit > 0.45, 4, np.where(lit > -0.1, 3, 2))[inside]
        classes[shadow] = 1
    return classes


def plain_bytes(classes: np.ndarray) -> int:
    """Bytes of polygons along the edges of pixels, one number a turn."""
    total = 0
    for border in find_borders(classes):
        turns = np.abs(np.diff(np.diff(border.points, axis=0), axis=0)).sum(1) > 0
        total += 2 * sum(len(f"h{length}") for length in np.diff(np.flatnonzero(np.concatenate([[True], turns, [True]]))).tolist())
    return total


def overlaps(file: Path, classes: np.ndarray) -> dict[str, float]:
    """IoU of each class with what Inkscape shows."""
    png = file.with_suffix(".png")
    subprocess.run(["inkscape", str(file), "-o", str(png), "-w", str(SCALE * SIZE[1])], check=True, capture_output=True, timeout=600)
    PIL.Image.MAX_IMAGE_PIXELS = None
    with PIL.Image.open(png) as shown:
        codes = np.asarray(shown.convert("RGB"))[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE].astype(np.int32)
    table = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in PALETTE.values()])
    found = np.stack([((codes - color) ** 2).sum(-1) for color in table]).argmin(0)
    pairs = [(found == number, classes == number) for number in range(len(CLASSES))]
    return {name: round(float((a & b).sum() / (a | b).sum()), 5) for name, (a, b) in zip(CLASSES, pairs, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.25, 0.5, 0.7, 1.0])
    args = parser.parse_args()
    classes = frame()
    labels = Labels(torch.from_numpy(classes), CLASSES, COLORS)
    results = []
    print(f"polygons along pixel edges: {plain_bytes(classes):,} bytes, IoU 1")
    with tempfile.TemporaryDirectory() as folder:
        for tolerance in args.tolerances:
            file = Path(folder) / "a.svg"
            node = WriteSVG(path=str(file), palette=PALETTE, tolerance=tolerance)
            node(labels)
            begin, cpu = time.perf_counter(), time.process_time()
            node(labels)
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
            one = {"tolerance": tolerance, "seconds": round(seconds, 3), "cpu": round(cpu, 3), "bytes": file.stat().st_size}
            one["iou"] = overlaps(file, classes) if shutil.which("inkscape") else None
            results.append(one)
            print(one, flush=True)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
