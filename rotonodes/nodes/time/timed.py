"""Base of nodes that show one frame at the time of another."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator

from rotonodes.errors import UsageError
from rotonodes.imaging.temporal.time_maps import ends_of
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.frames import parse_frames


class Timed(Node):
    """Base of nodes that show one frame at the time of another, out of the frames from `first` to `last` of their input."""

    input_range: str = param("", help="first and last frame of the input that may be shown, as 993-1108; default: those of the shot")

    @field_validator("input_range", "keys", check_fields=False)
    @classmethod
    def _are_frames(cls, value: str, info: ValidationInfo) -> str:
        try:
            if value:
                parse_frames(value)
        except UsageError as error:
            raise ValueError(f"{info.field_name}: {error}") from None
        return value

    def ends(self, shot: tuple[int, int]) -> tuple[int, int]:
        """The first and the last frame of the input."""
        return ends_of(self.input_range, shot)
