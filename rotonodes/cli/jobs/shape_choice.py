"""Which objects of a render are shapes, and which are the stage that they stand on."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rotonodes.errors import UsageError, did_you_mean, listed
from rotonodes.imaging.passes.contents import CryptomatteContents

# What names of floors, walls and the like end with, and what may follow that word.
STAGE = frozenset(
    [
        "floor",
        "ground",
        "wall",
        "walls",
        "plane",
        "backdrop",
        "background",
        "bg",
        "sky",
        "skydome",
        "dome",
        "ceiling",
        "cyc",
        "cyclorama",
        "sweep",
        "horizon",
        "environment",
        "env",
        "stage",
        "limbo",
        "light",
        "lights",
        "camera",
        "cam",
        "sun",
    ]
)
WHERE = frozenset(
    [
        "left",
        "right",
        "back",
        "front",
        "top",
        "bottom",
        "north",
        "south",
        "east",
        "west",
        "inner",
        "outer",
        "main",
        "big",
        "small",
        "low",
        "high",
        "lo",
        "hi",
        "geo",
        "geom",
        "mesh",
        "obj",
        "object",
        "grp",
        "group",
        "l",
        "r",
        "a",
        "b",
        "c",
        "d",
        "shape",
        "proxy",
        "default",
    ]
)
_NEAREST = 4  # names in a message


@dataclass(frozen=True)
class Shapes:
    """The names of a render's shapes and stage, and the patterns that a graph names the shapes by."""

    names: tuple[str, ...]
    stage: tuple[str, ...]
    patterns: tuple[str, ...]


def is_stage(name: str) -> bool:
    """Whether an object is called floor, ground, wall, plane, backdrop, sky or the like, whatever its number, side or folder.

    The last word counts: `Back wall`, `wall_left.003` and `set/Floor1` are stage, `Floor lamp`, `wallet` and `Airplane` are not.
    """
    last = re.split(r"[/|:]", name.rstrip("/|:"))[-1]
    words = [word.lower() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])", last)]
    while len(words) > 1 and words[-1] in WHERE:
        words.pop()
    return bool(words) and words[-1] in STAGE


def choose_shapes(crypto: CryptomatteContents, wanted: Sequence[str], left_out: Sequence[str]) -> Shapes:
    """The shapes of a cryptomatte: the `wanted` names, else all that are no stage; without the names `left_out`.

    Patterns are whole names or wildcards, several with commas between, and their case does not matter. Raises UsageError for a
    pattern that fits nothing, with the nearest names and their share of the frame, and where nothing is left.
    """
    known = {one.name: one.share for one in crypto.objects if one.name}
    gone = {name for pattern in left_out for name in _fitting(pattern, known, "--leave-out")}
    if wanted:
        chosen = {name for pattern in wanted for name in _fitting(pattern, known, "--shape")}
    else:
        chosen = {name for name in known if not is_stage(name)}
    names = tuple(name for name in known if name in chosen and name not in gone)
    if not any(known[name] > 0 for name in names):
        why = "every object is called like a floor, wall or sky" if not (wanted or left_out) else "no object is left in this frame"
        raise UsageError(f"which objects are shapes? {why}: name them with --shape; {crypto.name} has {with_shares(known)}")
    stage = tuple(name for name in known if name not in names)
    return Shapes(names, stage, short_patterns(names, known))


def _fitting(pattern: str, known: dict[str, float], option: str) -> list[str]:
    """The names that a pattern fits, or its pieces between commas do."""
    found = matching(pattern, known)
    if found:
        return found
    for piece in [piece.strip() for piece in pattern.split(",") if piece.strip()]:
        more = matching(piece, known)
        if not more:
            raise UsageError(f"{option} {piece}: no object is called so{near_name(piece, known)}; there are {with_shares(known)}")
        found += more
    return found


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a whole name or wildcard fits, whatever the case."""
    expression = re.compile(fnmatch.translate(pattern.casefold()))
    return [name for name in names if name == pattern or name.casefold() == pattern.casefold() or expression.match(name.casefold())]


def near_name(pattern: str, known: Iterable[str]) -> str:
    """` (did you mean 'Mug'?)` for a pattern that fits none of the names, whatever the case."""
    spelled = {name.casefold(): name for name in known}
    near = did_you_mean(pattern.strip("*").casefold(), spelled)
    return next((near.replace(repr(lower), repr(name)) for lower, name in spelled.items() if repr(lower) in near), near)


def with_shares(known: dict[str, float]) -> str:
    """The names with the largest share of the frame: `Teapot 9.2 %, Cup 2.6 %`."""
    largest = sorted((name for name in known if known[name] > 0), key=lambda name: -known[name])
    return listed([f"{name} {known[name]:.1%}" for name in largest], _NEAREST * 2) or "no object in this frame"


def short_patterns(names: Sequence[str], known: Iterable[str], inverted: bool = True) -> tuple[str, ...]:
    """Few patterns that fit exactly `names` among the names `known`: numbered names by one wildcard, or if `inverted` all but a few."""
    wanted, all_names = set(names), list(known)
    by_name = tuple(_grouped([name for name in names if name in all_names], all_names))
    if not inverted:
        return by_name
    others = [name for name in all_names if name not in wanted]
    return min(by_name, ("*", *(f"!{pattern}" for pattern in _grouped(others, all_names))), key=len)


def _grouped(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Patterns for some of the known names: `Leaf*` for `Leaf`, `Leaf.001` and `Leaf.002`, if nothing else begins like that."""
    wanted, made = set(names), dict[str, None]()
    done: set[str] = set()
    for name in names:
        if name in done:
            continue
        base = re.sub(r"[._ -]?\d+$", "", name)
        family = [other for other in known if other.startswith(base)] if base else []
        if len(family) > 1 and wanted.issuperset(family) and not re.search(r"[*?\[,!]", base):
            made[f"{base}*"] = None
            done.update(family)
        else:
            made[name] = None
            done.add(name)
    return list(made)
