"""Labelled frames: what is kept, what is refused, what comes in a batch."""

import pytest
import torch

from rotonodes.color import srgb_to_linear
from rotonodes.errors import FrameError, UsageError
from rotonodes.train.augment import cut_window, vary_color
from rotonodes.train.dataset import LabelledFrames
from rotonodes.train.settings import NONE, Augment


def frames(count=4, height=20, width=30, first=1001):
    generator = torch.Generator().manual_seed(5)
    for number in range(first, first + count):
        codes = torch.randint(256, (3, height, width), generator=generator)
        yield number, srgb_to_linear(codes / 255), torch.randint(3, (height, width), generator=generator).to(torch.uint8)


def test_frames_come_back_in_the_encoding_of_the_network():
    (_, picture, labels), *_ = frames(1)
    srgb = LabelledFrames(frames(1), classes=3).frame(0)
    assert torch.equal((srgb[0] * 255).round(), (torch.round(srgb[0] * 255)))
    assert torch.allclose(srgb_to_linear(srgb[0]), picture, atol=1e-6)
    assert torch.equal(srgb[1], labels)
    linear = LabelledFrames(frames(1), classes=3, encoding="linear").frame(0)
    assert torch.allclose(linear[0], picture, atol=1e-3)


def test_split_by_frame_number():
    data = LabelledFrames(frames(5), classes=3, validation=[1002, 1005])
    assert (data.train, data.validation) == ([0, 2, 3], [1, 4])


def test_beyond_the_budget_frames_go_to_a_scratch_file(tmp_path):
    inside = LabelledFrames(frames(6), classes=3)
    outside = LabelledFrames(frames(6), classes=3, budget=4000, folder=tmp_path)
    assert list(tmp_path.iterdir())
    for place in range(6):
        assert all(torch.equal(a, b) for a, b in zip(inside.frame(place), outside.frame(place), strict=True))
    assert inside.digest == outside.digest
    del outside
    assert not list(tmp_path.iterdir())


def test_the_digest_knows_pixels_labels_and_split():
    def changed(number, picture, labels):
        return number, picture, labels.clone().fill_(1)

    digests = [
        LabelledFrames(frames(3), classes=3).digest,
        LabelledFrames(frames(3), classes=3, encoding="linear").digest,
        LabelledFrames(frames(3), classes=3, validation=[1001]).digest,
        LabelledFrames((changed(*frame) for frame in frames(3)), classes=3).digest,
    ]
    assert len(set(digests)) == 4
    assert digests[0] == LabelledFrames(frames(3), classes=3).digest


@pytest.mark.parametrize(
    "frame, message",
    [
        (
            (7, torch.zeros(3, 4, 4), torch.full((4, 4), 3, dtype=torch.uint8)),
            "frame 7: a label is 3, but there are 3 classes: use 0 to 2",
        ),
        (
            (7, torch.zeros(3, 4, 4), torch.zeros(4, 5, dtype=torch.uint8)),
            "frame 7: the labels are torch.uint8 .4, 5. and the picture",
        ),
        ((7, torch.zeros(3, 4, 4), torch.zeros(4, 4)), "frame 7: the labels are torch.float32"),
        ((7, torch.zeros(1, 4, 4), torch.zeros(4, 4, dtype=torch.uint8)), "frame 7: the picture is .1, 4, 4., not .3, H, W."),
    ],
)
def test_a_wrong_frame_is_named(frame, message):
    with pytest.raises(FrameError, match=message):
        LabelledFrames([*frames(1), frame], classes=3)


def test_nothing_to_learn_from():
    with pytest.raises(UsageError, match=r"no frames to learn from: 0 came"):
        LabelledFrames([], classes=3)
    with pytest.raises(UsageError, match=r"validation frame 4 is not among the frames: choose from 1001 to 1002"):
        LabelledFrames(frames(2), classes=3, validation=[4])


def test_a_batch_depends_on_its_arguments_alone():
    data = LabelledFrames(frames(), classes=3)
    first = data.batch(3, 2, 16, Augment(), seed=1)
    data.batch(4, 2, 16, Augment(), seed=1)
    again = data.batch(3, 2, 16, Augment(), seed=1)
    other = data.batch(3, 2, 16, Augment(), seed=2)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_each_frame_comes_once_before_any_comes_twice():
    data = LabelledFrames(
        ((n, torch.full((3, 8, 8), n / 10), torch.zeros(8, 8, dtype=torch.uint8)) for n in range(6)), classes=2, encoding="linear"
    )
    for turn in range(3):
        seen = torch.cat([data.batch(turn * 3 + i, 2, 8, NONE, seed=0)[0] for i in range(3)])
        assert sorted(round(float(value) * 10) for value in seen[:, 0, 0, 0]) == [0, 1, 2, 3, 4, 5]


def test_frames_of_several_sizes_make_one_batch():
    data = LabelledFrames([*frames(1), *frames(1, height=5, width=50, first=1), *frames(1, height=1, width=1, first=2)], classes=3)
    pictures, labels = data.batch(0, 3, 24, Augment(rotate=0.5), seed=0)
    assert pictures.shape == (3, 3, 24, 24)
    assert labels.shape == (3, 24, 24)
    assert labels.max() < 3


def test_picture_and_labels_move_in_step():
    labels = torch.randint(200, (40, 50), dtype=torch.uint8)
    picture = labels[..., None].clone()
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        cut, cut_labels = cut_window(picture, labels, 24, Augment(scale=0, rotate=0.7), generator)
        assert torch.equal((cut[0] * 255).round().to(torch.uint8), cut_labels)


def test_zoom_keeps_picture_and_labels_together():
    labels = torch.zeros(64, 64, dtype=torch.uint8)
    labels[16:40, 20:44] = 100
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        cut, cut_labels = cut_window(labels[..., None].clone(), labels, 48, Augment(scale=0.5), generator)
        assert ((cut[0] * 255 - cut_labels).abs() > 51).float().mean() < 0.05


def test_no_strength_changes_nothing():
    pictures = torch.rand(2, 3, 8, 8)
    assert torch.equal(vary_color(pictures, NONE, torch.Generator()), pictures)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue", "blur", "noise"])
def test_each_strength_changes_the_picture_and_keeps_its_range(name):
    pictures = torch.rand(4, 3, 16, 16)
    before = pictures.clone()
    varied = vary_color(pictures, Augment(**{**vars(NONE), name: 1.0}), torch.Generator().manual_seed(1))
    assert torch.equal(pictures, before)
    assert not torch.equal(varied, pictures)
    assert varied.min() >= 0
    assert varied.max() <= 1


def test_hue_and_saturation_leave_grey_alone():
    grey = torch.rand(2, 1, 8, 8).expand(2, 3, 8, 8)
    varied = vary_color(grey, Augment(**{**vars(NONE), "hue": 0.5, "saturation": 1.0}), torch.Generator().manual_seed(1))
    assert torch.allclose(varied, grey, atol=1e-5)


def test_strengths_out_of_range_are_refused():
    with pytest.raises(UsageError, match=r"augment: flip is 2: it must be from 0 to 1"):
        Augment(flip=2)
