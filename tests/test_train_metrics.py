"""Scores against counts made by hand."""

import pytest
import torch

from rotonodes.errors import UsageError
from rotonodes.train.losses import dice_loss, segmentation_loss
from rotonodes.train.metrics import IGNORE, ConfusionMatrix


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


def test_a_sure_and_right_network_has_no_loss():
    labels = torch.randint(3, (2, 8, 8))
    logits = 50.0 * torch.nn.functional.one_hot(labels, 3).movedim(-1, 1)
    for options in ({}, {"dice": 1.0}, {"focal": 2.0}, {"class_weights": torch.tensor([1.0, 2.0, 3.0])}):
        assert segmentation_loss(logits, labels, **options) < 1e-6
    assert segmentation_loss(-logits, labels, dice=1.0) > 10


def test_losses_agree_with_their_formulas():
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    weights = torch.tensor([1.0, 0.5, 2.0])
    right = torch.softmax(logits, 1).gather(1, labels[:, None])[:, 0]
    each = weights[labels]
    weighted = (each * -right.log()).sum() / each.sum()
    assert segmentation_loss(logits, labels, class_weights=weights).item() == pytest.approx(weighted.item())
    focal = ((1 - right) ** 2 * -right.log()).mean()
    assert segmentation_loss(logits, labels, focal=2.0).item() == pytest.approx(focal.item(), rel=1e-5)
    both = segmentation_loss(logits, labels, dice=0.5) - segmentation_loss(logits, labels)
    assert both.item() == pytest.approx(0.5 * dice_loss(logits, labels).item(), rel=1e-4)


def test_ignored_pixels_have_no_loss_and_no_gradient():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = torch.full((1, 4, 4), IGNORE)
    for options in ({"dice": 1.0}, {"focal": 2.0, "class_weights": torch.ones(3)}):
        loss = segmentation_loss(logits, labels, **options)
        loss.backward()
        assert loss == 0
        assert not logits.grad.any()
    labels[..., 0] = 1
    segmentation_loss(logits, labels, dice=1.0, focal=1.0).backward()
    assert logits.grad[..., 0].any()
    assert not logits.grad[..., 1:].any()
