"""The Vector pass of a render, read as motion in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.errors import FrameError
from rotonodes.values.pixels import Image

if TYPE_CHECKING:
    from torch import Tensor

_VECTORS = (("X", "Y", "Z", "W"), ("R", "G", "B", "A"))  # the second from programs that take every pass of four channels for a colour

_FAR = 1e6  # px, beyond any frame: infinity is limited to it


def motion_vectors(motion: Image) -> Tensor:
    """The four planes of a Vector pass, `[4, H, W]`. Raises FrameError for a picture without them."""
    names = next((names for names in _VECTORS if set(names) <= set(motion.channels)), None)
    if names is None:
        there = " ".join(motion.channels)
        raise FrameError(f"motion: vectors have the channels X Y Z W, this picture has {there}: link the Vector pass, or EstimateMotion")
    order = [motion.channels.index(name) for name in names]
    planes = motion.data if order == list(range(len(motion.channels))) else motion.data[order]
    return planes.clamp(-_FAR, _FAR)
