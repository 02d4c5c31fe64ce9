"""How far the key light that is found lies from the one that shone: by light and normals alone, and by its shadows too.

    python tests/benchmarks/bench_key_light.py --clips renders/unseen

Clips are sequences as examples/blender/clips.py renders them, whose headers note the key light and the camera. A light that does not
move has one direction in the world: there are rows for the mean of a clip's directions and for their median.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from rendered import add_source_arguments, source_of

from rotonodes.errors import RotoError
from rotonodes.imaging.passes.key_shading import KeyPasses, light_direction
from rotonodes.imaging.passes.names import Passes
from rotonodes.imaging.passes.tone_labels import header_light
from rotonodes.values.pixels import Layers

COLUMNS = ("direction", "quarter", "half", "three quarters", "nine tenths", "over 15 degrees")


# What `find_key_light` says, and what FindKeyLight makes of it.
LOOKS: dict[str, Callable[[Layers, KeyPasses], np.ndarray | None]] = {
    "light and normals": lambda layers, where: where.first_look(layers),
    "shadows too": light_direction,
}


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
    errors: dict[str, list[float]] = {f"{look}, {of}": [] for look in LOOKS for of in ("a frame", "a clip's mean", "a clip's median")}
    seconds = dict.fromkeys(LOOKS, 0.0)
    try:
        source = source_of(options.clips, options)
        for clip in source.clips:
            found: dict[str, list[np.ndarray]] = {look: [] for look in LOOKS}
            for name in clip:
                layers = source.read(name).layers
                assert layers
                true, where = np.array(header_light(layers)), KeyPasses(Passes.of(layers))
                for look, direction_of in LOOKS.items():
                    start = time.process_time()
                    direction = direction_of(layers, where)
                    seconds[look] += time.process_time() - start
                    if direction is not None:
                        found[look].append(direction)
                        errors[f"{look}, a frame"].append(degrees(direction, true))
            for look, directions in found.items():
                if directions:
                    errors[f"{look}, a clip's mean"].append(degrees(np.mean(directions, axis=0), true))
                    errors[f"{look}, a clip's median"].append(degrees(np.median(directions, axis=0), true))
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"| {' | '.join(COLUMNS)} |\n|---|---:|---:|---:|---:|---:|")
    for name, found_errors in errors.items():
        if found_errors:
            print(row(name, found_errors))
    count = sum(map(len, source.clips))
    spent = ", ".join(f"{look} {1000 * used / count:.0f}" for look, used in seconds.items())
    print(f"\n{len(errors['shadows too, a frame'])} of {count} frames have a light that is found; ms of a core each: {spent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
