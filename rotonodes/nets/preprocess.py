"""What is done to frames before a network, beyond their encoding: grey, scale, normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from rotonodes.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Preprocessing:
    """Steps between an encoded picture and the network, in this order. The output is resized bilinearly to the frame's size.

    `grey`: red, green and blue become one channel, the luma of ITU-R BT.601 in 8-bit codes, as in picture libraries. `scale`:
    factor of a resize, bicubic on 8-bit codes; `squash`: side in pixels of the square to resize to instead, bilinear. `peak`:
    divide by the frame's largest value (unless it is 0). `mean` and `std`, one number per channel: subtract, then divide.
    `exact`: keep probabilities as the network returns them; those of rotonodes' own networks are rounded to half precision.
    """

    grey: bool = False
    scale: float = 1.0
    squash: int = 0
    peak: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    exact: bool = False

    def __post_init__(self) -> None:
        kinds: dict[str, tuple[type, str]] = dict.fromkeys(("grey", "peak", "exact"), (bool, "true or false"))
        kinds |= {"scale": (int | float, "a number"), "squash": (int, "a whole number")}  # type: ignore[dict-item]
        for name, (kind, words) in kinds.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
                raise UsageError(f"preprocessing: {name} is {value!r}: it must be {words}")
        if not 0 < self.scale <= 16:
            raise UsageError(f"preprocessing: scale is {self.scale!r}: it must be above 0 and at most 16")
        if not 0 <= self.squash <= 8192:
            raise UsageError(f"preprocessing: squash is {self.squash!r}: it must be a whole number of pixels from 0 to 8192")
        if self.squash and self.scale != 1:
            raise UsageError(f"preprocessing: scale {self.scale} and squash {self.squash} are both given: take one of them out")
        numbers = [self.mean, self.std]
        if not all(isinstance(several, tuple) and all(isinstance(v, int | float) for v in several) for several in numbers):
            raise UsageError(f"preprocessing: mean {self.mean!r} and std {self.std!r} must be lists of numbers")
        if len(self.mean) != len(self.std) or 0 in self.std:
            raise UsageError("preprocessing: mean and std must have one number for each channel, and std none that is 0")

    def as_json(self) -> dict[str, Any]:
        """The fields that are not at their default, as plain JSON values."""
        plain = Preprocessing()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != getattr(plain, name)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `as_json`. Raises UsageError for unknown fields."""
        known = [item.name for item in fields(cls)]
        for name in values:
            if name not in known:
                raise UsageError(f"preprocessing: {name!r} is not known{did_you_mean(name, known)}: use one of {', '.join(known)}")
        given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**given)


# Mean and standard deviation of the ImageNet pictures: red, green, blue.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
