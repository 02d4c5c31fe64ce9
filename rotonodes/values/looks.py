"""Planes as a person looks at them: passes in range, squares where nothing is; PNGs for notebooks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotonodes.values.color import linear_to_srgb, parse_hex, srgb_to_linear
from rotonodes.values.tones import known_colors

if TYPE_CHECKING:
    import PIL.Image
    from torch import Tensor

LOOK = 1024  # px, the longer side of a picture in a notebook
SQUARE = 8  # px, side of the chequered squares behind transparent pictures
SQUARES = (0.13, 0.32)  # their linear greys: the usual codes 102 and 153
FAR = 1e9  # values from here on mean that there is nothing: renderers write 1e10 and more


def as_it_is(data: Tensor, channels: Sequence[str]) -> bool:
    """Whether planes `[C, H, W]` are colours that can be shown: R, G, B, or one plane Y from 0 to 1."""
    names = [name for name in channels if name != "A"]
    if names != ["Y"]:
        return names[:3] == ["R", "G", "B"]
    plane = data[channels.index("Y")].nan_to_num()
    return float(plane.amax()) <= 1 and float(plane.amin()) >= 0


def normalised(data: Tensor, channels: Sequence[str]) -> Tensor:
    """Normals, depth, ids, probabilities `[C, H, W]` as linear colours `[3 or 1, H, W]`, 0 to 1."""
    names = [name for name in channels if name != "A"]
    classes = "A" not in channels and is_classes(data, names)
    return srgb_to_linear(class_colors(data, names) if classes else in_range(data, channels, names))


def is_classes(data: Tensor, names: Sequence[str]) -> bool:
    """Whether the planes are probabilities of classes: named by words, with sum 1 in every pixel."""
    import torch

    words = len(names) > 1 and all(len(name) > 1 for name in names)
    return words and bool(torch.allclose(data.sum(0), torch.ones(()), atol=0.01))


def class_colors(data: Tensor, names: Sequence[str]) -> Tensor:
    """Probabilities `[N, H, W]` as a mix of their classes' colours, sRGB codes 0 to 1."""
    import torch

    table = torch.tensor([parse_hex(color)[:3] for color in known_colors(names)], dtype=torch.float32) / 255
    return torch.einsum("nhw,nc->chw", data, table)


def in_range(data: Tensor, channels: Sequence[str], names: Sequence[str]) -> Tensor:
    """Depth, normals, positions, ids: up to three planes normalised to codes 0 to 1.

    Normals map -1..1 to 0..1, as is usual; other passes map their own range, without infinite background.
    """
    import torch

    planes = data[[channels.index(name) for name in names[:3]]]
    finite = planes.isfinite() & (planes.abs() < FAR)
    known = planes[finite]
    low, high = (float(known.min()), float(known.max())) if known.numel() else (0.0, 1.0)
    if len(names) >= 3 and -1.01 <= low < 0 and high <= 1.01:
        low, high = -1.0, 1.0
    elif low >= 0 and high <= 1 and len(names) >= 2:
        low, high = 0.0, 1.0
    scaled = (planes - low) / (high - low if high > low else 1.0)
    far = torch.ones_like(planes) if len(names) == 1 else torch.zeros_like(planes)
    codes = torch.where(finite, scaled, far).clamp(0, 1)
    missing = codes.new_zeros((3 - codes.shape[0], *codes.shape[1:]))
    return codes if codes.shape[0] == 1 else torch.cat([codes, missing])


def over_squares(color: Tensor, alpha: Tensor | None) -> Tensor:
    """Premultiplied colour `[3 or 1, H, W]` over chequered squares; without alpha unchanged."""
    import torch

    if alpha is None:
        return color
    down = torch.arange(color.shape[-2]) // SQUARE
    across = torch.arange(color.shape[-1]) // SQUARE
    ground = torch.tensor(SQUARES)[(down[:, None] + across[None]) % 2]
    return color + ground * (1 - alpha)


def picture_png(data: Tensor, channels: Sequence[str]) -> bytes:
    """Planes `[C, H, W]` as an 8-bit PNG for a notebook, at most LOOK px large."""
    import PIL.Image
    import torch

    from rotonodes.values.conversions import codes

    by = LOOK / max(data.shape[-2:])
    if by < 1:  # as means of linear light
        size = [max(1, round(side * by)) for side in data.shape[-2:]]
        data = torch.nn.functional.interpolate(data[None].float(), size, mode="area")[0]
    if as_it_is(data, channels):
        names = "RGB" if "R" in channels else "Y"
        alpha = data[[channels.index("A")]] if "A" in channels else None
        color = over_squares(data[[channels.index(name) for name in names]], alpha)
    else:
        color = normalised(data, channels)
    samples = codes(linear_to_srgb(color).permute(1, 2, 0).numpy())
    return png_of(PIL.Image.fromarray(samples if samples.shape[-1] == 3 else samples[..., 0].copy()))


def png_of(picture: PIL.Image.Image) -> bytes:
    """A picture of Pillow as a PNG for a notebook, at most LOOK px large; of one that is larger every n-th pixel."""
    if max(picture.size) > LOOK:
        by = LOOK / max(picture.size)
        picture = picture.resize((max(1, round(picture.width * by)), max(1, round(picture.height * by))), resample=0)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def picture_channels(names: Sequence[str]) -> list[str]:
    """The channels of a multipass frame that show its picture: Combined, beauty or RGBA, else the first pass with R, G and B."""
    passes: dict[str, dict[str, str]] = {}
    for name in names:
        above, _, last = name.rpartition(".")
        passes.setdefault(above, {})[last] = name
    whole = [above for above, found in passes.items() if {"R", "G", "B"} <= set(found)]
    usual = ("", "combined", "beauty", "rgba", "rgb")
    best = next((above for word in usual for above in whole if above.rpartition(".")[2].lower() == word), next(iter(whole), None))
    return [names[0]] if best is None else [passes[best][word] for word in ("R", "G", "B", "A") if word in passes[best]]
