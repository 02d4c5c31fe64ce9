"""How far the key light that is found lies from the one that shone, of each frame by itself and of each clip together.

    python tests/benchmarks/bench_key_light.py --clips renders/unseen

Clips are sequences as examples/blender/clips.py renders them, whose headers note the key light and the camera. A light that does not
move has one direction in the world: the second row is that of the mean of a clip's directions, the third of their median.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from rendered import add_source_arguments, source_of

from rotonodes.errors import RotoError
from rotonodes.imaging.passes.key_light import find_key_light
from rotonodes.imaging.passes.names import Passes
from rotonodes.imaging.passes.tone_labels import header_light
from rotonodes.values.pixels import Layers

COLUMNS = ("direction", "quarter", "half", "three quarters", "nine tenths", "over 15 degrees")


def planes(layers: Layers, name: str) -> np.ndarray:
    channels = Passes.of(layers).find(name).channels[:3]
    return np.stack([np.asarray(layers.planes[full], dtype=np.float32) for _, full in channels])


def degrees(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other / np.linalg.norm(one), -1, 1))))


def row(name: str, errors: Sequence[float]) -> str:
    shares = [f"{value:.1f}" for value in np.percentile(errors, [25, 50, 75, 90])]
    return f"| {' | '.join([name, *shares, f'{100 * np.mean(np.asarray(errors) > 15):.0f} %'])} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", required=True, help="folder or sequence")
    add_source_arguments(parser)
    options = parser.parse_args(arguments)
    alone: list[float] = []
    mean: list[float] = []
    median: list[float] = []
    seconds = 0.0
    try:
        source = source_of(options.clips, options)
        for clip in source.clips:
            found = []
            for name in clip:
                layers = source.read(name).layers
                assert layers
                light, normals = planes(layers, "DiffDir"), planes(layers, "Normal")
                true, start = np.array(header_light(layers)), time.process_time()
                key = find_key_light(light, normals)
                seconds += time.process_time() - start
                if key is not None:
                    found.append(key.direction)
                    alone.append(degrees(key.direction, true))
            if found:
                mean.append(degrees(np.mean(found, axis=0), true))
                median.append(degrees(np.median(found, axis=0), true))
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"| {' | '.join(COLUMNS)} |\n|---|---:|---:|---:|---:|---:|")
    for name, errors in (("of a frame", alone), ("of a clip, the mean", mean), ("of a clip, the median", median)):
        print(row(name, errors))
    count = sum(map(len, source.clips))
    print(f"\n{len(alone)} of {count} frames have a light that is found; {1000 * seconds / count:.0f} ms of a core each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
