"""Scores of a segmentation: overlap from a confusion matrix, boundaries within a tolerance, flicker over time.

All counts are sums over frames, so memory does not grow with a clip; scores are computed from the sums at the end. numpy counts:
torch would distribute each of many small steps over all threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rotonodes.errors import UsageError
from rotonodes.imaging.mattes.disc import within
from rotonodes.metrics.label_scores import Score, Scores, mean

# Labels of this value belong to no class: they count neither in training nor in scores.
IGNORE = 255

TOLERANCE = 2.0  # px, largest distance at which boundaries count as the same


class ConfusionMatrix:
    """Pixel counts `counts[truth, predicted]`, int64 `[classes, classes]`, summed over frames.

    Pixels whose truth is `ignore` do not count. The score of a class that is neither in the truth nor predicted, or that is ignored,
    is None, and left out of the means.
    """

    def __init__(self, classes: int, ignore: int | None = IGNORE) -> None:
        self.counts = torch.zeros((classes, classes), dtype=torch.int64)
        self.ignore = ignore

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Count class indices of one shape, any integer type. Raises UsageError for two shapes."""
        if predicted.shape != truth.shape:
            sizes = f"{list(predicted.shape)} and the truth {list(truth.shape)}"
            raise UsageError(f"scores: the prediction is {sizes}: reformat one of them")
        classes = len(self.counts)
        found, true = predicted.cpu().numpy(), truth.cpu().numpy()
        known = counted(true, self.ignore)
        pairs = true[known].astype(np.int64) * classes + found[known]
        self.counts += torch.from_numpy(np.bincount(pairs, minlength=classes**2)).reshape(classes, classes)

    def iou(self) -> list[Score]:
        """Intersection over union (Jaccard index) of each class: hits / (truth + predicted - hits), 0 to 1."""
        hits, truth, predicted = self._sums()
        return _ratios(hits, truth + predicted - hits, self.ignore)

    def dice(self) -> list[Score]:
        """Dice coefficient (F1) of each class: 2 hits / (truth + predicted), 0 to 1."""
        hits, truth, predicted = self._sums()
        return _ratios(2 * hits, truth + predicted, self.ignore)

    def class_accuracy(self) -> list[Score]:
        """The share of each class's true pixels that are found (recall): hits / truth; None for a class not in the truth."""
        hits, truth, _ = self._sums()
        return _ratios(hits, truth, self.ignore)

    def mean_iou(self) -> Score:
        return mean(self.iou())

    def mean_dice(self) -> Score:
        return mean(self.dice())

    def pixel_accuracy(self) -> Score:
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


class BoundaryCounts:
    """Boundary F-score of each class within a tolerance, after Martin, Fowlkes and Malik (2004) and Csurka et al. (2013).

    The boundary of class c are the pixels of c with a 4-neighbour of another class; the frame's edge is not a boundary, nor is the
    edge of an ignored region. With B_p the boundary pixels in the prediction and B_t those in the truth, and d the Euclidean
    distance in pixels,

        precision = |{p in B_p : d(p, B_t) <= tolerance}| / |B_p|
        recall    = |{t in B_t : d(t, B_p) <= tolerance}| / |B_t|
        F         = 2 precision recall / (precision + recall)

    F is 0 where only one of the two has a boundary, None where neither has. As in Csurka et al. pixels are not matched one
    to one; unlike there, the four counts are summed over all frames before the ratios, so that a frame's weight is the length of
    its boundaries. `counts` is int64 `[classes, 4]`: |B_p|, its hits, |B_t|, its hits.

    Csurka, Larlus, Perronnin: What is a good evaluation measure for semantic segmentation? BMVC 2013.
    Martin, Fowlkes, Malik: Learning to detect natural image boundaries. PAMI 26 (5), 2004.
    """

    def __init__(self, classes: int, ignore: int | None = IGNORE, tolerance: float = TOLERANCE) -> None:
        self.counts = torch.zeros((classes, 4), dtype=torch.int64)
        self.ignore, self.tolerance = ignore, tolerance

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Count the boundaries of class indices `[H, W]`."""
        labels = [plane.cpu().numpy() for plane in (predicted, truth)]
        known = counted(labels[1], self.ignore)
        edges = [boundary(plane, known) for plane in labels]
        for index in np.unique(np.concatenate([plane[edge] for plane, edge in zip(labels, edges, strict=True)])).tolist():
            p, t = (edge & (plane == index) for plane, edge in zip(labels, edges, strict=True))
            hits = p & near(t, self.tolerance), t & near(p, self.tolerance)
            self.counts[index] += torch.tensor([np.count_nonzero(mask) for mask in (p, hits[0], t, hits[1])])

    def f_scores(self) -> list[Score]:
        """F of each class, 0 to 1."""
        return [None if index == self.ignore else _f_score(*row) for index, row in enumerate(self.counts.tolist())]


class FlickerCount:
    """Flicker: among pixels whose true class stays from one frame to the next, the share whose predicted class changes.

        flicker = |{x : T_i(x) = T_i+1(x), P_i(x) != P_i+1(x)}| / |{x : T_i(x) = T_i+1(x)}|

    over pairs of consecutive frames; 0 to 1, None without a pair. Ignored pixels do not count.
    """

    def __init__(self, ignore: int | None = IGNORE) -> None:
        self.ignore = ignore
        self.still = self.changed = 0
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def cut(self) -> None:
        """Start a new clip: its first frame forms no pair with the frame before."""
        self._before = None

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Add the next frame, class indices `[H, W]`; frames of different sizes form no pair."""
        found, true = predicted.cpu().numpy(), truth.cpu().numpy()
        before, self._before = self._before, (found, true)
        if before is not None and before[1].shape == true.shape:
            still = (true == before[1]) & counted(true, self.ignore)
            self.still += int(np.count_nonzero(still))
            self.changed += int(np.count_nonzero(still & (found != before[0])))

    def share(self) -> Score:
        return self.changed / self.still if self.still else None


