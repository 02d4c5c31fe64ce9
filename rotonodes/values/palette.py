"""Palettes: colours with names, and how they are shared out to classes of tones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rotonodes.errors import UsageError
from rotonodes.values.color import hex_to_linear, parse_hex
from rotonodes.values.tones import CLASSES, GROUND_SHADOW, OUTSIDE

LINE = "line"  # name of the colour that a palette has for ink

# Linear sRGB -> cone responses -> OKLab: Björn Ottosson, "A perceptual color space for image processing", 2020.
OKLAB_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
OKLAB_AXES = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


@dataclass(frozen=True)
class Palette:
    """Colours `#rrggbb` in the file's order, a name for each (empty where there is none), and the palette's own name.

    Raises UsageError for what is no list of colours, or has names for others.
    """

    colors: tuple[str, ...]
    names: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        given: Any = self.colors
        if isinstance(given, str) or not isinstance(given, Sequence):
            found = repr(given) if isinstance(given, str) else type(given).__name__
            raise UsageError(f'a palette takes colours as a list ("#rrggbb", ...), not {found}')
        for color in self.colors:
            parse_hex(color)
        object.__setattr__(self, "colors", tuple(self.colors))
        if not self.names:
            object.__setattr__(self, "names", ("",) * len(self.colors))
        if len(self.names) != len(self.colors):
            raise UsageError(f"a palette of {len(self.colors)} colours cannot have {len(self.names)} names")

    def color(self, name: str) -> str | None:
        """The colour of that name, or None."""
        return next((color for own, color in zip(self.names, self.colors, strict=True) if word(own) == word(name)), None)

    def for_classes(self, classes: Sequence[str]) -> dict[str, str]:
        """A colour for each class that is painted, class name -> `#rrggbb`.

        A colour named after a class is its own. The others are shared out by lightness, the darkest to the first class, evenly over
        the palette where it has more than are needed. The background has none; a ground shadow without a colour of its own has the
        darkest of the shape. Raises UsageError where colours are too few.
        """
        named = {name: color for name in classes if name not in OUTSIDE and (color := self.color(name)) is not None}
        open_classes = [name for name in classes if name not in OUTSIDE and name not in named]
        # A palette that names tones was made for them: its background and its line are no tones.
        of_tones = any(word(own) in CLASSES for own in self.names)
        taken = {*named, *((*OUTSIDE, LINE) if of_tones else ())}
        free = [color for own, color in zip(self.names, self.colors, strict=True) if word(own) not in taken]
        free = sorted(dict.fromkeys(free), key=lightness)
        if len(free) < len(open_classes):
            needed = [name for name in classes if name not in OUTSIDE]
            raise UsageError(
                f"palette {self.name or 'without name'}: {_count(len(set(self.colors)))} for {len(needed)} classes ({', '.join(needed)}): "
                f"take one with {len(needed)} or more"
            )
        last, count = len(free) - 1, len(open_classes)
        places = [round(i * last / (count - 1)) if count > 1 else last // 2 for i in range(count)]
        made = {**named, **{name: free[place] for name, place in zip(open_classes, places, strict=True)}}
        if GROUND_SHADOW in classes and made:
            made[GROUND_SHADOW] = self.color(GROUND_SHADOW) or min(made.values(), key=lightness)
        return {name: made[name] for name in classes if name in made}

    def pack(self) -> dict[str, Any]:
        return {"colors": list(self.colors), "names": list(self.names), "name": self.name}

    @classmethod
    def unpack(cls, data: Mapping[str, Any]) -> Palette:
        return cls(tuple(data["colors"]), tuple(data["names"]), data["name"])


def word(name: str) -> str:
    """A name as it is compared: `Cast Shadow` is `cast_shadow`."""
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split())


def lightness(color: str) -> float:
    """The lightness L of a colour `#rrggbb` in OKLab, 0 black to 1 white."""
    red, green, blue, _ = hex_to_linear(color)
    cones = [(row[0] * red + row[1] * green + row[2] * blue) ** (1 / 3) for row in OKLAB_CONES]
    return sum(weight * cone for weight, cone in zip(OKLAB_AXES[0], cones, strict=True))


def _count(number: int) -> str:
    return f"{number} colour{'' if number == 1 else 's'}"
