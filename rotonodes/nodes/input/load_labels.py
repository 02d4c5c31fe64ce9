"""LoadLabels: class indices from palette PNGs, grey values or arrays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from rotonodes.errors import FrameError, UsageError
from rotonodes.node.annotations import Frame, Monitor, Prepared
from rotonodes.node.parameters import param
from rotonodes.nodes.input.mask_source import MaskSource
from rotonodes.values.pixels import Labels
from rotonodes.values.tones import CLASSES, default_colors

if TYPE_CHECKING:
    from rotonodes.io.mask_values import MaskValues


class LoadLabels(MaskSource):
    """Read label pictures: a class for every pixel.

    They are palette PNGs whose index is the class, or grey pictures, .npy or .pt arrays where each class has its value.

    Without `values`, the sample itself is the class index. `values: [200, 40, 80, 125, 255]` gives the grey value of each class, in
    the order of `classes`; any other value in a file is an error that names it, unless `off_palette` takes the nearest class.
    `values: found` makes a class of each value that occurs in the masks, in rising order, named after it unless `classes` are given.
    JPEG blurs values: there the common values are the classes, and every pixel has the nearest one. Masks of one colour that differ
    in their alpha are read by it. Both are warned of. Weights that are trained on these labels store the values.

    Where pictures have names instead of frame numbers, `pictures` lists them (as for LoadPictures), and `*` in the path stands for the
    name of each: `path: masks/*_matte.*, pictures: imgs`. The case of an extension does not matter.
    """

    revision: ClassVar[int] = 2  # 2: blurred values and masks in alpha

    classes: list[str] = param(list(CLASSES), help="names of the classes, in index order", min_length=1, max_length=256)
    values: list[int] | Literal["found"] | None = param(
        None, help="grey value of each class in the files, in the order of the classes; found: those that occur"
    )
    colors: list[str] | None = param(
        None, help='colour of each class in coloured (RGB) pictures and to look at, "#rrggbb" in index order; the usual ones unless given'
    )
    off_palette: Literal["refuse", "nearest"] = param(
        "refuse", help="for pixels that are no class (soft brushes, JPEG): stop and name them, or take the nearest class and warn"
    )

    @model_validator(mode="after")
    def _one_for_each_class(self) -> LoadLabels:
        if self.values == "found" and "classes" not in self.model_fields_set:
            return self  # the masks say how many there are
        for name in ("values", "colors"):
            given = getattr(self, name)
            if isinstance(given, list) and len(given) != len(self.classes):
                raise ValueError(f"{len(given)} {name} for {len(self.classes)} classes: give one for each class")
        return self

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """A mask that comes or goes may bring a class with it."""
        folder = (os.path.dirname(self.path) or ".",) if self.values == "found" and frame is not None else ()
        return (*super().reads(frame), *folder)

    def by_patterns(self) -> bool:
        return not self.pictures and self.values != "found" and self.chooses_files_as(LoadLabels)

    def found_values(self) -> tuple[MaskValues, tuple[str, ...]]:
        """The values in all masks, and the name of each. UsageError when there is only one, or not one for each class."""
        from rotonodes.io.mask_values import mask_values, modification_times, rarest_value

        files = self.masks()
        count = len(self.classes) if "classes" in self.model_fields_set else None
        found = mask_values(files, modification_times(files) if self._run is None else (self._run,), count)
        if len(found.values) == 1 and count != 1:
            advice = "check that they are not empty and that this is their folder; read soft mattes by LoadMattes (train --alpha)"
            raise UsageError(f"all masks of {self.path} hold a single value, {found.names[0]}, so there are no classes to train: {advice}")
        for name in ("classes", "colors"):
            given = getattr(self, name) if name in self.model_fields_set else None
            if given is not None and len(given) != len(found.names):
                values = f"{len(found.names)} values ({', '.join(found.names[:8])}), but there are {len(given)} {name}"
                stray = f"; {rarest_value(files, found)}" if len(given) < len(found.names) else ""
                raise UsageError(f"the masks of {self.path} hold {values}: give one for each value{stray}")
        return found, tuple(self.classes) if count is not None else found.names

    def process(self, frame: Frame, first: Prepared, monitor: Monitor) -> Labels:
        from dataclasses import replace

        (file,) = self.found(frame)
        if self.values != "found":
            labels = self.read(file, self.values, monitor)
            return self.finished(replace(labels, values=tuple(self.values or ())), frame, first)
        import torch

        from rotonodes.io.mask_values import class_indices

        found, classes = self.found_values()
        for note in found.notes:
            monitor.warn(note)
        shown = tuple(self.colors or found.colors or default_colors(len(classes)))
        values = tuple(list(bytes.fromhex(color[1:])) for color in found.colors) or found.values
        return self.finished(Labels(torch.from_numpy(class_indices(file, found)), classes, shown, values), frame, first)

    def read(self, file: str, values: list[int] | None, monitor: Monitor) -> Labels:
        """The labels in a file, whose values are known."""
        from rotonodes.io.painted_labels import painted_labels
        from rotonodes.io.pictures import read_labels

        if self.off_palette == "refuse":
            try:
                return read_labels(file, tuple(self.classes), colors=self.colors, values=values)
            except FrameError as error:
                soft = " more is no class" in str(error)  # five values are named, and there are others
                advice = "soft brushes: off_palette: nearest; soft mattes: LoadMattes, EvaluateMatte (evaluate --alpha)"
                raise FrameError(f"{error}; {advice}" if soft else str(error)) from None
        labels, strays = painted_labels(file, tuple(self.classes), self.colors, values)
        if strays:
            monitor.warn(f"{file}: {strays} pixel{'' if strays == 1 else 's'} off the palette, read as the nearest class")
        return labels
