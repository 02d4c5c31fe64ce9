"""Segmenting frames: any size, any value, the same answer however the work is cut."""

import copy

import pytest
import torch

from rotonodes.errors import UsageError
from rotonodes.nets import Model
from rotonodes.nets.model import build
from rotonodes.nets.prepare import channel_encoding, encode, mirror, pad
from rotonodes.nets.segment import Pointwise, Segmenter, fold_norms, use_onednn

PLAIN = {"widths": [8, 16, 16], "patch": 2, "refine": 8}
FULL = {**PLAIN, "attention": True, "context": True, "dropout": 0.2}


@pytest.fixture(scope="module", params=[PLAIN, FULL], ids=["plain", "full"])
def model(request):
    torch.manual_seed(3)
    config = {"in_channels": 3, "classes": 3, **request.param}
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


def test_what_the_network_sees_of_a_frame_is_the_same_in_any_batch(model, monkeypatch):
    segmenter, frames, seen = Segmenter(model), torch.rand(6, 3, 3, 5), []
    run = segmenter.network.forward
    monkeypatch.setattr(segmenter.network, "forward", lambda x: seen.append(x) or run(x))
    segmenter(frames)
    for frame in frames:
        segmenter(frame[None])
    assert all(torch.equal(together, alone) for together, alone in zip(seen[:6], seen[6:], strict=True))


def test_folding_changes_almost_nothing(model):
    frames = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        plain = torch.softmax(model.module()(encode(frames, "srgb")), dim=1)
    assert torch.allclose(Segmenter(model)(frames), plain, atol=1e-3)
    assert torch.allclose(Segmenter(model, precision="bfloat16")(frames), plain, atol=0.05)


@pytest.mark.parametrize("block", ["standard", "separable"])
def test_every_batch_norm_is_folded(block):
    network = fold_norms(build("unet", {**FULL, "block": block}).eval())
    assert not [name for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)]


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
@pytest.mark.parametrize("block", ["standard", "separable"])
@torch.no_grad()
def test_the_quick_way_for_pointwise_convolutions_changes_almost_nothing(block):
    torch.manual_seed(8)
    network = build("unet", {**FULL, "block": block}).eval()
    plain, picture = copy.deepcopy(network), torch.rand(1, 3, 24, 40)
    use_onednn(network)
    left = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1)]
    taken = [m for m in network.modules() if isinstance(m, Pointwise)]
    assert (len(left), len(taken) > 8) == (0, True)
    for given in (picture, picture.to(memory_format=torch.channels_last)):
        assert torch.allclose(network(given), plain(given), atol=1e-5)


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
    with pytest.raises(UsageError, match=r"encoding 'rec709' is not known: use one of srgb, linear, raw, depth"):
        encode(linear[None], "rec709")


def test_depth_is_seen_as_nearness():
    nothing = [1e10, float("inf"), float("nan"), 0.0, -3.0, -float("inf")]
    depth = torch.tensor([2.0, 4.0, 8.0, *nothing]).view(1, 3, 3)
    assert encode(depth, "depth").flatten().tolist() == [1, 0.5, 0.25, 0, 0, 0, 0, 0, 0]
    assert encode(torch.full((1, 2, 2), 1e10), "depth").eq(0).all()  # a frame of nothing
    two = torch.stack([depth, 3 * depth])
    assert torch.allclose(encode(two, "depth")[0], encode(two, "depth")[1])  # each frame by its own nearest


def test_each_channel_by_its_own_encoding():
    frames = torch.rand(2, 4, 5, 7) * 3 - 1
    kinds = ("srgb", "raw", "depth", "srgb")
    seen = encode(frames, kinds)
    for channel, kind in enumerate(kinds):
        assert torch.allclose(seen[:, channel], encode(frames[:, channel : channel + 1], kind)[:, 0], rtol=1e-6)
    assert torch.equal(encode(frames, ("linear",) * 4), encode(frames, "linear"))
    with pytest.raises(UsageError, match=r"3 encodings for 4 channels: give one for each, or one for all"):
        encode(frames, ("raw",) * 3)


@pytest.mark.parametrize(
    "channels, expected",
    [
        (("R", "G", "B", "Y", "DiffDir.R", "Emit.B", "Label.DiffDir.G", "ViewLayer.Combined.R"), "srgb"),
        (("Depth.Z", "Depth", "Z", "depth", "ViewLayer.Depth.Z", "zdepth.R", "Denoising Depth.Z"), "depth"),
        (("Normal.X", "Normal.Y", "N.R", "worldnormal.G", "Position.Z", "P.X", "Vector.W", "UV.U", "Label.Normal.Z"), "raw"),
        (("A", "DiffDir.A", "background", "IndexOB.X", "CryptoObject00.R", "CryptoObject.00.R", "Mist.Z", "Foo.Y"), "raw"),
    ],
)
def test_the_encoding_of_a_channel_by_its_name(channels, expected):
    assert {name: channel_encoding(name, "srgb") for name in channels} == dict.fromkeys(channels, expected)


@pytest.fixture(scope="module")
def of_passes():
    """A network that sees two colours, a normal and the depth, each in its own way."""
    torch.manual_seed(5)
    config = {"in_channels": 4, "classes": 2, "widths": [8, 8], "patch": 2}
    channels = ("R", "G", "Normal.X", "Depth.Z")
    return Model(
        "unet",
        config,
        ("a", "b"),
        ("#000000",) * 2,
        channels=channels,
        encodings={name: channel_encoding(name, "srgb") for name in channels},
        size_multiple=4,
        state=build("unet", config).state_dict(),
    )


def frames_of_passes(count, height, width):
    generator = torch.Generator().manual_seed(7)
    frames = torch.rand(count, 4, height, width, generator=generator) * 2 - 0.5
    frames[:, 3] = frames[:, 3].exp() * torch.arange(1, count + 1).view(-1, 1, 1)
    frames[:, 3, :2] = 1e10
    return frames


def test_depth_is_measured_on_the_whole_frame_before_tiles_and_padding(of_passes, monkeypatch):
    frames = frames_of_passes(1, 23, 90)
    frames[0, 3, 5, 88] = 1e-3  # the nearest point of the frame lies in the last tile
    seen = []
    for tile in (0, 32):
        segmenter = Segmenter(of_passes, tile=tile, overlap=16)
        run = segmenter.network.forward
        monkeypatch.setattr(segmenter.network, "forward", lambda x, run=run: seen.append(x) or run(x))
        segmenter(frames)
    whole, first = seen[0], seen[1]
    assert len(seen) > 3
    assert torch.equal(whole[..., :23, :32], first[..., :23, :32])


@pytest.mark.parametrize("tile", [0, 16])
def test_a_batch_of_passes_equals_its_frames_bit_for_bit(of_passes, tile):
    segmenter, frames = Segmenter(of_passes, tile=tile, overlap=4), frames_of_passes(3, 21, 34)
    assert torch.equal(segmenter(frames), torch.cat([segmenter(frame[None]) for frame in frames]))
