"""Base of nodes that read one file a frame, and what stands in for a frame that is missing."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from rotonodes.errors import FrameError, RotoError, did_you_mean_file
from rotonodes.node.asks import Device
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte

Value = TypeVar("Value", Image, Matte, Labels, Layers)


class First(NamedTuple):
    """The first frame of a sequence: its file, and its size as (width, height)."""

    file: str
    size: tuple[int, int]


class FileSource(Node):
    """Base of sources: one file a frame, and what stands in for a frame that is missing."""

    revision: ClassVar[int] = 1  # 1: pictures of every format stand upright, and a PNG that notes linear light is linear

    path: InputPath = param(help="the files: a name with a frame token (####, %04d, $F4), or one file for every frame", min_length=1)
    missing: Literal["error", "hold", "black"] = param(
        "error", help="for a frame that is not on disk: stop with a list of all gaps, hold the frame before it, or give an empty picture"
    )

    sizes: Literal["same", "any"] = param(
        "same", help="whether every frame must be of the first one's size, or may have its own", pixels=False
    )

    def prepare(self, device: Device, **inputs: Any) -> First | None:
        """The sequence's first frame on disk and its size, which the others are held against."""
        from rotonodes.io.pictures import picture_size

        for frame in (self.available() if self.sizes == "same" else None) or ():
            file = self.files(frame)[0]
            try:
                return First(file, picture_size(file))
            except RotoError:
                continue  # it will be said of that frame, not of every one
        return None

    def patterns(self) -> tuple[str, ...]:
        """The path of every file a frame is made of, frame tokens not yet replaced."""
        return (self.path,)

    def files(self, frame: int | None) -> tuple[str, ...]:
        """The files of one frame, whether they exist or not."""
        return tuple(FilePattern(pattern).find(frame) for pattern in self.patterns())

    def available(self) -> tuple[int, ...] | None:
        """Frames that are whole on disk; None where one file serves every frame."""
        found = [set(pattern.on_disk()) for pattern in map(FilePattern, self.patterns()) if pattern.has_token]
        return tuple(sorted(set.intersection(*found))) if found else None

    def shown(self, frame: int) -> int | None:
        """The frame whose files are shown for `frame`: its own or the one held; None for an empty picture."""
        if self.missing == "error" or all(map(os.path.exists, self.files(frame))):
            return frame
        there = self.available()
        if not there:
            return frame
        return None if self.missing == "black" else max((f for f in there if f < frame), default=there[0])

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """The files that decide the pixels of `frame`.

        An empty picture takes its size from the first frame on disk; its own files, which are missing, tell it from that one.
        """
        if frame is None or self.shown(frame) is not None:
            return self.files(frame if frame is None else self._read_for(frame))
        return (*self.files(self._read_for(frame)), *self.files(frame))

    def lacks(self, frame: int | None) -> tuple[str, ...]:
        """An empty picture needs no file of its own."""
        gone = super().lacks(frame)  # asked first: to list the folder for every frame takes long
        return () if gone and self.missing == "black" and self.available() else gone

    def found(self, frame: int) -> tuple[str, ...]:
        """`reads(frame)`, all of which exist. Raises FrameError that lists every gap of the sequence."""
        files = self.files(self._read_for(frame))
        for file in files:
            if not os.path.exists(file):
                raise FrameError(f"cannot read {file}: no such file{self._gaps(frame)}")
        return files

    def finished(self, value: Value, frame: int, first: Any) -> Value:
        """`value` as it was read, or emptied where `missing: black` stands in for `frame`.

        Raises FrameError for a frame of another size than the `first` (what `prepare` made).
        """
        if first is not None and value.size != first.size:
            first = self.prepare(Device("cpu"))  # outside a graph it may be of an earlier call, and rendered anew since
        if first is not None and value.size != first.size:
            file, (width, height) = self.reads(frame)[0], value.size
            raise FrameError(
                f"cannot read {file}: it is {width} x {height}, but the sequence is {first.size[0]} x {first.size[1]} "
                f"({first.file}); render it again, or set sizes: any"
            )
        return value if self.shown(frame) is not None else black(value)

    def _read_for(self, frame: int) -> int:
        shown = self.shown(frame)
        return (self.available() or (frame,))[0] if shown is None else shown

    def _gaps(self, frame: int) -> str:
        there = self.available()
        if there is None:
            return did_you_mean_file(self.path) and f"{did_you_mean_file(self.path)}: check the path and --root"
        if not there:
            return f"; no file at all matches {self.path}{did_you_mean_file(self.path)}: check the path and --root"
        gaps = [f"{a + 1}-{b - 1}" if b - a > 2 else f"{a + 1}" for a, b in pairwise(there) if b - a > 1]
        return f"; {self.path} has frames {there[0]}-{there[-1]}" + (f" without {', '.join(gaps)}" if gaps else "")


def black(value: Value) -> Value:
    """The same frame with nothing in it: black and transparent, no matte, class 0."""
    if isinstance(value, Layers):
        import numpy as np

        return replace(value, planes={name: np.zeros_like(plane) for name, plane in value.planes.items()})
    empty = value.data.new_zeros(value.data.shape)
    return value.with_data(empty) if isinstance(value, Image) else replace(value, data=empty)
