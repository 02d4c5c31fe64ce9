"""ContactSheet: the frames of a clip side by side on one picture."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rotonodes.io.sheet import GAP as GAP
from rotonodes.io.sheet import GROUND
from rotonodes.io.sheet import contact_sheet as contact_sheet
from rotonodes.node import Key, Node, OutputPath, param
from rotonodes.nodes.composite import merge
from rotonodes.nodes.paint_tones import paint
from rotonodes.nodes.reformat import reformat
from rotonodes.pixels import Clip, Image, Labels, Matte


class ContactSheet(Node):
    """Lay all frames of a clip out on one picture, each with its frame number.

    Mattes are shown grey, labels in their own colours, transparent pictures on dark grey. A cell has the proportions of
    the first frame; frames are reduced as they come, so that memory grows with the sheet only.
    """

    category: ClassVar[str] = "output"
    path: OutputPath = param(help="the file to write the sheet to", pixels=False, min_length=1)
    columns: int | None = param(None, help="cells in a row; about as many as rows unless given", ge=1, le=1000)
    width: int = param(160, help="width of a cell", unit="px", ge=8, le=4096)
    numbers: bool = param(True, help="write the frame number below each cell")

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, image: Clip[Image | Matte | Labels], key: Key) -> Path:
        from rotonodes.io.pictures import write_image

        cells: list[Image] = []
        for value in image:
            cells.append(cell(value, (self.width, cells[0].height) if cells else cell_size(value, self.width)))
        texts = [str(frame) for frame in image.frames] if self.numbers else []
        write_image(self.path, contact_sheet(cells, texts, self.columns), key=key or None)
        return Path(self.path)


def cell_size(value: Image | Matte | Labels, width: int) -> tuple[int, int]:
    """(width, height) of a cell in the proportions of a frame."""
    return width, max(1, round(width * value.height / value.width))


def cell(value: Image | Matte | Labels, size: tuple[int, int]) -> Image:
    """A picture, matte or labels as opaque RGB of `size`, to look at."""
    from rotonodes.color import srgb_to_linear

    if isinstance(value, Labels):
        value = paint(value, dict(zip(value.classes, value.colors, strict=True)))
    elif isinstance(value, Matte):
        value = Image(srgb_to_linear(value.data))  # so that 0.5 is written as code 128
    small = reformat(value, size, "area", "fit")
    ground = Image(small.data.new_full((3, size[1], size[0]), GROUND))
    return Image(merge(small, ground).on_frame().color)
