"""Trimap: where a rough mask is sure, and where alpha has to be solved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rotonodes.errors import FrameError, did_you_mean
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor


class Trimap(Node):
    """Make a trimap from a rough mask.

    It is 1 where all is foreground, 0 where all is background, 0.5 where that is not known.

    The mask's edge is moved inwards by `erode` and outwards by `dilate`, and what lies between is unknown; distances are exact, between
    the centres of pixels. What is soft in a matte already (0.05 to 0.95) is unknown as well. Edges of the frame are no edges of
    the mask. Of labels all classes but the first are foreground, or those in `classes`.
    """

    erode: float = param(10.0, help="how far inside the mask it may still be wrong", unit="px", ge=0, le=1000)
    dilate: float = param(10.0, help="how far outside the mask there may still be foreground", unit="px", ge=0, le=1000)
    classes: list[str] = param(
        [], help="labels: the classes that are foreground; default all but the first", examples=[["midtone", "highlight"]]
    )
    empty: Literal["error", "background"] = param(
        "error", help="for a frame whose mask is empty: fail it, or take all of it as background, where the shape is out of the picture"
    )

    def process(self, mask: Matte | Labels) -> Matte:
        from rotonodes.imaging.mattes.unknown_band import make_trimap

        matte = self._chosen(mask) if isinstance(mask, Labels) else mask.data
        trimap = make_trimap(matte, self.erode, self.dilate)
        if self.empty == "error" and not trimap.any():
            raise FrameError("the mask is empty: check what makes it, or set empty: background where the shape is out of the picture")
        return Matte(trimap)

    def _chosen(self, labels: Labels) -> Tensor:
        """The foreground's classes as a matte `[1, H, W]`."""
        import torch

        known = labels.classes
        for name in self.classes:
            if name not in known:
                raise FrameError(f"classes: there is no class {name!r}{did_you_mean(name, known)}; the labels have {', '.join(known)}")
        wanted = [known.index(name) for name in self.classes] or list(range(1, len(known)))
        return torch.isin(labels.data, labels.data.new_tensor(wanted)).float()[None]
