"""Which light of a scene is the key light, as a user says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STRONGEST = "strongest"
_MOST = 9  # lights that are told apart

Choice = tuple[float, float, float] | int | str
HELP = "strongest; 2, 3 ... for the next strongest; or a pass with the light of one lamp or light group alone (Combined_Key)"


@dataclass(frozen=True)
class LightChoice:
    """The light that explains a frame best (`rank` 1), the second best ..., a direction to it, or the pass that has it alone.

    `towards` is in the space of the normals; it need not have length 1. `own` is the name of a pass.
    """

    rank: int = 1
    towards: tuple[float, ...] | None = None
    own: str = ""

    @classmethod
    def of(cls, choice: Choice | None) -> LightChoice:
        """From a parameter's value; None is the strongest."""
        if choice is None or choice == STRONGEST:
            return cls()
        if isinstance(choice, str):
            return cls(own=choice)
        if isinstance(choice, int):
            return cls(rank=choice)
        length = sum(x * x for x in choice) ** 0.5
        return cls(towards=tuple(x / length for x in choice))


STRONGEST_ONE = LightChoice()


def usable_choice(choice: Choice | None) -> Choice | None:
    """A parameter's value, unchanged. Raises ValueError, in one line, for one that is no choice."""
    if isinstance(choice, int) and not 1 <= choice <= _MOST:
        raise ValueError(f"light: must be 1 to {_MOST}, counted from the strongest, not {choice}")
    if isinstance(choice, str) and not choice.strip():
        raise ValueError(f"light: must be {STRONGEST}, a number, a direction [x, y, z] or a pass, not an empty text")
    if isinstance(choice, Sequence) and not isinstance(choice, str) and not any(choice):
        raise ValueError("light: must be a direction of some length, not [0, 0, 0]")
    return choice
