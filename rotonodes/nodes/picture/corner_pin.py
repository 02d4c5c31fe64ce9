"""CornerPin: a picture bent so that its corners lie on four points."""

from __future__ import annotations

import math

from pydantic import field_validator

from rotonodes.imaging.picture.resample import WarpFilter
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.curves import Ease, point_at
from rotonodes.values.pixels import Picture

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]
_SQUARE = [[0.0, 0.0], [9.0, 0.0], [9.0, 7.0], [0.0, 7.0]]
_BENT = [[1.0, 0.0], [8.0, 1.0], [9.0, 7.0], [0.0, 6.0]]


class CornerPin(Node):
    """Bend a picture so that its corners lie on four points.

    Corners are given as [x, y] from the top left of the frame, in the order top left, top right, bottom right, bottom left: a screen in a
    plate, a label on a box. `to` may change over time, frame -> four corners, as trackers give them. `from_corners` names four other
    points of the picture than its corners. Where three of four points lie on one line, the frame fails.
    """

    to: Corners | dict[int, Corners] | None = param(
        None,
        help="four places of the corners, or frame -> four places; default: the frame's corners",
        unit="px",
        examples=[_BENT, {"1": _BENT}],
    )
    from_corners: Corners | None = param(
        None, help="four points of the picture that go there; default: the corners of its frame", unit="px", examples=[_SQUARE, _BENT]
    )
    ease: Ease = param("linear", help="course between frames that are given: straight, slow at both ends, or in jumps")
    filter: WarpFilter = param("bicubic", help="resampling filter; labels always take the nearest pixel")
    invert: bool = param(False, help="take the picture at `to` and straighten it")

    @field_validator("to")
    @classmethod
    def _has_frames(cls, value: Corners | dict[int, Corners] | None) -> Corners | dict[int, Corners] | None:
        if value == {}:
            raise ValueError("to: the list of frames is empty: write frame: four corners")
        return value

    def pixel_reach(self) -> float:
        return math.inf

    def process(self, image: Picture, *, frame: Frame) -> Picture:
        from rotonodes.imaging.picture.warping import corners_matrix, inverted, warped

        width, height = float(image.width), float(image.height)
        whole: Corners = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
        matrix = corners_matrix(list(self.from_corners or whole), self.places(frame) or list(whole))
        return warped(image, inverted(matrix) if self.invert else matrix, self.filter)

    def places(self, frame: int) -> list[Point]:
        """Where the corners lie at a frame; empty for the frame's own corners."""
        if isinstance(self.to, dict):
            return [point_at({number: corners[i] for number, corners in self.to.items()}, frame, self.ease) for i in range(4)]
        return list(self.to or ())
