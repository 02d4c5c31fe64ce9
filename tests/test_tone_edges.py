"""Shares of classes in pixels: rounding to steps, continuing classes beyond an edge, borders at the place that probabilities tell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes.imaging.picture.tone_edges import _borders, _stepped, class_shares, continued, shares_in_shape

CLASSES = ("background", "dark", "light")


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, (3, 2, 2), elements=st.floats(0, 1, width=32)), st.integers(1, 8))
def test_shares_in_steps_keep_their_sum(raw: np.ndarray, steps: int) -> None:
    """Each is rounded, and the largest takes what is left."""
    shares = torch.from_numpy(raw / np.maximum(raw.sum(axis=0), 1e-6) * (raw.sum(axis=0) > 0))
    made = _stepped(shares, steps)
    assert torch.allclose(made * steps, (made * steps).round(), atol=1e-4)
    assert torch.allclose(made.sum(0), shares.sum(0).round(), atol=1e-5)
    best = shares.argmax(0, keepdim=True)
    others = torch.ones_like(shares, dtype=torch.bool).scatter(0, best, False)
    assert ((made - shares).abs()[others] <= 0.5 / steps + 1e-5).all()
    assert torch.equal(_stepped(shares, 0), shares) and torch.equal(_stepped(shares[:1], steps), (shares[:1] * steps).round() / steps)


@settings(deadline=None, max_examples=40)
@given(arrays(np.uint8, (6, 12), elements=st.integers(0, 3)), arrays(np.bool_, (6, 12)))
def test_classes_are_continued_for_three_pixels_and_then_by_the_commonest(labels: np.ndarray, inside: np.ndarray) -> None:
    found = continued(torch.from_numpy(labels), torch.from_numpy(inside))
    if not inside.any():
        assert found is None
        return
    made = np.where(inside, labels.astype(int), -1)
    for _ in range(3):
        padded = np.pad(made, 1, constant_values=-1)
        grown = np.max([padded[y : y + 6, x : x + 12] for y in range(3) for x in range(3)], axis=0)
        made = np.where(made >= 0, made, grown)
    common = np.bincount(labels[inside]).argmax()
    assert found is not None and found.dtype == torch.uint8 and found.tolist() == np.where(made >= 0, made, common).tolist()


@given(st.floats(0.5, 1), st.floats(0, 0.5))
def test_a_border_lies_where_the_probabilities_cross(first: float, second: float) -> None:
    """Of two pixels that are the left class by `first` and by `second`; without probabilities half way."""
    known = np.array([[0, 0, 1, 1]])
    left = np.array([1, first, second, 0])
    found = _borders(known, np.stack([left, 1 - left])[:, None])
    assert (found.axis.tolist(), found.row.tolist(), found.column.tolist()) == ([0], [0], [1])
    before, after = 2 * first - 1, 1 - 2 * second
    wanted = before / (before + after) if before + after > 1e-6 else 0.5
    assert found.at[0] == pytest.approx(wanted, abs=1e-5) and found.play[0] == pytest.approx(0.2) and found.strong.all()
    plain = _borders(known.T, None)
    assert (plain.axis.tolist(), plain.row.tolist(), plain.column.tolist()) == ([1], [1], [0])
    assert plain.at.tolist() == plain.play.tolist() == [0.5]


def test_probabilities_that_contradict_the_labels_put_the_border_at_the_pixel() -> None:
    """The pixel before the border is not of its class: the border runs through its centre, not beyond it."""
    left = np.array([1, 0.4, 0.0, 0])
    found = _borders(np.array([[0, 0, 1, 1]]), np.stack([left, 1 - left])[:, None])
    assert found.at.tolist() == [0]


@pytest.mark.parametrize("column", [1, 5, 9])
def test_a_straight_border_along_pixels_stays_where_it_is(column: int) -> None:
    labels = np.zeros((7, 10), np.uint8)
    labels[:, column:] = 1
    shares = class_shares(labels, 3)
    assert shares.dtype == np.float32 and shares.shape == (3, 7, 10)
    assert np.abs(shares - (labels[None] == np.arange(3)[:, None, None])).max() < 1e-6
    assert np.abs(class_shares(labels.T.copy(), 3) - shares.transpose(0, 2, 1)).max() < 1e-6
    same = np.full((7, 10), 2, np.uint8)
    assert (class_shares(same, 3)[2] == 1).all()


@pytest.mark.parametrize("place", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_a_pixel_has_what_lies_on_its_side_of_the_border(place: float) -> None:
    """Probabilities that cross at `place` between the centres of columns 4 and 5."""
    x = np.arange(10)
    left = (0.5 + (4 + place - x) / 10).clip(0, 1)
    probabilities = np.broadcast_to(np.stack([left, 1 - left])[:, None], (2, 8, 10))
    shares = class_shares(np.broadcast_to(x > 4, (8, 10)).astype(np.uint8), 2, probabilities)[0, 4]
    wanted = (4 + place + 0.5 - x).clip(0, 1)
    assert shares == pytest.approx(wanted, abs=1e-5)


def test_only_the_matte_divides_shape_and_ground() -> None:
    labels = torch.zeros(6, 8, dtype=torch.uint8)
    labels[:, 4:] = 2
    matte = torch.zeros(6, 8)
    matte[:, 3:], matte[:, 3] = 1, 0.25
    shares = shares_in_shape(labels, CLASSES, matte, None, 0)
    assert shares[2, 2].tolist() == pytest.approx([0, 0, 0, 0.25, 1, 1, 1, 1]) and torch.allclose(shares.sum(0), torch.ones(6, 8))
    assert shares_in_shape(labels, CLASSES, matte, None, 2)[2, 2].tolist() == [0, 0, 0, 0, 1, 1, 1, 1], "0.25 in halves"
    wrong = torch.where(torch.isnan(matte), matte, torch.full_like(matte, float("nan")))
    assert (shares_in_shape(labels, CLASSES, wrong, None, 0)[0] == 1).all(), "a matte that is no number covers nothing"
    beyond = shares_in_shape(labels, CLASSES, matte * 3, None, 0)
    assert beyond.min() >= 0 and beyond.max() <= 1
    full = shares_in_shape(torch.full((6, 8), 2, dtype=torch.uint8), CLASSES, matte, None, 0)
    assert torch.allclose(full[0], 1 - matte) and torch.allclose(full[2], matte)
    empty = shares_in_shape(torch.zeros(6, 8, dtype=torch.uint8), CLASSES, matte, None, 2)
    assert (empty[0] == 1).all(), "labels without a shape have none, whatever the matte"


@pytest.mark.parametrize("seed", range(4))
def test_shares_turn_with_the_labels(seed: int) -> None:
    """Mirrored or transposed labels have the mirrored shares, up to the last row and column; the classes' order does not matter."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 3, (4, 5))
    labels = np.kron(coarse, np.ones((3, 3), int)).astype(np.uint8)[1:, 2:]
    labels[:, 0] = labels[:, 1]
    labels[2:5, 0], labels[0, 4:7] = 1, 2
    shares = class_shares(labels, 3)
    for turn in (lambda a: a[..., ::-1], lambda a: a[..., ::-1, :], lambda a: a.swapaxes(-1, -2)):
        assert class_shares(np.ascontiguousarray(turn(labels)), 3) == pytest.approx(turn(shares), abs=1e-5)
    assert class_shares(2 - labels, 3)[::-1] == pytest.approx(shares, abs=1e-5)
