"""Losses against their formulas, counted by hand or by another way to the same number."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rotonodes.errors import UsageError
from rotonodes.metrics.labels import IGNORE
from rotonodes.train.objective.losses import consistency_loss, dice_loss, edge_nearness, isolated_loss, loss_terms
from rotonodes.train.settings import Loss

ALL = Loss(dice=1, focal=2, edge=1, isolated=1, smoothing=0)


def total_loss(*arguments):
    return sum(loss_terms(*arguments).values())


def sure(labels, classes=3, by=50.0):
    """Logits of a network that is sure of these labels."""
    return by * F.one_hot(labels.long(), classes).movedim(-1, 1)


def blocks(*rows):
    """Labels `[1, H, W]` out of digits."""
    return torch.tensor([[[int(digit) for digit in row] for row in rows]])


def test_a_sure_and_right_network_has_no_loss():
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[:, 2:6, 1:7] = 1
    labels[:, 4:6, 1:5] = 2
    for loss in (Loss(dice=0), Loss(), Loss(dice=0, focal=2), Loss(edge=3), Loss(isolated=1), ALL):
        assert total_loss(sure(labels), labels, loss, torch.tensor([1.0, 2.0, 3.0])) < 1e-5
    assert total_loss(-sure(labels), labels, Loss(dice=1)) > 10


def test_cross_entropy_focal_and_weights_agree_with_their_formulas():
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    weights = torch.tensor([1.0, 0.5, 2.0])
    right = torch.softmax(logits, 1).gather(1, labels[:, None])[:, 0]
    each = weights[labels]
    weighted = (each * -right.log()).sum() / each.sum()
    assert total_loss(logits, labels, Loss(dice=0), weights).item() == pytest.approx(weighted.item())
    focal = ((1 - right) ** 2 * -right.log()).mean()
    assert total_loss(logits, labels, Loss(dice=0, focal=2)).item() == pytest.approx(focal.item(), rel=1e-5)
    terms = loss_terms(logits, labels, Loss(dice=0.5))
    assert terms["dice"].item() == pytest.approx(0.5 * dice_loss(logits, labels).item(), rel=1e-5)
    assert total_loss(logits, labels, Loss(dice=0.5)).item() == pytest.approx(sum(terms.values()).item())


def test_smoothing_spreads_a_share_of_each_label():
    logits, labels = torch.randn(1, 4, 3, 3), torch.randint(4, (1, 3, 3))
    target = 0.2 / 4 + 0.8 * F.one_hot(labels, 4).movedim(-1, 1)
    expected = -(target * torch.log_softmax(logits, 1)).sum(1).mean()
    assert total_loss(logits, labels, Loss(dice=0, smoothing=0.2)).item() == pytest.approx(expected.item(), rel=1e-5)


def test_edges_weigh_more_by_their_distance():
    labels = blocks("0000011111")
    distance = torch.tensor([4, 3, 2, 1, 0, 0, 1, 2, 3, 4.0])
    assert torch.allclose(edge_nearness(labels, 2)[0, 0], torch.exp(-(distance**2) / 8))
    logits = torch.randn(1, 2, 1, 10)
    weights = 1 + 3 * torch.exp(-(distance**2) / 8)
    losses = F.cross_entropy(logits, labels, reduction="none")[0, 0]
    expected = (weights * losses).sum() / weights.sum()
    assert total_loss(logits, labels, Loss(dice=0, edge=3)).item() == pytest.approx(expected.item(), rel=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 2.0]))
def test_nearness_is_exact_against_every_border_pixel(seed, width):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (1, 4, 5), generator=generator).repeat_interleave(4, 1).repeat_interleave(3, 2)
    labels[torch.rand(labels.shape, generator=generator) < 0.05] = IGNORE
    height, width_px = labels.shape[1:]

    def differ(a, b):
        return a != b and IGNORE not in (a, b)

    borders = []
    for y in range(height):
        for x in range(width_px):
            here = int(labels[0, y, x])
            around = [(y + dy, x + dx) for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))]
            if any(0 <= v < height and 0 <= u < width_px and differ(here, int(labels[0, v, u])) for v, u in around):
                borders.append((y, x))
    near, reach = edge_nearness(labels, width)[0], math.ceil(3 * width)
    for y in range(0, height, 3):
        for x in range(0, width_px, 2):
            inside = [(y - v, x - u) for v, u in borders if abs(y - v) <= reach and abs(x - u) <= reach]
            nearest = min((dy * dy + dx * dx for dy, dx in inside), default=math.inf)
            assert near[y, x].item() == pytest.approx(math.exp(-nearest / (2 * width * width)), abs=1e-6)


def test_isolated_pixels_are_counted():
    specks = blocks("000000", "010000", "000010", "000000", "200011")
    assert isolated_loss(sure(specks), specks).item() == pytest.approx(3 / 30, abs=1e-3)  # two 1, one 2; the pair below holds together
    lines = blocks("000000", "011110", "000000", "222222")
    assert isolated_loss(sure(lines), lines).item() == pytest.approx(0, abs=1e-3)


def test_the_isolated_term_removes_a_speck():
    labels = torch.zeros(1, 7, 7, dtype=torch.long)
    logits = torch.zeros(1, 2, 7, 7)
    logits[:, 0] = 3
    logits[0, :, 3, 3] = torch.tensor([0.0, 2.0])  # a speck of class 1
    assert logits.argmax(dim=1).sum() == 1
    logits.requires_grad_()
    for _ in range(60):
        (gradient,) = torch.autograd.grad(isolated_loss(logits, labels), logits)
        assert torch.isfinite(gradient).all()
        logits = (logits - 100 * gradient).detach().requires_grad_()
    assert logits.argmax(dim=1).sum() == 0


def test_ignored_pixels_have_no_loss_and_no_gradient():
    logits = torch.randn(1, 3, 6, 6, requires_grad=True)
    labels = torch.full((1, 6, 6), IGNORE)
    for loss in (Loss(dice=1), ALL, Loss(smoothing=0.1)):
        value = total_loss(logits, labels, loss, torch.ones(3))
        value.backward()
        assert value == 0
        assert not logits.grad.any()
    labels[..., 0] = 1
    total_loss(logits, labels, ALL).backward()
    assert logits.grad[..., 0].any()
    assert not logits.grad[..., 1:].any()


def test_consistency_compares_the_same_places():
    first, second = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    labels = torch.zeros(4, 4, 4, dtype=torch.uint8)
    both = torch.cat((first, second))
    p, q = torch.softmax(first, 1), torch.softmax(second, 1)
    assert consistency_loss(both, labels).item() == pytest.approx(((p - q) ** 2).sum(1).mean().item())
    assert consistency_loss(torch.cat((first, first)), labels) == 0
    labels[2:, :2] = 1  # the truth changes there: nothing to agree on
    lower = ((p - q) ** 2).sum(1)[:, 2:].mean()
    assert consistency_loss(both, labels).item() == pytest.approx(lower.item(), rel=1e-5)
    labels[:2] = IGNORE
    assert consistency_loss(both, labels) == 0


def test_consistency_follows_motion():
    picture = torch.randn(1, 3, 8, 8)
    moved = picture.roll(2, dims=-1)  # everything goes two pixels to the right
    labels = torch.zeros(2, 8, 8, dtype=torch.uint8)
    y, x = torch.meshgrid(torch.arange(8) + 0.5, torch.arange(8) + 2.5, indexing="ij")
    places = torch.stack((x, y), dim=-1)[None] / 4 - 1
    logits = torch.cat((picture, moved))
    assert consistency_loss(logits, labels, places) < 1e-10
    assert consistency_loss(logits, labels) > 0.1
    assert consistency_loss(logits, labels, places + 5) == 0  # all outside


@pytest.mark.parametrize(
    "values, message",
    [
        ({"edge": -1}, "loss: edge is -1: it must be 0 or more"),
        ({"smoothing": 1}, "loss: smoothing is 1: it must be from 0 to below 1"),
        ({"edge_width": 0}, "loss: edge_width is 0: it must be more than 0"),
    ],
)
def test_weights_out_of_range_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        Loss(**values)
