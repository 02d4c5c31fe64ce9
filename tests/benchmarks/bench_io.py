"""Our PNG and GIF writers beside Pillow's, in one run: `python tests/benchmarks/bench_io.py [--size 512] [--repeats 7]`.

Prints the median milliseconds a frame and the bytes a frame. Both pictures of a pair hold the same pixels. Every file is
written as the nodes do, under a hidden name, put on the disk and renamed: the first line says what that alone costs.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

from rotonodes.io import png
from rotonodes.io.files import atomic_write, write_bytes
from rotonodes.io.gif import GifWriter

COLORS = ("#2b2d42", "#3d405b", "#7a5c61", "#e0a458", "#fff4d6")


def rendered(size: int) -> np.ndarray:
    """A shaded, noisy RGB picture, as a renderer leaves it."""
    y, x = np.mgrid[:size, :size] / size
    shade = np.clip(1 - 4 * ((x - 0.5) ** 2 + (y - 0.45) ** 2), 0, 1) ** 0.5
    noise = np.random.default_rng(0).normal(0, 3, (size, size, 1))
    return np.clip(shade[..., None] * (255, 190, 120) + noise, 0, 255).astype(np.uint8)


def tones(size: int, turn: float) -> np.ndarray:
    """Class indices of a ball whose light goes round."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    light = (x * np.cos(turn) + y * np.sin(turn)) / 0.35
    inside = x**2 + y**2 < 0.35**2
    return np.where(inside, np.clip(np.digitize(light, (-0.4, 0.1, 0.7)) + 1, 1, 4), 0).astype(np.uint8)


def palette_picture(indices: np.ndarray) -> PIL.Image.Image:
    picture = PIL.Image.fromarray(indices)
    picture = picture.convert("P")
    picture.putpalette(b"".join(bytes.fromhex(color[1:]) for color in COLORS))
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--frames", type=int, default=48)
    options = parser.parse_args()
    plate = rendered(options.size)
    clip = [tones(options.size, i / options.frames * 6.28) for i in range(options.frames)]
    colors = np.array([tuple(bytes.fromhex(color[1:])) for color in COLORS], np.uint8)
    flat = [colors[indices] for indices in clip]
    tuples = [tuple(color) for color in colors.tolist()]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.png"

        def ours_gif(frames: list[np.ndarray], palette: tuple[str, ...] | None) -> None:
            with (
                atomic_write(path) as hidden,
                open(hidden, "wb") as file,
                GifWriter(file, (options.size, options.size), 24, palette=palette) as writer,
            ):
                for frame in frames:
                    writer.add(frame)

        def pillow_gif(frames: list[PIL.Image.Image]) -> None:
            with atomic_write(path) as hidden:
                frames[0].save(hidden, "GIF", save_all=True, append_images=frames[1:], duration=40, loop=0)

        def pillow_png(picture: PIL.Image.Image, level: int = 6) -> None:
            with atomic_write(path) as hidden:
                picture.save(hidden, compress_level=level)

        runs: list[tuple[str, int, Callable[[], object]]] = [
            ("no encoding, 10 bytes", 1, lambda: write_bytes(path, b"0123456789")),
            ("PNG rendered RGB: ours", 1, lambda: png.write_png(path, plate)),
            ("PNG rendered RGB: Pillow level 1", 1, lambda: pillow_png(PIL.Image.fromarray(plate), 1)),
            ("PNG rendered RGB: Pillow default", 1, lambda: pillow_png(PIL.Image.fromarray(plate))),
            ("PNG rendered 16 bit RGB: ours", 1, lambda: png.write_png(path, plate.astype(np.uint16) * 257)),
            ("PNG tones, palette: ours", 1, lambda: png.write_palette_png(path, clip[0], tuples)),
            ("PNG tones, palette: Pillow default", 1, lambda: pillow_png(palette_picture(clip[0]))),
            ("PNG tones, RGB: ours", 1, lambda: png.write_png(path, flat[0])),
            ("PNG tones, RGB: Pillow default", 1, lambda: pillow_png(PIL.Image.fromarray(flat[0]))),
            ("GIF from indices: ours", len(clip), lambda: ours_gif(clip, COLORS)),
            ("GIF from palette pictures: Pillow", len(clip), lambda: pillow_gif([palette_picture(i) for i in clip])),
            ("GIF from RGB: ours", len(clip), lambda: ours_gif(flat, None)),
            ("GIF from RGB: Pillow", len(clip), lambda: pillow_gif([PIL.Image.fromarray(i) for i in flat])),
        ]
        times: dict[str, list[float]] = {name: [] for name, _, _ in runs}
        sizes: dict[str, float] = {}
        for _ in range(options.repeats):  # interleaved: a busy machine slows all alike
            for name, count, run in runs:
                start = time.perf_counter()
                run()
                times[name].append((time.perf_counter() - start) * 1000 / count)
                sizes[name] = path.stat().st_size / count
    out = io.StringIO()
    print(f"{options.size} x {options.size}, median of {options.repeats}", file=out)
    print(f"{'':36} {'ms/frame':>9} {'bytes/frame':>12}", file=out)
    for name, _, _ in runs:
        print(f"{name:36} {statistics.median(times[name]):9.2f} {sizes[name]:12.0f}", file=out)
    print(out.getvalue(), end="")


if __name__ == "__main__":
    main()
