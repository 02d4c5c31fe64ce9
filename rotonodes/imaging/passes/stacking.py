"""Several passes of a multipass frame stacked into one picture, with channels named after the usual names of their passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.camera import camera_rotation
from rotonodes.imaging.passes.names import Pass, Passes
from rotonodes.values.pixels import Image, Layers

_WAY_OUT = "take normals: world"  # where no camera can be told
# Channel names of these passes, whatever the file calls them (N.R, depth.V).
_AXES = {"Normal": "XYZ", "Position": "XYZ", "Depth": "Z"}


def stacked_passes(layers: Layers, passes: Passes, asked: Sequence[str], layer: str, view: str, alpha: bool, turn_normals: bool) -> Image:
    """The passes `asked` for as one picture on the data window; `alpha` keeps their alpha channels.

    `turn_normals` turns world-space normals to camera space: x right, y up, z towards the viewer. Raises FrameError for a pass that is
    missing or asked for twice, and when the camera cannot be told.
    """
    channels: dict[str, str] = {}
    normals: list[list[str]] = []
    for name in asked:
        found = passes.find(name, layer, view)
        named = dict(_channels(found, name, alpha))
        twice = [channel for channel in named if channel in channels]
        if twice:
            raise FrameError(f"{passes.where}: {name!r} is the pass of {twice[0]} again: list each pass once")
        channels |= named
        if found.canonical == "Normal":
            normals.append([channel for channel in named if channel[-1] in "XYZ"])
    picture = layers.image(list(channels.values()), tuple(channels))
    if not turn_normals or not normals:
        return picture
    rotation = torch.tensor(camera_rotation(layers, passes, layer, view, _WAY_OUT).tolist())
    data = picture.data
    for axes in normals:
        data = _turned(data, [picture.channels.index(name) for name in axes], rotation, passes.where)
    return picture.with_data(data)


def joined_channels(picture: Image, more: Image) -> Image:
    """The channels of two pictures in one, on the data window of the first. Raises FrameError for another frame size or equal names."""
    if picture.size != more.size:
        raise FrameError(f"more is {more.width}x{more.height}, the passes are {picture.width}x{picture.height}: link one of the same frame")
    if twice := [name for name in more.channels if name in picture.channels]:
        raise FrameError(f"channel {twice[0]} is in the passes and in more: leave it out of one of them")
    return picture.with_data(torch.cat([picture.data, more.on(picture.box).data.to(picture.data)]), (*picture.channels, *more.channels))


def _channels(found: Pass, asked: str, alpha: bool) -> Iterator[tuple[str, str]]:
    """(name in the picture, full name in the file) of a pass's channels."""
    alone = len(found.channels) == 1
    colors = [(short, full) for short, full in found.channels if short != "A" or alone]
    if found.canonical in _AXES:
        colors = [(axis, full) for axis, (_, full) in zip(_AXES[found.canonical], colors, strict=False)]
    if alpha and not alone:
        colors += [(short, full) for short, full in found.channels if short == "A"]
    before = found.layer + "." if found.layer and asked.casefold().startswith(found.layer.casefold() + ".") else ""
    for short, full in colors:
        if short == found.canonical or (found.canonical == "Combined" and not before):
            yield before + short, full
        else:
            yield f"{before}{found.canonical}.{short}", full


def _turned(data: Tensor, planes: list[int], rotation: Tensor, where: str) -> Tensor:
    """The picture `[C, H, W]` with the vectors in three of its planes multiplied by a rotation `[3, 3]`."""
    if len(planes) != 3:
        raise FrameError(f"{where}: Normal has {len(planes)} channels, not three: render it again, or {_WAY_OUT}")
    turned = data.clone()
    turned[planes] = torch.einsum("ij,jhw->ihw", rotation, data[planes])
    return turned
