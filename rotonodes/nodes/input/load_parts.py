"""LoadParts: the parts of a picture, from one mask for each or from the layers of a PSD."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, Self

from pydantic import PrivateAttr, model_validator

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.folder import NAME, PART, takes_name
from rotonodes.io.layers import file_layers, is_exr
from rotonodes.io.part_files import part_file, part_words
from rotonodes.node.annotations import Frame, Prepared, Wanted
from rotonodes.node.base import OwnResults
from rotonodes.node.parameters import InputPath, param
from rotonodes.nodes.input.file_source import FileSource
from rotonodes.nodes.input.listed_pictures import ListedPictures
from rotonodes.values.frames import FilePattern, literal
from rotonodes.values.pixels import Box, Image, Labels, Layers


class Parts(NamedTuple):
    """One channel per part, under the part's name, 0 to 1; the parts as labels, 0 for none; and the picture they belong to."""

    parts: Layers
    labels: Labels | None
    image: Image | None


class LoadParts(FileSource, ListedPictures):
    """Read the parts of a shape, which may overlap.

    They come from one mask file per part and frame, or from files that hold all parts as layers or channels.

    `{part}` in the path stands for a part's name: `masks/{part}/frame.####.png` is a folder for each part, `masks/frame.####_{part}.png` a
    file. Where pictures have names instead of numbers, `pictures` lists them (as for LoadPictures), and `*` stands for the
    name of each: `masks/*_{part}.png`. A mask is its alpha, or its brightest colour channel where alpha is 1 everywhere.
    A path without `{part}` is a PSD, whose layers are parts by their alpha and mask, visible or hidden: `body/arm` is the
    layer `arm` in the group `body`, `body` the whole group. Or it is any other picture, whose channels are parts; in a render so are
    the names of its cryptomatte, with wildcards: `parts: {hair: "hair*"}`.

    `labels` is the foremost part of each pixel whose matte is 0.5 or more; parts lie from back to front in the order of
    `parts`. `image` is the picture itself: one of `pictures`, a PSD's merged picture, or the render.
    """

    path: InputPath = param(
        help="the files: a name with {part}, a PSD or another picture, with a frame token or *", min_length=1, examples=["in/*.exr"]
    )
    parts: list[str] | dict[str, str] = param(
        [], help="parts from back to front, or part -> its word in the files; default: all layers of a PSD", examples=[["R"], {"a": "R"}]
    )
    pictures: InputPath | list[InputPath] = param(
        "", help="folder, wildcard or list of the pictures whose names `*` in the path stands for"
    )
    cryptomatte: str = param("object", help="kind of a render's cryptomatte that parts are named after: object, material or asset")
    overlap: Literal["allow", "refuse"] = param("allow", help="whether parts may share pixels")
    hidden: bool = param(False, help="whether a part may be hidden in a frame (its mask empty or missing)")

    _hidden: frozenset[str] = PrivateAttr(frozenset())  # masks that were not there when the run began

    @model_validator(mode="after")
    def _tokens(self) -> LoadParts:
        if PART in self.path and not self.parts:
            raise ValueError(f"parts: say which parts {PART} in the path stands for")
        if takes_name(self.path) != bool(self.pictures):
            raise ValueError(
                f"{NAME} in the path and `pictures` go together: the path is {self.path!r}, the pictures are {self.pictures!r}"
            )
        return self

    def libraries(self) -> tuple[str, ...]:
        return ("psd_tools",) if self.path.lower().endswith((".psd", ".psb")) else ()

    def words(self) -> dict[str, str]:
        """Part -> its word in the files."""
        return part_words(self.parts)

    def patterns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.path.replace(PART, literal(word)) for word in self.words().values())) or (self.path,)

    def picture(self, frame: int | None) -> str | None:
        """The picture that a frame's parts belong to, where `pictures` is set."""
        return None if frame is None or not self.pictures else self.listing().file(frame)

    def with_files_listed(self, own: OwnResults) -> Self:
        listed = super().with_files_listed(own)
        frames = (listed.available() if listed._frames is not None else None) or ()
        listed._hidden = frozenset(file for frame in frames for file in listed.all_files(frame) if not os.path.exists(file))
        return listed

    def all_files(self, frame: int | None) -> tuple[str, ...]:
        """The files of all parts of a frame, whether they exist or not."""
        return tuple(part_file(pattern, self.picture(frame), frame, on_disk=True) for pattern in self.patterns())

    def files(self, frame: int | None) -> tuple[str, ...]:
        found = self.all_files(frame)
        return tuple(file for file in found if self._exists(file)) or found if self.hidden else found

    def _exists(self, file: str) -> bool:
        """Whether the mask of a part is there; in a run, whether it was there when the run began."""
        return file not in self._hidden and os.path.exists(file)

    def frames_on_disk(self) -> tuple[int, ...] | None:
        if self.pictures:
            return tuple(range(1, len(self.listing().files) + 1))
        found = [set(pattern.on_disk()) for pattern in map(FilePattern, self.patterns()) if pattern.has_token]
        return tuple(sorted((set.union if self.hidden else set.intersection)(*found))) if found else None

    def reads(self, frame: int | None) -> tuple[str, ...]:
        try:
            picture = self.picture(frame)
        except (UsageError, FrameError):
            return tuple(self.picture_paths())  # not there; the run says so
        return (*super().reads(frame), *((picture,) if picture else ()))

    def by_patterns(self) -> bool:
        return not self.pictures and not self.hidden and self.chooses_files_as(LoadParts)

    def process(self, frame: Frame, wanted: Wanted, first: Prepared) -> Parts:
        from rotonodes.imaging.mattes.part_masks import (
            channel_masks,
            chosen_masks,
            file_masks,
            foremost_parts,
            psd_masks,
            refuse_empty,
            refuse_overlap,
            refuse_sizes,
        )
        from rotonodes.io.exr import layers_image
        from rotonodes.io.pictures import read_image
        from rotonodes.io.samples import decode

        picture = self.picture(frame)
        image = read_image(picture) if picture and "image" in wanted else None
        (file, *_), number = self.found(frame), self._read_for(frame)
        if PART in self.path:
            words = self.words().items()
            files = {n: part_file(self.path.replace(PART, literal(word)), picture, number, on_disk=True) for n, word in words}
            masks = file_masks(files, self._exists)
        elif file.lower().endswith((".psd", ".psb")):
            from rotonodes.io.psd_decode import read_psd

            psd = read_psd(file)
            found = psd_masks(psd.layers, psd.size, file, self.words() or None)
            masks = chosen_masks(found, self.words(), file, [layer.name for layer in psd.layers], self.hidden)
            image = decode(psd.merged, "srgb") if image is None and "image" in wanted else image
        else:
            layers = file_layers(file, "raw")
            found = channel_masks(layers, file, list(self.words().values()), self.cryptomatte, self.hidden)
            masks = chosen_masks(found, self.words(), file, list(layers.planes), self.hidden)
            image = layers_image(layers) if image is None and "image" in wanted and is_exr(file) else image
        refuse_sizes(masks)
        if not self.hidden:
            refuse_empty(masks)
        if self.overlap == "refuse":
            refuse_overlap(list(masks.values()))
        planes = {name: mask.plane for name, mask in masks.items()}
        height, width = next(iter(planes.values())).shape
        if image is not None and image.size != (width, height):
            raise FrameError(
                f"{picture or file}: the picture is {image.width} x {image.height}, its parts {width} x {height}: make them one size"
            )
        parts = Layers(planes, Box(0, 0, width, height), (width, height), path=file)
        labels = foremost_parts(planes) if "labels" in wanted else None
        return Parts(
            self.finished(parts, frame, first), labels and self.finished(labels, frame, first), image and self.finished(image, frame, first)
        )
