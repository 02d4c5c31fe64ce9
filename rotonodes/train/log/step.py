"""What is known after each training step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """What `on_step` is told after each step: steps count from 1; `scores` are there after a validation.

    `terms` are the parts of the loss by name, each times its weight: their sum is `loss`. `figures` say, at the last step, which
    one had the best score, how large the network is and how fast.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float
    scores: dict[str, Any] | None = None
    terms: dict[str, float] = field(default_factory=dict)
    figures: str = ""
