"""StackPasses: several passes of a multipass frame in one picture, for networks that take more than colour."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import field_validator

from rotonodes.imaging.passes.names import Passes
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Layers


class StackPasses(Node):
    """Stack passes of a render into one picture.

    Its channels are R G B of the beauty, then DiffDir.R, Normal.X, Depth.Z and so on.

    Channels have the usual name of their pass, whatever the renderer calls it, so that weights fit the files of any renderer; a pass
    asked for with a view layer in front (Label.DiffDir) keeps it. Values are as stored. With `normals: camera` world-space normals
    are turned to x right, y up, z towards the viewer, by the camera in the header, or the one solved from Position and Depth. A
    pass that is not in the file fails the frame. The channels of a picture linked as `more` (from FindKeyLight, say) come last.
    """

    revision: ClassVar[int] = 1  # more spellings of passes

    passes: tuple[str, ...] = param(
        ("Combined", "DiffDir", "Normal", "Depth"),
        help="passes, in the order of the channels, in any renderer's spelling",
        min_length=1,
        examples=[["Normal", "Combined"], ["Combined", "Depth", "Label.Normal"], ["Depth", "Normal"]],
    )
    layer: str = param("", help="view layer of the passes; empty: the first")
    view: str = param("", help="stereo view (left, right); empty: the hero view")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")
    alpha: bool = param(False, help="keep the alpha of passes that have one")
    normals: Literal["world", "camera"] = param("world", help="space of the normals: as rendered, or turned to the camera's")

    @field_validator("passes")
    @classmethod
    def _passes_differ(cls, passes: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in passes if passes.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice: list each pass once")
        return passes

    def pixel_reach(self) -> float:
        return math.inf if self.normals == "camera" else 0.0  # the camera is that of the whole frame

    def process(self, layers: Layers, more: Image | None = None) -> Image:
        from rotonodes.imaging.passes.stacking import joined_channels, stacked_passes

        passes = Passes.of(layers, self.names)
        picture = stacked_passes(layers, passes, self.passes, self.layer, self.view, self.alpha, self.normals == "camera")
        return picture if more is None else joined_channels(picture, more)
