"""Labelled frames: what is kept, what is refused, what comes in a batch."""

from dataclasses import replace

import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.train.data.augment import drop_channels, vary_color
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.data.draws import randint, uniform, whole
from rotonodes.train.data.texture import _clouds, _flat, _stripes, light_gain
from rotonodes.train.data.window import Window
from rotonodes.train.settings import NONE, Augment
from rotonodes.values.color import linear_to_srgb, srgb_to_linear


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


PASSES = ("R", "G", "B", "DiffDir.R", "DiffDir.G", "DiffDir.B", "Normal.X", "Normal.Y", "Depth.Z")


def frame_with_passes(number=1, side=24):
    generator = torch.Generator().manual_seed(number)
    picture = torch.rand(len(PASSES), side, side, generator=generator)
    picture[6:8] = picture[6:8] * 2 - 1
    picture[8] = 4 + torch.arange(side)[:, None] / side
    picture[8, 0, 0] = 1e10
    return number, picture, torch.randint(3, (side, side), generator=generator).to(torch.uint8)


def test_each_channel_is_kept_in_its_own_encoding():
    number, picture, labels = frame_with_passes()
    data = LabelledFrames([(number, picture, labels)], classes=3, channels=PASSES)
    assert data.encodings == ("srgb",) * 6 + ("raw", "raw", "depth")
    assert [color.channels for color in data.colors] == [(0, 1, 2), (3, 4, 5)]
    seen, _ = data.frame(0)
    assert torch.allclose(seen[:6], linear_to_srgb(picture[:6]), atol=0.5 / 255 + 1e-6)
    assert torch.allclose(seen[6:8], picture[6:8], atol=1e-3)
    assert seen[8, 0, 0] == 0
    assert seen[8, 0, 1] == 1  # nearest of the frame
    assert torch.allclose(seen[8, 1:], 4 / picture[8, 1:], atol=1e-3)
    own = LabelledFrames([(number, picture, labels)], classes=3, channels=PASSES, encodings={"Depth.Z": "raw", "DiffDir.G": "linear"})
    assert own.encodings == ("srgb",) * 4 + ("linear", "srgb", "raw", "raw", "raw")
    assert torch.allclose(own.frame(0)[0][[4, 8]][:, 1:], picture[[4, 8]][:, 1:], rtol=1e-3)
    assert own.digest != data.digest


def test_a_depth_is_that_of_the_whole_frame_in_every_crop():
    data = LabelledFrames([frame_with_passes()], classes=3, channels=PASSES)
    pictures = data.batch(0, 8, 8, NONE, seed=0).pictures
    assert pictures[:, 8].amax(dim=(1, 2)).min() < 0.99  # crops below the nearest row


def test_colours_vary_and_data_does_not():
    data = LabelledFrames([frame_with_passes()], classes=3, channels=PASSES)
    still = data.batch(0, 4, 24, NONE, seed=0).pictures
    varied = data.batch(0, 4, 24, replace(NONE, brightness=0.5, hue=0.5, blur=1, noise=0.1), seed=0).pictures
    assert torch.equal(varied[:, 6:], still[:, 6:])
    assert all((varied[:, color.channels] - still[:, color.channels]).abs().mean() > 0.01 for color in data.colors)
    gains = [varied[:, c.channels].mean(dim=(1, 2, 3)) / still[:, c.channels].mean(dim=(1, 2, 3)) for c in data.colors]
    assert not torch.allclose(gains[0], gains[1], atol=0.02)  # each triple by its own amounts


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
            "frame 7: the label at x 0, y 0 is 3, but there are 3 classes: use 0 to 2",
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
    with pytest.raises(UsageError, match=r"no training frames: none were given"):
        LabelledFrames([], classes=3)
    with pytest.raises(UsageError, match=r"validation frame 4 is not among the frames: choose from 1001 to 1002"):
        LabelledFrames(frames(2), classes=3, validation=[4])


def test_a_batch_depends_on_its_arguments_alone():
    data = LabelledFrames(frames(), classes=3)
    first = data.batch(3, 2, 16, Augment(), seed=1)
    data.batch(4, 2, 16, Augment(), seed=1)
    again = data.batch(3, 2, 16, Augment(), seed=1)
    other = data.batch(3, 2, 16, Augment(), seed=2)
    assert torch.equal(first.pictures, again.pictures)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.pictures, other.pictures)


def test_each_frame_comes_once_before_any_comes_twice():
    data = LabelledFrames(
        ((n, torch.full((3, 8, 8), n / 10), torch.zeros(8, 8, dtype=torch.uint8)) for n in range(6)), classes=2, encoding="linear"
    )
    for turn in range(3):
        seen = torch.cat([data.batch(turn * 3 + i, 2, 8, NONE, seed=0).pictures for i in range(3)])
        assert sorted(round(float(value) * 10) for value in seen[:, 0, 0, 0]) == [0, 1, 2, 3, 4, 5]


