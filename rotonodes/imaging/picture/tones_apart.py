"""Palettes of things that touch, kept apart: tones that were chosen one by one, moved where they would run together.

Only lightness is moved, in OKLab, and no further than it takes: hues stay those of the things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rotonodes.imaging.picture.own_tones import as_hex, to_oklab
from rotonodes.values.color import hex_to_linear

if TYPE_CHECKING:
    from rotonodes.imaging.passes.cryptomatte import Cryptomatte
    from rotonodes.values.pixels import Layers

APART = 0.06  # least distance in OKLab between tones that may lie side by side
FROM_INK = 0.10  # and from ink, which is thin
_STEP, _STEPS = 0.01, 7  # of lightness, and how many are tried to either side
_REACH = 2  # px between two things that touch: soft edges belong to both
_LEAST_BORDER = 0.01  # of the frame's width: shorter borders do not count
# Tones that meet where two things touch: in shadow both are in one, in light neither is. Highlights are spots inside of a thing, and a
# thing may have the colour of the paper it stands on.
_MEETING = (("form_shadow", "cast_shadow", "ground_shadow"), ("midtone",))


def kept_apart(palettes: Sequence[Mapping[str, str]], touching: np.ndarray, ink: str = "") -> list[dict[str, str]]:
    """The palettes, class -> "#rrggbb", with lightness moved where two that are `touching` (bool `[n, n]`) have tones that look alike.

    So are tones in which lines of `ink` ("#rrggbb") would not be seen. The first palettes stay as they are but for that, later ones make
    room; what is no shape stays. A tone keeps its distance to the others of its own palette, or what it had. Where no move is enough
    the one that brings the tones furthest apart is taken.
    """
    made: list[dict[str, str]] = []
    for at, palette in enumerate(palettes):
        own = dict(palette)
        beside = [made[other] for other in np.flatnonzero(touching[at, :at])]
        for color in dict.fromkeys(palette.values()) if "midtone" in palette else ():
            names = [name for name, one in palette.items() if one == color]
            others = [other for near in beside for other in _met(names, near)]
            own |= dict.fromkeys(names, _moved(color, others, ink, [one for name, one in own.items() if name not in names]))
        made.append(own)
    return made


def _met(names: Sequence[str], palette: Mapping[str, str]) -> Iterator[str]:
    """The colours of a palette that lie beside tones of these names."""
    for kinds in _MEETING:
        if any(name in kinds for name in names):
            yield from (color for name, color in palette.items() if name in kinds)


def _moved(color: str, others: Sequence[str], ink: str, own: Sequence[str]) -> str:
    """The colour, as much lighter or darker as it takes to be apart from `others` and `ink`, and not nearer to its `own` palette than
    it may be."""

    def spare(tone: str) -> float:
        over = _distance(tone, [ink]) * (1 if _lab(tone)[0] > _lab(ink)[0] else -1) - FROM_INK if ink else np.inf
        return min(_distance(tone, others) - APART, over)

    def in_order(tone: str) -> bool:
        return _distance(tone, own) >= room and all((_lab(tone)[0] > _lab(one)[0]) == (light > _lab(one)[0]) for one in own)

    light, a, b = _lab(color)
    chroma, hue = float(np.hypot(a, b)), float(np.arctan2(b, a))
    room, best, most = min(APART, _distance(color, own)), color, spare(color)
    for step in range(1, _STEPS + 1):
        for way in (-1, 1):
            if most >= 0:
                return best
            tried = as_hex(float(np.clip(light + way * step * _STEP, 0, 1)), chroma, hue)
            if spare(tried) > most and in_order(tried):
                best, most = tried, spare(tried)
    return best


@cache
def _lab(color: str) -> np.ndarray:
    return to_oklab(np.array(hex_to_linear(color)[:3]))


def _distance(color: str, others: Sequence[str]) -> float:
    """The distance in OKLab to the nearest of other colours; infinite where there are none."""
    return min((float(np.linalg.norm(_lab(color) - _lab(other))) for other in others), default=np.inf)


def touching_groups(layers: Layers, crypto: Cryptomatte, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Which groups of ids of a cryptomatte touch each other in a frame, bool `[n, n]`."""
    row = {number: at for at, group in enumerate(groups) for number in group}
    most, owner = np.zeros((layers.box.height, layers.box.width), np.float32), np.zeros((layers.box.height, layers.box.width), np.uint32)
    for ids, covered in crypto.planes(layers):
        more = covered > most  # false for NaN
        most, owner = np.where(more, covered, most), np.where(more, ids, owner)
    seen, place = np.unique(owner, return_inverse=True)
    rows = np.array([row.get(int(number), -1) for number in seen])[place].reshape(owner.shape)
    count = len(groups)
    borders = np.zeros((count + 1, count + 1))
    for first, second in ((rows[:, :-_REACH], rows[:, _REACH:]), (rows[:-_REACH], rows[_REACH:])):
        borders += np.bincount((first.ravel() + 1) * (count + 1) + second.ravel() + 1, minlength=(count + 1) ** 2).reshape(borders.shape)
    borders = (borders + borders.T)[1:, 1:] / _REACH
    np.fill_diagonal(borders, 0)
    return borders > _LEAST_BORDER * layers.box.width
