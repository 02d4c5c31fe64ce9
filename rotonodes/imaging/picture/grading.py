"""Grading: gain, offset, gamma and saturation."""

from __future__ import annotations

from torch import Tensor

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import faded, matte_on, with_colors
from rotonodes.values.color import luminance
from rotonodes.values.pixels import Image, Matte

Factor = float | tuple[float, float, float]  # one number, or r, g, b


def grade(image: Image, gain: Factor, offset: Factor, gamma: Factor, saturation: float, mask: Matte | None) -> Image:
    """(unpremultiplied colour x gain + offset) ^ (1/gamma), then saturation; the node Grade has the rules for alpha and negative values.

    Raises FrameError for r, g, b on a picture that has no three colour channels, or a mask of another size.
    """
    original, alpha = image.color, image.alpha
    color = original
    if gain != 1:
        color = color * _planes(gain, image)
    if offset != 0:  # adding to unpremultiplied colour adds alpha times that to premultiplied colour
        color = color + _planes(offset, image) * (1 if alpha is None else alpha)
    if gamma != 1:
        divisor = image.data.new_ones(()) if alpha is None else alpha.where(alpha != 0, 1.0)
        straight = color / divisor
        raised = straight.clamp(min=0).pow_(1 / _planes(gamma, image))
        color = raised.add_(straight.clamp_(max=0)).mul_(divisor)
    if saturation != 1 and len(color) == 3:
        color = luminance(color).expand_as(color).lerp(color, saturation)
    if color is original:
        return image
    if mask is not None:
        color = faded(original, color, matte_on(mask.to(image.device), image.size, image.box))
    return with_colors(image, color)


def _planes(value: Factor, image: Image) -> Tensor:
    """A factor as `[1 or 3, 1, 1]`."""
    if isinstance(value, tuple) and len(image.color_indices) != 3:
        raise FrameError(f"[r, g, b] needs a colour picture, this one has only {', '.join(image.channels)}: give one number")
    return image.data.new_tensor(value).reshape(-1, 1, 1)
