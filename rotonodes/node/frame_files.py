"""The files of a node, frame by frame: what it reads, lacks and writes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence


class FrameFiles:
    """Which files a node reads and writes; by default those of its input path parameters, for every frame. Nodes override these methods."""

    def paths(self, role: str) -> Iterator[tuple[str, str]]:
        """(parameter, path) of every path parameter that is set."""
        return iter(())

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """Files that `frame` is made from; their fingerprints are part of the key. By default every input path parameter."""
        return tuple(value for _, value in self.paths("input"))

    def lacks(self, frame: int | None) -> tuple[str, ...]:
        """The files of `reads` that are missing and without which `frame` cannot be made."""
        return tuple(path for path in self.reads(frame) if not os.path.exists(path))

    def writes(self, frame: int | None) -> tuple[str, ...]:
        """Files that the node writes for `frame`, or for the whole clip (None). Writers override this."""
        return ()

    def lacking(self, frames: Collection[int | None]) -> Collection[int | None]:
        """Those of these frames that lack files, rising. A source that lists its folder once overrides this."""
        if type(self).lacks is FrameFiles.lacks and type(self).reads is FrameFiles.reads:  # the same files for every frame
            return frames if self.lacks(None) else ()
        return [frame for frame in sorted(frames, key=lambda f: (f is not None, f or 0)) if self.lacks(frame)]

    def perhaps_written(self, frames: Sequence[int]) -> Sequence[int]:
        """Those of these frames whose files may be there; the others' are not. A writer that lists its folder once overrides this."""
        return frames

    def read_patterns(self) -> tuple[str, ...] | None:
        """The paths, with their frame tokens, of all that `reads` names for any frame; None where they cannot be told so."""
        return tuple(path for _, path in self.paths("input")) if type(self).reads is FrameFiles.reads else None

    def written_patterns(self) -> tuple[str, ...] | None:
        """The same for `writes`."""
        return () if type(self).writes is FrameFiles.writes else None

    def available(self) -> tuple[int, ...] | None:
        """The frames that a source finds on disk; None for nodes without numbered files."""
        return None
