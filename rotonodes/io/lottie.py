"""Lottie: an animation of filled paths as JSON, streamed frame by frame (Lottie Animation Community, specification 1.0, lottie.github.io).

Each picture is a shape layer that is visible for its frames; pictures that repeat are one layer. Later ones lie on top, since some players
(rlottie) show a layer still at its out point. Coordinates are pixels, to the hundredth.
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from typing import IO, TYPE_CHECKING, Any, Protocol

from rotonodes.errors import UsageError
from rotonodes.io.seal import with_seal

if TYPE_CHECKING:
    import numpy as np

_START = '{"v":"5.7.0","ver":10000,"meta":{"g":"rotonodes"'  # v is what players from before the specification ask for
_END = b"]}\n"
_KEY = re.compile(rb'"rotonodes:key":"([0-9A-Za-z:.-]+) ')
_EVEN_ODD, _ROUND = 2, 2
_STILL = {"a": {"a": 0, "k": [0, 0]}, "p": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [100, 100]}, "r": {"a": 0, "k": 0}}
_PLACE = {**_STILL, "o": {"a": 0, "k": 100}}

Item = dict[str, Any]


class LottieShape(Protocol):
    """A filled shape: closed curves `[m, 4, 2]` in hundredths of a pixel, even-odd (None: the whole frame), and lines of its colour."""

    @property
    def group(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def color(self) -> str: ...
    @property
    def opacity(self) -> float: ...
    @property
    def loops(self) -> tuple[np.ndarray, ...] | None: ...
    @property
    def lines(self) -> tuple[np.ndarray, ...]: ...
    @property
    def rings(self) -> tuple[np.ndarray, ...]: ...


class LottieWriter:
    """Writes pictures of `size` (width, height) to an open file. Use as a context manager; `seal` the complete file.

    `overlap` is the width of the lines in px. Raises UsageError when there is no picture.
    """

    def __init__(
        self, file: IO[bytes], size: tuple[int, int], rate: Fraction, frames: int, *, overlap: float = 1.0, key: str | None = None
    ) -> None:
        self._file, self._size, self._overlap = file, size, overlap
        self._held, self._begin, self._count = "", 0, 0
        # Layers wait in a file, so that memory does not grow with the clip.
        self._layers = tempfile.TemporaryFile()  # noqa: SIM115
        self._ends = [0]
        note = f',"custom":{{"rotonodes:key":"{with_seal(key)}"}}' if key else ""
        width, height = size
        head = f'{_START}{note}}},"fr":{_rate(rate)},"ip":0,"op":{frames},"w":{width},"h":{height},"ddd":0,"assets":[],"layers":['
        file.write(head.encode())

    def add(self, shapes: Sequence[LottieShape]) -> None:
        """Write the next picture, its shapes in the order of painting."""
        items = json.dumps(list(_groups(shapes, self._size, self._overlap)), separators=(",", ":"), ensure_ascii=False)
        if items != self._held:
            self._flush()
            self._held, self._begin = items, self._count
        self._count += 1

    def close(self) -> None:
        """Write the last picture and the end of the file."""
        if not self._count:
            raise UsageError("an animation needs at least one frame")
        self._flush()
        for begin, end in reversed(list(pairwise(self._ends))):
            self._layers.seek(begin)
            self._file.write((b"" if end == self._ends[-1] else b",") + self._layers.read(end - begin))
        self._file.write(_END)

    def _flush(self) -> None:
        if self._held:
            layer = {"ty": 4, "ind": self._begin + 1, "ip": self._begin, "op": self._count, "st": 0, "sr": 1, "bm": 0, "ks": _PLACE}
            text = json.dumps(layer, separators=(",", ":"))[:-1]
            self._layers.write(f'{text},"shapes":{self._held}}}'.encode())
            self._ends.append(self._layers.tell())

    def __enter__(self) -> LottieWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._layers:
            if kind is None:
                self.close()


def _rate(rate: Fraction) -> str:
    return f"{rate.numerator}" if rate.denominator == 1 else repr(float(rate))


def _groups(shapes: Sequence[LottieShape], size: tuple[int, int], overlap: float) -> Iterator[Item]:
    """The groups of a picture, what is painted last first, as Lottie has them."""
    members = [(group, list(found)) for group, found in groupby(shapes, key=lambda shape: shape.group)]
    for group, found in reversed(members):
        items = [item for shape in reversed(found) for item in _items(shape, size, overlap)]
        yield from [_group(group, items)] if group else items


def _group(name: str, items: list[Item]) -> Item:
    return {"ty": "gr", "nm": name, "it": [*items, {"ty": "tr", **_PLACE}]}


def _items(shape: LottieShape, size: tuple[int, int], overlap: float) -> Iterator[Item]:
    """The group of a shape, and below it that of its lines."""
    paint = {"c": {"a": 0, "k": _color(shape.color)}, "o": {"a": 0, "k": round(100 * shape.opacity, 2)}}
    if shape.loops is None:
        width, height = size
        middle, sides = {"a": 0, "k": [width / 2, height / 2]}, {"a": 0, "k": [width, height]}
        paths: list[Item] = [{"ty": "rc", "p": middle, "s": sides, "r": {"a": 0, "k": 0}}]
    else:
        paths = [_path(loop, closed=True) for loop in shape.loops]
    yield _group(shape.name, [*paths, {"ty": "fl", **paint, "r": _EVEN_ODD}])
    lines = [_path(line, closed=False) for line in shape.lines] + [_path(ring, closed=True) for ring in shape.rings]
    if lines and overlap:
        stroke = {"ty": "st", **paint, "w": {"a": 0, "k": overlap}, "lc": _ROUND, "lj": _ROUND}
        yield _group(f"{shape.name} border", [*lines, stroke])


def _path(beziers: np.ndarray, closed: bool) -> Item:
    """Curves `[m, 4, 2]`, end to end, as vertices with the tangents that come in and go out."""
    import numpy as np

    ends = beziers[:, 3] if closed else np.concatenate([beziers[:1, 0], beziers[:, 3]])
    vertices = np.roll(ends, 1, 0) if closed else ends  # of a closed path the last end is the first vertex
    leaving, coming = np.zeros_like(vertices), np.zeros_like(vertices)
    leaving[: len(beziers)] = beziers[:, 1] - beziers[:, 0]
    arriving = beziers[:, 2] - beziers[:, 3]
    coming[:] = np.roll(arriving, 1, 0) if closed else np.concatenate([np.zeros_like(arriving[:1]), arriving])
    found = {"i": _pixels(coming), "o": _pixels(leaving), "v": _pixels(vertices), "c": closed}
    return {"ty": "sh", "ks": {"a": 0, "k": found}}


def _pixels(hundredths: np.ndarray) -> list[list[float]]:
    return [[x // 100 if x % 100 == 0 else x / 100, y // 100 if y % 100 == 0 else y / 100] for x, y in hundredths.tolist()]


def _color(text: str) -> list[float]:
    """`#rrggbb` as shares, none below its code, so that players that cut off reach it too."""
    codes = bytes.fromhex(text[1:7])
    return [*(math.ceil(code / 255 * 1e6) / 1e6 for code in codes), 1]


def is_lottie(start: bytes) -> bool:
    """Whether a file that begins so may be a Lottie animation that rotonodes wrote."""
    return len(start) > 4 and (start.startswith(_START.encode()) or _START.encode().startswith(start))


def read_key(path: str | os.PathLike[str]) -> str | None:
    """The key of a complete Lottie animation that rotonodes wrote, or None."""
    try:
        with open(path, "rb") as file:
            found = _KEY.search(file.read(2048))
            file.seek(-len(_END), os.SEEK_END)
            return found[1].decode() if found and file.read() == _END else None
    except OSError:
        return None
