# SPDX-License-Identifier: GPL-3.0-or-later
"""Shards: some dozens of labelled frames in one file, which `numpy.load` opens and `zipfile` reads frame by frame.

README.md describes the members. Needs numpy only.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

FORMAT, VERSION = "rotonodes-tones-shard", 1
HEAD = "shard.json"
LEVEL = 4  # of deflate: a third of the time of 6, and 3 % more bytes
BITS = 7  # of the mantissa of light: at most 0.4 % off, half of what 8-bit sRGB rounds away
DEPTH_BITS = 9
NOTHING = 65504.0  # depth where there is nothing, the largest half float


class NotAShard(ValueError):
    """A file that is no whole shard of this version; the message is one line."""


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Half floats whose mantissa has `bits` of its ten bits; the zeros that remain compress well. Never infinite."""
    half = np.nan_to_num(values, nan=0.0, posinf=NOTHING, neginf=-NOTHING).clip(-NOTHING, NOTHING).astype(np.float16)
    drop = 10 - bits
    raw = np.ascontiguousarray(half).view(np.uint16).astype(np.uint32)
    result = ((raw + (1 << (drop - 1))) >> drop << drop).astype(np.uint16).view(np.float16)
    return np.where(np.isfinite(result), result, half)


class ShardWriter:
    """Appends frames to a shard that is open."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive, self.frames = archive, 0

    def add(self, arrays: dict[str, np.ndarray], note: dict) -> None:
        """Write one frame: its arrays by name, and what is known about it."""
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, np.ascontiguousarray(array), allow_pickle=False)
            self.archive.writestr(f"{self.frames:06d}.{name}.npy", data.getvalue())
        self.archive.writestr(f"{self.frames:06d}.json", json.dumps(note, separators=(",", ":")))
        self.frames += 1


@contextmanager
def writing(path: Path, head: dict) -> Iterator[ShardWriter]:
    """A shard under a temporary name, which gets its own when all went well, so that a shard that is there is whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
            writer = ShardWriter(archive)
            yield writer
            archive.writestr(HEAD, json.dumps({"format": FORMAT, "version": VERSION, "frames": writer.frames, **head}, indent=1))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def head_of(path: Path) -> dict:
    """What `shard.json` says. Raises NotAShard for a file cut short, another format or version."""
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read(HEAD))
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError):
        raise NotAShard(f"{path}: cut off, or no shard: render it again") from None
    if head.get("format") != FORMAT or head.get("version") != VERSION:
        raise NotAShard(f"{path}: format {head.get('format')} {head.get('version')}, this reads {FORMAT} {VERSION}")
    return head


def read_frame(path: Path, index: int) -> tuple[dict[str, np.ndarray], dict]:
    """One frame's arrays by name, and its note."""
    prefix = f"{index:06d}."
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith(prefix) and name.endswith(".npy"):
                with archive.open(name) as member:
                    arrays[name[len(prefix) : -4]] = np.lib.format.read_array(io.BytesIO(member.read()), allow_pickle=False)
        return arrays, json.loads(archive.read(f"{prefix}json"))
