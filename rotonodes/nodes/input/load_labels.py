"""LoadLabels: class indices from palette PNGs, grey values or arrays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from rotonodes.errors import UsageError
from rotonodes.node.asks import Frame, Prepared
from rotonodes.node.parameters import param
from rotonodes.nodes.input.mask_source import MaskSource
from rotonodes.values.pixels import Labels
from rotonodes.values.tones import CLASSES, default_colors

if TYPE_CHECKING:
    from rotonodes.io.mask_values import MaskValues


class LoadLabels(MaskSource):
    """Read label pictures: a class for every pixel.

    They are palette PNGs whose index is the class, or grey pictures, .npy or .pt arrays where each class has its value.

    Without `values`, the sample itself is the class index. `values: [200, 40, 80, 125, 255]` says which grey value each
    class has, in the order of `classes`; any other value in the file is an error that names it. `values: found` takes the
    values that occur in all masks, in rising order, each as a class; unless `classes` are given, they are named after them.
    Weights that are trained on these labels remember them.

    Where pictures have names instead of frame numbers, `pictures` says which they are (as LoadPictures does), and `*` in the path
    stands for the name of each: `path: masks/*_matte.*, pictures: imgs`.
    """

    classes: list[str] = param(list(CLASSES), help="names of the classes, in index order", min_length=1, max_length=256)
    values: list[int] | Literal["found"] | None = param(
        None, help="grey value of each class in the files, in the order of the classes; found: all that there are"
    )
    colors: list[str] | None = param(None, help='colours to look at, "#rrggbb" in index order; the file\'s own palette unless given')

    @model_validator(mode="after")
    def _one_for_each_class(self) -> LoadLabels:
        if self.values == "found" and "classes" not in self.model_fields_set:
            return self  # how many there are, the masks say
        for name in ("values", "colors"):
            given = getattr(self, name)
            if isinstance(given, list) and len(given) != len(self.classes):
                raise ValueError(f"{len(given)} {name} for {len(self.classes)} classes: give one for each class")
        return self

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """A mask that comes or goes may bring a class with it."""
        folder = (os.path.dirname(self.path) or ".",) if self.values == "found" and frame is not None else ()
        return (*super().reads(frame), *folder)

    def found_values(self) -> tuple[MaskValues, tuple[str, ...]]:
        """The values in all masks, and the name of each. UsageError when there are not as many as classes."""
        from rotonodes.io.mask_values import mask_values, rarest_value, stamps_of

        files = self.masks()
        found = mask_values(files, stamps_of(files))
        for name in ("classes", "colors"):
            given = getattr(self, name) if name in self.model_fields_set else None
            if given is not None and len(given) != len(found.names):
                values = f"{len(found.names)} values ({', '.join(found.names[:8])}), but there are {len(given)} {name}"
                stray = f"; {rarest_value(files, found)}" if len(given) < len(found.names) else ""
                raise UsageError(f"the masks of {self.path} hold {values}: give one for each value{stray}")
        return found, tuple(self.classes) if "classes" in self.model_fields_set else found.names

    def process(self, frame: Frame, first: Prepared) -> Labels:
        from dataclasses import replace

        from rotonodes.io.pictures import read_labels

        (file,) = self.found(frame)
        if self.values != "found":
            labels = read_labels(file, tuple(self.classes), colors=self.colors, values=self.values)
            return self.finished(replace(labels, values=tuple(self.values or ())), frame, first)
        import torch

        from rotonodes.io.mask_values import class_indices

        found, classes = self.found_values()
        shown = tuple(self.colors or found.colors or default_colors(len(classes)))
        values = tuple(list(bytes.fromhex(color[1:])) for color in found.colors) or found.values
        return self.finished(Labels(torch.from_numpy(class_indices(file, found)), classes, shown, values), frame, first)
