"""StabilizeTones: tones without flicker, by the evidence of neighbouring frames."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

from rotonodes.errors import FrameError
from rotonodes.imaging.temporal.neighbours import beside, comparable_frames, developed, without_gaps
from rotonodes.imaging.temporal.vector_pass import motion_vectors
from rotonodes.node.annotations import Frame, Wanted
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Image, Labels
from rotonodes.values.tones import known_colors


class Stabilized(NamedTuple):
    """The most probable class of each pixel, and the probabilities (channels named by class)."""

    labels: Labels
    probabilities: Image | None


class StabilizeTones(Node):
    """Remove flicker from tones.

    Each pixel's class is decided by the evidence of the frames around it.

    A pixel is followed through `radius` frames on each side, as a tone that stays but for a small probability of `change`: where
    the network is unsure the neighbours decide, while a tone that clearly changes still changes at once. `motion` (Blender's
    Vector pass, or EstimateMotion) gives the pixel's place in other frames; where forward and backward vectors disagree, because
    something is hidden, and where no motion is linked, the pixel is followed in place. `image`, the picture that was segmented,
    tells how far to trust that, by its colours there and here: link it, above all without `motion`. Frames at the ends of a shot
    have fewer neighbours. Probabilities stay as soft as the network's.
    """

    revision: ClassVar[int] = 1  # frames are compared by colours, in place with the one in the middle, and by probabilities too

    radius: int = param(4, help="number of frames used on each side; 0 changes nothing", unit="frames", ge=0, le=8)
    change: float = param(
        0.04, help="probability of another tone from one frame to the next; less holds tones longer, 1 changes nothing", gt=0, le=1
    )

    def needs(self, frame: int) -> range:
        return range(frame - self.radius, frame + self.radius + 1)

    def working_bytes(self, width: int, height: int) -> int:
        """For five classes, with picture and motion: those of all frames, a trail's evidence and posterior, and what is sampled on it."""
        return 4 * width * height * (26 * self.radius + 40)

    def pixel_reach(self) -> float:
        return math.inf  # as far as things move

    def process(
        self,
        probabilities: Clip[Image],
        motion: Clip[Image] | None = None,
        image: Clip[Image] | None = None,
        *,
        frame: Frame,
        wanted: Wanted,
    ) -> Stabilized:
        from rotonodes.imaging.temporal.stabilize import Moment, most_probable, posterior, softened

        numbers = without_gaps(probabilities.frames, frame, self.radius)
        evidence = comparable_frames(probabilities, "probabilities", numbers, frame)
        own = evidence[frame]
        if len(own.channels) < 2:
            raise FrameError(f"probabilities: one channel ({own.channels[0]}) is no choice of a class: link UNetSegment's probabilities")
        if len(evidence) == 1 or self.change == 1:
            return Stabilized(Labels(most_probable(own.data), own.channels, known_colors(own.channels)), own)
        vectors = beside(evidence, "motion", motion, frame)
        shown = beside(evidence, "image", image, frame)
        moments = [
            Moment(picture.data, motion_vectors(vectors[at]) if vectors else None, developed(shown[at]) if shown else None)
            for at, picture in evidence.items()
        ]
        total, frames = posterior(moments, list(evidence).index(frame), self.change)
        labels = Labels(most_probable(total), own.channels, known_colors(own.channels))
        return Stabilized(labels, own.with_data(softened(total, frames)) if "probabilities" in wanted else None)
