"""What sources of masks and mattes share: they may belong to pictures that have names instead of frame numbers."""

from __future__ import annotations

import os
from typing import Any

from pydantic import model_validator

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.part_files import nth_picture, pictures_of
from rotonodes.node.parameters import InputPath, param
from rotonodes.nodes.input.file_source import FileSource

NAME, ANY = "*", ".*"
# Of a mask whose path ends in ".*" the first of these that is there is taken; two are a fault.
SUFFIXES = (".png", ".npy", ".pt", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".exr")


class MaskSource(FileSource):
    """Base of sources that read one mask a frame; with `pictures`, one for each picture, found by the picture's name."""

    path: InputPath = param(
        help="the files: a name with a frame token (####, %04d, $F4), one file for every frame, or with `pictures` a name with *",
        min_length=1,
        examples=["in/*.png"],
    )
    pictures: InputPath | list[InputPath] = param(
        "", help="folder, wildcard or list of the pictures whose names `*` in the path stands for: imgs with masks/*_matte.*"
    )

    @model_validator(mode="after")
    def _name_and_pictures(self) -> MaskSource:
        if (NAME in os.path.splitext(self.path)[0]) != bool(self.pictures):
            raise ValueError(
                f"{NAME} in the path and `pictures` go together: the path is {self.path!r}, the pictures are {self.pictures!r}"
            )
        return self

    def files(self, frame: int | None) -> tuple[str, ...]:
        if not self.pictures or frame is None:
            return super().files(frame)
        return (self.mask_of(nth_picture(self.pictures, frame)),)

    def mask_of(self, picture: str) -> str:
        """The mask that belongs to a picture, whether it is there or not. FrameError when there are two."""
        folder, name = os.path.split(self.path)
        stem = os.path.splitext(os.path.basename(picture))[0]
        if not name.endswith(ANY):
            return os.path.join(folder, name.replace(NAME, stem))
        path = os.path.join(folder, name.removesuffix(ANY).replace(NAME, stem))
        there = [path + suffix for suffix in SUFFIXES if os.path.exists(path + suffix)]
        if len(there) > 1:
            raise FrameError(f"cannot read {there[0]}: {there[1]} belongs to {picture} as well: take one of them away")
        return there[0] if there else path + ANY

    def available(self) -> tuple[int, ...] | None:
        if not self.pictures:
            return super().available()
        try:
            return tuple(number for number, file in enumerate(self.masks(), start=1) if os.path.exists(file))
        except (UsageError, FrameError):
            return ()  # which frame it is will be said of that frame

    def masks(self) -> tuple[str, ...]:
        """The mask of every picture, or of every frame on disk."""
        if self.pictures:
            return tuple(map(self.mask_of, pictures_of(self.pictures)))
        there = self.available()
        return tuple(file for frame in ((1,) if there is None else there) for file in self.files(frame))

    def reads(self, frame: int | None) -> tuple[str, ...]:
        try:
            return super().reads(frame)
        except (UsageError, FrameError):
            return tuple(path for name, path in self.paths("input") if name == "pictures")  # not there; the run says so

    def _gaps(self, frame: int) -> str:
        if not self.pictures:
            return super()._gaps(frame)
        pictures = pictures_of(self.pictures)
        lost = [os.path.basename(picture) for picture in pictures if not os.path.exists(self.mask_of(picture))]
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        return f"; {len(lost)} of {len(pictures)} pictures have no mask: {', '.join(lost[:5])}{more}"


def as_matte(array: Any) -> Any:
    """An array of any type `[H, W]` as a matte's values, float32: whole numbers are codes, 255 or 65535 being 1."""
    import numpy as np

    if array.dtype.kind == "b":
        return array.astype(np.float32)
    if array.dtype.kind in "ui":
        return array.astype(np.float32) / (np.iinfo(array.dtype).max if array.dtype.kind == "u" else 255)
    return array.astype(np.float32)
