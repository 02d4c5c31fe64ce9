"""Transform: pictures moved, turned and scaled, also over time."""

from __future__ import annotations

import math

from pydantic import ValidationInfo, field_validator

from rotonodes.imaging.picture.resample import WarpFilter
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.curves import Ease, point_at, value_at
from rotonodes.values.pixels import Picture

Point = tuple[float, float]


class Transform(Node):
    """Move, turn and scale a picture.

    It is scaled, skewed and turned about `center`, then moved by `translate`. Each of these may change over time: frame -> value
    (`translate: {1: [0, 0], 24: [120, 0]}`), between them as `ease` says. A list of the places of a tracked point as `translate` makes
    the picture follow it. Movement by whole pixels copies pixels; everything else is sampled once, and averaged where it gets smaller.
    What leaves the frame is cut off, except within a data window that was larger than the frame before.
    """

    translate: Point | dict[int, Point] = param(
        (0.0, 0.0), help="[right, down], or frame -> [right, down]", unit="px", examples=[[1.5, 0.0], {"1": [0.0, 1.0], "2": [3.0, 0.0]}]
    )
    rotate: float | dict[int, float] = param(0.0, help="angle, anticlockwise, or frame -> angle", unit="degrees", examples=[30.0])
    scale: float | Point | dict[int, float] = param(
        1.0, help="factor, [across, down], or frame -> factor; negative numbers mirror", examples=[0.5, [2.0, 1.0], {"1": 1.0, "2": 2.0}]
    )
    skew: float = param(0.0, help="lean of upright lines to the right", unit="degrees", gt=-90, lt=90)
    center: Point | dict[int, Point] | None = param(
        None, help="[x, y] that scaling and turning keep in place; default: middle of the frame", unit="px", examples=[[1.0, 2.0]]
    )
    ease: Ease = param("linear", help="course between frames that are given: straight, slow at both ends, or in jumps")
    filter: WarpFilter = param("bicubic", help="resampling filter; labels always take the nearest pixel")
    invert: bool = param(False, help="undo this transformation instead of doing it")

    @field_validator("translate", "rotate", "scale", "center")
    @classmethod
    def _has_frames(cls, value: object, info: ValidationInfo) -> object:
        if value == {}:
            raise ValueError(f"{info.field_name}: the list of frames is empty: write frame: value, as in 1: 0")
        return value

    @field_validator("scale")
    @classmethod
    def _keeps_area(cls, value: float | Point | dict[int, float]) -> float | Point | dict[int, float]:
        factors = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
        if 0 in factors:
            raise ValueError("scale: 0 would flatten the picture to a line: write a small number, as 0.001")
        return value

    def pixel_reach(self) -> float:
        return math.inf

    def process(self, image: Picture, *, frame: Frame) -> Picture:
        from rotonodes.imaging.picture.warping import affine, inverted, warped

        translate = self._point(self.translate, frame)
        middle = (image.width / 2, image.height / 2)
        center = middle if self.center is None else self._point(self.center, frame)
        rotate = value_at(self.rotate, frame, self.ease) if isinstance(self.rotate, dict) else self.rotate
        size = value_at(self.scale, frame, self.ease) if isinstance(self.scale, dict) else self.scale
        across, down = size if isinstance(size, tuple) else (size, size)
        matrix = affine(translate, rotate, (across, down), center, self.skew)
        return warped(image, inverted(matrix) if self.invert else matrix, self.filter)

    def _point(self, given: Point | dict[int, Point], frame: int) -> Point:
        return point_at(given, frame, self.ease) if isinstance(given, dict) else given
