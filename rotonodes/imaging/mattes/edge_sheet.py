"""A sheet of the frames with the worst edges: the frame with its worst places ringed, and the worst place enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageDraw
import torch

from rotonodes.imaging.mattes.edge_report import KINDS, FrameEdges, Place
from rotonodes.imaging.picture.sheet import GAP, cell_size, contact_sheet
from rotonodes.values.color import srgb_to_linear
from rotonodes.values.pixels import Image, Matte

_CELL = 240  # px, width of a frame on the sheet
_NEAR = 36  # px, shorter side of the piece that is shown enlarged
_RING = 7  # px of the sheet, radius of the rings
_COLORS = {"thick": "#4aa3ff", "thin": "#ff4fd8", "sharp": "#ffd23f", "rough": "#ff8c42", "gap": "#3ddc84"}


class SheetFrame(NamedTuple):
    """A frame on the sheet: its badness and number, the size of each of its two pictures, the text below, and the pictures."""

    badness: float
    frame: int
    size: tuple[int, int]
    text: str
    picture: Image


def worst_frames(shown: list[SheetFrame], found: FrameEdges, matte: Matte, count: int) -> list[SheetFrame]:
    """The `count` worst frames, worst first, after `found` is added; a picture is only drawn for a frame that is among them."""
    if len(shown) == count and found.badness <= shown[-1].badness:
        return shown
    size = shown[0].size if shown else cell_size(matte, _CELL)
    one = SheetFrame(found.badness, found.frame, size, caption(found), marked(matte, found.places, size))
    return sorted([*shown, one], key=lambda other: (-other.badness, other.frame))[:count]


def edge_sheet(shown: Sequence[SheetFrame]) -> Image:
    """The sheet of these frames, with a legend of the rings' colours."""
    legend = [(name, _COLORS[kind]) for kind, (name, _) in KINDS.items()]
    return contact_sheet([one.picture for one in shown], [one.text for one in shown], legend=legend)


def caption(found: FrameEdges) -> str:
    """A frame's figures in one line."""
    if found.width is None:
        return f"{found.frame}   no edge"
    rough = "" if found.roughness is None else f"   rough {found.roughness:.2f} px"
    return f"{found.frame}   width {found.width:.2f} px{rough}   gaps {found.gaps}"


def marked(matte: Matte, places: Sequence[Place], size: tuple[int, int]) -> Image:
    """The frame with its worst places ringed, and beside it the surroundings of the first place enlarged."""
    grey = (matte.data[0].nan_to_num(0).clamp(0, 1) * 255).round().byte().cpu().numpy()
    whole = PIL.Image.fromarray(grey)
    sheet = PIL.Image.new("RGB", (2 * size[0] + GAP // 2, size[1]))
    sheet.paste(whole.resize(size, PIL.Image.Resampling.BOX), (0, 0))
    scale_x, scale_y = size[0] / matte.width, size[1] / matte.height
    draw = PIL.ImageDraw.Draw(sheet)
    for place in reversed(places):
        x, y = (place.x + 0.5) * scale_x, (place.y + 0.5) * scale_y
        draw.ellipse((x - _RING, y - _RING, x + _RING, y + _RING), outline=_COLORS[place.kind], width=2)
    middle = places[0] if places else Place("", matte.width // 2, matte.height // 2, 0.0)
    near = _NEAR * size[0] / min(size), _NEAR * size[1] / min(size)
    box = (middle.x + 0.5 - near[0] / 2, middle.y + 0.5 - near[1] / 2, middle.x + 0.5 + near[0] / 2, middle.y + 0.5 + near[1] / 2)
    piece = whole.transform(size, PIL.Image.Transform.EXTENT, box, PIL.Image.Resampling.NEAREST)
    sheet.paste(piece, (size[0] + GAP // 2, 0))
    if places:
        x, y, ring = size[0] * 1.5 + GAP // 2, size[1] / 2, min(size) / 4
        draw.ellipse((x - ring, y - ring, x + ring, y + ring), outline=_COLORS[middle.kind], width=2)
    return Image(srgb_to_linear(torch.from_numpy(np.array(sheet)).permute(2, 0, 1).float() / 255))
