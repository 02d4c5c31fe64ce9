"""Base of writers of one numbered file a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotonodes.node.base import Node
from rotonodes.values.frames import FilePattern

if TYPE_CHECKING:
    from rotonodes.node.parameters import OutputPath


class NumberedWriter(Node):
    """Base of writers of one file a frame, named by their `path` with its frame token."""

    if TYPE_CHECKING:
        path: OutputPath

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def perhaps_written(self, frames: Sequence[int]) -> Sequence[int]:
        pattern = FilePattern(self.path)
        if type(self).writes is not NumberedWriter.writes or not pattern.has_token:
            return frames
        there = set(pattern.on_disk())
        return [frame for frame in frames if frame in there] if there else ()

    def written_patterns(self) -> tuple[str, ...] | None:
        return (self.path,) if type(self).writes is NumberedWriter.writes else None
