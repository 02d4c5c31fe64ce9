"""The members of an ensemble in plain numbers, for checks without torch."""

from __future__ import annotations

MOST_MEMBERS = 16
LIGHTEST, HEAVIEST = 0.001, 1000.0
WEIGHT = f"a weight is 0, or a number from {LIGHTEST:g} to {HEAVIEST:g}"


def is_weight(value: object) -> bool:
    """Whether it can be the weight of a member: 0, or a number from LIGHTEST to HEAVIEST."""
    return isinstance(value, int | float) and not isinstance(value, bool) and (value == 0 or LIGHTEST <= value <= HEAVIEST)
