"""Scores of mattes: errors of alpha, F-measure of cut-outs, overlap of parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rotonodes.metrics.label_scores import Score, mean

# Weight of recall against precision in the F-measure of cut-outs: Achanta et al., "Frequency-tuned Salient Region
# Detection", 2009.
BETA_SQUARED = 0.3
THRESHOLDS = 255
EPSILON = 1e-9


class AlphaScores:
    """Mean absolute error and maximal F-measure of alphas over frames.

        MAE   = mean |a - t| of each frame, averaged over frames
        F     = (1 + b^2) precision recall / (b^2 precision + recall), b^2 = 0.3
        max F = the highest F over 255 thresholds of a, with precision and recall averaged over frames

    The shape is where the truth is above 0.5. A frame without a shape has no recall, and counts for the MAE only.
    """

    def __init__(self) -> None:
        self.frames = self.shapes = 0
        self.error = 0.0
        self.precision, self.recall = torch.zeros(THRESHOLDS, dtype=torch.float64), torch.zeros(THRESHOLDS, dtype=torch.float64)

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Add the next frame: alphas of one shape, 0 to 1."""
        alpha, true = predicted.float().cpu().clamp(0, 1), truth.float().cpu()
        self.frames += 1
        self.error += float((alpha - true).abs().mean())
        shape = true > 0.5
        if not shape.any():
            return
        self.shapes += 1
        # Count pixels by the highest threshold they pass; cumulative sums then count all that pass each threshold.
        codes = (alpha * THRESHOLDS).floor().long().clamp(max=THRESHOLDS)
        hits, all_of_them = (
            torch.bincount(chosen.flatten(), minlength=THRESHOLDS + 1).flip(0).cumsum(0).flip(0)[1:].double()
            for chosen in (codes[shape], codes)
        )
        self.precision += hits / all_of_them.clamp(min=1)
        self.recall += hits / shape.sum()

    def mae(self) -> Score:
        return self.error / self.frames if self.frames else None

    def f_measures(self) -> Tensor:
        """F at each threshold, `[255]` float64; all 0 without a shape."""
        precision, recall = self.precision / max(self.shapes, 1), self.recall / max(self.shapes, 1)
        return (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall).clamp(min=EPSILON)

    def max_f(self) -> Score:
        return float(self.f_measures().max()) if self.shapes else None

    def scores(self) -> dict[str, Any]:
        """All scores as plain JSON values."""
        return {"mae": self.mae(), "max_f": self.max_f()}


class PartScores:
    """IoU and Dice of each part over frames, with mattes cut at 0.5; parts may overlap.

    A part that is neither in the truth nor predicted has no score, and is left out of the means.
    """

    def __init__(self, parts: int) -> None:
        self.hits, self.predicted, self.truth = (torch.zeros(parts, dtype=torch.int64) for _ in range(3))

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Add the next frame: mattes `[P, H, W]`, 0 to 1."""
        guess, true = predicted.cpu() > 0.5, truth.cpu() > 0.5
        for counts, mask in ((self.hits, guess & true), (self.predicted, guess), (self.truth, true)):
            counts += mask.sum(dim=(-2, -1))

    def iou(self) -> list[Score]:
        return _ratios(self.hits, self.predicted + self.truth - self.hits)

    def dice(self) -> list[Score]:
        return _ratios(2 * self.hits, self.predicted + self.truth)

    def scores(self, parts: tuple[str, ...]) -> dict[str, Any]:
        """All scores as plain JSON values, per part by name."""
        return {
            "mean_iou": mean(self.iou()),
            "mean_dice": mean(self.dice()),
            "iou": dict(zip(parts, self.iou(), strict=True)),
            "dice": dict(zip(parts, self.dice(), strict=True)),
        }


def _ratios(above: Tensor, below: Tensor) -> list[Score]:
    return [a / b if b else None for a, b in zip(above.tolist(), below.tolist(), strict=True)]
