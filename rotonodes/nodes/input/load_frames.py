"""LoadFrames: a frame sequence or a single picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import model_validator

from rotonodes.errors import FrameError
from rotonodes.io.layers import file_layers, is_exr
from rotonodes.node.annotations import Device, Frame, Prepared, Wanted
from rotonodes.node.parameters import param
from rotonodes.nodes.input.file_source import FileSource
from rotonodes.values.color import Colorspace
from rotonodes.values.frames import literal
from rotonodes.values.pixels import Image, Layers

PASS = "$pass"
GLANCED = 64_000_000  # bytes; a larger file is not read twice
BEAUTY = "rgba"  # name of a pass without a word, as Cinema 4D calls the picture itself


class Loaded(NamedTuple):
    """The picture, and every channel of the file."""

    image: Image | None
    layers: Layers | None


class LoadFrames(FileSource):
    """Read a frame sequence or a single picture.

    Formats are PNG, JPEG, TIFF, WebP, BMP (8 and 16 bit) and EXR.

    `image` is the picture a viewer would show. `layers` are all channels of the file under their full names. For renderers that
    write one file per pass, put `$pass` into the path: `passes` lists the words that replace it, or maps each pass's
    name to its word (`{rgba: "_", matcolor: "_matcolor"}`). Then `image` is the first pass, and `layers` holds
    the channels of all passes as `matcolor.R`, float32; a pass with an empty word is called `rgba`.
    """

    colorspace: Colorspace | Literal["auto"] = param(
        "auto", help="encoding of the files; auto: EXR linear, other pictures srgb, the layers of a $pass sequence raw"
    )
    passes: list[str] | dict[str, str] = param([], help="words that replace $pass in the path, or pass name -> its word")

    @model_validator(mode="after")
    def _passes_and_token(self) -> LoadFrames:
        if self.passes and PASS not in self.pattern():
            words = ", ".join(self.words())
            raise ValueError(
                f"{self.path!r} has no {PASS}: write it where the files of {words} differ (shot{PASS}####.png), "
                "or passes: {} for one file with all passes"
            )
        if PASS in self.pattern() and not self.passes:
            raise ValueError(f"{self.path!r} has {PASS}, and `passes` names none: write passes: {{rgba: _, illum: _illum}} or the like")
        if len(self.words()) < len(self.passes):
            raise ValueError("`passes` names one pass twice")
        return self

    def words(self) -> dict[str, str]:
        """Pass name -> the word that replaces `$pass`."""
        return self.passes if isinstance(self.passes, dict) else {word or BEAUTY: word for word in self.passes}

    def pattern(self) -> str:
        """The path with `${pass}` written `$pass`."""
        return self.path.replace("${pass}", PASS)

    def patterns(self) -> tuple[str, ...]:
        return tuple(self.pattern().replace(PASS, literal(word)) for word in self.words().values()) or (self.path,)

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

    def glance(self, output: str, frame: int, inputs: Mapping[str, Layers]) -> Layers | None:
        from rotonodes.io import exr, pictures

        files = self.found(frame)
        if self.passes or self.shown(frame) is None or os.path.getsize(files[0]) > GLANCED:
            return None
        if output == "layers":
            layers = exr.read_layers(files[0]) if is_exr(files[0]) else None
        else:
            layers = pictures.glance(files[0], self.colorspace)
        return layers and self.finished(layers, frame, self.prepare(Device("cpu")))

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
