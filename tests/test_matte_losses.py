"""What training on mattes makes small and what it is scored by, held against the formulas written out."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rotonodes.metrics.matte_scores import BETA_SQUARED, AlphaScores, PartScores
from rotonodes.train.objective.matte_losses import (
    gradient_loss,
    laplacian_loss,
    matte_dice_loss,
    matte_loss_terms,
    ssim_loss,
    structural_similarity,
)
from rotonodes.train.objective.tasks import all_terms, task_of
from rotonodes.train.settings import Loss, TrainSettings


def mattes(seed=1, size=(2, 2, 13, 17)):
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


ALL = Loss(dice=1, bce=1, ssim=1, l1=1, gradient=1, laplacian=1)


def test_each_term_is_zero_for_the_truth_and_more_for_anything_else():
    truth = (mattes() > 0.5).float()
    logits = 80 * (truth - 0.5)
    assert all(term < 0.01 for term in matte_loss_terms(logits, truth, ALL).values())
    other = matte_loss_terms(-logits, truth, ALL)
    assert set(other) == {"bce", "dice", "ssim", "l1", "gradient", "laplacian"}
    assert all(term > 0.3 for term in other.values())


def test_terms_weigh_what_they_are_given():
    logits, truth = torch.logit(mattes(2)), mattes(3)
    once, twice = (matte_loss_terms(logits, truth, Loss(dice=0, bce=weight, l1=1)) for weight in (1, 2))
    assert twice["bce"] == 2 * once["bce"]
    assert twice["l1"] == once["l1"]
    second = matte_loss_terms(logits, truth, Loss(dice=0, l1=1), torch.tensor([0.0, 3.0]))
    assert second["l1"] == pytest.approx((mattes(2) - mattes(3)).abs()[:, 1].mean().item(), rel=1e-4)


def test_u2net_learns_from_the_sum_of_its_seven_cross_entropies():
    settings = TrainSettings(task="alpha", loss=Loss(dice=0, bce=1), classes=("background", "foreground"), colors=("#000000", "#ffffff"))
    outputs = [torch.randn(2, 1, 9, 8, generator=torch.Generator().manual_seed(i)) for i in range(7)]
    truth = mattes(4, (2, 1, 9, 8))
    terms = all_terms(task_of(settings), outputs, truth, torch.ones(1))
    expected = 0.0
    for logits in outputs:
        p = 1 / (1 + np.exp(-logits.double().numpy()))
        expected += -np.mean(truth.numpy() * np.log(p) + (1 - truth.numpy()) * np.log(1 - p))
    assert terms["bce"].item() == pytest.approx(expected, rel=1e-5)


def plain_similarity(one, other, y, x):
    """SSIM in the window around one pixel of `[H, W]`, as the paper writes it; the window must lie inside."""
    line = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    a, b = (values[y - 5 : y + 6, x - 5 : x + 6] for values in (one, other))
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
    both = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 0.01**2, 0.03**2
    return (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))


def test_structural_similarity_is_the_papers():
    one, other = mattes(5, (1, 1, 16, 18)).double(), mattes(6, (1, 1, 16, 18)).double()
    made = structural_similarity(one, other)[0, 0]
    for y, x in ((5, 5), (8, 9), (10, 12)):
        assert made[y, x].item() == pytest.approx(plain_similarity(one[0, 0].numpy(), other[0, 0].numpy(), y, x), abs=1e-9)
    assert ssim_loss(one, one).abs().max() < 1e-9


def test_slopes_are_compared_not_heights():
    truth = mattes(7)
    assert gradient_loss(truth + 0.25, truth).abs().max() < 1e-6
    ramp = torch.arange(5.0).view(1, 1, 1, 5).expand(1, 1, 4, 5)
    assert gradient_loss(ramp, torch.zeros(1, 1, 4, 5)).item() == pytest.approx(4 * 4 / 20)


def test_a_laplacian_pyramid_weighs_what_is_wide_more():
    """One flat difference is in the last level alone, times 2^4; a chequered one is in the first."""
    flat = laplacian_loss(torch.full((1, 1, 32, 32), 0.5), torch.zeros(1, 1, 32, 32))
    assert flat.item() == pytest.approx(0.5 * 2**4 * (2 * 2) / 32**2, rel=1e-4)
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    chequered = (0.5 * (-1.0) ** (rows + columns)).view(1, 1, 32, 32)
    fine = laplacian_loss(chequered, torch.zeros(1, 1, 32, 32))
    assert fine.item() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (33, 1)])
def test_losses_take_frames_of_any_size(size):
    logits = torch.randn((1, 1, *size), requires_grad=True)
    torch.stack(list(matte_loss_terms(logits, mattes(8, (1, 1, *size)), ALL).values())).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_dice_of_a_part_that_is_not_there_is_no_loss():
    guess, truth = torch.full((1, 2, 4, 4), 0.5), torch.zeros(1, 2, 4, 4)
    truth[:, 0] = 1
    assert matte_dice_loss(guess, truth).tolist() == [pytest.approx(1 - (2 * 8 + 1) / (8 + 16 + 1)), 0]


def brute_force_f(pairs):
    """The highest F over the thresholds k / 255, as the definition says it."""
    best = 0.0
    for k in range(1, 256):
        precision, recall = [], []
        for alpha, truth in pairs:
            found, there = alpha.numpy() >= k / 255, truth.numpy() > 0.5
            hits = (found & there).sum()
            precision.append(hits / max(found.sum(), 1))
            recall.append(hits / there.sum())
        p, r = np.mean(precision), np.mean(recall)
        best = max(best, (1 + BETA_SQUARED) * p * r / max(BETA_SQUARED * p + r, 1e-9))
    return best


def test_max_f_and_mae_follow_their_definitions():
    pairs = []
    for seed in range(3):
        truth = (mattes(seed, (1, 12, 10)) > 0.6).float()
        pairs.append(((0.6 * truth + 0.4 * mattes(seed + 9, (1, 12, 10)) ** 2).clamp(0, 1), truth))
    scores = AlphaScores()
    for alpha, truth in pairs:
        scores.add(alpha, truth)
    assert scores.max_f() == pytest.approx(brute_force_f(pairs), abs=1e-6)
    assert scores.mae() == pytest.approx(np.mean([(a - t).abs().mean().item() for a, t in pairs]), rel=1e-5)
    perfect = AlphaScores()
    perfect.add(pairs[0][1], pairs[0][1])
    assert perfect.scores() == {"mae": 0, "max_f": pytest.approx(1)}


def test_a_frame_without_a_shape_counts_for_the_error_alone():
    scores = AlphaScores()
    assert scores.scores() == {"mae": None, "max_f": None}
    scores.add(torch.full((1, 4, 4), 0.25), torch.zeros(1, 4, 4))
    assert scores.scores() == {"mae": 0.25, "max_f": None}
    scores.add(torch.ones(1, 4, 4), torch.ones(1, 4, 4))
    assert scores.max_f() == pytest.approx(1)


def test_parts_are_scored_one_by_one():
    truth = torch.zeros(3, 4, 4)
    truth[0, :2], truth[1, 1:3] = 1, 1
    guess = torch.zeros(3, 4, 4)
    guess[0, :1], guess[1, 1:3] = 0.9, 0.6
    scores = PartScores(3)
    scores.add(guess, truth)
    assert scores.iou() == [0.5, 1.0, None]
    assert scores.dice() == [pytest.approx(2 / 3), 1.0, None]
    named = scores.scores(("head", "hair", "tail"))
    assert (named["mean_iou"], named["iou"]["tail"]) == (0.75, None)


def test_bce_is_that_of_torch():
    logits, truth = torch.logit(mattes(10)), mattes(11)
    terms = matte_loss_terms(logits, truth, Loss(dice=0, bce=1))
    assert terms["bce"].item() == pytest.approx(F.binary_cross_entropy_with_logits(logits, truth).item(), rel=1e-5)
    assert math.isfinite(matte_loss_terms(1e4 * logits, truth, ALL)["bce"].item())
