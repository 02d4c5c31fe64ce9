"""ContactSheet: the frames of a clip on one picture."""

from __future__ import annotations

from pathlib import Path

from rotonodes.imaging.picture.sheet import cell, cell_size, contact_sheet
from rotonodes.node.annotations import Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Image, Labels, Matte


class ContactSheet(Node):
    """Lay out all frames of a clip on one numbered sheet.

    Mattes are shown grey, labels in their own colours, transparent pictures on dark grey. A cell has the proportions of
    the first frame; frames are reduced as they arrive, so that memory grows with the sheet only.
    """

    path: OutputPath = param(help="file of the sheet", pixels=False, min_length=1)
    columns: int | None = param(None, help="number of cells in a row; default: about as many as rows", ge=1, le=1000)
    width: int = param(160, help="width of a cell", unit="px", ge=8, le=4096)
    numbers: bool = param(True, help="frame numbers below the cells")

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
