"""ContactSheet: the frames of a clip side by side on one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rotonodes.errors import UsageError
from rotonodes.node import Key, Node, OutputPath, param
from rotonodes.nodes.composite import merge
from rotonodes.nodes.paint_tones import paint
from rotonodes.nodes.reformat import reformat
from rotonodes.pixels import Clip, Image, Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor

GAP = 4  # pixels between cells
_GROUND, _TEXT = 0.03, 0.6  # linear greys


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


def contact_sheet(cells: Sequence[Image], texts: Sequence[str] = (), columns: int | None = None) -> Image:
    """RGB cells of one size (see `cell`) in rows, with `texts` below them; UsageError when there is no cell."""
    import torch

    if not cells:
        raise UsageError("there are no frames to put on a contact sheet")
    columns = columns or math.ceil(math.sqrt(len(cells)))
    labels = [text_mask(text) for text in texts]
    below = max((label.shape[0] for label in labels), default=-GAP) + GAP
    across, down = cells[0].width + GAP, cells[0].height + below + GAP
    sheet = torch.full((3, GAP + math.ceil(len(cells) / columns) * down, GAP + min(columns, len(cells)) * across), _GROUND)
    for index, picture in enumerate(cells):
        x, y = GAP + index % columns * across, GAP + index // columns * down
        sheet[:, y : y + picture.height, x : x + picture.width] = picture.data.cpu()
        if labels:
            mask = labels[index][:, : picture.width]
            place = sheet[:, y + picture.height + GAP :, x:][:, : mask.shape[0], : mask.shape[1]]
            place += (_TEXT - place) * mask
    return Image(sheet)


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
    ground = Image(small.data.new_full((3, size[1], size[0]), _GROUND))
    return Image(merge(small, ground).on_frame().color)


def text_mask(text: str) -> Tensor:
    """A line of text as coverage, float32 `[H, W]`, 0 to 1."""
    import numpy as np
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont
    import torch

    font = PIL.ImageFont.load_default()
    _, _, right, bottom = font.getbbox(text)
    picture = PIL.Image.new("L", (max(1, math.ceil(right)), max(1, math.ceil(bottom))))
    PIL.ImageDraw.Draw(picture).text((0, 0), text, fill=255, font=font)
    return torch.from_numpy(np.array(picture, dtype=np.float32) / 255)
