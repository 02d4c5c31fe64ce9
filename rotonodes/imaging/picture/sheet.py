"""Sheets: pictures laid out in rows with captions, or side by side to compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.compositing import merge
from rotonodes.imaging.picture.paint import paint
from rotonodes.imaging.picture.resample import reformat
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Image, Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor

GAP = 4  # pixels between cells
GROUND, _FRAME, _TEXT = 0.03, 0.15, 0.6  # linear greys


def contact_sheet(
    cells: Sequence[Image],
    texts: Sequence[str] = (),
    columns: int | None = None,
    title: str = "",
    legend: Sequence[tuple[str, str]] = (),
) -> Image:
    """RGB cells of one size in rows, with `texts` below them. Raises UsageError when there is no cell.

    `title` stands above the cells, and beside it the `legend`: (name, `#rrggbb`), each name with a square of its colour.
    """
    import torch

    if not cells:
        raise UsageError("there are no frames to put on a contact sheet")
    columns = columns or math.ceil(math.sqrt(len(cells)))
    labels = [text_mask(text) for text in texts]
    below = max((label.shape[0] for label in labels), default=-GAP) + GAP
    across, down = cells[0].width + GAP, cells[0].height + below + GAP
    width = GAP + min(columns, len(cells)) * across
    heads = _heading(title, legend, width) if title or legend else []
    above = sum(row.shape[1] + GAP for row in heads)
    sheet = torch.full((3, above + GAP + math.ceil(len(cells) / columns) * down, width), GROUND)
    y = GAP
    for row in heads:
        sheet[:, y : y + row.shape[1]] = row
        y += row.shape[1] + GAP
    for index, picture in enumerate(cells):
        x, y = GAP + index % columns * across, above + GAP + index // columns * down
        sheet[:, y : y + picture.height, x : x + picture.width] = picture.data.cpu()
        if labels:
            _write(sheet, labels[index][:, : picture.width], x, y + picture.height + GAP)
    return Image(sheet)


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


def _heading(title: str, legend: Sequence[tuple[str, str]], width: int) -> list[Tensor]:
    """The lines above the cells, `[3, H, width]` each: the title, and the legend over as many lines as needed."""
    import torch

    height = max(text_mask(text).shape[0] for text in (title, *(name for name, _ in legend), "g"))
    rows = [torch.full((3, height, width), GROUND)]
    x = GAP
    if title:
        mask = text_mask(title)
        _write(rows[0], mask, x, 0)
        x += mask.shape[1] + 4 * GAP
    for name, color in legend:
        mask = text_mask(name)
        if x > GAP and x + height + GAP + mask.shape[1] > width:
            rows.append(torch.full((3, height, width), GROUND))
            x = GAP
        # The frame keeps black and colours close to the ground's grey visible.
        rows[-1][:, :, x : x + height] = _FRAME
        rows[-1][:, 1:-1, x + 1 : x + height - 1] = torch.tensor(hex_to_linear(color)[:3]).view(3, 1, 1)
        _write(rows[-1], mask, x + height + GAP, 0)
        x += height + 4 * GAP + mask.shape[1]
    return rows


def _write(sheet: Tensor, mask: Tensor, x: int, y: int) -> None:
    """Blend text into `[3, H, W]` at a place, cut off at the edge."""
    place = sheet[:, y:, x:][:, : mask.shape[0], : mask.shape[1]]
    place += (_TEXT - place) * mask[: place.shape[1], : place.shape[2]]


def cell_size(value: Image | Matte | Labels, width: int) -> tuple[int, int]:
    """(width, height) of a cell with a frame's proportions."""
    return width, max(1, round(width * value.height / value.width))


def cell(value: Image | Matte | Labels, size: tuple[int, int]) -> Image:
    """A picture, matte or labels as opaque RGB of `size`, to look at."""
    small = reformat(as_picture(value), size, "area", "fit")
    ground = Image(small.data.new_full((3, size[1], size[0]), GROUND))
    return Image(merge(small, ground).on_frame().color)


def as_picture(value: Image | Matte | Labels) -> Image:
    """A value as a picture: labels RGBA in their own colours, mattes grey so that 0.5 is written as code 128."""
    from rotonodes.values.color import srgb_to_linear

    if isinstance(value, Labels):
        return paint(value, dict(zip(value.classes, value.colors, strict=True)))
    return Image(srgb_to_linear(value.data)) if isinstance(value, Matte) else value


def side_by_side(values: Sequence[Image | Matte | Labels], gap: int) -> Image:
    """Values side by side, each fitted into the frame of the first, with black lines of `gap` px between.

    The result has the channels of all; where a value lacks one it is 0 (alpha 1).
    """
    import torch

    pictures = [Image(as_picture(value).color) if isinstance(value, Labels) else as_picture(value) for value in values]
    shown = [reformat(picture, values[0].size, "area", "fit").on_frame() for picture in pictures]
    extras = dict.fromkeys(n for p in shown for i, n in enumerate(p.channels) if i not in p.color_indices and n != "A")
    names = ("R", "G", "B", *(["A"] if any(picture.alpha is not None for picture in shown) else []), *extras)
    parts = [_planes(picture, names).to(shown[0].device) for picture in shown]
    line = parts[0].new_zeros((len(names), parts[0].shape[1], gap))
    line[3:4] = 1 if "A" in names else 0
    return Image(torch.cat([part for one in parts for part in (line, one)][1:], dim=2), names)


def _planes(picture: Image, names: Sequence[str]) -> Tensor:
    """Red, green, blue and the other named channels, `[C, H, W]`."""
    import torch

    empty = picture.data.new_zeros((1, picture.height, picture.width))
    found = {"A": empty + 1} | {name: plane for name in names[3:] if (plane := picture.plane(name)) is not None}
    return torch.cat([picture.color.expand(3, -1, -1), *(found.get(name, empty) for name in names[3:])])
