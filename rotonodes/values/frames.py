"""Frame ranges (`1-100`, `1-100x2`, `1,5,9-12`) and numbered files (`####`, `%04d`, `$F4`)."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator

from rotonodes.errors import UsageError

MOST_FRAMES = 1_000_000

_RANGE_PIECE = re.compile(r"\s*(-?\d{1,15})(?:\s*-\s*(-?\d{1,15})(?:\s*[x:]\s*(\d{1,15}))?)?\s*", re.ASCII)
_TOKEN = re.compile(r"(?P<hash>#+)|%0?(?P<width>\d*)d|\$F(?P<houdini>\d*+)(?![A-Za-z_])|\$\{F(?P<braced>\d*)\}")


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames a range names, in its order, each once.

    Pieces are separated by commas: `7`, `1-100`, `1-100x2` or `1-100:2` (every second), negatives as in `-5--1`; a piece
    may run down (`10-1`). UsageError says which piece cannot be read.
    """
    import fileseq

    pieces = str(text).split(",")
    count = 0
    for piece in pieces:
        match = _RANGE_PIECE.fullmatch(piece)
        if not match or (match[3] and int(match[3]) == 0):
            where = f"cannot read {piece.strip()!r}, " if piece != str(text) else ""
            raise UsageError(f"{text!r} is not a frame range: {where}write 1-100, 1-100x2 or 1,5,9-12")
        count += abs(int(match[2] or match[1]) - int(match[1])) // int(match[3] or 1) + 1
    if count > MOST_FRAMES:
        raise UsageError(f"{text!r} names {count} frames, more than {MOST_FRAMES}")
    # Fileseq reads ":" as staggered; in rotonodes, as in Open Job Description, it is a step.
    return tuple(
        int(f)
        for f in fileseq.FrameSet(  # type: ignore[attr-defined]
            ",".join(pieces).replace(":", "x").replace(" ", "")
        )
    )


def format_frames(frames: Iterable[int]) -> str:
    """Frames as the shortest range that names them: `1-3,5-9x2`."""
    import fileseq

    return str(fileseq.framesToFrameRange(list(frames), sort=True, compress=False))


def frames_named(frames: Iterable[int]) -> str:
    """`frame 3`, `frames 1-3,5-9x2`."""
    numbers = list(frames)
    return f"frame{'s' if len(numbers) > 1 else ''} {format_frames(numbers)}"


class FilePattern:
    """A path with at most one kind of frame token: `####`, `%04d` or `$F4`.

    The token may stand more than once (in the folder and the name). Without a token, every frame is the same file.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.has_token = _TOKEN.search(pattern) is not None

    def __str__(self) -> str:
        return self.pattern

    def path(self, frame: int | None) -> str:
        """The file of one frame; negative frames are `-001` for `####`, as printf does it."""
        if frame is None or not self.has_token:
            return self.pattern
        return _TOKEN.sub(lambda m: f"{frame:0{_digits(m)}d}", self.pattern)

    def on_disk(self) -> tuple[int, ...]:
        """Frames whose file exists, rising. Only this very pattern counts: `shot_v2.png` is not frame 2 of `shot_####.png`."""
        if not self.has_token:
            return ()
        return tuple(sorted(set(_matching(self.pattern))))


def _digits(token: re.Match[str]) -> int:
    if token["hash"]:
        return len(token["hash"])
    return int(token["width"] or token["houdini"] or token["braced"] or 1)


def _matching(pattern: str) -> Iterator[int]:
    """Frame numbers of the files that a pattern matches."""
    folder, name = os.path.split(pattern)
    if _TOKEN.search(folder):  # a token in the folder: walk the parents that match, then ask file by file
        for frame in _matching(folder):
            if os.path.exists(FilePattern(pattern).path(frame)):
                yield frame
        return
    expression = _expression(name)
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return
    for entry_name in names:
        match = expression.fullmatch(entry_name)
        if match and name_of(pattern, int(match["frame"])) == entry_name:
            yield int(match["frame"])


def name_of(pattern: str, frame: int) -> str:
    """The file name (without folder) of one frame."""
    return os.path.basename(FilePattern(pattern).path(frame))


@functools.lru_cache(maxsize=256)
def _expression(name: str) -> re.Pattern[str]:
    parts, at, seen = [], 0, False
    for token in _TOKEN.finditer(name):
        parts.append(re.escape(name[at : token.start()]))
        parts.append("(?P=frame)" if seen else r"(?P<frame>-?\d+)")
        at, seen = token.end(), True
    return re.compile("".join(parts) + re.escape(name[at:]), re.DOTALL)
