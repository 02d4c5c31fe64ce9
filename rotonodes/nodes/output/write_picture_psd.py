"""WritePicturePSD: a layered Photoshop file for each picture of LoadPictures, named after it."""

from __future__ import annotations

from collections.abc import Iterator

from rotonodes.io.folder import takes_name
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.nodes.input.listed_pictures import ListedPictures
from rotonodes.nodes.output.write_psd import WritePSD


class WritePicturePSD(WritePSD, ListedPictures):
    """Write a layered PSD for each picture of LoadPictures.

    Layers and options are those of WritePSD. `named_after` is what LoadPictures has as its `path`, and `*` in this `path` stands for
    the name of each picture: `out/*.psd`. LoadParts reads corrected layers back: `path: out/*.psd, pictures: imgs`.
    """

    path: OutputPath = param(
        help="files to write: a name with * that ends in .psd", pixels=False, pattern=r"(?i)\.psd$", examples=["out/*.psd", "out/*_b.psd"]
    )
    named_after: InputPath | list[InputPath] = param(
        help="pictures whose names replace `*` in the path, as for LoadPictures", pixels=False, examples=["in", "in/*.exr"]
    )

    def picture_paths(self) -> list[str]:
        return [path for _, path in self.paths("input")]

    def reads(self, frame: int | None) -> tuple[str, ...]:
        return ()  # only the names of the pictures matter

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.result_path(self.path, frame),)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        yield from super().faults(linked, 1)
        if frames > 1 and not takes_name(self.path):
            yield f"{frames} pictures would all be written to {self.path!r}: put * into the name"

    process = WritePSD.process  # a class is a node where it has one of its own
