"""ColorSpace: conversions, views and looks of OpenColorIO."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rotonodes.node.annotations import Device, Prepared
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.pixels import Image

if TYPE_CHECKING:
    from rotonodes.imaging.picture.color_configs import Conversion


class ColorSpace(Node):
    """Convert colour with OpenColorIO: spaces, views, looks.

    With `target` colour goes to another space of the config (`ACEScg`, `sRGB - Texture`), otherwise through a view as a display shows it
    (AgX, ACES). The config is `config`, else a `builtin` one, else the environment's `$OCIO`, else ACES's CG config. Pictures are linear
    with Rec. 709 primaries unless `source` says otherwise. The result of a view is linear light again, which PNG, GIF and video show as
    the view does on an sRGB screen; with `encoded` it is the view's codes, to be written with `colorspace: raw`. Premultiplied colour is
    converted unpremultiplied. Needs OpenColorIO (`pip install "rotonodes[studio]"`).
    """

    config: InputPath = param("", help="OpenColorIO config file (.ocio, .ocioz)", examples=[""])
    builtin: str = param("", help="a config that OpenColorIO brings: cg, studio, or its full name", examples=["studio", "cg"])
    source: str = param("", help="space of the picture; default: linear light with Rec. 709 primaries", examples=["ACEScg", "ACES2065-1"])
    target: str = param("", help="space of the result, instead of a view", examples=["ACEScg", "ACES2065-1"])
    display: str = param("", help="display; default: the config's first", examples=["sRGB - Display", "Display P3 - Display"])
    view: str = param("", help="view of the display; default: its first", examples=["Un-tone-mapped", "Raw"])
    looks: str = param("", help="looks, separated by commas, in place of the view's own", examples=["ACES 1.3 Reference Gamut Compression"])
    encoded: bool = param(False, help="leave the result of a view in the codes of its display, instead of linear light")
    invert: bool = param(False, help="go back: from the target or the view to the source")

    def libraries(self) -> tuple[str, ...]:
        return ("PyOpenColorIO",)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.config and self.builtin:
            yield "builtin: `config` names a file already: take one of them away"
        if self.target and (self.view or self.display):
            yield "target: a space and a view cannot both be the result: take away `target`, or `view` and `display`"

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """The config's file, also the environment's, and its tables that are used, so that others make another key."""
        path = self._where()
        if not path or path.startswith("ocio://"):
            return ()
        from rotonodes.imaging.picture.color_configs import tables_used

        return (path, *tables_used(path, self._conversion()))

    def prepare(self, device: Device, **inputs: Any) -> Any:
        from rotonodes.imaging.picture.color_configs import processor

        return processor(self._where(), self._conversion())

    def _where(self) -> str:
        return self.config or (f"ocio://{self.builtin}" if self.builtin else os.environ.get("OCIO", ""))

    def _conversion(self) -> Conversion:
        from rotonodes.imaging.picture.color_configs import Conversion

        return Conversion(self.source, self.target, self.display, self.view, self.looks, self.invert)

    def process(self, image: Image, *, converter: Prepared) -> Image:
        from rotonodes.imaging.picture.color_configs import converted

        return converted(image, converter, self.invert if not (self.target or self.encoded) else None)
