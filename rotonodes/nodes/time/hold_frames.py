"""HoldFrames: animation on twos, on threes, or on chosen frames."""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from rotonodes.imaging.temporal.time_maps import frame_of, placed
from rotonodes.node.annotations import Frame, InputLink, Shot
from rotonodes.node.parameters import param
from rotonodes.nodes.time.timed import Timed
from rotonodes.values.frames import parse_frames
from rotonodes.values.pixels import AnyFrame, Clip


class HoldFrames(Timed):
    """Hold frames: animation on twos or threes.

    With `step: 2` every second frame is shown for two frames, as drawn animation is shot on twos; the steps are counted from `start`.
    `keys` names the frames that are shown instead: each is held until the next one (`keys: "12"` freezes the clip at frame 12). Only the
    frames that are shown are made. The layers of a render are held as well as pictures are.
    """

    step: int = param(2, help="frames that each picture is held for: 2 is on twos", unit="frames", ge=1, le=1000)
    start: int | None = param(None, help="frame at which the steps begin; default: the first frame of the shot", examples=[2, 1])
    keys: str = param("", help="frames that are shown, as 1,4,9-21x3, instead of a step", examples=["1", "2"])

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.keys and self.start is not None:
            yield "start: steps are not used with `keys`: take one of them away"

    def shown(self, frame: int, shot: tuple[int, int]) -> int:
        """The frame of the input that is shown at `frame`."""
        ends = self.ends(shot)
        if self.keys:
            numbers = sorted(parse_frames(self.keys))
            return placed(numbers[max(0, bisect.bisect_right(numbers, frame) - 1)], ends, "hold")
        start = ends[0] if self.start is None else self.start
        return placed(frame - (frame - start) % self.step, ends, "hold")

    def needs_of(self, link: InputLink, frame: int, shot: Shot) -> tuple[int, ...]:
        return (self.shown(frame, shot),)

    def process(self, image: Clip[AnyFrame], *, frame: Frame, shot: Shot) -> AnyFrame:
        return frame_of(image, self.shown(frame, shot))
