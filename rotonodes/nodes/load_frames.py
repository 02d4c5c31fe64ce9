"""LoadFrames, and what every node that reads one file a frame shares with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import model_validator

from rotonodes.color import Colorspace
from rotonodes.errors import FrameError, RotoError, did_you_mean_file
from rotonodes.frames import FilePattern
from rotonodes.node import Device, Frame, InputPath, Node, Prepared, Wanted, param
from rotonodes.pixels import Image, Labels, Layers, Matte

Value = TypeVar("Value", Image, Matte, Labels, Layers)
PASS = "$pass"
BEAUTY = "rgba"  # how a pass without a name is called, after Cinema 4D's word for the picture itself


class First(NamedTuple):
    """The first frame of a sequence: its file, and its size as (width, height)."""

    file: str
    size: tuple[int, int]


class FileSource(Node):
    """Base of sources: one file a frame, and what stands in for a frame that is missing."""

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
        return tuple(FilePattern(pattern).path(frame) for pattern in self.patterns())

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
            return ""
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


class Loaded(NamedTuple):
    """What LoadFrames gives: the picture, and every channel of the file."""

    image: Image | None
    layers: Layers | None


class LoadFrames(FileSource):
    """Read a frame sequence or a single picture: PNG, JPEG, TIFF, WebP, BMP (8 and 16 bit) or EXR.

    `image` is the picture a viewer would show. `layers` are all channels of the file under their full names. Renderers that
    write one file a pass are read with `$pass` in the path: `passes` lists the words that stand there, or maps each pass's
    name to the text that does (`{rgba: "_", matcolor: "_matcolor"}`). Then `image` is the first pass, and `layers` holds
    the channels of all as `matcolor.R`, float32; a pass whose word is empty is called `rgba`.
    """

    category: ClassVar[str] = "input"
    colorspace: Colorspace | Literal["auto"] = param(
        "auto", help="how the files are encoded; auto: EXR linear, other pictures srgb, the layers of a $pass sequence raw"
    )
    passes: list[str] | dict[str, str] = param([], help="what $pass in the path stands for, pass by pass")

    @model_validator(mode="after")
    def _passes_and_token(self) -> LoadFrames:
        if (PASS in self.pattern()) != bool(self.passes):
            raise ValueError(f"{PASS} in the path and `passes` go together: the path is {self.path!r}, the passes are {self.passes!r}")
        if len(self.words()) < len(self.passes):
            raise ValueError("`passes` names one pass twice")
        return self

    def words(self) -> dict[str, str]:
        """Pass name -> the text that stands for `$pass`."""
        return self.passes if isinstance(self.passes, dict) else {word or BEAUTY: word for word in self.passes}

    def pattern(self) -> str:
        """The path with `$pass` in one spelling."""
        return self.path.replace("${pass}", PASS)

    def patterns(self) -> tuple[str, ...]:
        return tuple(self.pattern().replace(PASS, word) for word in self.words().values()) or (self.path,)

    def process(self, frame: Frame, wanted: Wanted, first: Prepared) -> Loaded:
        from rotonodes.io import exr, pictures

        files = self.found(frame)
        image = layers = None
        if "layers" in wanted:
            layers = self._pass_layers(files) if self.passes else file_layers(files[0], self.colorspace)
        if "image" in wanted:
            decoded = layers is not None and is_exr(files[0]) and not self.passes and self.colorspace in ("auto", "linear")
            image = exr.layers_image(layers) if layers and decoded else pictures.read_image(files[0], self.colorspace)
        return Loaded(image and self.finished(image, frame, first), layers and self.finished(layers, frame, first))

    def _pass_layers(self, files: Sequence[str]) -> Layers:
        from rotonodes.io.pictures import read_image

        images = [read_image(file, "raw" if self.colorspace == "auto" else self.colorspace) for file in files]
        first, planes = images[0], {}
        for name, image, file in zip(self.words(), images, files, strict=True):
            if image.size != first.size:
                raise FrameError(f"cannot read {file}: it is {image.width} x {image.height}, {files[0]} is {first.width} x {first.height}")
            for channel, plane in zip(image.channels, image.on(first.box).data.numpy(), strict=True):
                planes[f"{name}.{channel}"] = plane
        return Layers(planes, first.box, first.size, first.metadata, path=files[0])


def is_exr(file: str) -> bool:
    """True for the files whose layers can be read."""
    return file.lower().endswith(".exr")


def file_layers(file: str, colorspace: Colorspace | Literal["auto"]) -> Layers:
    """All channels of one file: an EXR's as stored, another picture's as they are decoded."""
    from rotonodes.io import exr, pictures

    if is_exr(file):
        return exr.read_layers(file)
    image = pictures.read_image(file, colorspace)
    return Layers(dict(zip(image.channels, image.data.numpy(), strict=True)), image.box, image.size, image.metadata, path=file)
