"""Base of nodes that make pictures of nothing: where their size comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from annotated_types import Ge, Le

from rotonodes.errors import UsageError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Labels, Matte

Side = Annotated[int, Ge(1), Le(65536)]


class Generated(Node):
    """Base of nodes that make pictures of nothing: of `size`, or as large as the picture that is linked."""

    size: tuple[Side, Side] | None = param(
        None, help="width and height of the picture, where none is linked that gives them", unit="px", examples=[[8, 5], [4, 3]]
    )

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        source = next((name for name in ("like", "image") if name in self.signature.inputs), "like")
        if self.size is None and source not in linked:
            yield f"the picture has no size: give `size`, as in size: [1920, 1080], or link `{source}`"
        if self.size is not None and source in linked:
            yield f"`{source}` is linked, which gives the size: take away `size`"

    def frame_size(self, like: Image | Matte | Labels | None) -> tuple[int, int]:
        """(width, height) in px. Raises UsageError when neither says it."""
        size = self.size if like is None else like.size
        if size is None:
            raise UsageError("the picture has no size: give `size`, as in size=(1920, 1080), or a picture")
        return size
