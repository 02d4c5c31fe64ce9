"""Values that change over frames: `{1: 0, 24: 90}`."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Literal

Ease = Literal["linear", "smooth", "hold"]


def value_at(keys: Mapping[int, float], frame: int, ease: Ease = "linear") -> float:
    """The value of keys (frame -> value, at least one) at a frame, held before the first and after the last."""
    numbers = sorted(keys)
    at = bisect.bisect_right(numbers, frame)
    if at in (0, len(numbers)):
        return keys[numbers[min(at, len(numbers) - 1)]] if at == 0 else keys[numbers[-1]]
    before, after = numbers[at - 1], numbers[at]
    if ease == "hold":
        return keys[before]
    share = (frame - before) / (after - before)
    if ease == "smooth":
        share = share * share * (3 - 2 * share)
    return keys[before] + (keys[after] - keys[before]) * share


def point_at(keys: Mapping[int, tuple[float, float]], frame: int, ease: Ease = "linear") -> tuple[float, float]:
    """The same of points."""
    x, y = (value_at({number: point[axis] for number, point in keys.items()}, frame, ease) for axis in (0, 1))
    return x, y
