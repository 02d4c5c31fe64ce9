"""A picture cut into its parts, one cut-out for each, and layers made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte

if TYPE_CHECKING:
    from torch import Tensor


_NOTHING = 0.25 / 255  # a matte below a quarter of an 8-bit code is not drawn up to fill what others leave


def part_planes(mattes: Layers | Labels | Image, parts: list[str], picture: Image | None = None) -> dict[str, Tensor]:
    """The matte `[H, W]` of each part, 0 to 1, on the frame, in the order asked for; all parts but the background unless `parts` says.

    Raises UsageError for a part that is not there, FrameError when the frame is not the picture's.
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
    """The picture times each part's alpha; `SplitParts` says how that follows from the mattes, which lie from back to front."""
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
    """A part's alpha where the parts before it leave `left` of each pixel.

    m / left where it fits in. Where it does not, parts overlap, and so little may stay open that nobody sees it: m or 1 - e / left,
    whichever is more, e being half an 8-bit code. Below what is opaque that is m.
    """
    import torch

    fits = matte / left.maximum(matte).where(matte > 0, 1)
    over = matte.maximum(1 - 0.5 / 255 / left.clamp(min=1e-9))
    return torch.where(matte >= _NOTHING, torch.where(matte <= left, fits, over), matte)


def as_layers(pictures: Mapping[str, Image]) -> Layers:
    """Pictures of one frame as layers: colour and alpha of each under its name (`hair.R`), in their order."""
    first = next(iter(pictures.values()))
    planes = {}
    for name, picture in pictures.items():
        whole = picture.on_frame()
        channels = [*(whole.channels[index] for index in whole.color_indices), *(["A"] if whole.alpha is not None else [])]
        for channel in channels:
            planes[f"{name}.{channel}"] = whole.data[whole.channels.index(channel)].cpu().numpy()
    return Layers(planes, Box(0, 0, *first.size), first.size)


def layer_pictures(layers: Layers) -> dict[str, Image | Matte]:
    """The layers by name, in their order: pictures where there are `hair.R`, `hair.G` and `hair.B` (or `hair.Y`), else mattes."""
    found: dict[str, Image | Matte] = {}
    for full in layers.planes:
        name, _, channel = full.rpartition(".")
        colors = next(
            (c for c in (("R", "G", "B"), ("Y",)) if channel in (*c, "A") and all(f"{name}.{k}" in layers.planes for k in c)), None
        )
        if not name or colors is None:
            found[full] = Matte(layers.image([full], ("Y",)).on_frame().data)
        elif name not in found:
            channels = (*colors, "A") if f"{name}.A" in layers.planes else colors
            found[name] = replace(layers.image([f"{name}.{k}" for k in channels], channels).on_frame(), metadata={})
    return found


def laid_over(pictures: list[Image]) -> Image:
    """Premultiplied pictures, each over those before it. Channels other than colour and alpha are the last one's."""
    top = pictures[-1]
    planes = [*top.color_indices, top.channels.index("A")]
    shown = pictures[0].data[planes]
    for picture in pictures[1:]:
        data = picture.data[planes]
        shown = data.addcmul(shown, 1 - data[-1:])
    whole = top.data.clone()
    whole[planes] = shown
    return top.with_data(whole)
