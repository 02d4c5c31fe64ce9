"""Base of nodes that read one file a frame, with what they give for a frame that is missing."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeVar

from pydantic import PrivateAttr

from rotonodes.errors import FrameError, RotoError, did_you_mean_file
from rotonodes.node.annotations import Device
from rotonodes.node.base import Node, OwnResults
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.frame_sets import FrameSet
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte

Value = TypeVar("Value", Image, Matte, Labels, Layers)


_CHOOSING = ("available", "files", "frames_on_disk", "is_there", "lacks", "reads", "shown")  # methods


class FirstFrame(NamedTuple):
    """The first frame of a sequence: its file, and its size as (width, height)."""

    file: str
    size: tuple[int, int]


class FrozenFrames(NamedTuple):
    """The frames of a source when a run began: those it finds (None where one file serves every frame), those with all files."""

    found: tuple[int, ...] | None
    whole: frozenset[int]


class FileSource(Node):
    """Base of sources that read one file a frame; `missing` says what to do for a frame that is not on disk."""

    frames_by_files: ClassVar[bool] = True
    revision: ClassVar[int] = 1  # 1: pictures of every format stand upright, and a PNG that notes linear light is linear

    path: InputPath = param(help="the files: a name with a frame token (####, %04d, $F4), or one file for every frame", min_length=1)
    missing: Literal["error", "hold", "black"] = param(
        "error", help="for a frame that is not on disk: stop with a list of all gaps, hold the frame before it, or give an empty picture"
    )

    sizes: Literal["same", "any"] = param(
        "same", help="whether every frame must be of the first one's size, or may have its own", pixels=False
    )

    _frames: FrozenFrames | None = PrivateAttr(None)

    def with_files_listed(self, own: OwnResults) -> Self:
        listed = super().with_files_listed(own).model_copy()
        try:
            there = listed.frames_on_disk()
        except RotoError:
            return listed  # the run says so
        if there is not None and any(FilePattern(pattern).has_token for pattern in self.patterns()):
            made = own([file for frame in there for file in self.files(frame)], ())
            there = tuple(frame for frame in there if made.isdisjoint(self.files(frame))) if made else there
        whole = frozenset(frame for frame in there or () if self.missing == "error" or listed.is_there(frame))
        listed._frames = FrozenFrames(there, whole)
        return listed

    def prepare(self, device: Device, **inputs: Any) -> FirstFrame | None:
        """The first frame on disk, whose size the others must have; None with `sizes: any`."""
        from rotonodes.io.pictures import picture_size

        for frame in (self.available() if self.sizes == "same" else None) or ():
            file = self.files(frame)[0]
            try:
                return FirstFrame(file, picture_size(file))
            except RotoError:
                continue  # reading that frame reports it
        return None

    def patterns(self) -> tuple[str, ...]:
        """The path of every file that a frame is made of, with its frame token."""
        return (self.path,)

    def files(self, frame: int | None) -> tuple[str, ...]:
        """The files of one frame, whether they exist or not."""
        return tuple(FilePattern(pattern).find(frame) for pattern in self.patterns())

    def available(self) -> tuple[int, ...] | None:
        """Frames that are whole on disk, in a run those when it began; None where one file serves every frame."""
        return self.frames_on_disk() if self._frames is None else self._frames.found

    def frames_on_disk(self) -> tuple[int, ...] | None:
        """The frames that are whole on disk now; None where one file serves every frame."""
        found = [set(pattern.on_disk()) for pattern in map(FilePattern, self.patterns()) if pattern.has_token]
        return tuple(sorted(set.intersection(*found))) if found else None

    def shown(self, frame: int) -> int | None:
        """The frame whose files are read for `frame`: its own or the held one; None for an empty picture."""
        if self.missing == "error" or self.is_there(frame):
            return frame
        there = self.available()
        if not there:
            return frame
        return None if self.missing == "black" else there[max(bisect_left(there, frame) - 1, 0)]

    def is_there(self, frame: int) -> bool:
        """Whether all files of a frame are on disk; a run goes by what was there when it began."""
        if self._frames is None or self._frames.found is None:
            return all(map(os.path.exists, self.files(frame)))
        return frame in self._frames.whole

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """The files that decide the pixels of `frame`.

        An empty picture takes its size from the first frame on disk; its own missing files make its key another one.
        """
        if frame is None or self.shown(frame) is not None:
            return self.files(frame if frame is None else self._read_for(frame))
        return (*self.files(self._read_for(frame)), *self.files(frame))

    def lacks(self, frame: int | None) -> tuple[str, ...]:
        """An empty picture needs no file of its own."""
        gone = super().lacks(frame)  # first, because listing the folder takes long
        return () if gone and self.missing == "black" and self.available() else gone

    def by_patterns(self) -> bool:
        """Whether `patterns` tell all files of every frame, so that listing their folders says which are there.

        A class with methods of its own that say which these files are answers anew, for itself and not for what is made from it.
        """
        return self.chooses_files_as(FileSource)

    def chooses_files_as(self, base: type[FileSource]) -> bool:
        """Whether no class between this one and `base` says in another way which files belong to a frame."""
        return all(getattr(type(self), name) is getattr(base, name) for name in _CHOOSING)

    def lacking(self, frames: Collection[int | None]) -> Collection[int | None]:
        tokens = {FilePattern(pattern).has_token for pattern in self.patterns()}
        if None in frames or len(tokens) > 1 or not self.by_patterns():
            return super().lacking(frames)
        there = self.frames_on_disk()
        if there is None:  # the same files for every frame
            return () if all(map(os.path.exists, self.files(None))) else frames
        stand_in = (self.available() or ()) if self.missing != "error" else ()  # frames that a gap is filled with
        if stand_in and self.missing != "black" and not set(stand_in) <= set(there):
            return super().lacking(frames)  # one has gone since the run began
        return () if stand_in else (frames if isinstance(frames, FrameSet) else FrameSet(frames)).without(there)

    def read_patterns(self) -> tuple[str, ...] | None:
        return self.patterns() if self.by_patterns() else None

    def found(self, frame: int) -> tuple[str, ...]:
        """`reads(frame)`, all of which exist. Raises FrameError that lists every gap of the sequence."""
        files = self.files(self._read_for(frame))
        for file in files:
            if not os.path.exists(file):
                raise FrameError(f"cannot read {file}: no such file{self._gaps(frame)}")
        return files

    def finished(self, value: Value, frame: int, first: Any) -> Value:
        """`value` as it was read, or an empty one where `missing: black` replaces `frame`.

        `first` is what `prepare` returned. Raises FrameError for a frame of another size.
        """
        if first is not None and value.size != first.size:
            first = self.prepare(Device("cpu"))  # outside a graph it may be from an earlier call, before a new render
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
    return value.with_data(empty)
