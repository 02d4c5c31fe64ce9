"""Grade: gain, offset, gamma and saturation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt
from pydantic import ValidationInfo, field_validator

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import colors, faded, matte_on
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte

if TYPE_CHECKING:
    from torch import Tensor

Channels = tuple[float, float, float]
Positive = Annotated[float, Gt(0)]


class Grade(Node):
    """Grade colour: gain, offset, gamma, saturation.

    The formula is (straight colour x gain + offset) to the power 1/gamma, then saturation.

    The order is that of Nuke's Grade, saturation (around Rec. 709 luminance) comes last. Premultiplied colour is graded as
    if it were straight; where alpha is 0 colour counts as straight, but takes no offset. Gamma leaves values below 0 as
    they are, nothing is clamped. Alpha and extra channels stay; where `mask` is 0, so does the colour.
    """

    gain: float | Channels = param(1.0, help="factor: one number, or [r, g, b]")
    offset: float | Channels = param(0.0, help="added after the gain: one number, or [r, g, b]")
    gamma: Positive | tuple[Positive, Positive, Positive] = param(1.0, help="above 1 lifts the midtones: one number, or [r, g, b]")
    saturation: float = param(1.0, help="0 is grey, 1 unchanged, above 1 more colourful", ge=0)

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
        import torch

        from rotonodes.values.color import luminance

        original, alpha = colors(image), image.alpha
        color = original
        if self.gain != 1:
            color = color * self._planes(self.gain, image)
        if self.offset != 0:  # added to straight colour, which is alpha times it added to premultiplied colour
            color = color + self._planes(self.offset, image) * (1 if alpha is None else alpha)
        if self.gamma != 1:
            divisor = torch.ones(()).to(color) if alpha is None else alpha.where(alpha != 0, 1.0)
            straight = color / divisor
            raised = straight.clamp(min=0).pow_(1 / self._planes(self.gamma, image))
            color = raised.add_(straight.clamp_(max=0)).mul_(divisor)
        if self.saturation != 1 and len(color) == 3:
            color = luminance(color).expand_as(color).lerp(color, self.saturation)
        if color is original:
            return image
        if mask is not None:
            color = faded(original, color, matte_on(mask.to(image.device), image.size, image.box))
        planes = dict(zip(image.color_indices, color, strict=True))
        return image.with_data(torch.stack([planes.get(i, plane) for i, plane in enumerate(image.data)]))

    def _planes(self, value: float | Channels, image: Image) -> Tensor:
        """A parameter as `[1 or 3, 1, 1]`."""
        if isinstance(value, tuple) and len(image.color_indices) != 3:
            raise FrameError(f"[r, g, b] needs a colour picture, this one has only {', '.join(image.channels)}: give one number")
        return image.data.new_tensor(value).reshape(-1, 1, 1)