class ClipScores:
    """All of these scores over frames; flicker is cut every `clip_length` frames from the first (0: never), and at missing frames."""

    def __init__(self, classes: int, ignore: int | None = None, clip_length: int = 0) -> None:
        self.confusion = ConfusionMatrix(classes, ignore)
        self.boundaries = BoundaryCounts(classes, ignore)
        self.flicker = FlickerCount(ignore)
        self.clip_length, self.frames = clip_length, 0
        self._first = self._last = 0

    def add(self, predicted: Tensor, truth: Tensor, number: int | None = None) -> ConfusionMatrix:
        """Count the next frame, class indices `[H, W]`, and return its own matrix; `number` is the frame's (default: the next)."""
        alone = ConfusionMatrix(len(self.confusion.counts), self.confusion.ignore)
        alone.add(predicted, truth)
        self.confusion.counts += alone.counts
        self.boundaries.add(predicted, truth)
        number = self._last + 1 if number is None else number
        self._first = self._first if self.frames else number
        begins = self.clip_length and (number - self._first) % self.clip_length == 0
        if begins or number != self._last + 1:  # only neighbouring frames count for flicker
            self.flicker.cut()
        self._last = number
        self.flicker.add(predicted, truth)
        self.frames += 1
        return alone

    def scores(self, classes: tuple[str, ...]) -> Scores:
        ignore = self.confusion.ignore
        return Scores(
            classes=classes,
            frames=self.frames,
            iou=tuple(self.confusion.iou()),
            dice=tuple(self.confusion.dice()),
            pixel_accuracy=tuple(self.confusion.class_accuracy()),
            boundary=tuple(self.boundaries.f_scores()),
            flicker=self.flicker.share(),
            confusion=tuple(map(tuple, self.confusion.counts.tolist())),
            ignored=None if ignore is None or ignore >= len(classes) else classes[ignore],
        )


def counted(truth: np.ndarray, ignore: int | None) -> np.ndarray:
    """Where pixels count, bool of the truth's shape."""
    return np.ones(truth.shape, bool) if ignore is None else truth != ignore


def boundary(labels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Pixels of class indices `[H, W]` with a 4-neighbour of another class, both `known`; bool `[H, W]`."""
    edges = np.zeros(labels.shape, bool)
    down = (labels[1:] != labels[:-1]) & known[1:] & known[:-1]
    across = (labels[:, 1:] != labels[:, :-1]) & known[:, 1:] & known[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    return edges


def near(mask: np.ndarray, distance: float) -> np.ndarray:
    """Pixels whose centre is at most `distance` px from the centre of a pixel of `mask`; bool `[H, W]`."""
    found: np.ndarray = within(torch.from_numpy(mask), distance).numpy()
    return found


def _f_score(predicted: int, predicted_hits: int, truth: int, truth_hits: int) -> Score:
    if not predicted and not truth:
        return None
    if not predicted_hits or not truth_hits:
        return 0.0
    precision, recall = predicted_hits / predicted, truth_hits / truth
    return 2 * precision * recall / (precision + recall)


def _ratios(above: Tensor, below: Tensor, ignore: int | None) -> list[Score]:
    pairs = enumerate(zip(above.tolist(), below.tolist(), strict=True))
    return [a / b if b and index != ignore else None for index, (a, b) in pairs]
