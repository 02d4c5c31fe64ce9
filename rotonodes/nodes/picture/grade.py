"""Grade: gain, offset, gamma and saturation."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from pydantic import ValidationInfo, field_validator

from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte

Channels = tuple[float, float, float]
Positive = Annotated[float, Gt(0)]


class Grade(Node):
    """Grade colour: gain, offset, gamma, saturation.

    The formula is (unpremultiplied colour x gain + offset) to the power 1/gamma, then saturation.

    The order is that of Nuke's Grade; saturation (around Rec. 709 luminance) comes last. Premultiplied colour is graded
    unpremultiplied; where alpha is 0 colour is taken as it is, without the offset. Gamma does not change values below 0,
    nothing is clamped. Alpha and extra channels stay; where `mask` is 0, so does the colour.
    """

    gain: float | Channels = param(1.0, help="factor of the colour: one number, or [r, g, b]")
    offset: float | Channels = param(0.0, help="added after the gain: one number, or [r, g, b]")
    gamma: Positive | tuple[Positive, Positive, Positive] = param(1.0, help="gamma, above 1 lifts the midtones: one number, or [r, g, b]")
    saturation: float = param(1.0, help="saturation: 0 grey, 1 unchanged, above 1 more colourful", ge=0)

    @field_validator("gain", "offset", "gamma", mode="before")
    @classmethod
    def _one_or_three(cls, value: object, info: ValidationInfo) -> object:
        try:
            numbers = [float(number) for number in (value if isinstance(value, list | tuple) else (value, value, value))]
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) != 3 or (info.field_name == "gamma" and min(numbers) <= 0):
            above = " above 0" if info.field_name == "gamma" else ""
            raise ValueError(f"{info.field_name}: must be one number{above}, or three as [r, g, b], not {value!r}")
        return value

    def process(self, image: Image, mask: Matte | None = None) -> Image:
        from rotonodes.imaging.picture.grading import grade

        return grade(image, self.gain, self.offset, self.gamma, self.saturation, mask)
