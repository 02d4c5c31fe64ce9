"""LoadMovie: the frames of one file."""

from __future__ import annotations

from rotonodes.errors import FrameError, RotoError
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.color import Colorspace
from rotonodes.values.pixels import Image


class LoadMovie(Node):
    """Read the frames of an animation or a video.

    Animations are GIF, PNG or WebP and come as RGBA, videos as RGB, both of 8 bits. Frame `first` is the file's first picture.
    Videos need the extra `video` (`pip install 'rotonodes[video]'`).
    """

    path: InputPath = param(
        help="the file: .gif .png .webp, or .mp4 .mov .mkv .webm .avi", min_length=1, examples=["in/movie.gif", "in/other.gif"]
    )
    first: int = param(1, help="frame number of the file's first picture")
    colorspace: Colorspace = param("srgb", help="how the pictures are encoded")

    def available(self) -> tuple[int, ...]:
        from rotonodes.io.movies import frame_count

        try:
            return tuple(range(self.first, self.first + frame_count(self.path)))
        except RotoError:
            return ()  # what is wrong with the file will be said of the frame that is asked for

    def reads(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, frame: Frame) -> Image:
        from rotonodes.io.movies import frame_count, read_frame
        from rotonodes.io.samples import decode

        count = frame_count(self.path)
        if not self.first <= frame < self.first + count:
            raise FrameError(
                f"{self.path}: there is no frame {frame}: it has {count}, which are frames {self.first}-{self.first + count - 1}"
            )
        return decode(read_frame(self.path, frame - self.first + 1), self.colorspace)
