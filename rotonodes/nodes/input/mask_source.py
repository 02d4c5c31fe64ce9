"""Base of sources of masks and mattes, which may belong to pictures that have names instead of frame numbers."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import Self

from pydantic import PrivateAttr, model_validator

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.folder import NAME, names_in, takes_name
from rotonodes.node.base import OwnResults
from rotonodes.node.parameters import InputPath, param
from rotonodes.nodes.input.file_source import FileSource
from rotonodes.nodes.input.listed_pictures import ListedPictures

ANY = ".*"
_RUNS = itertools.count()
# Extensions that a mask may have whose path ends in ".*", in the order of preference of messages.
SUFFIXES = (".png", ".npy", ".pt", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".exr")


class MaskSource(FileSource, ListedPictures):
    """Base of sources that read one mask a frame; with `pictures`, one for each picture, found by the picture's name."""

    path: InputPath = param(
        help="the files: a name with a frame token (####, %04d, $F4), one file for every frame, or with `pictures` a name with *",
        min_length=1,
        examples=["in/*.png"],
    )
    pictures: InputPath | list[InputPath] = param(
        "", help="folder, wildcard or list of the pictures whose names `*` in the path stands for: imgs with masks/*_matte.*"
    )

    _masks: dict[str, str] | None = PrivateAttr(None)
    _run: int | None = PrivateAttr(None)  # tells one run from another, whose masks may have been corrected
    _own: frozenset[str] = PrivateAttr(frozenset())  # results of earlier runs in the folder of the masks

    @model_validator(mode="after")
    def _name_and_pictures(self) -> MaskSource:
        if takes_name(os.path.splitext(self.path)[0]) != bool(self.pictures):
            raise ValueError(
                f"{NAME} in the path and `pictures` go together: the path is {self.path!r}, the pictures are {self.pictures!r}"
            )
        return self

    def with_files_listed(self, own: OwnResults) -> Self:
        listed = ListedPictures.with_files_listed(self, own).model_copy()
        listed._run = next(_RUNS)
        if self.pictures and listed._listed is not None:
            folder = os.path.dirname(self.path)
            there = [os.path.join(folder, name) for names in names_in(folder).values() for name in names]
            listed._own = frozenset(own(there, listed._listed.files))
            with contextlib.suppress(FrameError):  # two masks of one picture: reading that frame reports it
                listed._masks = {picture: listed.find_mask(picture) for picture in listed._listed.files}
        return FileSource.with_files_listed(listed, own)

    def files(self, frame: int | None) -> tuple[str, ...]:
        if not self.pictures or frame is None:
            return super().files(frame)
        return (self.mask_of(self.listing().file(frame)),)

    def mask_of(self, picture: str) -> str:
        """The mask of a picture, whether it exists or not; in a run, the one that was there when it began."""
        return self._masks[picture] if self._masks is not None and picture in self._masks else self.find_mask(picture)

    def find_mask(self, picture: str) -> str:
        """The mask of a picture, looked for on disk; the case of its extension does not matter. FrameError when there are two."""
        folder, name = os.path.split(self.path)
        stem, any_extension = os.path.splitext(os.path.basename(picture))[0], name.endswith(ANY)
        wanted = os.path.join(folder, name.replace(NAME, stem)) if not any_extension else ""
        if wanted and os.path.exists(wanted):
            return wanted
        base = name.removesuffix(ANY) if any_extension else os.path.splitext(name)[0]
        path = os.path.join(folder, base.replace(NAME, stem))
        suffixes = SUFFIXES if any_extension else (os.path.splitext(name)[1].lower(),)
        parent, start = os.path.split(path)
        named = names_in(parent)
        entries = (entry for suffix in suffixes for entry in named.get((start + suffix).lower(), ()) if entry.startswith(start))
        there = [file for file in (os.path.join(parent, entry) for entry in entries) if file not in self._own]
        if len(there) > 1:
            raise FrameError(f"cannot read {there[0]}: {there[1]} is a mask of {picture}, too: remove one of them")
        return there[0] if there else wanted or path + ANY

    def frames_on_disk(self) -> tuple[int, ...] | None:
        if not self.pictures:
            return super().frames_on_disk()
        try:
            return tuple(number for number, file in enumerate(self.masks(), start=1) if os.path.exists(file))
        except (UsageError, FrameError):
            return ()  # reading the frame reports which it is

    def masks(self) -> tuple[str, ...]:
        """The mask of every picture, or of every frame on disk."""
        if self._masks is not None:
            return tuple(self._masks.values())
        if self.pictures:
            return tuple(map(self.mask_of, self.listing().files))
        there = self.available()
        return tuple(file for frame in ((1,) if there is None else there) for file in self.files(frame))

    def reads(self, frame: int | None) -> tuple[str, ...]:
        try:
            return super().reads(frame)
        except (UsageError, FrameError):
            return tuple(self.picture_paths())  # not there; the run says so

    def by_patterns(self) -> bool:
        return not self.pictures and self.chooses_files_as(MaskSource)

    def _gaps(self, frame: int) -> str:
        if not self.pictures:
            return super()._gaps(frame)
        pictures = self.listing().files
        lost = [os.path.basename(picture) for picture in pictures if not os.path.exists(self.mask_of(picture))]
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        return f"; {len(lost)} of {len(pictures)} pictures have no mask: {', '.join(lost[:5])}{more}"
