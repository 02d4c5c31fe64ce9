"""EvaluateLabels: scores of predicted labels against the true ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.sheet import GAP, cell, cell_size, contact_sheet
from rotonodes.metrics.label_scores import Scores
from rotonodes.node.annotations import Key, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Image, Labels
from rotonodes.values.tones import GROUND_SHADOW

if TYPE_CHECKING:
    from rotonodes.metrics.labels import ConfusionMatrix

_CELL = 160  # width of one picture on the sheet, px


class EvaluateLabels(Node):
    """Score predicted labels against the true ones.

    Scores are IoU, Dice, accuracy and boundary F-score of each class, flicker, and the confusion matrix.

    The shape IoU takes everything but the first class as one class. Boundaries match within 2 px. Flicker is the share of pixels whose
    predicted class changes between two consecutive frames of a clip (12 and 13, not 12 and 14) where the true class does not. A
    class that never occurs has no score (null), with a warning. `run` prints the scores of the delivered frames; `path` takes them as
    JSON, `worst` a sheet of the frames with the lowest mean IoU, the truth right of the prediction. Raises UsageError for clips of
    different length or classes, FrameError for frames of different size and for values that are no class.
    """

    revision: ClassVar[int] = 1
    path: OutputPath = param("", help="JSON file to write the scores to; default none", pixels=False)
    worst: OutputPath = param("", help="PNG to write the worst frames to; default none", pixels=False)
    worst_count: int = param(12, help="number of frames on the sheet of worst frames", unit="frames", ge=1, le=1000)
    clip_length: int = param(
        0,
        help="length of each clip, from the first frame on: flicker is not measured across cuts; 0: one clip",
        unit="frames",
        ge=0,
    )
    ignore: int | None = param(None, help="class index in the truth whose pixels are ignored; default none", ge=0, le=255)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return tuple(path for path in (self.path, self.worst) if path)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        from rotonodes.io.pictures import check_writable

        if self.worst:
            try:
                check_writable(self.worst, "8")
            except UsageError as error:
                yield f"worst: {error}"
        if self.path and self.path == self.worst:
            yield f"`path` and `worst` are both {self.path!r}: the scores are JSON, the worst frames a picture"

    def process(self, prediction: Clip[Labels], truth: Clip[Labels], key: Key, monitor: Monitor) -> Scores:
        from rotonodes.metrics.labels import ClipScores

        if len(prediction) != len(truth) or not len(truth):
            raise UsageError(f"{len(prediction)} predicted frames for {len(truth)} true ones: give as many, and at least one")
        tally: ClipScores | None = None
        classes: tuple[str, ...] = ()
        worst: list[WorstFrame] = []
        for (frame, predicted), true in zip(prediction.items(), truth, strict=True):
            predicted, true, remark = in_common(predicted, true)
            if tally is None:
                if remark:
                    monitor.warn(remark)
                classes = true.classes
                tally = ClipScores(len(classes), self.ignore, self.clip_length)
            self.check(frame, predicted, true, classes)
            alone = tally.add(predicted.data, true.data, frame)
            if self.worst:
                worst = self.lowest(worst, frame, alone, predicted, true)
        assert tally is not None
        scores = tally.scores(classes)
        for remark in scores.remarks():
            monitor.warn(remark)
        self.write(scores, worst, key)
        return scores

    def check(self, frame: int, predicted: Labels, true: Labels, classes: tuple[str, ...]) -> None:
        """Raise FrameError or UsageError for a pair of frames that cannot be compared."""
        if predicted.size != true.size:
            sizes = f"{predicted.width} x {predicted.height}, the truth {true.width} x {true.height}"
            raise FrameError(f"frame {frame}: the prediction is {sizes}: render one of them again, or reformat it")
        for which, labels in (("prediction", predicted), ("truth", true)):
            if labels.classes != classes:
                named = f"{', '.join(labels.classes)}, not {', '.join(classes)}"
                raise UsageError(f"frame {frame}: the classes of the {which} are {named}: they must be the same, in one order")
            strange = labels.data.cpu().numpy() >= len(classes)
            if self.ignore is not None:
                strange &= true.data.cpu().numpy() != self.ignore
            if strange.any():
                y, x = (int(at[0]) for at in strange.nonzero())
                value, known = int(labels.data[y, x]), f"the classes are 0 to {len(classes) - 1}"
                raise FrameError(f"frame {frame}: the {which} is {value} at x {x}, y {y}, which is no class; {known}")

    def lowest(self, worst: list[WorstFrame], frame: int, alone: ConfusionMatrix, predicted: Labels, true: Labels) -> list[WorstFrame]:
        """The worst frames so far, lowest mean IoU first. Only frames among them are drawn."""
        score = alone.mean_iou()
        if score is None or (len(worst) == self.worst_count and score >= worst[-1].score):
            return worst
        size = worst[0].size if worst else cell_size(true, _CELL)
        drawn = WorstFrame(score, frame, size, side_by_side(predicted, true, size))
        return sorted([*worst, drawn], key=lambda other: (other.score, other.frame))[: self.worst_count]

    def write(self, scores: Scores, worst: list[WorstFrame], key: str) -> None:
        """Write the requested files, with their keys."""
        from rotonodes.io.files import write_bytes
        from rotonodes.io.pictures import write_image

        if self.path:
            write_bytes(self.path, json.dumps(scores.as_json(), indent=2).encode() + b"\n", key or None)
        if self.worst:
            if not worst:
                raise UsageError("no worst frames: all pixels of the truth are ignored; change `ignore`")
            texts = [f"{shown.frame}   IoU {shown.score:.3f}" for shown in worst]
            write_image(self.worst, contact_sheet([shown.picture for shown in worst], texts), key=key or None)


def in_common(predicted: Labels, true: Labels) -> tuple[Labels, Labels, str]:
    """Both with the classes that both have, where only one knows ground_shadow, and a remark about it; else as they are."""
    longer = max(predicted, true, key=lambda labels: len(labels.classes))
    shorter = true if longer is predicted else predicted
    if longer.classes != (*shorter.classes, GROUND_SHADOW):
        return predicted, true, ""
    index = len(shorter.classes)
    five = replace(longer, data=longer.data.masked_fill(longer.data == index, 0), classes=shorter.classes, colors=longer.colors[:index])
    which, other = ("truth", "predicted") if longer is predicted else ("prediction", "true")
    remark = f"the {which} has no {GROUND_SHADOW}: the {other} {GROUND_SHADOW} counts as {shorter.classes[0]}"
    return (five, true, remark) if longer is predicted else (predicted, five, remark)


class WorstFrame(NamedTuple):
    """A frame on the sheet of worst frames: its mean IoU, the size of each of its two pictures, and both side by side."""

    score: float
    frame: int
    size: tuple[int, int]
    picture: Image


def side_by_side(predicted: Labels, true: Labels, size: tuple[int, int]) -> Image:
    """Two label pictures in the truth's colours."""
    import torch

    left, right = (cell(labels, size).data.cpu() for labels in (replace(predicted, colors=true.colors), true))
    return Image(torch.cat([left, torch.zeros((3, size[1], GAP // 2)), right], dim=2))
