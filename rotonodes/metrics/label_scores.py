"""Scores of predicted labels against the truth, as numbers, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Score = float | None  # 0 to 1; None where there is nothing to measure


@dataclass(frozen=True)
class Scores:
    """Scores over all frames. A class without pixels to measure has the score None, and is left out of the means.

    `iou`, `dice`, `pixel_accuracy` and `boundary` hold one score per class; `confusion[truth][predicted]` are pixel counts. The
    formulas are in `rotonodes.metrics.labels`. `ignored` is the class whose pixels did not count.
    """

    classes: tuple[str, ...]
    frames: int
    iou: tuple[Score, ...]
    dice: tuple[Score, ...]
    pixel_accuracy: tuple[Score, ...]
    boundary: tuple[Score, ...]
    flicker: Score
    confusion: tuple[tuple[int, ...], ...]
    ignored: str | None = None

    @property
    def shape_iou(self) -> Score:
        """IoU of the shape: all classes but the first, taken as one.

        None where every counted pixel is of the first class in both, and where the first class is ignored (pixels wrongly taken for
        shape would not count).
        """
        if self.ignored == self.classes[0]:
            return None
        hits = sum(sum(row[1:]) for row in self.confusion[1:])
        either = sum(map(sum, self.confusion)) - self.confusion[0][0]
        return hits / either if either else None

    @property
    def empty(self) -> tuple[str, ...]:
        """Classes that are neither in the truth nor predicted, and have no score."""
        found = zip(self.classes, self.confusion, zip(*self.confusion, strict=True), strict=True)
        return tuple(name for name, truth, predicted in found if not any(truth) and not any(predicted) and name != self.ignored)

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that are predicted but not in the truth, and have no pixel accuracy."""
        found = zip(self.classes, self.confusion, zip(*self.confusion, strict=True), strict=True)
        return tuple(name for name, truth, predicted in found if not any(truth) and any(predicted) and name != self.ignored)

    def as_json(self) -> dict[str, Any]:
        """All scores as plain JSON values, per class by name; null where there is nothing to measure."""
        return {
            "frames": self.frames,
            "iou": dict(zip(self.classes, self.iou, strict=True)),
            "dice": dict(zip(self.classes, self.dice, strict=True)),
            "pixel_accuracy": dict(zip(self.classes, self.pixel_accuracy, strict=True)),
            "boundary_f_of_class": dict(zip(self.classes, self.boundary, strict=True)),
            "mean_iou": mean(self.iou),
            "mean_iou_foreground": mean(self.iou[1:]),
            "shape_iou": self.shape_iou,
            "mean_dice": mean(self.dice),
            "mean_dice_foreground": mean(self.dice[1:]),
            "mean_pixel_accuracy": mean(self.pixel_accuracy),
            "boundary_f": mean(self.boundary),
            "flicker": self.flicker,
            "confusion": [list(row) for row in self.confusion],
            "classes": list(self.classes),
            "empty": list(self.empty),
            "absent": list(self.absent),
            "ignored": self.ignored,
        }

    def remarks(self) -> Iterator[str]:
        """One line for each class that does not occur, and one where there is no shape."""
        for name in self.empty:
            yield f"class {name} is neither in the truth nor predicted: it has no score, and is left out of the means"
        for name in self.absent:
            yield f"class {name} is predicted, but never in the truth: its IoU is 0, and it has no pixel accuracy"
        if self.shape_iou is None:
            why = "is ignored" if self.ignored == self.classes[0] else "is all that occurs"
            yield f"class {self.classes[0]} {why}: there is no shape IoU, which is that of everything else"

    def table(self) -> str:
        """The scores as a table of text, then the confusion matrix."""
        columns = (self.iou, self.dice, self.pixel_accuracy, self.boundary)
        rows = [["class", "IoU", "Dice", "accuracy", "boundary F"]]
        rows += [[name, *map(_number, scores)] for name, *scores in zip(self.classes, *columns, strict=True)]
        rows.append(["mean", *(_number(mean(column)) for column in columns)])
        rows.append([f"mean without {self.classes[0]}", *(_number(mean(column[1:])) for column in columns)])
        matrix = [["truth \\ predicted", *self.classes]]
        matrix += [[name, *map(str, row)] for name, row in zip(self.classes, self.confusion, strict=True)]
        whole = f"shape IoU {_number(self.shape_iou)}   flicker {_number(self.flicker)}   frames {self.frames}"
        return "\n".join([*_aligned(rows), "", whole, "", *_aligned(matrix)])

    def pack(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> Scores:
        fixed: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
        return cls(**{**fixed, "confusion": tuple(tuple(row) for row in data["confusion"])})


def mean(values: Sequence[Score]) -> Score:
    """The mean of the scores that are not None; None where all are."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _number(value: Score) -> str:
    return "-" if value is None else f"{value:.4f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines: the first column left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()
