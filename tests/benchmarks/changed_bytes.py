"""Changes one bit of every byte, one after the other, in a file of every format that is written and in cache entries of every kind.

    python tests/benchmarks/changed_bytes.py [--most 4000]

An output counts as noticed when `--verify` would make it again, a cache entry when it is a miss. Of files with more bytes than
`--most`, that many places are tried, chosen at random. Prints a line a format and the sum; exit code 1 when any change was missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


class Count(NamedTuple):
    """A format: its bytes, how many of them were changed, and how often that was noticed."""

    name: str
    size: int
    tried: int
    noticed: int


def counted(name: str, path: Path, notices: Callable[[], bool], most: int) -> Count:
    """Change bytes of the file one by one; the file is whole again afterwards."""
    whole = path.read_bytes()
    places = range(len(whole)) if len(whole) <= most else np.random.default_rng(0).choice(len(whole), most, replace=False)
    noticed = 0
    for at in places:
        changed = bytearray(whole)
        changed[at] ^= 1 << int(at) % 8
        path.write_bytes(changed)
        noticed += notices()
    path.write_bytes(whole)
    return Count(name, len(whole), len(places), noticed)


def outputs(folder: Path, most: int) -> Iterator[Count]:
    """A file of each format, checked as `--verify` checks it."""
    from rotonodes.io.pictures import is_as_written, read_key
    from test_seal import KEY, WRITERS

    for name, write in WRITERS.items():
        (folder / name).mkdir()
        path = folder / name / name
        write(path)
        assert read_key(path) == KEY and is_as_written(path), name
        yield counted(name, path, lambda path=path: read_key(path) != KEY or not is_as_written(path), most)  # type: ignore[misc]


def entries(folder: Path, most: int) -> Iterator[Count]:
    """A cache entry of each kind of value."""
    from rotonodes.plan.cache import Cache
    from rotonodes.values.palette import Palette
    from rotonodes.values.pixels import Image, Labels, Matte
    from rotonodes.values.tones import LightDirection, ToneScale
    from tiny_networks import tiny_model

    random = torch.Generator().manual_seed(0)
    model = tiny_model()
    kinds: dict[str, Any] = {
        "Image": Image(torch.rand(4, 6, 8, generator=random)),
        "Matte": Matte(torch.rand(1, 6, 8, generator=random).half().float()),
        "Labels": Labels(
            torch.randint(0, 3, (6, 8), generator=random, dtype=torch.uint8), ("a", "b", "c"), ("#000000", "#888888", "#ffffff")
        ),
        "Model": model,
        "ToneScale": ToneScale((0.1, 0.5)),
        "LightDirection": LightDirection((0.0, 0.6, 0.8)),
        "Palette": Palette(("#ff0000", "#00ff00")),
    }
    for kind, value in kinds.items():
        cache, key = Cache(folder / "cache"), f"{len(kind):02x}" + "0" * 62
        cache.store(key, {kind: value})
        path = cache.path(key, kind)
        assert cache.load(key, [kind], {kind: type(value)}) is not None, kind
        yield counted(
            f"cache: {kind}",
            path,
            lambda cache=cache, key=key, kind=kind, value=value: cache.load(key, [kind], {kind: type(value)}) is None,
            most,
        )  # type: ignore[misc]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--most", type=int, default=4000, help="places in a file")
    given = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as place:
        for rows in (outputs, entries):
            for row in rows(Path(place), given.most):
                found.append(row)
                print(f"{row.name:22} {row.size:7} bytes  {row.tried:5} changed  {row.noticed:5} noticed", flush=True)
    tried, noticed = sum(row.tried for row in found), sum(row.noticed for row in found)
    print(f"{len(found)} formats: {noticed} of {tried} changed bytes are noticed")
    return int(noticed != tried)


if __name__ == "__main__":
    sys.exit(main())
