"""Constant: a picture of one colour."""

from __future__ import annotations

from pydantic import field_validator

from rotonodes.node.parameters import param
from rotonodes.nodes.draw.generated import Generated
from rotonodes.values.color import checked_color
from rotonodes.values.pixels import Image, Labels, Matte

Numbers = tuple[float, float, float] | tuple[float, float, float, float]


class Constant(Generated):
    """Make a picture of one colour.

    A hex colour is sRGB; numbers are linear light and may be above 1. Alpha below 1 gives a picture with alpha, premultiplied.
    """

    color: str | Numbers = param(
        "#808080",
        help='colour: "#rrggbb", "#rrggbbaa", or [r, g, b] or [r, g, b, a] in linear light',
        examples=["#204060", [2.0, 1.0, 0.5, 0.5]],
    )

    @field_validator("color")
    @classmethod
    def _is_a_color(cls, value: str | Numbers) -> str | Numbers:
        return checked_color(value) if isinstance(value, str) else value

    def process(self, like: Image | Matte | Labels | None = None) -> Image:
        import torch

        from rotonodes.values.color import hex_to_linear

        width, height = self.frame_size(like)
        red, green, blue, *rest = hex_to_linear(self.color) if isinstance(self.color, str) else self.color
        alpha = rest[0] if rest else 1.0
        planes = [red * alpha, green * alpha, blue * alpha, *([alpha] if alpha != 1 else [])]
        return Image(torch.tensor(planes, device=like.device if like is not None else "cpu").view(-1, 1, 1).repeat(1, height, width))
