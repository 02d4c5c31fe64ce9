"""The palettes that a user asks for with `--palette`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rotonodes.cli.jobs.shape_choice import matching, near_name, with_shares
from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.passes.contents import CryptomatteContents
from rotonodes.io.folder import SUFFIXES
from rotonodes.io.palettes import find_palette
from rotonodes.values.color import checked_color
from rotonodes.values.palette import Palette
from rotonodes.values.tones import CLASSES

OWN = "own"
TONES = CLASSES[1:]


@dataclass(frozen=True)
class WishedPalette:
    """A palette as the graph writes it, a name, a file or class -> colour, and what is in it."""

    written: str | dict[str, str]
    palette: Palette

    @property
    def tones(self) -> dict[str, str]:
        """Class -> colour of the four tones."""
        return self.palette.for_classes(TONES)


@dataclass(frozen=True)
class WishedPalettes:
    """A palette for everything (None: each object in its own colours), and by patterns of object names."""

    everything: WishedPalette | None = None
    by_object: Mapping[str, WishedPalette] = field(default_factory=dict)


def wished_palettes(given: Sequence[str]) -> WishedPalettes:
    """The palettes of all `--palette` options: `PALETTE`, or `NAMES=PALETTE` for some objects.

    Raises UsageError for one that is no palette, and for two that are for everything.
    """
    everything: list[str] = []
    by_object: dict[str, WishedPalette] = {}
    for text in given:
        names, equals, palette = text.rpartition("=")
        if equals and names and not os.path.isfile(text):
            by_object[names] = read_palette(palette, text)
        else:
            everything.append(text)
    if len(everything) > 1:
        raise UsageError(f"--palette {everything[1]}: {everything[0]} is for everything already: write NAMES={everything[1]}")
    whole = None if not everything or everything[0] == OWN else read_palette(everything[0], everything[0])
    return WishedPalettes(whole, by_object)


def read_palette(text: str, option: str) -> WishedPalette:
    """A palette by its name or file, out of a picture, or a list of colours: `#3d2645,#7a3b4b,#e0a458,#fff4d6`.

    Raises UsageError for one that is not there, is broken, or has too few colours.
    """
    try:
        if text.startswith("#"):
            palette = Palette(tuple(checked_color(word.strip()) for word in text.split(",")))
        elif Path(text).suffix.lower() in SUFFIXES:
            palette = picture_palette(text)
        else:
            palette = find_palette(text)
            return _checked(WishedPalette(text, palette))
        return _checked(WishedPalette(palette.for_classes(TONES), palette))
    except (ValueError, UsageError, FrameError) as error:
        raise UsageError(f"--palette {option}: {error}") from None


def _checked(wished: WishedPalette) -> WishedPalette:
    wished.palette.for_classes(TONES)
    return wished


def picture_palette(path: str) -> Palette:
    """Four colours of a painting."""
    from rotonodes.nodes import PaletteFromPicture

    return PaletteFromPicture(path=path, colors=len(TONES))()  # type: ignore[no-any-return]


def check_patterns(crypto: CryptomatteContents, patterns: Mapping[str, object]) -> None:
    """Raise UsageError for names of `--palette` that fit no object, with the nearest and their share of the frame."""
    known = {one.name: one.share for one in crypto.objects if one.name}
    for pattern in patterns:
        pieces = [pattern] if matching(pattern, known) else [piece.strip() for piece in pattern.split(",")]
        for piece in pieces:
            if not matching(piece, known):
                near = near_name(piece, known)
                raise UsageError(f"--palette {pattern}=...: no object is called {piece!r}{near}; there are {with_shares(known)}")
