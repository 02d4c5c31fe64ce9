"""The frames of animations (GIF, PNG, WebP) and of videos, one by one, read through imageio."""

from __future__ import annotations

import atexit
import os
import threading
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.files import fingerprint

if TYPE_CHECKING:
    import numpy as np

ANIMATIONS = (".gif", ".png", ".apng", ".webp")
VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
_MOST_OPEN = 4

# Open files and the frame each is at. Decoders must pass through all earlier frames, so files are kept open between reads.
_open: OrderedDict[tuple[Any, ...], tuple[Any, int]] = OrderedDict()
_one_at_a_time = threading.Lock()


def frame_count(path: str | os.PathLike[str]) -> int:
    """Number of frames in the file. Raises FrameError when it is missing, damaged or another kind, UsageError without PyAV."""
    return _count(os.fspath(path), fingerprint(path))


@lru_cache(maxsize=64)
def _count(path: str, stamp: tuple[Any, ...]) -> int:
    """The number of frames; `stamp` is the file's fingerprint, so that a file written anew is counted anew."""
    file = _opening(path)
    try:
        return int(file.properties(index=...).shape[0]) or sum([1 for _ in file.iter()])  # some containers do not store it
    except Exception as error:  # decoders raise errors of many kinds
        raise _damaged(path, error) from error
    finally:
        file.close()


def read_frame(path: str | os.PathLike[str], number: int) -> np.ndarray:
    """Frame `number`, from 1, as uint8 samples `[H, W, C]`: RGBA of an animation, RGB of a video; errors as in `frame_count`."""
    import numpy as np

    options = {"mode": "RGBA"} if _plugin(path) == "pillow" else {"format": "rgb24"}
    with _one_at_a_time:
        file = _opened(path, number)
        try:
            return np.array(file.read(index=number - 1, **options))
        except Exception as error:
            raise _damaged(path, error) from error


@atexit.register
def _close_all() -> None:
    """Close all open files before the interpreter unloads the decoders."""
    while _open:
        _open.popitem()[1][0].close()


def _plugin(path: str | os.PathLike[str]) -> str:
    extension = os.path.splitext(path)[1].lower()
    if extension not in ANIMATIONS + VIDEOS:
        raise FrameError(f"{path}: not an animation or a video: it ends in {' '.join(ANIMATIONS + VIDEOS)}")
    return "pillow" if extension in ANIMATIONS else "pyav"


def _opened(path: str | os.PathLike[str], number: int) -> Any:
    """The open file for reading frame `number`; reopened when it has changed on disk or its position is past that frame."""
    key = (os.fspath(path), *fingerprint(path))
    file, at = _open.pop(key, (None, 0))
    if file is not None and at > number:
        file.close()
        file = None
    _open[key] = file or _opening(path), number
    while len(_open) > _MOST_OPEN:
        _open.popitem(last=False)[1][0].close()
    return _open[key][0]


def _opening(path: str | os.PathLike[str]) -> Any:
    import imageio.v3 as imageio

    plugin: Any = _plugin(path)
    if plugin == "pyav":
        _need_pyav(path)
    try:
        return imageio.imopen(os.fspath(path), "r", plugin=plugin)
    except Exception as error:
        raise _damaged(path, error) from error


def _need_pyav(path: str | os.PathLike[str]) -> None:
    try:
        import av  # noqa: F401
    except ImportError:
        raise UsageError(f"{path}: reading video needs PyAV, which is not installed: pip install 'rotonodes[video]'") from None


def _damaged(path: str | os.PathLike[str], error: Exception) -> FrameError:
    why = " ".join(str(error).lower().split())[:200] or type(error).__name__
    return FrameError(f"{path}: damaged animation or video: {why}; render it again")
