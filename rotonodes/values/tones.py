"""The tones of a shaded shape: their classes, their colours to look at, and scales measured over a shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = ("background", "cast_shadow", "form_shadow", "midtone", "highlight")

# Colours to look at in palette PNGs; the class index is the value.
COLORS = ("#2b2d42", "#3d405b", "#7a5c61", "#e0a458", "#fff4d6")

# The shadow that shapes throw on what is not shape. Networks and recipes that know it have it as class 5, after the five.
GROUND_SHADOW = "ground_shadow"
SIX_CLASSES = (*CLASSES, GROUND_SHADOW)
SIX_COLORS = (*COLORS, "#4c78a8")
OUTSIDE = (CLASSES[0], GROUND_SHADOW)  # the classes of what is not shape

_MORE = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#ff9da6", "#9d755d", "#bab0ac")


def default_colors(count: int) -> tuple[str, ...]:
    """`count` distinct colours to look at; the five tones' own first."""
    return tuple((COLORS + _MORE)[i % (len(COLORS) + len(_MORE))] for i in range(count))


def known_colors(classes: Sequence[str]) -> tuple[str, ...]:
    """Colours to look at for classes by name: a tone's own colour, and default colours for other names."""
    known = dict(zip(SIX_CLASSES, SIX_COLORS, strict=True))
    return tuple(known.get(name, other) for name, other in zip(classes, default_colors(len(classes)), strict=True))


def largest_plane(planes: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """Index along `dim` of each pixel's largest value, int64; the first of several. NaN counts as the largest.

    What `argmax` returns; on the CPU that takes ten times as long over planes as `max`.
    """
    return planes.max(dim, keepdim).indices


@dataclass(frozen=True)
class ToneScale:
    """Where one tone ends and the next begins, as rising luminance thresholds measured over a whole shot.

    n thresholds make n + 1 tones inside the shape. `encoding` is the space the thresholds are in.
    """

    thresholds: tuple[float, ...]
    encoding: str = "linear"

    def pack(self) -> dict[str, Any]:
        return {"thresholds": list(self.thresholds), "encoding": self.encoding}

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> ToneScale:
        return cls(tuple(data["thresholds"]), data["encoding"])


@dataclass(frozen=True)
class LightDirection:
    """The direction to the key light of a whole shot: a unit vector in the space of the normals, or () where no frame has a light.

    A light that `moves` has no direction for all frames: it is looked for in each.
    """

    direction: tuple[float, ...] = ()
    moves: bool = False

    @property
    def known(self) -> tuple[float, ...] | None:
        """The direction where it is that of all frames; None where each frame has its own."""
        return None if self.moves else self.direction

    def pack(self) -> dict[str, Any]:
        return {"direction": list(self.direction), **({"moves": True} if self.moves else {})}

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> LightDirection:
        return cls(tuple(data["direction"]), bool(data.get("moves", False)))
