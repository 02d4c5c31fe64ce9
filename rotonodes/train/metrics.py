"""Scores of a segmentation, all from one confusion matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rotonodes.errors import UsageError

# Label pixels of this value belong to no class: they are neither learned nor scored.
IGNORE = 255


class ConfusionMatrix:
    """Counts of pixels, `counts[truth, predicted]`, int64 `[classes, classes]`, added up over frames.

    A class that is neither in the truth nor predicted has no score: it is None, and left out of the means.
    """

    def __init__(self, classes: int) -> None:
        self.counts = torch.zeros((classes, classes), dtype=torch.int64)

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Count class indices of one shape, any integer type. Pixels whose truth is IGNORE do not count."""
        if predicted.shape != truth.shape:
            sizes = f"{list(predicted.shape)} and the truth {list(truth.shape)}"
            raise UsageError(f"scores: the prediction is {sizes}: reformat one of them")
        classes = len(self.counts)
        known = truth != IGNORE
        pairs = truth[known].long() * classes + predicted[known].long()
        self.counts += torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).cpu()

    def iou(self) -> list[float | None]:
        """Intersection over union of each class: hits / (truth + predicted - hits), 0 to 1."""
        hits, truth, predicted = self._sums()
        return _ratios(hits, truth + predicted - hits)

    def dice(self) -> list[float | None]:
        """Dice coefficient of each class: 2 hits / (truth + predicted), 0 to 1."""
        hits, truth, predicted = self._sums()
        return _ratios(2 * hits, truth + predicted)

    def mean_iou(self) -> float | None:
        return _mean(self.iou())

    def mean_dice(self) -> float | None:
        return _mean(self.dice())

    def pixel_accuracy(self) -> float | None:
        """The share of pixels with the right class, 0 to 1; None without pixels."""
        total = int(self.counts.sum())
        return int(self.counts.diag().sum()) / total if total else None

    def scores(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """All scores as plain JSON values, per class by name."""
        return {
            "mean_iou": self.mean_iou(),
            "mean_dice": self.mean_dice(),
            "pixel_accuracy": self.pixel_accuracy(),
            "iou": dict(zip(classes, self.iou(), strict=True)),
            "dice": dict(zip(classes, self.dice(), strict=True)),
        }

    def _sums(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.counts.diag(), self.counts.sum(dim=1), self.counts.sum(dim=0)


def _ratios(above: Tensor, below: Tensor) -> list[float | None]:
    return [a / b if b else None for a, b in zip(above.tolist(), below.tolist(), strict=True)]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
