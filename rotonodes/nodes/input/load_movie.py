"""LoadMovie: the frames of one file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rotonodes.errors import FrameError, RotoError
from rotonodes.io.movies import VIDEOS
from rotonodes.node.annotations import Frame, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.color import Colorspace
from rotonodes.values.frames import literal
from rotonodes.values.pixels import Image


class LoadMovie(Node):
    """Read the frames of an animation or a video.

    Frame `first` is the file's first picture; any frame is found exactly, also where the frame rate varies (which is warned of).

    Animations are GIF, PNG or WebP and come as RGBA of 8 bits. Videos come with 8 or 16 bits, with alpha where they have it, turned
    upright as the file says, their colours decoded by the file's matrix and range. Without tags those are what players assume:
    limited range, BT.601 up to 576 lines, else BT.709. Videos need the extra `video` (`pip install "rotonodes[video]"`).
    """

    revision: ClassVar[int] = 1  # videos: matrix and range of the tags, smooth chroma, 16 bits, alpha, rotation

    path: InputPath = param(
        help="the file: .gif .png .webp, or .mp4 .mov .mkv .webm .avi .mxf", min_length=1, examples=["in/movie.gif", "in/other.gif"]
    )
    first: int = param(1, help="frame number of the file's first picture")
    colorspace: Colorspace = param("srgb", help="how the pictures are encoded")

    def libraries(self) -> Iterable[str]:
        return ("av",) if self.path.lower().endswith(VIDEOS) else ()

    def available(self) -> tuple[int, ...]:
        from rotonodes.io.movies import frame_count

        try:
            return tuple(range(self.first, self.first + frame_count(self.path)))
        except RotoError:
            return ()  # what is wrong with the file will be said of the frame that is asked for

    def read_patterns(self) -> tuple[str, ...] | None:
        return None if super().read_patterns() is None else (literal(self.path),)

    def process(self, frame: Frame, monitor: Monitor) -> Image:
        from rotonodes.io.movies import frame_count, read_frame, video_index
        from rotonodes.io.samples import decode

        count, index = frame_count(self.path), video_index(self.path)
        short = index is not None and not index.whole
        if not self.first <= frame < self.first + count:
            there = f"it has {count}, which are frames {self.first}-{self.first + count - 1}"
            raise FrameError(
                f"{self.path}: there is no frame {frame}: {there}{'; the file is truncated: render it again' if short else ''}"
            )
        if short:
            monitor.warn(f"{self.path}: the file is truncated: only its first {count} frames are there; render it again")
        elif index is not None and not index.even and index.slowest and index.fastest:
            monitor.warn(
                f"{self.path}: its frame rate varies, from {float(index.slowest):.4g} to {float(index.fastest):.4g} per second: "
                f"frames are numbered in their order; for an even rate convert it first (ffmpeg -i {self.path} -vf fps=24 even.mov)"
            )
        return decode(read_frame(self.path, frame - self.first + 1), self.colorspace)
