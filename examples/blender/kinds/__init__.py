# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of scenes for training. Each is a module with `build(Random, frames, models) -> Shot`; a new one is one more line in KINDS."""

from random import Random
from types import ModuleType

from . import random_shapes

PLAIN = "random_shapes"
KINDS: dict[str, ModuleType] = {PLAIN: random_shapes}
WEIGHTS: dict[str, float] = {PLAIN: 1.0}


def choose(rng: Random) -> str:
    """The name of a kind, as often as its weight says."""
    return rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
