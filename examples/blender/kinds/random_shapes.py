# SPDX-License-Identifier: GPL-3.0-or-later
"""One to five random shapes before random backgrounds: the scenes of clips.py."""

from pathlib import Path
from random import Random

import scene


def build(rng: Random, frames: int, models: list[Path]) -> scene.Shot:
    """The very scene that clips.py builds from this generator."""
    rng.random()  # clips.py asks first whether it wants cast shadow
    return scene.build(rng, frames, models)
