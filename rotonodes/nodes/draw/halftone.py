"""Halftone: a picture as printed dots."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator

from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.color import checked_color
from rotonodes.values.pixels import Image


class Halftone(Node):
    """Print a picture as dots, lines or a grid.

    The darker the picture, the more ink: the ink covers the share of the paper that gives the picture's own light, so that from far the
    two look the same. Edges of dots are antialiased. `ink: picture` prints in the picture's own colours. Without a paper colour only the
    ink is left, with alpha. Where the picture is transparent nothing is printed.
    """

    shape: Literal["dots", "lines", "grid"] = param("dots", help="what is printed: round dots, lines, or crossed lines")
    pitch: float = param(8.0, help="distance of dots or lines", unit="px", ge=2, le=1000)
    angle: float = param(45.0, help="turn of the screen, anticlockwise", unit="degrees")
    ink: str = param(
        "#1a1a1a", help='colour of the ink, "#rrggbb", or picture for the colours of the picture', examples=["picture", "#203050"]
    )
    paper: str = param("#f7f4ec", help='colour of the paper, "#rrggbb", or none', examples=["none", "#ffffff"])

    @field_validator("ink", "paper")
    @classmethod
    def _is_a_color(cls, value: str, info: ValidationInfo) -> str:
        return value if value == {"ink": "picture", "paper": "none"}.get(str(info.field_name)) else checked_color(value)

    def pixel_reach(self) -> float:
        return 2 * self.pitch + 3

    def process(self, image: Image) -> Image:
        from rotonodes.imaging.picture.print_screen import printed

        return printed(image, self.shape, self.pitch, self.angle, self.ink, self.paper)
