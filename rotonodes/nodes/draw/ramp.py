"""Ramp: a gradient between two colours."""

from __future__ import annotations

from typing import Literal

from rotonodes.node.parameters import Color, param
from rotonodes.nodes.draw.generated import Generated
from rotonodes.values.pixels import Image, Labels, Matte


class Ramp(Generated):
    """Make a gradient between two colours.

    `linear` runs from the point `start` to the point `end`; in front of one and beyond the other colour is constant. `radial` runs from
    `start` outwards to a circle through `end`. Points are positions in the frame from its top left corner; 0.5 is the middle of the first
    pixel.
    """

    shape: Literal["linear", "radial"] = param("linear", help="straight from start to end, or round about start")
    start: tuple[float, float] | None = param(
        None, help="[x, y] of the first colour; default: middle of the top edge, of a radial ramp the centre", unit="px", examples=[[0, 1]]
    )
    end: tuple[float, float] | None = param(
        None, help="[x, y] of the last colour; default: middle of the bottom edge, of a radial ramp a corner", unit="px", examples=[[9, 9]]
    )
    color_start: Color = param("#000000", help='first colour, "#rrggbb" or "#rrggbbaa"')
    color_end: Color = param("#ffffff", help='last colour, "#rrggbb" or "#rrggbbaa"')
    mix: Literal["srgb", "linear"] = param("srgb", help="even steps to the eye (sRGB codes), or of light")
    ease: Literal["none", "smooth"] = param("none", help="a straight course, or one that starts and ends softly (smoothstep)")

    def process(self, like: Image | Matte | Labels | None = None) -> Image:
        from rotonodes.imaging.picture.ramps import ramp

        width, height = self.frame_size(like)
        middle = (width / 2, height / 2)
        start = self.start or ((width / 2, 0.0) if self.shape == "linear" else middle)
        end = self.end or ((width / 2, float(height)) if self.shape == "linear" else (0.0, 0.0))
        device = like.device if like is not None else "cpu"
        return ramp((width, height), self.shape, start, end, (self.color_start, self.color_end), self.mix, self.ease, device)
