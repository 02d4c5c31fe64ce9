"""How frames come before a network that was trained elsewhere, with its own habits, and how its answer comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from rotonodes.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Sight:
    """What is done to an encoded picture before the network, in this order. Its answer is brought back bilinearly to the frame.

    `grey` makes one channel of red, green and blue: the luma of ITU-R BT.601 in 8-bit codes, as picture libraries do. `scale`
    resizes frames by that factor, bicubic on 8-bit codes; `squash` instead to a square of so many pixels, bilinear. `peak`
    divides by the largest value of the frame (not where that is 0). `mean` and `std`, one number a channel, are subtracted and
    divided by. `exact` keeps probabilities as the network gave them, where those of rotonodes' own are rounded to half precision.
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
                raise UsageError(f"sight: {name} is {value!r}: it must be {words}")
        if not 0 < self.scale <= 16:
            raise UsageError(f"sight: scale is {self.scale!r}: it must be above 0 and at most 16")
        if not 0 <= self.squash <= 8192:
            raise UsageError(f"sight: squash is {self.squash!r}: it must be a whole number of pixels from 0 to 8192")
        if self.squash and self.scale != 1:
            raise UsageError(f"sight: scale {self.scale} and squash {self.squash} are both given: take one of them out")
        numbers = [self.mean, self.std]
        if not all(isinstance(several, tuple) and all(isinstance(v, int | float) for v in several) for several in numbers):
            raise UsageError(f"sight: mean {self.mean!r} and std {self.std!r} must be lists of numbers")
        if len(self.mean) != len(self.std) or 0 in self.std:
            raise UsageError("sight: mean and std must have one number for each channel, and std none that is 0")

    def texts(self) -> dict[str, Any]:
        """What differs from doing nothing, as plain JSON values."""
        plain = Sight()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != getattr(plain, name)
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Sight:
        """The inverse of `texts`. Raises UsageError for what it does not know."""
        known = [item.name for item in fields(cls)]
        for name in values:
            if name not in known:
                raise UsageError(f"sight: {name!r} is not known{did_you_mean(name, known)}: use one of {', '.join(known)}")
        given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**given)


# Means and deviations of ImageNet's pictures, red, green, blue, that countless networks were trained with.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
