"""Retime: a clip faster, slower, or along a curve of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from pydantic import model_validator

from rotonodes.errors import UsageError
from rotonodes.imaging.temporal.time_maps import frame_of, interpolated, placed
from rotonodes.node.annotations import Frame, InputLink, Shot
from rotonodes.node.parameters import param
from rotonodes.nodes.time.timed import Timed
from rotonodes.values.pixels import Clip, Image


class Retime(Timed):
    """Show a clip faster, slower, or backwards.

    The result begins at `start` with that frame of the input and goes on at `speed`; `times` maps frames of the result to frames of the
    input instead, straight between them (`{1: 24, 24: 1}` runs backwards). Before the first and after the last frame of the input these
    are held. Between two frames `nearest` shows the nearer one, `blend` mixes both, and `motion` moves both along the motion vectors of
    the linked `motion` (Blender's Vector pass, or EstimateMotion) and mixes them where they agree; what only one of them shows is taken
    from that one.
    """

    speed: float = param(
        1.0, help="frames of the input for each frame of the result: 0.5 is half as fast, -1 runs backwards", ge=-100, le=100
    )
    start: int | None = param(None, help="frame that stays where it is; default: the first frame of the shot", examples=[2, 1])
    times: dict[int, float] = param(
        {}, help="frame of the result -> frame of the input, instead of a speed", examples=[{"1": 2}, {"1": 1, "2": 1.5}]
    )
    method: Literal["nearest", "blend", "motion"] = param("nearest", help="what is shown between two frames of the input")

    @model_validator(mode="after")
    def _one_way(self) -> Retime:
        if self.times and (self.speed != 1 or self.start is not None):
            raise ValueError("`times` says which frame is shown when: take away `speed` and `start`")
        return self

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if self.method == "motion" and "motion" not in linked:
            yield "method: motion follows vectors: link `motion` to a Vector pass, or to EstimateMotion"
        if self.method != "motion" and "motion" in linked:
            yield f"`motion` is linked, but method: {self.method} does not use it: remove the link, or set method: motion"

    def pixel_reach(self) -> float:
        return math.inf if self.method == "motion" else 0.0

    def shown(self, frame: int, shot: tuple[int, int]) -> tuple[int, int, float]:
        """The two frames of the input between which `frame` lies, and how far it is from the first to the second, 0 to 1."""
        first, last = self.ends(shot)
        start = shot[0] if self.start is None else self.start
        time = interpolated(self.times, frame) if self.times else start + (frame - start) * self.speed
        time = min(max(time, first), last)
        if self.method == "nearest":
            time = math.floor(time + 0.5)
        before = math.floor(time + 1e-6)  # 1 / 3 three times is a whole frame
        share = time - before if time - before > 1e-6 else 0.0
        return before, placed(before + 1, (first, last), "hold") if share else before, share

    def needs_of(self, link: InputLink, frame: int, shot: Shot) -> tuple[int, ...]:
        before, after, _ = self.shown(frame, shot)
        if before == after:
            return () if link.name == "motion" else (before,)
        return (before, after)

    def process(self, image: Clip[Image], motion: Clip[Image] | None = None, *, frame: Frame, shot: Shot) -> Image:
        from rotonodes.imaging.temporal.between import blended, moved

        before, after, share = self.shown(frame, shot)
        if before == after:
            return frame_of(image, before)
        pictures = frame_of(image, before), frame_of(image, after)
        if self.method == "blend":
            return blended(*pictures, share)
        if motion is None:
            raise UsageError("method: motion follows vectors: give `motion`, a Vector pass or EstimateMotion's")
        return moved(pictures, (frame_of(motion, before), frame_of(motion, after)), share)
