"""A picture cut into its parts, one cut-out each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.values.pixels import Image, Labels, Layers

if TYPE_CHECKING:
    from torch import Tensor


_NOTHING = 0.25 / 255  # a matte below a quarter of an 8-bit code is not raised to fill what others leave open


def part_planes(mattes: Layers | Labels | Image, parts: list[str], picture: Image | None = None) -> dict[str, Tensor]:
    """The matte `[H, W]` of each part, 0 to 1, on the frame, in the order of `parts`; by default all parts but the background.

    Raises UsageError for a part that does not exist, FrameError when the frame size is not the picture's.
    """
    import torch

    if picture is not None and mattes.size != picture.size:
        raise FrameError(
            f"the mattes are {mattes.width} x {mattes.height}, the picture {picture.width} x {picture.height}: crop or reformat one of them"
        )
    names = mattes.classes if isinstance(mattes, Labels) else mattes.channels if isinstance(mattes, Image) else tuple(mattes.planes)
    for name in parts:
        if name not in names:
            raise UsageError(f"there is no matte of a part {name!r}{did_you_mean(name, names)}; there are {', '.join(names)}")
    asked = tuple(parts) or tuple(name for name in names if name != "background") or names
    if isinstance(mattes, Labels):
        planes = [(mattes.data == names.index(name)).to(torch.float32) for name in asked]
    elif isinstance(mattes, Image):
        stack = mattes.on_frame().data
        planes = [stack[names.index(name)] for name in asked]
    else:
        planes = list(mattes.image(asked, asked).on_frame().data)
    device = planes[0].device if picture is None else picture.device
    return {name: plane.to(device).clamp(0, 1) for name, plane in zip(asked, planes, strict=True)}


def cut_outs(picture: Image, mattes: list[Tensor], join: bool) -> list[Image]:
    """The picture times each part's alpha; mattes are in order from back to front, the node SplitParts has the formulas."""
    import torch

    own, color = picture.alpha, list(picture.color_indices)
    covered = torch.zeros_like(mattes[0])
    found = []
    for matte in reversed(mattes):
        if own is not None:
            matte = matte.minimum(own[0])
        alpha = _joined(matte, 1 - covered) if join else matte
        covered = (covered + matte).clamp(max=1)
        planes = picture.data.clone()
        if own is None:
            planes[color] *= alpha
            found.append(picture.with_data(torch.cat([planes, alpha[None]]), (*picture.channels, "A")))
            continue
        alpha = alpha.minimum(own[0])
        planes[color] *= torch.where(own[0] > 0, alpha / own[0].where(own[0] > 0, 1), matte)
        planes[picture.channels.index("A")] = alpha
        found.append(picture.with_data(planes))
    return found[::-1]


def _joined(matte: Tensor, left: Tensor) -> Tensor:
    """A part's alpha where the parts in front of it leave the share `left` of each pixel open.

    m / left where m <= left. Where parts overlap (m > left), the maximum of m and 1 - e / left, with e half an 8-bit code: the share
    that stays open is invisible. Behind opaque parts that is m.
    """
    import torch

    fits = matte / left.maximum(matte).where(matte > 0, 1)
    over = matte.maximum(1 - 0.5 / 255 / left.clamp(min=1e-9))
    return torch.where(matte >= _NOTHING, torch.where(matte <= left, fits, over), matte)


def laid_over(pictures: list[Image]) -> Image:
    """Premultiplied pictures composited, each over those before it. Channels other than colour and alpha are the last picture's."""
    top = pictures[-1]
    planes = [*top.color_indices, top.channels.index("A")]
    shown = pictures[0].data[planes]
    for picture in pictures[1:]:
        data = picture.data[planes]
        shown = data.addcmul(shown, 1 - data[-1:])
    whole = top.data.clone()
    whole[planes] = shown
    return top.with_data(whole)
