"""GIFs: ours beside Pillow's palettes and ffmpeg's, and beside what both do unasked, in one run.

    python tests/benchmarks/bench_palette.py [--size 512] [--frames 24]

Three clips are written by each way and decoded again by Pillow: a photographic ground that stands still while a picture moves over it,
the same ground panned, and flat tones of five colours, which nobody need lose. The columns: milliseconds of one core (processor time of
all threads) for choosing the colours of a frame and for the whole frame with its encoding, PSNR of the decoded frames (mean over the clip,
dB; exact where every pixel is), flicker (root mean square change, in codes, of decoded pixels whose source did not change), and bytes.
Pillow's palettes are made frame by frame, as WriteGIF did once; ffmpeg's (by PyAV, where it is installed) for the whole clip
(palettegen's default) and frame by frame (stats_mode=single), undithered. Unasked Pillow makes a palette for each RGB frame, and
ffmpeg's encoder takes the 256 colours of rgb8.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import PIL.Image

from rotonodes.io.gif import GifWriter
from rotonodes.io.gif_colors import KeptPalette
from rotonodes.values.color import parse_hex
from rotonodes.values.tones import COLORS

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
GROUND, OBJECT = ROOT / "examples/tea.jpg", ROOT / "examples/train_on_shot.png"


class Found(NamedTuple):
    """What one way made of a clip; `choosing` is None where it cannot be told from the encoding."""

    way: str
    choosing: float | None
    seconds: float
    data: bytes


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="width and height, px")
    parser.add_argument("--frames", type=int, default=24)
    options = parser.parse_args(arguments)
    print("| clip | way | ms to choose colours | ms a frame | PSNR, dB | flicker, codes | kB |\n|---|---|---:|---:|---:|---:|---:|")
    for name, clip in clips(options.size, options.frames).items():
        for found in ways(clip):
            decoded = frames_of(found.data)
            choosing = "" if found.choosing is None else f"{1000 * found.choosing / len(clip):.1f}"
            flickers = flicker(clip, decoded)
            cells = [name, found.way, choosing, f"{1000 * found.seconds / len(clip):.1f}", quality(clip, decoded)]
            cells += ["" if flickers is None else f"{flickers:.2f}", f"{len(found.data) / 1000:.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0


def clips(size: int, count: int) -> dict[str, list[np.ndarray]]:
    """Frames `[size, size, 3]` uint8: an object that moves over a still ground, the ground panned, and tones of a disc that moves."""
    with PIL.Image.open(GROUND) as ground, PIL.Image.open(OBJECT) as moved:
        wide = np.array(ground.convert("RGB").resize((size + 4 * count, size), PIL.Image.Resampling.LANCZOS))
        patch = np.array(moved.convert("RGB").resize((size // 4, size // 4), PIL.Image.Resampling.LANCZOS))
    still, panned = [], []
    for number in range(count):
        frame = wide[:, :size].copy()
        at = number * (size - len(patch)) // max(count, 1)
        frame[at : at + len(patch), at : at + len(patch)] = patch
        still.append(frame)
        panned.append(np.ascontiguousarray(wide[:, 4 * number : 4 * number + size]))
    return {"object over a still ground": still, "panned ground": panned, "flat tones": [flat(size, number) for number in range(count)]}


def flat(size: int, number: int) -> np.ndarray:
    """A disc in four tones on a ground, `[size, size, 3]` uint8."""
    y, x = np.mgrid[:size, :size] / size
    light = x + y / 2 + 0.02 * np.sin(number / 5)
    tones = np.digitize(light, (0.6, 0.75, 1)) + 1
    tones[np.hypot(x - 0.5 - 0.1 * np.sin(number / 15), y - 0.5) > 0.33] = 0
    colors = np.array([parse_hex(color)[:3] for color in COLORS], np.uint8)
    return colors[tones]


def ways(clip: list[np.ndarray]) -> Iterator[Found]:
    """The clip written by each way."""
    yield Found("WriteGIF", timed(lambda: our_colors(clip))[0], *timed(lambda: ours(clip)))
    for name in ("MEDIANCUT", "FASTOCTREE"):
        method = PIL.Image.Quantize[name]
        choosing, pictures = timed(lambda method=method: [reduced(frame, method) for frame in clip])
        seconds, data = timed(lambda pictures=pictures: pillow(pictures))
        yield Found(f"Pillow, {name.lower()}", choosing, choosing + seconds, data)
    yield Found("Pillow, unasked", None, *timed(lambda: pillow([PIL.Image.fromarray(frame) for frame in clip])))
    try:
        import av
    except ImportError:
        return
    yield Found("ffmpeg, unasked", None, *timed(lambda: by_ffmpeg_unasked(av, clip)))
    for mode in ("full", "single"):
        yield Found(f"ffmpeg palettegen, {mode}", None, *timed(lambda mode=mode: by_ffmpeg(av, clip, mode)))


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Processor time of a call, in seconds, and its result."""
    begun = time.process_time()
    made = call()
    return time.process_time() - begun, made


