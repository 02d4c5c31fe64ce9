"""Sets of one file a pass, as Cinema 4D writes them: `shot_0001.png`, `shot_diffuse0001.png`, `shot_object_1_0001.png`.

Without "Layer Name as Suffix" it writes the pass before the name: `diffuse_shot0001.png`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rotonodes.imaging.passes.spellings import CANONICAL, canonical, squash
from rotonodes.nodes.input.load_frames import BEAUTY, PASS

PICTURE = "Combined"
PASS_BESIDE = "${pass}"  # where a letter follows
_JOINTS = " _-."
_BUFFER = re.compile(r"object[ _-]?(buffer[ _-]?)?\d+", re.IGNORECASE)
_TOKEN = re.compile(r"(?P<folder>(?:.*/)?)(?P<name>[^/]*?)(?P<end>(?:#+|%d)?\.[^./]+)")


class PassSet(NamedTuple):
    """Files of one shot: the `path` with `$pass`, pass name -> the word in its place, and the pattern of each pass, the picture first."""

    path: str
    words: dict[str, str]
    patterns: tuple[str, ...]


class _Reading(NamedTuple):
    """A pattern as a pass of a shot: the path of the shot, and the word in the place of `$pass`, which may be joints alone: the picture."""

    path: str
    word: str


def pass_sets(patterns: Iterable[str]) -> list[PassSet]:
    """The sets among the patterns of files: two or more whose names differ in the name of a pass only, with a frame token or without.

    The pass stands behind the name of the shot (`shot_illum0001.png`) or before it (`illum_shot0001.png`). A pattern belongs to the
    set with the most passes.
    """
    groups: dict[str, dict[str, tuple[str, str]]] = {}
    for pattern in patterns:
        for path, word in _readings(pattern):
            groups.setdefault(path, {}).setdefault(word.strip(_JOINTS) or BEAUTY, (word, pattern))
    made: list[PassSet] = []
    taken: set[str] = set()
    for path, members in sorted(groups.items(), key=lambda item: (-len(item[1]), len(item[0]), item[0])):
        free = {name: one for name, one in members.items() if one[1] not in taken}
        if len(free) < 2 or all(canonical(name) == PICTURE for name in free):
            continue
        order = sorted(free, key=lambda name: (canonical(name) != PICTURE, name))
        taken.update(free[name][1] for name in order)
        made.append(PassSet(path, {n: free[n][0] for n in order}, tuple(free[n][1] for n in order)))
    return sorted(made)


def _readings(pattern: str) -> Iterator[_Reading]:
    """Each way to read a pattern as a pass of a shot, the pass behind the shot's name and then before it."""
    match = _TOKEN.fullmatch(pattern)
    if not match:
        return
    folder, name, end = match["folder"], match["name"], match["end"]
    for at in range(len(name) + 1):
        stem, word = name[:at], name[at:]
        bare = word.strip(_JOINTS)
        apart = not stem or (stem[-1] not in _JOINTS and word[:1] in ("", *_JOINTS))
        if apart and (_is_pass(bare) if bare else stem):
            yield _Reading(f"{folder}{stem}{PASS}{end}", word)
    for at in range(len(name)):
        word, rest = name[:at], name[at:]
        if rest[0] not in _JOINTS and (not word or (word[-1] in _JOINTS and _is_pass(word.strip(_JOINTS)))):
            yield _Reading(f"{folder}{PASS_BESIDE}{rest}{end}", word)


def _is_pass(word: str) -> bool:
    return _BUFFER.fullmatch(word) is not None or (len(squash(word)) > 1 and canonical(word) in CANONICAL)
