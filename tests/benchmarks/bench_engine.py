"""The engine against a plain loop over the same nodes: `python tests/benchmarks/bench_engine.py [--frames 48] [--repeats 3]`.

Both read PNG frames, grade, resize and merge them, and write PNG frames, in one process and taking turns; the faster of the
repeats counts. What they write is compared sample by sample. The plain loop calls each node frame by frame, once with all of
torch's threads and once with one, of which the faster counts (on a machine that is busy with other things, threads wait for
each other); the engine works in chunks, with reading and writing beside the arithmetic.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

SIZE = 512


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()

    import numpy as np
    import torch

    from rotonodes import Graph
    from rotonodes.io.png import read_png, write_png
    from rotonodes.nodes import Composite, Grade, LoadFrames, Reformat, WriteFrames

    cores = torch.get_num_threads()
    frames = range(1, options.frames + 1)
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        y, x = np.mgrid[:SIZE, :SIZE]
        for frame in frames:
            waves = np.sin(x / (20 + frame))[..., None] * np.cos(y / np.array([15, 25, 35])[:, None, None]).transpose(1, 2, 0)
            noisy = waves * 100 + 128 + random.integers(-3, 4, (SIZE, SIZE, 3))
            write_png(f"{folder}/in.{frame:04d}.png", noisy.clip(0, 255).astype(np.uint8))
        read = LoadFrames(path=f"{folder}/in.####.png")
        grade, small, over = Grade(gain=0.8, gamma=1.2, saturation=1.1), Reformat(width=SIZE // 2), Composite(operation="screen")

        def loop(write: WriteFrames) -> None:
            for frame in frames:
                image = read(frame=frame).image
                write(over(small(grade(image)), small(image)), frame=frame)

        def engine(write: WriteFrames) -> None:
            graph = Graph(frames=frames)
            plate = graph.add(read)
            fg = graph.add(small, "fg", image=graph.add(grade, image=plate))
            graph.add(write, image=graph.add(over, fg=fg, bg=graph.add(small, "bg", image=plate)))
            assert graph.run(cache="none", device="cpu", force=True).exit_code == 0

        best = {}
        for _ in range(options.repeats):
            for way, threads in ((loop, 1), (loop, cores), (engine, cores)):
                torch.set_num_threads(threads)
                begun = time.perf_counter()
                way(WriteFrames(path=f"{folder}/{way.__name__}.####.png"))
                best[way] = min(best.get(way, float("inf")), time.perf_counter() - begun)
        for frame in frames:
            one, other = (read_png(f"{folder}/{way.__name__}.{frame:04d}.png") for way in (loop, engine))
            assert np.array_equal(one, other), f"frame {frame} differs"
    per_frame = {way.__name__: seconds / options.frames * 1000 for way, seconds in best.items()}
    print(f"{options.frames} frames of {SIZE} px: loop {per_frame['loop']:.1f} ms a frame, engine {per_frame['engine']:.1f} ms a frame")
    print(f"the engine is {best[loop] / best[engine]:.2f} times as fast; every sample is equal")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
