"""MeasureKeyLight: the direction to the key light of a whole shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import field_validator

from rotonodes.imaging.passes.light_choice import HELP, STRONGEST, LightChoice, usable_choice
from rotonodes.imaging.passes.names import Passes
from rotonodes.node.annotations import Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.frames import spread_frames
from rotonodes.values.pixels import Clip, Layers
from rotonodes.values.tones import LightDirection

_SAMPLES = 6
_FEWEST = 0.5  # of the measured frames, below which they do not agree
_WAY_OUT = "set light to a pass with the light of one lamp; or leave this node out, and it is looked for in each frame"


class MeasureKeyLight(Node):
    """Measure the direction to the key light of a whole shot.

    One direction holds for all frames, so that tones do not flicker.

    The light is found in the passes DiffDir, Normal, Depth and GlossDir of some frames, as FindKeyLight does, and the direction that most
    of them agree on is taken: frames in which another light was stronger are left out. Where fewer than half agree there is a warning.
    Link it to `light` of FindKeyLight or `direction` of TonesFromPasses. A light that moves, which goes one way by small steps in the
    measured frames, is looked for by them in each frame. Normals must be in world space if the camera moves.
    """

    cached: ClassVar[bool] = True
    # 1: shadows are looked at; 2: more spellings of passes; 3: gloss is looked at; 4: lights that move;
    # 5: near lamps at any distance; 6: small lit areas
    revision: ClassVar[int] = 6

    frames: str = param("", help="frames to measure, all of them; default: `samples` of the graph's frames", examples=["1-2", "1"])
    samples: int = param(
        _SAMPLES, help="frames measured at most, evenly spread over the shot, first and last included; 0 for all", unit="frames", ge=0
    )
    layer: str = param("", help="view layer of the passes DiffDir, Normal and Depth; empty: the first")
    view: str = param("", help="stereo view (left, right); empty: the hero view")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")

    normals: Literal["world", "camera"] = param("world", help="space of the file's normals; camera needs no camera to be known", added=True)
    light: int | str = param(STRONGEST, help=f"which light: {HELP}", added=True, examples=[2, 1])

    _light_is_one = field_validator("light")(usable_choice)

    def frames_of_clip(self, frames: Sequence[int]) -> Sequence[int]:
        return spread_frames(frames, self.samples) if self.samples and not self.frames else frames

    def process(self, layers: Clip[Layers], monitor: Monitor) -> LightDirection:
        from rotonodes.imaging.passes.key_light import common_direction, count_near, moves_smoothly
        from rotonodes.imaging.passes.key_shading import KeyPasses, light_direction

        wanted, choice = frozenset(self.frames_of_clip(layers.frames)), LightChoice.of(self.light)
        passes = ((frame, Passes.of(frame, self.names)) for number, frame in layers.items() if number in wanted)
        found = [light_direction(frame, KeyPasses(own, self.layer, self.view, self.normals, choice)) for frame, own in passes]
        directions = [direction for direction in found if direction is not None]
        if not directions:
            monitor.warn("no frame has a key light that can be found: check the passes DiffDir and Normal")
        common = common_direction(directions)
        if moves_smoothly(directions):
            monitor.note("the key light moves: it is looked for in each frame")
            return LightDirection(common, moves=True)
        agree = count_near(directions, common)
        if agree < _FEWEST * len(directions):
            monitor.warn(f"only {agree} of {len(directions)} frames agree on the key light: {_WAY_OUT}")
        return LightDirection(common)
