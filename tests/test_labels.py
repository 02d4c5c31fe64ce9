"""Scores against counts made by hand."""

import pytest
import torch

from rotonodes.errors import UsageError
from rotonodes.metrics.labels import IGNORE, ConfusionMatrix


def matrix(truth, predicted, classes=4):
    result = ConfusionMatrix(classes)
    result.add(torch.tensor(predicted), torch.tensor(truth))
    return result


def test_scores_by_hand():
    scores = matrix([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2])
    assert scores.iou() == [2 / 3, 1 / 3, 1 / 2, None]
    assert scores.dice() == [4 / 5, 2 / 4, 2 / 3, None]
    assert scores.mean_iou() == pytest.approx(0.5)
    assert scores.mean_dice() == pytest.approx((4 / 5 + 2 / 4 + 2 / 3) / 3)
    assert scores.pixel_accuracy() == pytest.approx(4 / 6)


def test_frames_add_up_and_ignored_pixels_do_not_count():
    scores = matrix([[0, IGNORE]], [[0, 3]])
    scores.add(torch.tensor([[2, 1]]), torch.tensor([[1, IGNORE]]))
    assert scores.counts.sum() == 2
    assert scores.iou() == [1.0, 0.0, 0.0, None]


def test_no_pixels_no_scores():
    scores = ConfusionMatrix(2).scores(("a", "b"))
    assert scores == {
        "mean_iou": None,
        "mean_dice": None,
        "pixel_accuracy": None,
        "iou": {"a": None, "b": None},
        "dice": {"a": None, "b": None},
    }


def test_sizes_must_agree():
    with pytest.raises(UsageError, match=r"differ|reformat"):
        matrix([0, 1], [0])
