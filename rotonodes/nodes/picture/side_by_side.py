"""SideBySide: what belongs to one frame on one picture, to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.imaging.picture.paint import paint
from rotonodes.imaging.picture.resample import reformat
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor


class SideBySide(Node):
    """Lay pictures, mattes and labels side by side.

    They stand from left to right, to look at.

    Each is fitted into the frame of the first. Labels are shown in their own colours, mattes so that 0.5 is a middle grey. The
    result has all channels of all pictures; where one of them lacks a channel it is 0, alpha 1.
    """

    gap: int = param(4, help="width of the black line between two", unit="px", ge=0, le=1024)

    def process(self, pictures: list[Image | Matte | Labels]) -> Image:
        import torch

        shown = [reformat(_shown(picture), pictures[0].size, "area", "fit").on_frame() for picture in pictures]
        extras = dict.fromkeys(n for p in shown for i, n in enumerate(p.channels) if i not in p.color_indices and n != "A")
        names = ("R", "G", "B", *(["A"] if any(picture.alpha is not None for picture in shown) else []), *extras)
        parts = [_planes(picture, names).to(shown[0].device) for picture in shown]
        line = parts[0].new_zeros((len(names), parts[0].shape[1], self.gap))
        line[3:4] = 1 if "A" in names else 0
        return Image(torch.cat([part for one in parts for part in (line, one)][1:], dim=2), names)


def _shown(value: Image | Matte | Labels) -> Image:
    """Labels and mattes as pictures."""
    from rotonodes.values.color import srgb_to_linear

    if isinstance(value, Labels):
        return Image(paint(value, dict(zip(value.classes, value.colors, strict=True))).color)
    return Image(srgb_to_linear(value.data)) if isinstance(value, Matte) else value


def _planes(picture: Image, names: tuple[str, ...]) -> Tensor:
    """Red, green, blue and what else is named, `[C, H, W]`."""
    import torch

    empty = picture.data.new_zeros((1, picture.height, picture.width))
    found = {"A": empty + 1} | {name: plane for name in names[3:] if (plane := picture.plane(name)) is not None}
    return torch.cat([picture.color.expand(3, -1, -1), *(found.get(name, empty) for name in names[3:])])
