"""TimeOffset: a clip that begins later or earlier."""

from __future__ import annotations

from rotonodes.imaging.temporal.time_maps import Outside, emptied, frame_of, placed
from rotonodes.node.annotations import Frame, InputLink, Shot
from rotonodes.node.parameters import param
from rotonodes.nodes.time.timed import Timed
from rotonodes.values.pixels import Clip, Picture


class TimeOffset(Timed):
    """Show a clip later or earlier.

    Frame n shows frame n - `by` of the input: a positive number delays the clip. Where that frame is outside the shot, `outside` says
    what is shown: the first or last frame held, the clip from its other end again (`loop`), forwards and backwards (`bounce`), or nothing
    (`black`). Frames outside the shot are read where `input_range` names them.
    """

    by: int = param(0, help="delay; negative numbers show the clip earlier", unit="frames")
    outside: Outside = param("hold", help="what is shown before the first and after the last frame of the input")

    def needs_of(self, link: InputLink, frame: int, shot: Shot) -> tuple[int, ...]:
        return (placed(frame - self.by, self.ends(shot), self.outside),)

    def process(self, image: Clip[Picture], *, frame: Frame, shot: Shot) -> Picture:
        wanted = frame - self.by
        shown = placed(wanted, self.ends(shot), self.outside)
        picture = frame_of(image, shown)
        return emptied(picture) if self.outside == "black" and shown != wanted else picture
