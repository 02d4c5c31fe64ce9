"""The palettes that a user asks for with `--palette`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rotonodes.cli.jobs.shape_choice import matching, near_name, with_shares
from rotonodes.errors import UsageError
from rotonodes.imaging.passes.contents import CryptomatteContents
from rotonodes.imaging.picture.own_tones import tones_by_lightness
from rotonodes.values.color import checked_color

OWN = "own"


@dataclass(frozen=True)
class WishedPalettes:
    """Class -> colour for everything (None: each object in its own colours), and by patterns of object names."""

    everything: Mapping[str, str] | None = None
    by_object: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def wished_palettes(given: Sequence[str]) -> WishedPalettes:
    """The palettes of all `--palette` options: `PALETTE`, or `NAMES=PALETTE` for some objects.

    Raises UsageError for one that is no palette, and for two that are for everything.
    """
    everything: list[str] = []
    by_object: dict[str, dict[str, str]] = {}
    for text in given:
        names, equals, palette = text.rpartition("=")
        if equals and names:
            by_object[names] = read_palette(palette, text)
        else:
            everything.append(text)
    if len(everything) > 1:
        raise UsageError(
            f"--palette {everything[1]}: {everything[0]} is for everything already: write NAMES={everything[1]} for some objects"
        )
    whole = None if not everything or everything[0] == OWN else read_palette(everything[0], everything[0])
    return WishedPalettes(whole, by_object)


def read_palette(text: str, option: str) -> dict[str, str]:
    """Class -> colour of a list of colours, `#3d2645,#7a3b4b,#e0a458,#fff4d6`, in any order: tones go by lightness."""
    try:
        colors = [checked_color(word.strip()) for word in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--palette {option}: {error}") from None
    if len(colors) < 2:
        raise UsageError(f"--palette {option}: one colour makes no tones: give two to four")
    return tones_by_lightness(colors)


def check_patterns(crypto: CryptomatteContents, patterns: Mapping[str, object]) -> None:
    """Raise UsageError for names of `--palette` that fit no object, with the nearest and their share of the frame."""
    known = {one.name: one.share for one in crypto.objects if one.name}
    for pattern in patterns:
        pieces = [pattern] if matching(pattern, known) else [piece.strip() for piece in pattern.split(",")]
        for piece in pieces:
            if not matching(piece, known):
                near = near_name(piece, known)
                raise UsageError(f"--palette {pattern}=...: no object is called {piece!r}{near}; there are {with_shares(known)}")
