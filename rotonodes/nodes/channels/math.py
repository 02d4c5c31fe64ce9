"""Math: arithmetic with channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.channel_choice import CHANNELS_HELP, chosen_channels, filled
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Levels, Matte

if TYPE_CHECKING:
    from torch import Tensor

Arithmetic = Literal["add", "subtract", "multiply", "divide", "power", "min", "max", "difference", "clamp"]


class Math(Node):
    """Add, multiply, clamp: arithmetic with channels.

    Each chosen channel is computed with `value`, or with the same channel of `b` where that is linked (a matte or a picture of one
    channel serves every channel). Channels are taken as they are stored: colour premultiplied, in linear light. A division by 0 gives 0;
    `power` leaves values that are not above 0 as they are; `clamp` only applies `low` and `high`, which all others apply to their result.
    The data window of `b` is joined to the picture's; mattes stay within 0 to 1.
    """

    revision: ClassVar[int] = 1

    operation: Arithmetic = param("add", help="what is done: picture (operation) value, or picture (operation) b")
    value: float | tuple[float, ...] = param(0.0, help="number to compute with, or one for each chosen channel", examples=[0.5, [0.1]])
    channels: str = param("color", help=CHANNELS_HELP, min_length=1)
    low: float | None = param(None, help="least value of the result; default: no limit")
    high: float | None = param(None, help="largest value of the result; default: no limit")

    @model_validator(mode="after")
    def _limits_in_order(self) -> Math:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low: {self.low:g} is above high: {self.high:g}: swap them")
        return self

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.operation == "clamp" and self.low is None and self.high is None:
            yield "operation: clamp needs `low`, `high` or both"
        if self.operation == "clamp" and "b" in linked:
            yield "operation: clamp reads no second picture: remove the link to `b`, or choose min or max"

    def process(self, image: Levels, b: Image | Matte | None = None, mask: Matte | None = None) -> Levels:
        from rotonodes.imaging.picture.arithmetic import OPERATIONS, clamped, operands

        if isinstance(image, Image) and isinstance(b, Image) and b.size == image.size:
            image = image.on(image.box.union(b.box))
        names = [image.channels[i] for i in chosen_channels(image, self.channels)] if isinstance(image, Image) else ["A"]
        other = image.data.new_tensor(self._values(len(names))).view(-1, 1, 1) if b is None else operands(image, b, names)

        def computed(planes: Tensor, out: Tensor | None) -> Tensor:
            made = planes if self.operation == "clamp" else OPERATIONS[self.operation](planes, other, out)
            return clamped(made, self.low, self.high)

        return filled(image, self.channels, computed, mask)

    def _values(self, count: int) -> list[float]:
        values = list(self.value) if isinstance(self.value, tuple) else [self.value]
        if len(values) not in (1, count):
            raise FrameError(f"value: {len(values)} numbers for {count} channels: give one number, or one for each of them")
        return values
