"""Shards: some dozens of labelled frames of random scenes in one file, read frame by frame.

A shard is an uncompressed or deflated ZIP, which `numpy.load` opens too. `shard.json` is its head: `format`, `version`, `frames`
(their number), `classes`. Frame i has the members `iiiiii.NAME.npy` (six digits) and `iiiiii.json`, a note on its scene: `key.direction`,
towards the key light in world space, and `camera`, the rotation from the world to the camera as rows.

| name | array | |
|---|---|---|
| view0, view1, ... | uint8 `[3, H, W]` | the picture, developed by a view transform; view0 is plain sRGB |
| combined, diffdir, diffcol, glossdir | float16 `[3, H, W]` | passes, scene-linear |
| normal | float16 `[3, H, W]` | world space |
| depth | float16 `[H, W]` or `[1, H, W]` | planar; 65504 where there is nothing |
| vector | float16 `[4, H, W]` | optional |
| shape | uint8 `[H, W]` | coverage by shapes, 255 times 0..1 |
| labels | uint8 `[H, W]` | class index |

`examples/blender/shards.py` writes them.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from glob import glob
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError, RotoError, UsageError, did_you_mean_file
from rotonodes.io.archives import read_member
from rotonodes.io.folder import natural_order
from rotonodes.io.json_text import parse_json
from rotonodes.io.limits import MOST_CHANNELS, check_size

if TYPE_CHECKING:
    import numpy as np

FORMAT, VERSION = "rotonodes-tones-shard", 1
HEAD = "shard.json"
ENDING = ".npz"
_MOST_TEXT, _MOST_HEADER = 1 << 20, 1 << 16  # bytes
_MOST_FRAMES = 1_000_000
_LONGEST = 1e6  # of a direction, whose length says nothing


@dataclass(frozen=True)
class Shard:
    """A shard that is whole: its file, the number of its frames, and the classes of its labels."""

    path: str
    frames: int
    classes: tuple[str, ...]


def list_shards(paths: Sequence[str]) -> tuple[Shard, ...]:
    """The shards of folders, wildcards and files, each in natural order of names.

    Raises UsageError, in one line, where there are none, for a file that is cut off or is not a shard, and for another version.
    """
    files: list[str] = []
    for path in paths:
        pattern = os.path.join(path, f"*{ENDING}") if os.path.isdir(path) else path
        found = [pattern] if os.path.isfile(pattern) else sorted(glob(pattern), key=natural_order)
        if not found:
            raise UsageError(f"{path}: no shards ({ENDING}) there{did_you_mean_file(path, (ENDING,))}: check the path")
        files += found
    return tuple(head_of(path) for path in dict.fromkeys(files))


def head_of(path: str) -> Shard:
    """A shard's head. Raises UsageError for a file that is cut off or is not a shard, and for another version."""
    try:
        stat = os.stat(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None
    return _head(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)  # a head is asked for at every frame of its shard
def _head(path: str, size: int, changed: int) -> Shard:
    try:
        with zipfile.ZipFile(path) as archive:
            head = parse_json(read_member(archive, HEAD, _MOST_TEXT))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None
    except Exception:  # zipfile and json raise many kinds
        raise UsageError(f"{path}: cut off, or not a shard: render it again") from None
    if not isinstance(head, dict) or (head.get("format"), head.get("version")) != (FORMAT, VERSION):
        found = f"{head.get('format')} version {head.get('version')}" if isinstance(head, dict) else "something else"
        raise UsageError(f"{path}: {found}, but this rotonodes reads {FORMAT} version {VERSION}: render it again, or update rotonodes")
    frames, classes = head.get("frames"), head.get("classes")
    named = isinstance(classes, list) and 0 < len(classes) <= 256 and all(isinstance(name, str) for name in classes)
    if not (isinstance(frames, int) and 0 <= frames <= _MOST_FRAMES and named) or classes is None:
        raise UsageError(f"{path}: {HEAD} needs `frames`, up to {_MOST_FRAMES}, and `classes`, a list of names: render it again")
    return Shard(path, frames, tuple(classes))


def place_of(shards: Sequence[Shard], frame: int) -> tuple[int, int]:
    """(index of the shard, index of the frame in it) of a frame, numbered from 1 through all shards. Raises FrameError beyond them."""
    left = frame - 1
    for at, shard in enumerate(shards):
        if 0 <= left < shard.frames:
            return at, left
        left -= shard.frames
    count = sum(shard.frames for shard in shards)
    raise FrameError(f"there is no frame {frame}: the shards have {count}, which are frames 1-{count}")


def read_shard_frame(shard: Shard, index: int, names: Collection[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a frame that are among `names`, as stored, and its note. Raises FrameError for a damaged frame."""
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    where = f"{shard.path}, frame {index + 1}"
    try:
        with zipfile.ZipFile(shard.path) as archive:
            there = set(archive.namelist())
            for name in names:
                member = f"{index:06d}.{name}.npy"
                if member in there:
                    arrays[name] = _array(archive, member, shard.path)
            note = parse_json(read_member(archive, f"{index:06d}.json", _MOST_TEXT))
    except RotoError:
        raise
    except Exception as error:  # zipfile, numpy and json raise many kinds
        raise FrameError(f"{where}: damaged ({error}): render the shard again") from None
    if "labels" in arrays and (arrays["labels"].ndim != 2 or arrays["labels"].dtype.kind != "u"):
        raise FrameError(
            f"{where}: its labels are {arrays['labels'].dtype} {list(arrays['labels'].shape)}, not uint8 [H, W]: render it again"
        )
    if "labels" in arrays and arrays["labels"].max(initial=0) >= len(shard.classes):
        y, x = (int(at[0]) for at in np.nonzero(arrays["labels"] >= len(shard.classes)))
        value, last = int(arrays["labels"][y, x]), len(shard.classes) - 1
        raise FrameError(f"{where}: the label at x {x}, y {y} is {value}, but the classes are 0 to {last}: render the shard again")
    if not _tells_light(note):
        raise FrameError(
            f"{where}: its note needs key.direction, three numbers that are not all 0, "
            "and camera, three rows of such: render the shard again"
        )
    return arrays, note


def _tells_light(note: Any) -> bool:
    """Whether a note tells where the key light is, and how the camera is turned."""
    try:
        towards, turned = note["key"]["direction"], note["camera"]
    except (KeyError, TypeError):
        return False
    return _is_vector(towards) and isinstance(turned, list) and len(turned) == 3 and all(map(_is_vector, turned))


def _is_vector(value: object) -> bool:
    """Whether it is a list of three numbers that point somewhere."""
    if not isinstance(value, list) or len(value) != 3:
        return False
    numbers = [x for x in value if isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= _LONGEST]  # not so for NaN
    return len(numbers) == 3 and max(map(abs, numbers)) >= 1 / _LONGEST


def _array(archive: zipfile.ZipFile, member: str, path: str) -> np.ndarray:
    """An array of a shard, whose size is checked before it is unpacked. Raises FrameError and ValueError."""
    import numpy as np

    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(file)
    planes, claimed = math.prod(shape[:-2]), math.prod(shape) * kind.itemsize
    if len(shape) not in (2, 3) or not 0 < planes <= MOST_CHANNELS or kind.kind not in "uif":
        raise ValueError(f"{member} is {kind} {list(shape)}")
    check_size(path, shape[-1], shape[-2])
    data = read_member(archive, member, claimed + _MOST_HEADER)
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
