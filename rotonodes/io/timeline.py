"""Frames of a clip in an editorial timeline, and a timeline of finished sequences (OpenTimelineIO, extra `otio`)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotonodes.errors import UsageError, did_you_mean, listed
from rotonodes.extras import load_library
from rotonodes.io.files import write_bytes
from rotonodes.io.json_text import parse_json
from rotonodes.values.frames import MOST_FRAMES

TIMELINES = (".otio", ".otioz", ".otiod", ".edl", ".xml", ".aaf")  # of adapters that are often installed
_NAMED = 12  # clips in a message
_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)")


@dataclass(frozen=True)
class Sequenced:
    """A picture sequence for a timeline: its name, its frames, and the file of the lowest of them, with a number before the suffix."""

    name: str
    first_file: str
    frames: Sequence[int]


def is_timeline(text: str) -> bool:
    """Whether text names a timeline rather than a frame range."""
    return text.lower().endswith(TIMELINES)


def clip_frames(path: str, name: str | None, handles: int = 0) -> tuple[int, ...]:
    """The frames of its media that a clip shows, with `handles` more on both sides where the media has them.

    The only clip needs no `name`. Numbers are those of the media: the first frame of an image sequence is its start frame. Raises
    UsageError for a timeline that cannot be read, an unknown clip, and one whose uses differ.
    """
    otio = load_library("opentimelineio", f"reading {path}")
    found = list(_clips(_read(otio, path)))
    names = list(dict.fromkeys(clip.name for clip in found))
    if not found:
        raise UsageError(f"{path} has no clips")
    if name is None and len(names) > 1:
        raise UsageError(f"{path} has {len(names)} clips: name one with --clip: {listed(names, _NAMED)}")
    meant = [clip for clip in found if name is None or clip.name == name]
    if not meant:
        raise UsageError(f"--clip {name}: {path} has no clip of this name{did_you_mean(str(name), names)}; it has {listed(names, _NAMED)}")
    ranges = {_range(clip, path, handles) for clip in meant}
    first, last = min(one for one, _ in ranges), max(one for _, one in ranges)
    if last - first >= MOST_FRAMES:
        raise UsageError(f"{path}: the clip {meant[0].name} shows {last - first + 1} frames, more than {MOST_FRAMES}")
    return tuple(range(first, last + 1))


def _read(otio: Any, path: str) -> Any:
    if not os.path.exists(path):
        raise UsageError(f"{path}: there is no such file")
    try:
        if path.lower().endswith(".otio"):
            parse_json(Path(path).read_bytes())  # the library ends the process where values are nested too deeply
        return otio.adapters.read_from_file(path)
    except Exception as error:  # of the adapter, which may be anybody's
        if type(error).__name__ == "NoKnownAdapterForExtensionError":
            raise UsageError(f"{path}: OpenTimelineIO has no adapter for it: install one (otio-cmx3600-adapter for .edl)") from None
        raise UsageError(f"{path}: not a timeline that OpenTimelineIO can read: {' '.join(str(error).split())[:200]}") from None


def _clips(timeline: Any) -> Iterator[Any]:
    if hasattr(timeline, "find_clips"):
        yield from timeline.find_clips()
    elif hasattr(timeline, "source_range"):
        yield timeline  # a file with one clip


def _range(clip: Any, path: str, handles: int) -> tuple[int, int]:
    """First and last frame of the media that a clip shows."""
    media = clip.media_reference
    available = getattr(media, "available_range", None)
    shown = clip.source_range or available
    if shown is None:
        raise UsageError(f"{path}: the clip {clip.name} says neither which part of its media it shows nor how long that is")
    rate = media.rate if hasattr(media, "start_frame") else (available or shown).start_time.rate
    begin, count = shown.start_time.rescaled_to(rate).value, shown.duration.rescaled_to(rate).value
    offset, low, high = 0.0, None, None
    if available is not None:
        at = available.start_time.rescaled_to(rate).value
        # an image sequence counts its files from start_frame, whatever the time of its first one
        offset = media.start_frame - at if hasattr(media, "start_frame") else 0.0
        low = round(at + offset)
        high = low + round(available.duration.rescaled_to(rate).value) - 1
    if not all(map(math.isfinite, (begin, count, offset))):
        raise UsageError(f"{path}: the clip {clip.name} shows from {begin} on {count} frames, which makes no sense")
    first = round(begin + offset)
    last = first + max(round(count), 1) - 1
    if low is None or high is None:
        return first - handles, last + handles
    return max(first - handles, min(low, first)), min(last + handles, max(high, last))


def write_timeline(path: str, shots: Sequence[Sequenced], rate: float) -> None:
    """Write a timeline with one track: a clip for each sequence, in order, at `rate` frames per second.

    Paths are relative to the timeline's folder. Raises UsageError without shots, OSError as `write_bytes` does.
    """
    otio = load_library("opentimelineio", f"writing {path}")
    if not shots:
        raise UsageError(f"{path}: a timeline needs a sequence")
    timeline = otio.schema.Timeline(name=Path(path).stem)
    track = otio.schema.Track(name="flat", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for shot in shots:
        first, count = min(shot.frames), max(shot.frames) - min(shot.frames) + 1
        folder, file = os.path.split(os.path.relpath(shot.first_file, Path(path).resolve().parent))
        if not (parts := _NUMBERED.fullmatch(file)):
            raise UsageError(f"{shot.first_file}: a sequence in a timeline has its frame number before the suffix: shot.0001.png")
        prefix, digits, suffix = parts.groups()
        shown = otio.opentime.TimeRange(otio.opentime.RationalTime(first, rate), otio.opentime.RationalTime(count, rate))
        media = otio.schema.ImageSequenceReference(
            target_url_base=f"{Path(folder).as_posix()}/" if folder else "",
            name_prefix=prefix,
            name_suffix=suffix,
            start_frame=first,
            frame_zero_padding=len(digits),
            rate=rate,
            available_range=shown,
        )
        track.append(otio.schema.Clip(name=shot.name, media_reference=media, source_range=shown))
    write_bytes(path, otio.adapters.write_to_string(timeline, "otio_json").encode())
