"""MeasureKeyLight: the direction to the key light of a whole shot."""

from __future__ import annotations

from typing import ClassVar

from rotonodes.imaging.passes.names import Passes
from rotonodes.node.annotations import Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Layers
from rotonodes.values.tones import LightDirection


class MeasureKeyLight(Node):
    """Measure the direction to the key light of a whole shot.

    One direction holds for all frames, so that tones do not flicker.

    The light is found in every frame's passes DiffDir and Normal, as FindKeyLight does, and the direction that most frames agree on is
    taken: frames in which another light was stronger are left out. Link it to `light` of FindKeyLight. It is for lights that do not
    move; normals must be in world space if the camera moves.
    """

    cached: ClassVar[bool] = True

    frames: str = param("", help="frames to measure; default the graph's frames", examples=["1-2", "1"])
    layer: str = param("", help="view layer of the passes DiffDir and Normal; empty: the first")
    view: str = param("", help="stereo view (left, right); empty: the hero view")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")

    def process(self, layers: Clip[Layers], monitor: Monitor) -> LightDirection:
        from rotonodes.imaging.passes.key_light import common_direction, light_direction

        found = [light_direction(frame, Passes.of(frame, self.names), self.layer, self.view) for frame in layers]
        directions = [direction for direction in found if direction is not None]
        if not directions:
            monitor.warn("no frame has a key light that can be found: check the passes DiffDir and Normal")
        return LightDirection(common_direction(directions))
