"""What is known after each training step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StepReport:
    """What `on_step` is called with after each step: steps count from 1; `scores` is None unless the step was validated.

    `terms` are the loss terms by name, each times its weight; their sum is `loss`. `figures`, at the last step: the step with
    the best score, the size of the network and its speed. `batch` is the number of images in a step.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float
    scores: dict[str, Any] | None = None
    terms: dict[str, float] = field(default_factory=dict)
    figures: str = ""
    batch: int = 0
