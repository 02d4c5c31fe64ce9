"""WriteParts: a mask file for each part, to correct by hand and to read with LoadParts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.parts import part_planes
from rotonodes.io.folder import NAME, PART, takes_name
from rotonodes.io.part_files import part_file, part_words
from rotonodes.node.annotations import Frame, Key
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.nodes.input.listed_pictures import ListedPictures
from rotonodes.values.frames import FilePattern, literal
from rotonodes.values.pixels import Image, Labels, Layers, Matte


class WriteParts(ListedPictures):
    """Write a mask for each part of each frame.

    Masks are grey pictures, white where the part is: to correct, or to deliver.

    `mattes` are the same as for SplitParts: UNetSegment's probabilities, labels, or layers. `{part}` in the path stands for the
    part's name, in a file's name (`masks/frame.####_{part}.png`) or as a folder (`masks/{part}/frame.####.png`); with `pictures`, `*`
    stands for the picture's name. LoadParts reads them with the same path.

    A mask that was corrected by hand is never overwritten: a file without this program's key, or changed since it was written,
    stays as it is. Delete it to have it written again.
    """

    keeps_corrections: ClassVar[bool] = True

    path: OutputPath = param(
        help="files to write: a name with {part}, and a frame token or *",
        pixels=False,
        examples=["out/{part}.####.png", "out/{part}-b.####.png", "out/*_{part}.png"],
    )
    parts: list[str] | dict[str, str] = param(
        help="parts to write, or part -> its word in the files", min_length=1, examples=[["R"], ["G"]]
    )
    pictures: InputPath | list[InputPath] = param(
        "", help="pictures whose names replace `*` in the path, as for LoadPictures", pixels=False, examples=["in", "in/*.exr"]
    )
    depth: Literal[8, 16] = param(8, help="bits of a sample")
    hard: bool = param(False, help="hard masks: white where the matte is 0.5 or more, else black")

    def reads(self, frame: int | None) -> tuple[str, ...]:
        return ()  # only the names of the pictures matter

    def writes(self, frame: int | None) -> tuple[str, ...]:
        picture = self.listing().file(frame) if self.pictures and frame is not None else None
        return tuple(part_file(self.path.replace(PART, literal(word)), picture, frame) for word in part_words(self.parts).values())

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        from rotonodes.io.pictures import check_writable

        words = list(part_words(self.parts).values())
        if len(set(words)) > 1 and PART not in self.path:
            yield f"{len(words)} parts would all be written to {self.path!r}: put {PART} into the name"
        if len(set(words)) < len(words):
            yield "parts: two of them would be written to the same file"
        if takes_name(self.path) != bool(self.pictures):
            yield f"{NAME} in the path and `pictures` go together: the path is {self.path!r}, the pictures are {self.pictures!r}"
        elif frames > 1 and not self.pictures and not FilePattern(self.path).has_token:
            yield f"{frames} frames would all be written to {self.path!r}: put #### into the name"
        try:
            check_writable(self.path, str(self.depth))
        except UsageError as error:
            yield str(error)

    def process(self, mattes: Image | Layers | Labels, frame: Frame, key: Key) -> Path:
        from rotonodes.io.pictures import is_as_written, read_key, write_image

        for fault in self.faults(frozenset({"mattes"}), frames=1):
            raise UsageError(fault)
        planes = part_planes(mattes, list(part_words(self.parts)))
        files = self.writes(frame)
        for plane, file in zip(planes.values(), files, strict=True):
            if key and os.path.exists(file) and (read_key(file) in (None, key) or not is_as_written(file)):
                continue  # corrected by hand (some editors keep the key), or already written
            matte = Matte((plane >= 0.5).to(plane.dtype)[None] if self.hard else plane[None])
            write_image(file, matte, depth="8" if self.depth == 8 else "16", key=key or None)
        return Path(files[0])
