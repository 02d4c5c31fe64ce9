"""Temporal consistency: pairs of views, motion between them, and that training with it makes their difference smaller."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from rotonodes.errors import FrameError
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.loop import train
from rotonodes.train.objective.losses import consistency_loss
from rotonodes.train.settings import NONE, Augment, Loss, TrainSettings

STEP = 3  # px to the right a frame


def moving(count=6, side=32, motion=True, first=1):
    """A disc that moves right over a still, noisy ground; the motion of the disc is known."""
    generator = torch.Generator().manual_seed(4)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    for i in range(count):
        disc = (rows - 16) ** 2 + (columns - 6 - STEP * i) ** 2 < 36
        picture = torch.where(disc, 0.5, 0.15) + 0.1 * torch.randn((3, side, side), generator=generator)
        flow = torch.stack((disc * float(STEP), torch.zeros(side, side)))
        yield first + i, picture.clamp(0, 1), disc.to(torch.uint8), flow if motion else None


def test_pairs_are_two_variations_of_one_window():
    data = LabelledFrames(moving(motion=False), classes=2)
    batch = data.batch(0, 8, 16, Augment(noise=0.1, rotate=0.2), seed=0, pairs=True)
    assert batch.pictures.shape == (8, 3, 16, 16)
    assert batch.places.shape == (4, 16, 16, 2)
    assert torch.equal(batch.labels[:4], batch.labels[4:])
    assert not torch.equal(batch.pictures[:4], batch.pictures[4:])
    rows, columns = torch.meshgrid(torch.arange(16) + 0.5, torch.arange(16) + 0.5, indexing="ij")
    assert torch.allclose(batch.places[0], torch.stack((columns, rows), dim=-1) / 8 - 1, atol=1e-5)


@pytest.mark.parametrize("strength", [NONE, Augment(scale=0.3, rotate=1, quarter=0.5, flip=0.5)])
def test_with_motion_the_second_view_is_the_next_frame(strength):
    geometry = replace(NONE, **{name: getattr(strength, name) for name in ("scale", "rotate", "quarter", "flip")})
    data = LabelledFrames(moving(), classes=2)
    still = LabelledFrames(moving(motion=False), classes=2)
    followed = unfollowed = 0.0
    for step in range(6):
        batch = data.batch(step, 8, 24, geometry, seed=0, pairs=True)
        first, second = batch.labels[:4], batch.labels[4:]
        warped = F.grid_sample(second[:, None].float(), batch.places, mode="nearest", padding_mode="zeros", align_corners=False)[:, 0]
        inside = (batch.places.abs() <= 1).all(dim=-1) & (first == 1)  # the disc, as far as it is in both
        followed += (warped[inside] == 1).float().mean().item() / 6
        unfollowed += (second[inside] == 1).float().mean().item() / 6
        assert torch.equal(first, still.batch(step, 8, 24, geometry, seed=0, pairs=True).labels[:4])
    assert followed > 0.9
    assert unfollowed < 0.85


def test_the_last_frame_of_a_clip_has_no_next():
    data = LabelledFrames([*moving(3), *moving(3, first=7)], classes=2, clip_length=3, validation=())
    assert data._next == {0: 1, 1: 2, 3: 4, 4: 5}
    gaps = LabelledFrames([frame for frame in moving(4) if frame[0] != 2], classes=2)
    assert gaps._next == {1: 2}  # 3 -> 4
    kept_aside = LabelledFrames(moving(4), classes=2, validation=[3])
    assert kept_aside._next == {0: 1}  # 2 -> 3 is scored with, and nothing of it is learned


def test_a_part_of_a_batch_is_that_part_of_the_whole():
    data = LabelledFrames(moving(), classes=2)
    for pairs in (False, True):
        whole = data.batch(2, 8, 16, Augment(), seed=1, pairs=pairs)
        part = data.batch(2, 8, 16, Augment(), seed=1, pairs=pairs, only=range(4, 8))
        assert torch.equal(part.pictures, whole.pictures[4:])
        assert torch.equal(part.labels, whole.labels[4:])
        assert part.places is whole.places is None or torch.equal(part.places, whole.places)


def test_motion_of_another_size_is_named():
    number, picture, labels, _ = next(moving())
    with pytest.raises(FrameError, match=r"frame 1: the motion is \[2, 8, 8\] and the labels \[32, 32\]"):
        LabelledFrames([(number, picture, labels, torch.zeros(2, 8, 8))], classes=2)


@pytest.mark.parametrize("motion", [False, True])
def test_training_with_it_makes_the_disagreement_smaller(motion):
    """Two networks of the same seed, one of which was asked to agree with itself; measured on batches neither has seen."""
    strength = replace(NONE, brightness=0.4, noise=0.1)
    data = LabelledFrames(moving(motion=motion), classes=2)
    disagreement = []
    for weight in (0.0, 10.0):
        settings = TrainSettings(
            steps=80, batch=4, crop=24, learning_rate=1e-2, ema_decay=0.8, config={"widths": [4, 8]}, augment=strength,
            classes=("ground", "disc"), colors=("#000000", "#ffffff"), loss=Loss(consistency=weight),
        )  # fmt: skip
        network = train(settings, data).module()
        with torch.no_grad():
            unseen = [data.batch(step, 8, 24, strength, seed=77, pairs=True) for step in range(4)]
            losses = [consistency_loss(network(batch.pictures), batch.labels, batch.places) for batch in unseen]
            discs = [(network(picture[None]).argmax(dim=1)[0] == 1, labels == 1) for picture, labels in map(data.frame, range(6))]
        disagreement.append(torch.stack(losses).mean().item())
        # It has learned all the same: nothing is easier to agree on than nothing.
        assert sum((found & true).sum() for found, true in discs) > 0.7 * sum((found | true).sum() for found, true in discs)
    assert disagreement[1] < 0.7 * disagreement[0]
