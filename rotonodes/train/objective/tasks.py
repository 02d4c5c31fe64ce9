"""The training tasks: a class for every pixel, the alpha of a cut-out, or one matte for each part.

Tasks differ in loss and scores; the training loop is the same. A network may return several maps of logits, as U-2-Net does:
all of them are in the loss, the first is its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from rotonodes.metrics.label_scores import Score, mean
from rotonodes.metrics.labels import ConfusionMatrix
from rotonodes.metrics.matte_scores import AlphaScores, PartScores
from rotonodes.train.objective.losses import loss_terms
from rotonodes.train.objective.matte_losses import matte_loss_terms
from rotonodes.train.settings import TrainSettings
from rotonodes.values.tones import largest_plane


class Tally(Protocol):
    """Scores summed up over frames."""

    def add(self, prediction: Tensor, truth: Tensor) -> None:
        """Add a frame: the result of `Task.predict` and its labels or mattes."""

    def scores(self) -> dict[str, Any]:
        """The scores as plain JSON values."""


class Task(Protocol):
    """One of the tasks. `activation` is that of the `Model`: how logits become probabilities."""

    activation: str

    def __init__(self, settings: TrainSettings) -> None: ...

    def terms(self, logits: Tensor, truth: Tensor, weights: Tensor | None) -> dict[str, Tensor]:
        """The terms of the loss by name; logits `[N, P, H, W]`, labels `[N, H, W]` or mattes `[N, P, H, W]`."""

    def predict(self, logits: Tensor) -> Tensor:
        """Logits `[P, H, W]` -> class indices `[H, W]`, or mattes `[P, H, W]`, 0 to 1."""

    def tally(self) -> Tally:
        """A new tally, without frames."""


class LabelTask:
    """A class for every pixel; classes are mutually exclusive."""

    activation = "softmax"

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings

    def terms(self, logits: Tensor, truth: Tensor, weights: Tensor | None) -> dict[str, Tensor]:
        return loss_terms(logits, truth, self.settings.loss, weights)

    def predict(self, logits: Tensor) -> Tensor:
        return largest_plane(logits, 0)

    def tally(self) -> Tally:
        return LabelTally(self.settings.classes)


class MatteTask:
    """A matte for every class but the first, which is the rest; mattes may overlap."""

    activation = "sigmoid"

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings

    def terms(self, logits: Tensor, truth: Tensor, weights: Tensor | None) -> dict[str, Tensor]:
        return matte_loss_terms(logits, truth, self.settings.loss, weights)

    def predict(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits)

    def tally(self) -> Tally:
        return AlphaScores() if self.settings.task == "alpha" else PartTally(self.settings.classes[1:])


class LabelTally:
    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes, self.matrix = classes, ConfusionMatrix(len(classes))

    def add(self, prediction: Tensor, truth: Tensor) -> None:
        self.matrix.add(prediction, truth)

    def scores(self) -> dict[str, Any]:
        recall = self.matrix.class_accuracy()
        return {
            **self.matrix.scores(self.classes),
            "mean_iou_foreground": mean(self.matrix.iou()[1:]),
            "mean_dice_foreground": mean(self.matrix.dice()[1:]),
            "mean_class_accuracy": mean(recall),
            "class_accuracy": dict(zip(self.classes, recall, strict=True)),
        }


class PartTally:
    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts, self.counts = parts, PartScores(len(parts))

    def add(self, prediction: Tensor, truth: Tensor) -> None:
        self.counts.add(prediction, truth)

    def scores(self) -> dict[str, Any]:
        return self.counts.scores(self.parts)


def task_of(settings: TrainSettings) -> Task:
    return LabelTask(settings) if settings.task == "labels" else MatteTask(settings)


def all_terms(task: Task, outputs: Sequence[Tensor], truth: Tensor, weights: Tensor | None) -> dict[str, Tensor]:
    """The loss terms, summed over all maps of the network."""
    each = [task.terms(logits, truth, weights) for logits in outputs]
    return {name: torch.stack([terms[name] for terms in each]).sum(dim=0) for name in each[0]}


def first(outputs: Tensor | Sequence[Tensor]) -> Tensor:
    """The first map, which is the network's result."""
    return outputs if isinstance(outputs, Tensor) else outputs[0]


def maps(outputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """All maps of a network, its result first."""
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


def is_better(score: Score, best: Score, name: str) -> bool:
    """True when a score beats the best so far; None never does."""
    if score is None:
        return False
    if best is None:
        return True
    return score < best if name == "mae" else score > best
