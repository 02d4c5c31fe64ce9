# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame numbers and the files of frames; needs no Blender."""

import re
from pathlib import Path

RANGE = re.compile(r"(-?\d+)(?:-(-?\d+))?(?:[x:](\d+))?")
MOST = 1_000_000  # frames


class Refused(ValueError):
    """What was asked for cannot be done; the message is one line that says what to do."""


def numbers(text: str, option: str = "--frames") -> list[int]:
    """Frames of `1-24`, `1,5,9` or `1-24x2`, in order. Raises Refused."""
    found: set[int] = set()
    for part in text.split(","):
        match = RANGE.fullmatch(part.strip())
        if not match or match[3] == "0":
            raise Refused(f"{option} {text}: {part!r} is no range such as 1-24, 5 or 1-24x2")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last - first >= MOST:
            raise Refused(f"{option} {text}: more than {MOST} frames")
        found.update(range(first, last + 1, step))
    if not found:
        raise Refused(f"{option} {text}: no frames")
    return sorted(found)


def file_of(pattern: Path, frame: int) -> Path:
    """The file of a frame: the last run of # is its number."""
    digits = list(re.finditer("#+", pattern.name))[-1]
    number = f"{'-' if frame < 0 else ''}{abs(frame):0{len(digits[0])}d}"
    return pattern.with_name(pattern.name[: digits.start()] + number + pattern.name[digits.end() :])
