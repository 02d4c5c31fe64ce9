"""Peak memory over a long shot against a short one: `python tests/benchmarks/bench_memory.py [--long 600] [--short 60]`.

Each run is a process of its own over frames that are made as they are asked for, 512 px wide, through nodes one by one, in
batches, with neighbours, and measured as a clip; its peak is what the system counted (`ru_maxrss`). How many frames are under way at
once differs from run to run on a busy machine, and a peak by a tenth with it, so the median of several runs counts. The bar is a ratio of
1.05 from a thousand frames on: memory must not grow with the length of the shot. Ends with 1 when it does.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

SIZE, BAR, LONG = 512, 1.05, 1000


def run_here(frames: int, folder: str) -> None:
    """Run the graph over so many frames and print the peak in bytes."""
    import torch

    from rotonodes import Batch, Clip, Frame, Graph, Image, Node, ToneScale, param, run
    from rotonodes.nodes import Composite, Grade, Reformat, WriteFrames, WriteGIF

    class RandomPictures(Node):
        def process(self, frame: Frame) -> Image:
            return Image(torch.rand(4, SIZE, SIZE, generator=torch.Generator().manual_seed(int(frame))))

    class Around(Node):
        def needs(self, frame: int) -> Iterable[int]:
            return (frame - 1, frame, frame + 1)

        def process(self, image: Clip[Image]) -> Image:
            return next(iter(image)).with_data(sum(picture.data for picture in image) / len(image))

    class Level(Node):
        def process(self, image: Clip[Image]) -> ToneScale:
            return ToneScale((max(float(picture.data.mean()) for picture in image),))

    class Normalize(Node):
        batch: int = param(4, help="frames at once", pixels=False)

        def process(self, image: Batch[Image], scale: ToneScale) -> Batch[Image]:
            return image.with_data(image.data / scale.thresholds[0])

    graph = Graph(frames=f"1-{frames}")
    plate = graph.add(RandomPictures())
    smooth = graph.add(Around(), image=plate)
    level = graph.add(Normalize(), image=smooth, scale=graph.add(Level(), image=plate))
    over = graph.add(Composite(), fg=graph.add(Grade(gain=0.8), image=level), bg=plate)
    small = graph.add(Reformat(width=128), image=over)
    graph.add(WriteFrames(path="out/a.####.png"), image=small)
    graph.add(WriteGIF(path="out/a.gif"), image=small)
    result = run(graph, root=folder, cache="none", device="cpu", threads=2)
    assert result.exit_code == 0 and result.delivered == frames, result.failures
    scale = 1 if sys.platform == "darwin" else 1024
    print(json.dumps({"frames": frames, "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale}))


def measure(frames: int) -> int:
    """The peak of a run over so many frames, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--here", str(frames), "--folder", folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return int(json.loads(done.stdout.splitlines()[-1])["bytes"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", type=int, default=600, help="frames of the long shot")
    parser.add_argument("--short", type=int, default=60, help="frames of the short one")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, by turns; their medians count")
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        run_here(options.here, options.folder)
        return 0
    runs = [(measure(options.short), measure(options.long)) for _ in range(options.repeats)]
    short, long = (statistics.median(peaks) for peaks in zip(*runs, strict=True))
    ratio = long / short
    print(f"{options.short} frames of {SIZE} px: {short / 2**20:.0f} MB; {options.long} frames: {long / 2**20:.0f} MB")
    grown = ratio > BAR and options.long >= LONG
    since = f" from {LONG} frames on" if options.long < LONG else ""
    print(f"ratio {ratio:.3f}; at most {BAR} wanted{since}: {'TOO MUCH' if grown else 'ok'}")
    return int(grown)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
