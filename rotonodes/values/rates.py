"""Frame rates as exact fractions."""

from __future__ import annotations

from fractions import Fraction

from rotonodes.errors import UsageError

_TELEVISION = [Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 120)]


def exact_rate(fps: float | str) -> Fraction:
    """Frames per second as a fraction: 23.976 and its kind are 24000/1001. Raises UsageError for what is no rate from 1/1000 to 1000.

    A number within 0.005 of a television rate (24, 30, 48, 60, 120 x 1000/1001) is that: 23.98, 29.97 and 59.94 are meant so.
    """
    try:
        rate = Fraction(str(fps).replace(" ", ""))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"fps {str(fps)!r} is no rate: write 24, 23.976 or 24000/1001") from None
    if not Fraction(1, 1000) <= rate <= 1000:
        raise UsageError(f"fps {fps} is not between 0.001 and 1000")
    slowed = [] if "/" in str(fps) else [television for television in _TELEVISION if abs(rate - television) < Fraction(5, 1000)]
    return slowed[0] if slowed else rate.limit_denominator(1_000_000)


def checked_rate(fps: float | str) -> float | str:
    """A rate as it was given; raises ValueError for what is none, for the check of a parameter."""
    try:
        exact_rate(fps)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return fps
