"""A rectangle of pixels in a frame, and planes cut to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Box(NamedTuple):
    """A rectangle in pixels, origin top left; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @classmethod
    def around(cls, mask: np.ndarray | Tensor, margin: int = 0) -> Box | None:
        """The smallest box around the True pixels of a mask `[H, W]`, `margin` px wider on each side as far as the frame goes.

        None where no pixel is True.
        """
        height, width = mask.shape
        lines: list[list[bool]] = [mask.any(axis).tolist() for axis in (1, 0)]  # type: ignore[misc]
        rows, columns = lines
        if not any(rows):
            return None
        top, bottom = rows.index(True), height - rows[::-1].index(True)
        left, right = columns.index(True), width - columns[::-1].index(True)
        return cls(max(0, left - margin), max(0, top - margin), min(width, right + margin), min(height, bottom + margin))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index the last two dimensions of an array or tensor that begins at the origin."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def intersect(self, other: Box) -> Box:
        """The common part; empty boxes have no width or no height."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Box(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def union(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(min(self.left, other.left), min(self.top, other.top), max(self.right, other.right), max(self.bottom, other.bottom))


def cut(data: Tensor, box: Box, wanted: Box) -> Tensor:
    """`data` `[..., H, W]` lies on `box`; returns the pixels on `wanted`, zero where there are none."""
    if box == wanted:
        return data
    both = box.intersect(wanted)
    inside = data[..., both.top - box.top : both.bottom - box.top, both.left - box.left : both.right - box.left]
    if both == wanted:
        return inside
    out = data.new_zeros((*data.shape[:-2], wanted.height, wanted.width))
    out[..., both.top - wanted.top : both.bottom - wanted.top, both.left - wanted.left : both.right - wanted.left] = inside
    return out