def our_colors(clip: list[np.ndarray]) -> None:
    palette = KeptPalette(255)
    for frame in clip:
        packed = np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)]).view("<u4")[..., 0]
        palette.indices(packed, np.ones(packed.shape, bool))


def ours(clip: list[np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with GifWriter(buffer, clip[0].shape[1::-1], 24) as writer:
        for frame in clip:
            writer.add(frame)
    return buffer.getvalue()


def reduced(frame: np.ndarray, method: PIL.Image.Quantize) -> PIL.Image.Image:
    return PIL.Image.fromarray(frame).quantize(256, method, dither=PIL.Image.Dither.NONE)


def pillow(pictures: list[PIL.Image.Image]) -> bytes:
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=40, loop=0)
    return buffer.getvalue()


def by_ffmpeg(av, clip: list[np.ndarray], mode: str) -> bytes:
    """A GIF by palettegen and paletteuse."""
    height, width = clip[0].shape[:2]
    graph = av.filter.Graph()
    source = graph.add("buffer", video_size=f"{width}x{height}", pix_fmt="bgra", time_base="1/24", pixel_aspect="1/1")
    split, generate = graph.add("split"), graph.add("palettegen", f"stats_mode={mode}")
    use, sink = graph.add("paletteuse", f"dither=none:new={int(mode == 'single')}"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(generate, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    buffer = io.BytesIO()
    with av.open(buffer, "w", "gif") as file:
        stream = file.add_stream("gif", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"

        def drain() -> None:
            while True:
                try:
                    frame = sink.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    return
                frame.pts = None
                file.mux(stream.encode(frame))

        for number, picture in enumerate(clip):
            opaque = np.dstack([picture[..., ::-1], np.full(picture.shape[:2], 255, np.uint8)])
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(opaque), format="bgra")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            source.push(frame)
            drain()
        source.push(None)
        drain()
        file.mux(stream.encode(None))
    return buffer.getvalue()


def by_ffmpeg_unasked(av, clip: list[np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", "gif") as file:
        stream = file.add_stream("gif", rate=24)
        stream.height, stream.width, stream.pix_fmt = *clip[0].shape[:2], "rgb8"
        for picture in clip:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="rgb8")))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def frames_of(data: bytes) -> list[np.ndarray]:
    with PIL.Image.open(io.BytesIO(data)) as picture:
        found = []
        for number in range(picture.n_frames):
            picture.seek(number)
            found.append(np.array(picture.convert("RGB")))
    return found


def quality(clip: list[np.ndarray], decoded: list[np.ndarray]) -> str:
    """Mean PSNR of the frames, dB."""
    if all(map(np.array_equal, clip, decoded)):
        return "exact"
    errors = [float(np.square(a.astype(np.float32) - b).mean()) for a, b in zip(clip, decoded, strict=True)]
    return f"{np.mean([10 * np.log10(255**2 / max(error, 1e-9)) for error in errors]):.2f}"


def flicker(clip: list[np.ndarray], decoded: list[np.ndarray]) -> float | None:
    """Root mean square change of decoded pixels where the source stands still; None where hardly anything does."""
    squares, count = 0.0, 0
    for number in range(1, len(clip)):
        still = (clip[number] == clip[number - 1]).all(axis=-1)
        change = decoded[number][still].astype(np.float32) - decoded[number - 1][still]
        squares, count = squares + float(np.square(change).sum()), count + change.size
    return (squares / count) ** 0.5 if count > clip[0].size else None


if __name__ == "__main__":
    sys.exit(main())
