"""Neighbouring frames of a clip, brought together on one device."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from rotonodes.errors import FrameError, UsageError
from rotonodes.values.frames import format_frames
from rotonodes.values.pixels import Clip, Image

if TYPE_CHECKING:
    from torch import Tensor


def without_gaps(there: tuple[int, ...], frame: int, radius: int) -> range:
    """The frames up to `radius` before and after `frame` without a gap: trails cannot step over a missing frame."""
    first = last = frame
    while first - 1 in there and frame - first < radius:
        first -= 1
    while last + 1 in there and last - frame < radius:
        last += 1
    return range(first, last + 1)


def beside(evidence: dict[int, Image], name: str, clip: Clip[Image] | None, frame: int) -> dict[int, Image]:
    """The frames of another input that belong to the frames of `evidence`, on its device; empty when nothing is linked.

    Raises FrameError for a missing frame or another frame size.
    """
    if clip is None:
        return {}
    own = evidence[frame]
    found = comparable_frames(clip, name, evidence.keys(), frame)
    for at in evidence:
        if at not in found:
            raise FrameError(f"{name}: there is no frame {at}, which the probabilities have: link clips of the same frames")
    if found[frame].size != own.size:
        sizes = f"{found[frame].width} x {found[frame].height}, the probabilities {own.width} x {own.height}"
        raise FrameError(f"{name}: frame {frame} is {sizes}: crop and reformat both alike")
    return {at: picture.to(own.device) for at, picture in found.items()}


def comparable_frames(clip: Clip[Image], name: str, wanted: Collection[int], frame: int) -> dict[int, Image]:
    """The wanted frames that a clip has, by number: cut to the frame, of one size and one set of channels, on one device.

    Raises UsageError where `frame` itself is not in the clip, FrameError where another one differs from it in size or channels.
    """
    found = {number: picture.on_frame() for number, picture in clip.items() if number in wanted}
    if frame not in found:
        raise UsageError(f"{name}: there is no frame {frame} in the clip; it has the frames {format_frames(clip.frames) or 'none'}")
    own = found[frame]
    for number, other in found.items():
        if other.size != own.size:
            sizes = f"{other.width} x {other.height}, frame {frame} {own.width} x {own.height}"
            raise FrameError(f"{name}: frame {number} is {sizes}: frames must be of one size to be compared")
        if other.channels != own.channels:
            named = f"{' '.join(other.channels)}, frame {frame} {' '.join(own.channels)}"
            raise FrameError(f"{name}: frame {number} has the channels {named}: they must be the same")
    return {number: picture.to(own.device) for number, picture in sorted(found.items())}


def brightness(picture: Image) -> Tensor:
    """The brightness of a picture as it looks: sRGB-encoded luminance `[1, H, W]`, 0 to 1; NaN is black."""
    from rotonodes.values.color import linear_to_srgb, luminance

    return linear_to_srgb(luminance(picture.color).nan_to_num(0).clamp(0, 1))


def developed(picture: Image) -> Tensor:
    """The colours of a picture as it looks: sRGB-encoded `[3 or 1, H, W]`, 0 to 1; NaN is black."""
    from rotonodes.values.color import linear_to_srgb

    return linear_to_srgb(picture.color.nan_to_num(0).clamp(0, 1))
