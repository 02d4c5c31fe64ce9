"""StackPasses: several passes of a multipass frame in one picture, for networks that see more than colours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.names import Pass, Passes
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Layers

if TYPE_CHECKING:
    from torch import Tensor

# What the channels of these passes are called here, whatever the file calls them (N.R, depth.V).
_AXES = {"Normal": "XYZ", "Position": "XYZ", "Depth": "Z"}


class StackPasses(Node):
    """Stack passes of a render into one picture.

    Its channels are R G B of the beauty, then DiffDir.R, Normal.X, Depth.Z and so on.

    Channels are named after the usual name of their pass, whatever the renderer calls it, so that weights which see them fit
    the files of any renderer; a pass that is asked for with a view layer in front (Label.DiffDir) keeps it. Values are as
    stored. With `normals: camera` the world-space normals are turned to x right, y up, z towards the viewer, by the
    camera that the header notes, or that Position and Depth passes tell. A pass that is not in the file fails the frame. The
    channels of a picture linked as `more`, as of FindKeyLight, come last.
    """

    passes: tuple[str, ...] = param(
        ("Combined", "DiffDir", "Normal", "Depth"),
        help="passes in the order of the channels, in any renderer's spelling",
        min_length=1,
        examples=[["Normal", "Combined"], ["Combined", "Depth", "Label.Normal"], ["Depth", "Normal"]],
    )
    layer: str = param("", help="view layer of the passes; empty for the first")
    view: str = param("", help="stereo view (left, right); empty for the hero view")
    names: dict[str, str] = param({}, help="how this file spells its passes -> the usual name, where it is not recognised")
    alpha: bool = param(False, help="keep the alpha of passes that have one")
    normals: Literal["world", "camera"] = param("world", help="space of the normals: as rendered, or turned to the camera's")

    @field_validator("passes")
    @classmethod
    def _passes_differ(cls, passes: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in passes if passes.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice: list each pass once")
        return passes

    def process(self, layers: Layers, more: Image | None = None) -> Image:
        picture = self._stacked(layers)
        return picture if more is None else _joined(picture, more)

    def _stacked(self, layers: Layers) -> Image:
        passes = Passes.of(layers, self.names)
        channels: dict[str, str] = {}
        normals: list[list[str]] = []
        for asked in self.passes:
            found = passes.find(asked, self.layer, self.view)
            named = dict(self._channels(found, asked))
            twice = [name for name in named if name in channels]
            if twice:
                raise FrameError(f"{passes.where}: {asked!r} is the pass of {twice[0]} again: list each pass once")
            channels |= named
            if found.canonical == "Normal":
                normals.append([name for name in named if name[-1] in "XYZ"])
        picture = layers.image(list(channels.values()), tuple(channels))
        if self.normals == "world" or not normals:
            return picture
        from rotonodes.imaging.passes.camera import camera_rotation

        rotation = camera_rotation(layers, passes, self.layer, self.view)
        data = picture.data
        for axes in normals:
            data = _turned(data, [picture.channels.index(name) for name in axes], rotation.tolist(), passes.where)
        return picture.with_data(data)

    def _channels(self, found: Pass, asked: str) -> Iterator[tuple[str, str]]:
        """(name in the picture, full name in the file) of a pass's channels."""
        alone = len(found.channels) == 1
        colors = [(short, full) for short, full in found.channels if short != "A" or alone]
        if found.canonical in _AXES:
            colors = [(axis, full) for axis, (_, full) in zip(_AXES[found.canonical], colors, strict=False)]
        if self.alpha and not alone:
            colors += [(short, full) for short, full in found.channels if short == "A"]
        before = found.layer + "." if found.layer and asked.casefold().startswith(found.layer.casefold() + ".") else ""
        for short, full in colors:
            if short == found.canonical or (found.canonical == "Combined" and not before):
                yield before + short, full
            else:
                yield f"{before}{found.canonical}.{short}", full


def _joined(picture: Image, more: Image) -> Image:
    """One picture of the channels of two, of one size and different names."""
    import torch

    if picture.size != more.size:
        raise FrameError(f"more is {more.width}x{more.height}, the passes are {picture.width}x{picture.height}: link one of the same frame")
    if twice := [name for name in more.channels if name in picture.channels]:
        raise FrameError(f"channel {twice[0]} is in the passes and in more: leave it out of one of them")
    return picture.with_data(torch.cat([picture.data, more.on(picture.box).data.to(picture.data)]), (*picture.channels, *more.channels))


def _turned(data: Tensor, planes: list[int], rotation: list[list[float]], where: str) -> Tensor:
    """The picture `[C, H, W]` with the vectors in three of its planes turned by a matrix."""
    import torch

    if len(planes) != 3:
        raise FrameError(f"{where}: Normal has {len(planes)} channels, not three: render it again, or take normals: world")
    turned = data.clone()
    turned[planes] = torch.einsum("ij,jhw->ihw", torch.tensor(rotation), data[planes])
    return turned
