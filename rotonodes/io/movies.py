"""The frames of animations (GIF, PNG, WebP; through imageio) and of videos (through PyAV), one by one."""

from __future__ import annotations

import atexit
import os
import threading
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError, RotoError
from rotonodes.io import gif
from rotonodes.io.files import fingerprint, read_error
from rotonodes.io.limits import check_growth, open_with_pillow
from rotonodes.io.video_read import VideoFile, VideoIndex, damaged, read_index

if TYPE_CHECKING:
    import numpy as np

ANIMATIONS = (".gif", ".png", ".apng", ".webp")
VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mxf")
_MOST_OPEN = 4

# Open files and the frame each is at. Decoders must pass through all earlier frames, so files are kept open between reads.
_open: OrderedDict[tuple[Any, ...], tuple[Any, int]] = OrderedDict()
_one_at_a_time = threading.Lock()


def frame_count(path: str | os.PathLike[str]) -> int:
    """Number of frames in the file. Raises FrameError when it is missing, damaged or another kind, UsageError without PyAV."""
    return _count(os.fspath(path), fingerprint(path))


def video_index(path: str | os.PathLike[str]) -> VideoIndex | None:
    """The frames of a video and their rate; None for an animation. Errors as in `frame_count`."""
    return None if _is_animation(path) else _index(os.fspath(path), fingerprint(path))


@lru_cache(maxsize=64)
def _count(path: str, stamp: tuple[Any, ...]) -> int:
    """The number of frames; `stamp` is the file's fingerprint, so that a file written anew is counted anew."""
    if not _is_animation(path):
        return _index(path, stamp).frames
    file = _opening(path)
    try:
        count = int(file.properties(index=...).shape[0])
    except Exception as error:  # decoders raise errors of many kinds
        raise damaged(path, error) from error
    finally:
        file.close()
    there = _occurrences(path, b"fcTL") if path.lower().endswith((".png", ".apng")) else count  # the chunk before each picture
    if count > there + 1:  # a picture for programs without animations may come first
        raise FrameError(f"{path}: damaged animation: it claims {count} frames, and has {there}; render it again")
    return count


def _occurrences(path: str, mark: bytes) -> int:
    """How often the bytes occur in a file, which is not read as a whole."""
    found, end = 0, b""
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                part = end + part
                found += part.count(mark)
                end = part[1 - len(mark) :]
    except OSError as error:
        raise read_error(path, error) from error
    return found


@lru_cache(maxsize=64)
def _index(path: str, stamp: tuple[Any, ...]) -> VideoIndex:
    return read_index(path)


def read_frame(path: str | os.PathLike[str], number: int) -> np.ndarray:
    """Frame `number`, from 1, as samples `[H, W, C]`; errors as in `frame_count`.

    Animations are uint8 RGBA; videos RGB or RGBA with straight alpha, uint8, or uint16 where they have more than 8 bits.
    """
    import numpy as np

    with _one_at_a_time:
        file = _opened(path, number)
        if isinstance(file, VideoFile):
            return file.read(number)
        try:
            return np.array(file.read(index=number - 1, mode="RGBA"))
        except Exception as error:
            raise damaged(path, error) from error


@atexit.register
def _close_all() -> None:
    """Close all open files before the interpreter unloads the decoders."""
    while _open:
        _open.popitem()[1][0].close()


def _is_animation(path: str | os.PathLike[str]) -> bool:
    extension = os.path.splitext(path)[1].lower()
    if extension not in ANIMATIONS + VIDEOS:
        raise FrameError(f"{path}: not an animation or a video: it ends in {' '.join(ANIMATIONS + VIDEOS)}")
    return extension in ANIMATIONS


def _opened(path: str | os.PathLike[str], number: int) -> Any:
    """The open file for reading frame `number`; reopened when it has changed on disk or its position is past that frame."""
    key = (os.fspath(path), *fingerprint(path))
    file, at = _open.pop(key, (None, 0))
    if file is not None and at > number and not isinstance(file, VideoFile):  # which seeks
        file.close()
        file = None
    _open[key] = file or _opening(path), number
    while len(_open) > _MOST_OPEN:
        _open.popitem(last=False)[1][0].close()
    return _open[key][0]


def _opening(path: str | os.PathLike[str]) -> Any:
    if not _is_animation(path):
        return VideoFile(path, _index(os.fspath(path), fingerprint(path)))
    import imageio.v3 as imageio

    try:
        with open_with_pillow(path, ("GIF", "PNG", "WEBP")) as picture:
            check_growth(path, picture.width, picture.height)
            if picture.format == "GIF":
                check_growth(path, *gif.extent(path))
        return imageio.imopen(os.path.abspath(path), "r", plugin="pillow")  # a whole path: imageio reads URLs too
    except RotoError:
        raise
    except Exception as error:
        raise damaged(path, error) from error