def test_frames_of_several_sizes_make_one_batch():
    data = LabelledFrames([*frames(1), *frames(1, height=5, width=50, first=1), *frames(1, height=1, width=1, first=2)], classes=3)
    batch = data.batch(0, 3, 24, Augment(rotate=0.5, quarter=0.5), seed=0)
    assert batch.pictures.shape == (3, 3, 24, 24)
    assert batch.labels.shape == (3, 24, 24)
    assert batch.labels.max() < 3


def windows(strength, size, crop, count):
    generator = torch.Generator().manual_seed(0)
    return [Window.draw(size, crop, strength, generator) for _ in range(count)]


def test_picture_and_labels_move_in_step():
    labels = torch.randint(200, (40, 50), dtype=torch.uint8)
    for window in windows(Augment(scale=0, quarter=0.7), labels.shape, 24, 20):
        assert torch.equal((window.picture(labels[..., None])[0] * 255).round().to(torch.uint8), window.labels(labels))


@pytest.mark.parametrize("strength", [Augment(scale=0.5), Augment(scale=0.5, rotate=1, quarter=0.5), Augment(rotate=0.1)])
def test_zoom_and_turns_keep_picture_and_labels_together(strength):
    labels = torch.zeros(64, 64, dtype=torch.uint8)
    labels[16:40, 20:44] = 100
    for window in windows(strength, labels.shape, 48, 30):
        cut = window.picture(labels[..., None])
        assert ((cut[0] * 255 - window.labels(labels)).abs() > 51).float().mean() < 0.05


def test_a_turned_window_stays_inside_where_it_fits():
    for window in windows(Augment(rotate=1, scale=0.2), (100, 120), 40, 50):
        places = window.places()
        assert places.min() >= 0
        assert places[..., 0].max() <= 120
        assert places[..., 1].max() <= 100


def test_places_have_an_inverse():
    for window in windows(Augment(rotate=1, quarter=0.5, scale=0.5), (64, 80), 24, 20):
        rows, columns = torch.meshgrid(torch.arange(24) + 0.5, torch.arange(24) + 0.5, indexing="ij")
        assert torch.allclose(window.grid(window.places()), torch.stack((columns, rows), dim=-1) / 12 - 1, atol=1e-5)


def test_on_another_device_everything_is_made_there(monkeypatch):
    """`meta` stands for the GPU: a tensor that stays on the CPU by mistake cannot be combined with those that are there."""
    generator, strength = torch.Generator().manual_seed(2), replace(Augment(), jpeg=0)
    kept = torch.randint(256, (60, 80, 3), dtype=torch.uint8, generator=generator)
    windows = [Window(5, 6, 40, 32), Window(-9, 60, 40, 32, 0.3, 1, True), Window(0, 0, 70, 32, 0.2), Window(2, 3, 32, 32)]
    factors = (lambda: light_gain((32, 32), 0.3, generator), *(lambda f=f: f((32, 32), generator) for f in (_flat, _clouds, _stripes)))
    with torch.device("meta"):
        for window in windows:
            planes = window.picture(kept)
            assert planes.device.type == "meta" and planes.shape == (3, 32, 32)
            assert window.labels(kept[..., 0]).device.type == "meta"
            assert window.vectors(planes[:2]).device.type == "meta"
            assert vary_color(planes, replace(strength, blur=1.0), generator).device.type == "meta"
        for _ in range(8):
            assert all(factor().device.type == "meta" for factor in factors)
        dropped = drop_channels(planes, {"Depth": [1]}, replace(strength, drop_pass=1.0), generator)
        assert dropped.device.type == "meta"


def test_random_numbers_are_the_same_on_every_device():
    generators = [torch.Generator().manual_seed(4) for _ in range(2)]
    plain = [uniform(generators[0]), whole(2, 9, generators[0]), randint(7, (2,), generators[0]), uniform(generators[0])]
    with torch.device("meta"):
        elsewhere = [uniform(generators[1]), whole(2, 9, generators[1]), randint(7, (2,), generators[1]), uniform(generators[1])]
    assert [plain[at] for at in (0, 1, 3)] == [elsewhere[at] for at in (0, 1, 3)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("step", range(6))
def test_a_gpu_makes_the_batches_of_the_cpu(step):
    """But for rounding, of which a few codes of compression may turn out otherwise."""
    data = LabelledFrames(frames(6, 64, 80), classes=3)
    one, other = (data.batch(step, 8, 48, Augment(), seed=5, device=torch.device(device)) for device in ("cpu", "cuda"))
    assert other.pictures.device.type == "cuda" and torch.equal(one.labels, other.labels.cpu())
    differences = (one.pictures - other.pictures.cpu()).abs()
    assert differences.mean() < 1e-3 and (differences > 0.02).float().mean() < 0.01
