"""Any value as a picture to look at: passes, normals, depth, labels, layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.values.looks import as_it_is, normalised, over_squares
from rotonodes.values.pixels import Image, Labels, Layers, Matte

if TYPE_CHECKING:
    from torch import Tensor

CELL = 192  # px, width of a cell on a sheet
Viewable = Image | Matte | Labels | Layers


def shown(value: Viewable) -> Image | Matte | Labels:
    """A value as a picture that can be shown: non-colour passes normalised to 0..1, layers as a sheet of their passes."""
    if isinstance(value, Layers):
        return pass_sheet(value)
    if not isinstance(value, Image):
        return value.to("cpu")
    picture = value.on_frame().to("cpu")
    if as_it_is(picture.data, picture.channels):
        return picture
    return Image(normalised(picture.data, picture.channels))


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
    codes = value.data if isinstance(value, Matte) else linear_to_srgb(_over_squares(value))
    samples = (codes.nan_to_num(posinf=1.0).clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy()
    write_png(path, np.ascontiguousarray(samples))


def _over_squares(picture: Image) -> Tensor:
    picture = picture.on_frame()
    return over_squares(picture.color, picture.alpha)
