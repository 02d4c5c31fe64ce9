"""The progress line of a training."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rotonodes.machine.durations import time_left
from rotonodes.train.settings import SCORE_NAMES

if TYPE_CHECKING:
    from rotonodes.train.log.step_report import StepReport


class Pace:
    """A step as a line of progress: `loss 0.412, mean IoU 0.713, 3.2 steps/s, 26 images/s, 4 min left`.

    Loss and speed are means over the last `window` steps, validations included; the score is the last one. The final line adds
    the step with the best score, the size of the network and its speed.
    """

    def __init__(self, window: int = 50) -> None:
        self._losses: deque[float] = deque(maxlen=window)
        self._times: deque[float] = deque(maxlen=window + 1)
        self._score = ""

    def line(self, step: StepReport) -> str:
        self._losses.append(step.loss)
        self._times.append(step.seconds)
        told = [name for name in ("mean_iou", "max_f", "mae") if (step.scores or {}).get(name) is not None]
        if step.scores and told:
            self._score = ", ".join(f"{SCORE_NAMES[name]} {step.scores[name]:.3f}" for name in told)
        words = [f"loss {sum(self._losses) / len(self._losses):.3f}"]
        if self._score:
            words.append(self._score)
        span = self._times[-1] - self._times[0]
        if span > 0:
            speed = (len(self._times) - 1) / span
            words.append(f"{speed:.1f} steps/s" if speed >= 0.95 else f"{1 / speed:.1f} s/step")
            if step.batch:
                words.append(f"{step.batch * speed:.3g} images/s")
            if step.step < step.steps:
                words.append(f"{time_left((step.steps - step.step) / speed)} left")
        if step.figures:
            words.append(step.figures)
        return ", ".join(words)
