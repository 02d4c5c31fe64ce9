"""Pixels that count, and where they lie: ignored and absent classes in losses and weights, labels under their own pixels."""

import math

import pytest
import torch

from rotonodes.metrics.labels import IGNORE
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.data.window import Window
from rotonodes.train.objective.losses import consistency_loss, dice_loss, isolated_loss, loss_terms
from rotonodes.train.optimizer import class_weights
from rotonodes.train.settings import Loss, TrainSettings

SIDE = 64
WEIGHTS = torch.tensor([5.0, 1.0, 0.25])


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("loss", [Loss(dice=0), Loss(dice=0, focal=2), Loss(dice=0, smoothing=0.2), Loss(dice=1)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_frame_with_ignored_columns_has_the_loss_of_the_rest(loss, weights):
    """Not only without gradient: ignored pixels are in no mean and in no sum of weights."""
    logits, labels = torch.randn(2, 3, 6, 8), torch.randint(3, (2, 6, 8))
    rest = loss_terms(logits[..., :5], labels[..., :5], loss, weights)
    masked = labels.clone()
    masked[..., 5:] = IGNORE
    found = loss_terms(logits, masked, loss, weights)
    for name, value in rest.items():
        assert found[name].item() == pytest.approx(value.item(), rel=1e-5), name


def sum_of(*arguments):
    return sum(loss_terms(*arguments).values())


def test_edges_beside_ignored_pixels_weigh_as_without_them():
    logits, labels = torch.randn(1, 3, 6, 8), torch.zeros(1, 6, 8, dtype=torch.long)
    labels[..., 2:] = 1
    masked = labels.clone()
    masked[..., 5:] = IGNORE
    loss = Loss(dice=0, edge=3, edge_width=0.5)
    assert sum_of(logits, masked, loss).item() == pytest.approx(sum_of(logits[..., :5], labels[..., :5], loss).item(), rel=1e-5)


def test_ignored_pixels_are_no_company_and_are_not_compared():
    logits = torch.full((1, 2, 5, 5), -20.0)
    logits[:, 0], logits[0, :, 2, 2] = 20.0, torch.tensor([-20.0, 20.0])  # one pixel of class 1
    labels = torch.zeros(1, 5, 5, dtype=torch.long)
    assert isolated_loss(logits, labels).item() == pytest.approx(1 / 25, abs=1e-4)
    labels[0, 2, 2] = IGNORE
    assert isolated_loss(logits, labels).item() == pytest.approx(0, abs=1e-4)
    labels[:] = IGNORE
    labels[0, 2, 2] = 1  # its neighbours say nothing, so it stands alone among one known pixel
    assert isolated_loss(logits, labels).item() == pytest.approx(1, abs=1e-3)
    views = torch.cat((logits, -logits))
    labels = torch.full((2, 5, 5), IGNORE)
    assert consistency_loss(views, labels) == 0
    labels[:, 0] = 0
    assert consistency_loss(views, labels).item() == pytest.approx(2, abs=1e-3)


def test_classes_that_are_absent_have_no_part_in_dice():
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    labels[:, 2:] = 1
    sure = 20.0 * torch.nn.functional.one_hot(labels, 5).movedim(-1, 1)
    assert dice_loss(sure, labels) < 1e-4
    even = torch.zeros(1, 5, 4, 4)  # a fifth of each class everywhere: only the two that are there count
    assert dice_loss(even, labels).item() == pytest.approx(1 - (2 * 8 / 5 + 1) / (16 / 5 + 8 + 1), rel=1e-5)
    wrong = sure[:, [1, 0, 2, 3, 4]]
    assert dice_loss(wrong, labels).item() == pytest.approx(16 / 17, abs=1e-3)  # the mean of two classes, not of five


def frames_of(*labels, **division):
    """A dataset of flat frames, each of one class per row as its text says (`.` is ignored)."""
    planes = [torch.tensor([[9 if letter == "." else int(letter) for letter in text]] * 4, dtype=torch.uint8) for text in labels]
    frames = ((number, torch.zeros(3, 4, plane.shape[1]), plane) for number, plane in enumerate(planes, 1))
    return LabelledFrames(frames, classes=10, ignore=9, **division)


def test_shares_and_weights_are_of_training_pixels_that_count():
    """Validation frames, ignored pixels and absent classes change no weight."""
    names = tuple("abcdefghij")
    settings = TrainSettings(classes=names, colors=("#000000",) * 10, ignore="j", class_balance=0.5, class_weights={"b": 3.0})
    plain = frames_of("0001", "0001", validation=())
    ignored = frames_of("0001....", "0001....", validation=())
    divided = frames_of("0001", "2220", "0001", validation=(2,))
    for dataset in (plain, ignored, divided):
        shares = dataset.class_shares(10)
        assert shares == [0.75, 0.25, *[0.0] * 8]
        weights = class_weights(settings, shares)
        assert weights[2:].tolist() == [0] * 8
        balance = torch.tensor([0.75, 0.25]) ** -0.5
        torch.testing.assert_close(weights[:2], balance / balance.sum() * 2 * torch.tensor([1.0, 3.0]))
    assert divided.train == [0, 2]


# A ramp tells where a sample was taken: the middle of pixel x has the value x + 0.5.


def ramp(axis):
    """`[H, W]` of the coordinate of each pixel's middle, and the index of the pixel."""
    line = torch.arange(SIDE)
    index = line[None].expand(SIDE, SIDE) if axis == "x" else line[:, None].expand(SIDE, SIDE)
    return index + 0.5, index.byte()


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("side", [12, 16, 24, 32, 40, 46])
@pytest.mark.parametrize(
    "pose", [{}, {"mirrored": True}, {"quarters": 1}, {"quarters": 3, "mirrored": True}, {"angle": 0.4}, {"angle": 2.5}]
)
def test_labels_lie_under_their_own_pixels_in_every_window(axis, side, pose):
    """No shift, not even of half a pixel, however the window is zoomed, turned and mirrored."""
    values, labels = ramp(axis)
    window = Window(top=12, left=10, side=side, crop=24, **pose)
    seen = window.picture((values / SIDE).half()[..., None])[0] * SIDE
    x, y = window.places().unbind(-1)
    wanted = x if axis == "x" else y
    inside = ((x > 1) & (x < SIDE - 1) & (y > 1) & (y < SIDE - 1)).float()
    inside[:2], inside[-2:], inside[:, :2], inside[:, -2:] = 0, 0, 0, 0  # resizing mirrors at the window's rim
    away = (seen - wanted)[inside > 0]
    assert away.abs().max() < 0.3 + 0.25 * max(side / 24 - 1, 0)
    assert abs(float(away.mean())) < 0.06
    below = window.labels(labels)[inside > 0].float() + 0.5
    assert (below - wanted[inside > 0]).abs().max() <= 0.5 + 1e-3
    assert abs(float((below - seen[inside > 0]).mean())) < 0.15


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("preprocessing", [Preprocessing(scale=0.6), Preprocessing(scale=2), Preprocessing(squash=45)])
@pytest.mark.parametrize("mattes", [False, True])
def test_labels_and_mattes_lie_under_their_pixels_after_preprocessing(axis, preprocessing, mattes):
    values, labels = ramp(axis)
    truth = (values / SIDE)[None] if mattes else labels
    picture = (values / SIDE)[None].expand(3, -1, -1)
    raw = dict.fromkeys("RGB", "raw")
    dataset = LabelledFrames(
        [(1, picture, truth)], classes=1 if mattes else SIDE, mattes=mattes, preprocessing=preprocessing, encodings=raw, validation=()
    )
    seen, kept = dataset.frame(0)
    below = kept[0] * SIDE if mattes else kept.float() + 0.5
    assert seen.shape[-2:] == below.shape
    away = (seen[0] * SIDE - below)[2:-2, 2:-2]
    step = SIDE / below.shape[-1]
    assert abs(float(away.mean())) < 0.05
    assert away.abs().max() <= (0.3 if mattes else 0.5) + 0.3 * max(step - 1, 0)
    assert math.isclose(float(below.mean()), SIDE / 2, abs_tol=0.3)
