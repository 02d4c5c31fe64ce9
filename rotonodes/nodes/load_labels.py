"""LoadLabels: class indices from palette PNGs, grey values or .npy arrays."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from rotonodes.node import Frame, Prepared, param
from rotonodes.nodes.load_frames import FileSource
from rotonodes.pixels import Labels
from rotonodes.tones import CLASSES


class LoadLabels(FileSource):
    """Read label pictures: palette PNGs whose index is the class, or grey pictures or .npy arrays where each class has its value.

    Without `values`, the sample itself is the class index. `values: [200, 40, 80, 125, 255]` says which grey value each
    class has, in the order of `classes`; any other value in the file is an error that names it.
    """

    category: ClassVar[str] = "input"
    classes: list[str] = param(list(CLASSES), help="names of the classes, in index order", min_length=1, max_length=256)
    values: list[int] | None = param(None, help="grey value of each class in the files, in the order of the classes")
    colors: list[str] | None = param(None, help='colours to look at, "#rrggbb" in index order; the file\'s own palette unless given')

    @model_validator(mode="after")
    def _one_for_each_class(self) -> LoadLabels:
        for name in ("values", "colors"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.classes):
                raise ValueError(f"{len(given)} {name} for {len(self.classes)} classes: give one for each class")
        return self

    def process(self, frame: Frame, first: Prepared) -> Labels:
        from rotonodes.io.pictures import read_labels

        (file,) = self.found(frame)
        return self.finished(read_labels(file, tuple(self.classes), colors=self.colors, values=self.values), frame, first)
