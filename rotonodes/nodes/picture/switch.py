"""Switch: one of several inputs."""

from __future__ import annotations

from rotonodes.errors import UsageError
from rotonodes.imaging.temporal.time_maps import frame_of, held
from rotonodes.node.annotations import Frame, InputLink, Shot
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Picture


class Switch(Node):
    """Pass one of several inputs on.

    `which` counts the links from 0; a mapping changes it at frames (`{1: 0, 13: 2}` shows the third from frame 13 on). Only the input
    that is passed on is made. With `--set NAME.which=1` a graph's variants are one file.
    """

    which: int | dict[int, int] = param(0, help="number of the input, from 0; or frame -> number from that frame on", examples=[{"1": 0}])

    def number(self, frame: int) -> int:
        """The number of the input that is passed on at `frame`."""
        if not isinstance(self.which, dict):
            return self.which
        return held(self.which, frame) if self.which else 0

    def needs_of(self, link: InputLink, frame: int, shot: Shot) -> tuple[int, ...]:
        return (frame,) if self.number(frame) == link.number else ()

    def process(self, image: list[Clip[Picture]], *, frame: Frame) -> Picture:
        number = self.number(frame)
        if not 0 <= number < len(image):
            raise UsageError(f"which: there is no input {number}: {len(image)} are linked, numbered from 0 to {len(image) - 1}")
        return frame_of(image[number], frame)
