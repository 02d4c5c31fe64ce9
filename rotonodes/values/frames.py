"""Frame ranges (`1-100`, `1-100x2`, `1,5,9-12`) and numbered files (`####`, `%04d`, `$F4`)."""

from __future__ import annotations

import functools
import glob
import os
import re
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

from rotonodes.errors import UsageError
from rotonodes.values.frame_sets import one_step

MOST_FRAMES = 1_000_000

_RANGE_PIECE = re.compile(r"\s*(-?\d{1,15})(?:\s*-\s*(-?\d{1,15})(?:\s*[x:]\s*(\d{1,15}))?)?\s*", re.ASCII)
_TOKEN = re.compile(
    r"\[(?P<escaped>[#%$@<])\]|(?P<marks>#+|@@+)|%0?(?P<printf>\d*)d|\$F(?P<houdini>\d*+)(?![A-Za-z_])|\$\{F(?P<braced>\d*)\}"
    r"|<[Ff](?:rame)?(?P<angled>\d*)>"
)
_SEPARATORS = "._-"  # a number stands between these, or at the start or the end of a name

# Literal text, or the least number of digits of a frame number.
Piece = str | int


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames a range names, in its order, each once.

    Pieces are separated by commas: `7`, `1-100`, `1-100x2` or `1-100:2` (every second), negatives as in `-5--1`; a piece
    may run down (`10-1`). UsageError says which piece cannot be read.
    """
    pieces = str(text).split(",")
    count, named = 0, []
    for piece in pieces:
        match = _RANGE_PIECE.fullmatch(piece)
        if not match or (match[3] and int(match[3]) == 0):
            where = f"cannot read {piece.strip()!r}, " if piece != str(text) else ""
            raise UsageError(f"{text!r} is not a frame range: {where}write 1-100, 1-100x2 or 1,5,9-12")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        named.append(range(first, last + 1, step) if last >= first else range(first, last - 1, -step))
        count += len(named[-1])
    if count > MOST_FRAMES:
        raise UsageError(f"{text!r} names {count} frames, more than {MOST_FRAMES}")
    return tuple(named[0] if len(named) == 1 else dict.fromkeys(chain.from_iterable(named)))


def frame_numbers(frames: object) -> tuple[int, ...]:
    """Frames that were given from Python: a range as text, one number, or many. Raises UsageError for anything else."""
    if isinstance(frames, str):
        return parse_frames(frames)
    numbers = tuple(frames) if isinstance(frames, Iterable) else (frames,)
    for number in numbers:
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise UsageError(f'frames are whole numbers or a range as text ("1-24"), not {number!r}')
    return tuple(map(int, numbers))


def format_frames(frames: Iterable[int]) -> str:
    """Frames as the shortest range that names them: `1-3,5-9x2`."""
    import fileseq

    listed = frames if isinstance(frames, Sequence) else list(frames)
    if len(listed) > 2 and (step := one_step(listed)):  # a million frames as fast as ten
        first, last = min(listed[0], listed[-1]), max(listed[0], listed[-1])
        return f"{first}-{last}" + (f"x{abs(step)}" if abs(step) > 1 else "")
    return str(fileseq.framesToFrameRange(list(listed), sort=True, compress=False))


def frames_between(frames: Sequence[int]) -> list[int]:
    """The gaps in rising frames: what lies between them by their smallest step.

    Frames with one step (on twos) have none, nor have frames that were picked by hand, whose steps are no multiples of the smallest.
    """
    steps = {after - before for before, after in pairwise(frames)}
    if len(steps) < 2 or any(step % min(steps) for step in steps):
        return []
    return [frame for before, after in pairwise(frames) for frame in range(before + min(steps), after, min(steps))]


def range_text(frames: Sequence[int]) -> str:
    """Frames in their order as a range that every farm reads: `1-3,5-9:2`; `parse_frames` gives the same frames in the same order.

    A step needs three frames: two that stand apart are written as they are.
    """
    pieces: list[str] = []
    at, count = 0, len(frames)
    if count > 2 and (step := one_step(frames)):  # a million frames as fast as ten
        return f"{frames[0]}-{frames[-1]}" + (f":{abs(step)}" if abs(step) > 1 else "")
    while at < count:
        end, step = at, frames[at + 1] - frames[at] if at + 1 < count else 0
        while end + 1 < count and frames[end + 1] - frames[end] == step:
            end += 1
        if end - at < 2 and abs(step) != 1:
            end = at
        size = abs(step)
        pieces.append(str(frames[at]) if end == at else f"{frames[at]}-{frames[end]}" + (f":{size}" if size > 1 else ""))
        at = end + 1
    return ",".join(pieces)


def part_of(frames: Sequence[int], part: str) -> tuple[int, ...]:
    """The frames of `part`, "K/N": the K-th of N consecutive parts, whose lengths differ by at most one; there may be none.

    Raises UsageError for any other text.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", part, re.ASCII)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"{part!r} is not a part: write K/N with K from 1 to N, as in 3/10")
    number, parts = int(match[1]), int(match[2])
    return tuple(frames[len(frames) * (number - 1) // parts : len(frames) * number // parts])


def spread_frames(frames: Sequence[int], count: int) -> tuple[int, ...]:
    """At most `count` of the frames: the first, the last, and as evenly between as can be; of one the middle."""
    if len(frames) <= count:
        return tuple(frames)
    if count == 1:
        return (frames[len(frames) // 2],)
    return tuple(frames[round(place * (len(frames) - 1) / (count - 1))] for place in range(count))


def frames_named(frames: Iterable[int]) -> str:
    """`frame 3`, `frames 1-3,5-9x2`."""
    numbers = frames if isinstance(frames, Sequence) else list(frames)
    return f"frame{'s' if len(numbers) > 1 else ''} {format_frames(numbers)}"


def with_frame_number(text: str, frame: int) -> str:
    """Text with `$F` and `$F4` replaced by a frame number, the second with at least four digits; `[$]F` stays `$F`."""

    def number(match: re.Match[str]) -> str:
        return "$" if match[1] else format_number(frame, int(match[2] or match[3] or 1))

    return re.sub(r"(\[\$\])|\$F(\d*)(?![A-Za-z_])|\$\{F(\d*)\}", number, text)


def format_number(frame: int, digits: int) -> str:
    """A frame number with at least that many digits."""
    return f"{'-' if frame < 0 else ''}{abs(frame):0{digits}d}"


def literal(text: str) -> str:
    """`text` with frame tokens escaped, for use inside a pattern: `[#]` for a literal `#`, `[%]` for `%`, and so on."""
    return _TOKEN.sub(lambda match: re.sub(r"[#%$@<]", r"[\g<0>]", match[0]), text)


class FilePattern:
    """A path with a frame token: `####`, `%04d` or `$F4`; `@@@@` and `<F4>` are read too.

    The token may stand more than once (in the folder and the name). Without a token, every frame is the same file. Characters
    that belong to a name are not tokens: an existing folder of exactly this name is literal (`Film ##`), and a single `#` or
    `%d` counts only between separators (`.`, `_`, `-`) or at the ends of the name (not in `Film #3`, `50%draft`), unless it is
    the only token of a file name and there is no file of exactly this name. `[#]`, `[%]` and `[$]` are always literal.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._parts = _parts(pattern)
        self._template, self._tokens = _template(self._parts)
        self.has_token = self._tokens > 0

    def __str__(self) -> str:
        return self.pattern

    def around(self) -> tuple[str, str]:
        """The name of the file before its first token and behind its last; both are the whole name where it has none."""
        pieces = self._parts[-1]
        tokens = [at for at, piece in enumerate(pieces) if isinstance(piece, int)]
        before, behind = (pieces[: tokens[0]], pieces[tokens[-1] + 1 :]) if tokens else (pieces, pieces)
        return "".join(map(str, before)), "".join(map(str, behind))

    def path(self, frame: int | None) -> str:
        """The file of one frame for writing; negative frames are `-001` for `####`, as in printf."""
        if frame is None and self.has_token:
            return self.pattern
        return self._template % ((frame or 0,) * self._tokens)

    def find(self, frame: int | None) -> str:
        """The file of one frame for reading: negative frames are also found as `-0001`, as Blender writes `####`."""
        path = self.path(frame)
        if frame is None or frame >= 0 or os.path.exists(path):
            return path
        longer = "/".join(_name(part, frame, signed=True) for part in self._parts)
        return longer if os.path.exists(longer) else path

    def names_on_disk(self, word: str) -> list[str]:
        """The files on disk that fit the pattern, with any text in place of `word`, which is a part of the pattern."""
        pieces = tuple(piece for part in self._parts for piece in ("/", *part))[1:]
        texts = ["*" if isinstance(piece, int) else "*".join(map(glob.escape, piece.split(word))) for piece in pieces]
        fits = _expression(pieces, word)
        return sorted(path for path in glob.glob("".join(texts)) if fits.fullmatch(path))

    def on_disk(self) -> tuple[int, ...]:
        """Frames whose file exists, rising. Only this very pattern counts: `shot_v2.png` is not frame 2 of `shot_####.png`."""
        if not self.has_token:
            return ()
        first = next(i for i, part in enumerate(self._parts) if any(isinstance(piece, int) for piece in part))
        folder = "/".join(_name(part, 0) for part in self._parts[:first]) + ("/" if first else "")
        found = _listed(folder or ".", self._parts[first])
        if first < len(self._parts) - 1:  # a token in a folder's name: ask file by file
            found = {frame for frame in found if os.path.exists(self.find(frame))}
        return tuple(sorted(found))


def _parts(pattern: str) -> tuple[tuple[Piece, ...], ...]:
    """The pieces of each folder name, and of the file name."""
    return _parts_anywhere(pattern) or _parts_here(pattern)


@functools.lru_cache(maxsize=1024)
def _parts_anywhere(pattern: str) -> tuple[tuple[Piece, ...], ...] | None:
    """The pieces where what is on the disk cannot change them; else None."""
    *folders, name = pattern.split("/")
    parts, pieces = [_pieces(folder, strict=True) for folder in folders], _pieces(name, strict=True)
    tokens = any(isinstance(piece, int) for part in parts for piece in part)
    return None if tokens or pieces != _pieces(name, strict=False) else (*parts, pieces)


def _parts_here(pattern: str) -> tuple[tuple[Piece, ...], ...]:
    """The pieces where names that exist on the disk are literal."""
    *folders, name = pattern.split("/")
    parts = []
    for depth, folder in enumerate(folders):
        pieces = _pieces(folder, strict=True)
        if any(isinstance(piece, int) for piece in pieces) and os.path.isdir("/".join(folders[: depth + 1])):
            pieces = (folder,)  # an existing folder of exactly this name
        parts.append(pieces)
    loose, pieces = _pieces(name, strict=False), _pieces(name, strict=True)
    if pieces != loose and not os.path.isfile(pattern):  # else a file of exactly this name, as `Film #3.png`
        pieces = loose
    return (*parts, pieces)


@functools.lru_cache(maxsize=1024)
def _template(parts: tuple[tuple[Piece, ...], ...]) -> tuple[str, int]:
    """The path as a printf format, and how often the frame number stands in it."""
    pieces = [piece for part in parts for piece in ("/", *part)][1:]
    text = "".join(f"%0{piece}d" if isinstance(piece, int) else piece.replace("%", "%%") for piece in pieces)
    return text, sum(isinstance(piece, int) for piece in pieces)


@functools.lru_cache(maxsize=1024)
def _pieces(text: str, strict: bool) -> tuple[Piece, ...]:
    """A name split at its tokens. A single `#` or `%d` inside a word is literal if `strict`, or if there is another token."""
    tokens = [match for match in _TOKEN.finditer(text) if match["escaped"] or not _inside_word(match)]
    if not strict and not any(match["escaped"] is None for match in tokens):
        tokens = list(_TOKEN.finditer(text))
    pieces: list[Piece] = []
    at = 0
    for match in tokens:
        digits = match["printf"] or match["houdini"] or match["braced"] or match["angled"] or 1
        pieces += [text[at : match.start()], match["escaped"] or (len(match["marks"]) if match["marks"] else int(digits))]
        at = match.end()
    return (*pieces, text[at:])


def _inside_word(match: re.Match[str]) -> bool:
    """True for a single `#` or a `%d` that has no separator on one of its sides."""
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return match[0] in ("#", "%d") and bool(before.strip(_SEPARATORS) or after.strip(_SEPARATORS))


def _name(pieces: tuple[Piece, ...], frame: int, signed: bool = False) -> str:
    """A name with the frame in place of its tokens; `signed` does not count the minus sign among the digits."""
    return "".join(f"{frame:0{piece + (signed and frame < 0)}d}" if isinstance(piece, int) else piece for piece in pieces)


def _listed(folder: str, pieces: tuple[Piece, ...]) -> set[int]:
    """Frame numbers of the entries of a folder that a name with tokens matches."""
    expression = _expression(pieces)
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.is_symlink() or os.path.exists(entry.path)]
    except OSError:
        return set()
    text, count = _template((pieces,))
    found = set()
    for name in names:
        match = expression.fullmatch(name)
        frame = int(match["frame"]) if match else 0
        if match and (name == text % ((frame,) * count) or (frame < 0 and name == _name(pieces, frame, signed=True))):
            found.add(frame)
    return found


@functools.lru_cache(maxsize=256)
def _expression(pieces: tuple[Piece, ...], word: str = "") -> re.Pattern[str]:
    """What a name matches that is made of the pieces; any text may stand in place of `word`."""
    parts, seen = [], False
    for piece in pieces:
        if isinstance(piece, str):
            parts.append("[^/]+".join(map(re.escape, piece.split(word) if word else [piece])))
        else:
            parts.append("(?P=frame)" if seen else r"(?P<frame>-?\d+)")
            seen = True
    return re.compile("".join(parts), re.DOTALL)
