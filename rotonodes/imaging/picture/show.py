"""Any value as a picture to look at: passes, normals, depth, labels, layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotonodes.values.pixels import Image, Labels, Layers, Matte

if TYPE_CHECKING:
    from torch import Tensor


CELL = 192  # px, width of a cell on a sheet
SQUARE = 8  # px, side of the chequered squares behind transparent pictures
SQUARES = (0.13, 0.32)  # their linear greys: the usual codes 102 and 153
FAR = 1e9  # values from here on mean that there is nothing: renderers write 1e10 and more
Viewable = Image | Matte | Labels | Layers


def shown(value: Viewable) -> Image | Matte | Labels:
    """A value as a picture that can be shown: non-colour passes normalised to 0..1, layers as a sheet of their passes."""
    if isinstance(value, Layers):
        return pass_sheet(value)
    if not isinstance(value, Image):
        return value.to("cpu")
    picture = value.on_frame().to("cpu")
    names = [name for name in picture.channels if name != "A"]
    if names[:3] == ["R", "G", "B"]:
        return picture
    if names == ["Y"] and float(picture.color.nan_to_num().amax()) <= 1 and float(picture.color.nan_to_num().amin()) >= 0:
        return picture
    return Image(as_codes(class_colors(picture, names) if is_classes(picture, names) else in_range(picture, names)))


def is_classes(picture: Image, names: Sequence[str]) -> bool:
    """Whether the planes are probabilities of classes: named by words, with sum 1 in every pixel."""
    import torch

    words = len(names) > 1 and all(len(name) > 1 for name in names) and "A" not in picture.channels
    return words and bool(torch.allclose(picture.data.sum(0), torch.ones(()), atol=0.01))


def class_colors(picture: Image, names: Sequence[str]) -> Tensor:
    """Probabilities `[N, H, W]` as a mix of their classes' colours, sRGB codes 0 to 1."""
    import torch

    from rotonodes.values.color import parse_hex
    from rotonodes.values.tones import known_colors

    table = torch.tensor([parse_hex(color)[:3] for color in known_colors(names)], dtype=torch.float32) / 255
    return torch.einsum("nhw,nc->chw", picture.data, table)


def in_range(picture: Image, names: Sequence[str]) -> Tensor:
    """Depth, normals, positions, ids: up to three planes normalised to codes 0 to 1.

    Normals map -1..1 to 0..1, as is usual; other passes map their own range, without infinite background.
    """
    import torch

    planes = picture.data[[picture.channels.index(name) for name in names[:3]]]
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


def as_codes(codes: Tensor) -> Tensor:
    """The linear values that are written as these sRGB codes (0 to 1)."""
    from rotonodes.values.color import srgb_to_linear

    return srgb_to_linear(codes)


def first_pass(layers: Layers) -> Image:
    """The picture of a multipass frame: its Combined pass, else its first pass."""
    from rotonodes.imaging.passes.names import Passes, pass_image

    passes = Passes.of(layers)
    return pass_image(layers, passes.find("Combined") if passes.has("Combined") else passes.passes[0])


def pass_sheet(layers: Layers) -> Image:
    """A sheet of all passes of a multipass frame with their names."""
    from rotonodes.imaging.passes.names import Passes, pass_image
    from rotonodes.imaging.picture.sheet import cell, cell_size, contact_sheet

    passes = Passes.of(layers).passes
    pictures = [shown(pass_image(layers, one)) for one in passes]
    return contact_sheet([cell(picture, cell_size(picture, CELL)) for picture in pictures], [one.full_name for one in passes])


def write_view(path: str, value: Image | Matte | Labels) -> None:
    """Write an 8-bit sRGB PNG: pictures over grey squares where they are transparent, mattes grey, labels in their colours."""
    import numpy as np

    from rotonodes.io.pictures import write_labels
    from rotonodes.io.png import write_png
    from rotonodes.values.color import linear_to_srgb

    if isinstance(value, Labels):
        write_labels(path, value)
        return
    codes = value.data if isinstance(value, Matte) else linear_to_srgb(over_squares(value))
    samples = (codes.nan_to_num(posinf=1.0).clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy()
    write_png(path, np.ascontiguousarray(samples))


def over_squares(picture: Image) -> Tensor:
    """Colour `[3 or 1, H, W]` over chequered squares; opaque pictures unchanged."""
    import torch

    picture = picture.on_frame()
    if picture.alpha is None:
        return picture.color
    down = torch.arange(picture.height) // SQUARE
    across = torch.arange(picture.width) // SQUARE
    ground = torch.tensor(SQUARES)[(down[:, None] + across[None]) % 2]
    return picture.color + ground * (1 - picture.alpha)
