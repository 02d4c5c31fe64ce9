"""The levels of a U-Net in plain numbers, for checks without torch."""

from __future__ import annotations

from collections.abc import Sequence

from rotonodes.errors import UsageError

MAX_DEPTH, MAX_WIDTH, MAX_PATCH = 8, 4096, 8


def doubled(width: int, depth: int, narrows: bool) -> tuple[int, ...]:
    """The features of each level, first level first. `narrows`: each level passes on as many features as the level above has."""
    if not 1 <= depth <= MAX_DEPTH:
        raise UsageError(f"unet: depth {depth} is outside 1 to {MAX_DEPTH}")
    widths = [width * 2**level for level in range(depth + 1)]
    if narrows:
        widths[-1] //= 2  # nothing halves the features on the way up, so the lowest level is as wide as the one above it
    return tuple(widths)


def check_levels(widths: Sequence[int], patch: int) -> None:
    """Raises UsageError for levels that a U-Net cannot have."""
    if not 2 <= len(widths) <= MAX_DEPTH + 1:
        raise UsageError(f"unet: widths {list(widths)} must name 2 to {MAX_DEPTH + 1} levels")
    check_ranges({"patch": (patch, 1, MAX_PATCH)} | {f"widths[{i}]": (w, 1, MAX_WIDTH) for i, w in enumerate(widths)})


def check_ranges(ranges: dict[str, tuple[int, int, int]], where: str = "unet") -> None:
    """Raises UsageError for the first (number, least, largest) that is not a whole number in its range."""
    for name, (number, least, largest) in ranges.items():
        if not isinstance(number, int) or not least <= number <= largest:
            raise UsageError(f"{where}: {name} is {number!r}: it must be a whole number from {least} to {largest}")


def smallest_size(levels: int, patch: int) -> int:
    """The side in pixels of the smallest picture, which ends in a single pixel; sides are multiples of it."""
    return patch * 2 ** (levels - 1)
