# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of scenes for training. Each is a module with `build(Random, frames, models) -> Shot`; a new one is two more lines here."""

from random import Random
from types import ModuleType

from . import landscape, people, piles, product, random_shapes, room, street, test_bed, workshop

PLAIN = "random_shapes"
KINDS: dict[str, ModuleType] = {
    PLAIN: random_shapes,
    "product": product,
    "people": people,
    "street": street,
    "room": room,
    "landscape": landscape,
    "test_bed": test_bed,
    "workshop": workshop,
    "piles": piles,
}
WEIGHTS: dict[str, float] = {
    PLAIN: 1.5, "product": 1.5, "people": 2, "street": 1.2, "room": 1.3, "landscape": 1.2, "test_bed": 1.5, "workshop": 1.2, "piles": 1.2,
}  # fmt: skip


def choose(rng: Random) -> str:
    """The name of a kind, as often as its weight says."""
    return rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
