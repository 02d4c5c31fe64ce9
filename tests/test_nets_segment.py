"""Segmenting frames: any size, any value, the same answer however the work is cut."""

import pytest
import torch

from rotonodes.errors import UsageError
from rotonodes.nets import Model
from rotonodes.nets.model import build
from rotonodes.nets.prepare import encode, mirror, pad
from rotonodes.nets.segment import Segmenter


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    config = {"in_channels": 3, "classes": 3, "widths": [8, 16, 16], "patch": 2, "refine": 8}
    network = build("unet", config).train()
    with torch.no_grad():  # norms that have seen something, so that folding them is no matter of course
        for _ in range(5):
            network(torch.rand(4, 3, 32, 32))
    classes = ("a", "b", "c")
    return Model("unet", config, classes, ("#000000",) * 3, size_multiple=network.size_multiple, state=network.state_dict())


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 13), (16, 16), (33, 70)])
def test_any_size(model, size):
    frames = torch.rand(1, 3, *size)
    before = frames.clone()
    probabilities = Segmenter(model)(frames)
    assert probabilities.shape == (1, 3, *size)
    assert probabilities.dtype == torch.float32
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(1, *size), atol=2e-3)
    assert torch.equal(frames, before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_batch_equals_its_frames_bit_for_bit(model, precision):
    segmenter = Segmenter(model, precision=precision)
    frames = torch.rand(5, 3, 21, 34)
    assert torch.equal(segmenter(frames), torch.cat([segmenter(frame[None]) for frame in frames]))


def test_folding_changes_almost_nothing(model):
    frames = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        plain = torch.softmax(model.module()(encode(frames, "srgb")), dim=1)
    assert torch.allclose(Segmenter(model)(frames), plain, atol=1e-3)
    assert torch.allclose(Segmenter(model, precision="bfloat16")(frames), plain, atol=0.05)


def test_probabilities_survive_half_precision(model):
    probabilities = Segmenter(model)(torch.rand(1, 3, 16, 16))
    assert torch.equal(probabilities.half().float(), probabilities)


def test_wild_values_give_finite_answers(model):
    frames = torch.rand(1, 3, 16, 16)
    frames[0, 0, 0, :4] = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30])
    tame = frames.clone()
    tame[0, 0, 0, :4] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    assert torch.equal(Segmenter(model)(frames), Segmenter(model)(tame))


def test_tiles_answer_like_the_whole_frame(model):
    frames = torch.rand(1, 3, 150, 90)
    whole, tiled = Segmenter(model)(frames), Segmenter(model, tile=64, overlap=32)(frames)
    assert tiled.shape == whole.shape
    assert (whole - tiled).abs().max() < 0.06  # a tile sees less of the frame
    small = frames[..., :40, :40]
    assert torch.equal(Segmenter(model)(small), Segmenter(model, tile=64, overlap=32)(small))


def test_a_frame_too_large_for_the_device_falls_back_to_tiles(model, monkeypatch):
    frames, segmenter = torch.rand(1, 3, 1200, 60), Segmenter(model, overlap=32)
    expected = segmenter(frames)
    run = segmenter.network.forward

    def short_of_memory(x):
        if x.shape[-1] * x.shape[-2] > 310 * 64:  # 1200 and 600 pixels of length are too much
            raise torch.OutOfMemoryError("no memory left")
        return run(x)

    monkeypatch.setattr(segmenter.network, "forward", short_of_memory)
    assert (segmenter(frames) - expected).abs().max() < 0.06
    monkeypatch.setattr(segmenter.network, "forward", lambda x: short_of_memory(torch.zeros(1, 1, 999, 999)))
    with pytest.raises(torch.OutOfMemoryError):
        segmenter(frames[..., :100, :100])


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 4, 8, 8), (0, 3, 8, 8)])
def test_wrong_shapes_are_refused(model, shape):
    with pytest.raises(UsageError, match=r"reads frames .N, 3 .a*R, G, B., H, W."):
        Segmenter(model)(torch.rand(shape))


def test_wrong_settings_are_refused(model):
    with pytest.raises(UsageError, match=r"precision 'half' is not known"):
        Segmenter(model, precision="half")
    with pytest.raises(UsageError, match=r"tiles of 64 px cannot overlap by 64 px"):
        Segmenter(model, tile=64, overlap=64)


def test_padding_reflects():
    row = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    assert pad(row, 4).tolist() == [[[[1, 2, 3, 2]] * 4]]
    assert mirror(torch.arange(-3, 8), 3).tolist() == [1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]
    assert mirror(torch.arange(4), 1).tolist() == [0, 0, 0, 0]


def test_encodings():
    linear = torch.tensor([0.0, 0.002, 0.5, 1.0, 4.0, -1.0, float("nan")]).view(1, 1, 7)
    assert torch.allclose(encode(linear, "srgb").flatten(), torch.tensor([0, 0.02584, 0.735357, 1, 1, 0, 0]), atol=1e-5)
    assert encode(linear, "linear").flatten().tolist()[2:] == [0.5, 1, 1, 0, 0]
    assert encode(linear, "raw").flatten().tolist()[2:] == [0.5, 1, 4, -1, 0]
