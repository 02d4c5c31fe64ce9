"""Which frame of an input is shown when: positions in time mapped into a range of frames."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Literal

from rotonodes.errors import UsageError
from rotonodes.values.frames import format_frames, parse_frames
from rotonodes.values.pixels import AnyFrame, Clip, Image, Labels, Matte, Picture

Outside = Literal["hold", "loop", "bounce", "black"]
Range = tuple[int, int]  # first and last frame


def placed(frame: int, ends: Range, outside: Outside) -> int:
    """The frame within `ends` that is shown for `frame`; for `black` the nearest one, of which only the size is used."""
    first, last = ends
    count = last - first + 1
    if outside == "loop":
        return first + (frame - first) % count
    if outside == "bounce":
        turn = (frame - first) % max(1, 2 * count - 2)
        return first + min(turn, 2 * count - 2 - turn) if count > 1 else first
    return min(max(frame, first), last)


def frame_of(clip: Clip[AnyFrame], number: int) -> AnyFrame:
    """One frame of a clip. Raises UsageError when it is not there."""
    if number in clip.frames:
        for at, picture in clip.items():
            if at == number:
                return picture
    raise UsageError(f"there is no frame {number} in the clip; it has the frames {format_frames(clip.frames) or 'none'}")


def emptied(picture: Picture) -> Picture:
    """The same frame with nothing in it: black and transparent, no matte, class 0."""
    made: Image | Matte | Labels = picture.with_data(picture.data.new_zeros(picture.data.shape))
    return made  # type: ignore[return-value]


def held(keys: Mapping[int, int], frame: int) -> int:
    """The value of the last key at or before `frame`; before the first key, that of the first."""
    numbers = sorted(keys)
    return keys[numbers[max(0, bisect.bisect_right(numbers, frame) - 1)]]


def interpolated(keys: Mapping[int, float], frame: int) -> float:
    """The value at `frame`, straight between keys; before the first and after the last key it goes on as between the nearest two."""
    numbers = sorted(keys)
    if len(numbers) == 1:
        return keys[numbers[0]] + frame - numbers[0]
    at = min(max(bisect.bisect_right(numbers, frame), 1), len(numbers) - 1)
    before, after = numbers[at - 1], numbers[at]
    return keys[before] + (keys[after] - keys[before]) * (frame - before) / (after - before)


def ends_of(text: str, shot: Range) -> Range:
    """The first and last frame of a range as it is written; of the shot where nothing is written."""
    numbers = parse_frames(text) if text else shot
    return min(numbers), max(numbers)
