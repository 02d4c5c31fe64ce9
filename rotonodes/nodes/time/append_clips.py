"""AppendClips: one clip after the other, each cut to a range of its frames."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from rotonodes.errors import UsageError
from rotonodes.imaging.temporal.time_maps import emptied, ends_of, frame_of
from rotonodes.node.annotations import Frame, InputLink, Shot
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.frames import parse_frames
from rotonodes.values.pixels import Clip, Picture


class AppendClips(Node):
    """Show clips one after the other, each cut to a range.

    The first clip begins at `start`, each further one after the last frame of the one before. `ranges` has for each clip the frames that
    are shown of it; a clip without one shows the frames of the shot. With a single clip this cuts a range out and moves it to `start`.
    Name the length of the result with the graph's `frames`. Only the clip that is seen is made.
    """

    ranges: tuple[str, ...] = param((), help="range of each clip in its own frames, as [1-24, 1001-1048]", examples=[["1-2"], ["2-2"]])
    start: int | None = param(None, help="frame at which the first clip begins; default: the first frame of the shot", examples=[2, 1])
    outside: Literal["hold", "black"] = param("hold", help="what is shown before the first clip and after the last")

    @field_validator("ranges")
    @classmethod
    def _are_ranges(cls, ranges: tuple[str, ...]) -> tuple[str, ...]:
        for text in ranges:
            try:
                parse_frames(text)
            except UsageError as error:
                raise ValueError(f"ranges: {error}") from None
        return ranges

    def range_of(self, place: int, shot: tuple[int, int]) -> tuple[int, int]:
        """The first and last frame of a clip that are shown."""
        return ends_of(self.ranges[place] if place < len(self.ranges) else "", shot)

    def shown(self, frame: int, clips: int, shot: tuple[int, int]) -> tuple[int, int, bool]:
        """(number of the clip, frame of it, whether it is before the first or after the last one) at `frame`."""
        left = frame - (shot[0] if self.start is None else self.start)
        if left < 0:
            return 0, self.range_of(0, shot)[0], True
        for place in range(clips):
            first, last = self.range_of(place, shot)
            if left <= last - first:
                return place, first + left, False
            left -= last - first + 1
        return clips - 1, self.range_of(clips - 1, shot)[1], True

    def needs_of(self, link: InputLink, frame: int, shot: Shot) -> tuple[int, ...]:
        number, wanted, _ = self.shown(frame, link.links, shot)
        return (wanted,) if number == link.number else ()

    def process(self, image: list[Clip[Picture]], *, frame: Frame, shot: Shot) -> Picture:
        if len(self.ranges) > len(image):
            raise UsageError(f"ranges: there are {len(self.ranges)}, but {len(image)} clips: give one for each")
        number, wanted, beyond = self.shown(frame, len(image), shot)
        picture = frame_of(image[number], wanted)
        return emptied(picture) if beyond and self.outside == "black" else picture
