"""Checkpoints of other projects give the answers of their own networks, which `foreign_networks` writes out in plain torch.

Sizes are small where sizes do not matter, and the real ones where parameters are counted.
"""

import re
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from torch import nn
from torch.nn import functional as F

from foreign_networks import TINY, EarlyMilesial, Milesial, NestedU, ThreeDToTwoD, by_u2net, codes, count, near, plain, randomised, saved
from rotonodes.errors import FrameError, UsageError
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import WeightsError, load_weights
from rotonodes.values.color import linear_to_srgb
from rotonodes.values.tones import CLASSES

SIZES = [(37, 53), (48, 32), (17, 200), (16, 16)]  # height, width


# Sizes of the networks that people have.


@pytest.mark.parametrize(
    "network, numbers, tensors",
    [
        (lambda: ThreeDToTwoD(), 31_036_741, 118),  # A4
        (lambda: Milesial(3, 2, bilinear=True), 17_263_042, 110),  # C4
        (lambda: NestedU(*NestedU.FULL), 44_009_869, 798),  # D1
        (lambda: NestedU(*NestedU.SMALL), 1_131_181, 798),  # D1
        (lambda: Milesial(3, 2), 31_037_698, 118),  # E4
        (lambda: Milesial(3, 4, width=32), 7_763_140, 118),  # E9
        (lambda: Milesial(3, 4, width=16), 1_942_628, 118),  # E9
    ],
)
def test_parameter_counts(tmp_path, network, numbers, tensors):
    with torch.device("meta"):
        theirs = network()
    assert (count(theirs), len(theirs.state_dict())) == (numbers, tensors)
    state = {name: torch.zeros(()).to(tensor.dtype).expand(tensor.shape) for name, tensor in theirs.state_dict().items()}
    torch.save(state, tmp_path / "net.pth")
    model = load_weights(tmp_path / "net.pth")
    with torch.device("meta"):
        ours = build(model.architecture, model.config)
    assert (count(ours), len(ours.state_dict())) == (numbers, tensors)


# Forward equality.


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bilinear", [False, True])
@pytest.mark.parametrize("width, classes, channels", [(8, 2, 3), (4, 5, 1), (6, 1, 3)])
@torch.no_grad()
def test_milesial(tmp_path, size, bilinear, width, classes, channels):
    theirs = randomised(Milesial(channels, classes, width, bilinear))
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    samples, frame = codes(channels, *size)
    expected = theirs(plain(samples))
    near(model.module()(plain(samples)), expected)
    made = Segmenter(model)(frame)
    if classes == 1:
        assert model.classes == ("background", "foreground")
        near(made[:, 1:], torch.sigmoid(expected))
        near(Segmenter(model).matte(frame), torch.sigmoid(expected))
    else:
        near(made, torch.softmax(expected, dim=1))
        assert torch.equal(made.argmax(1), expected.argmax(1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bilinear", [False, True])
@pytest.mark.parametrize("renamed", [False, True])
@torch.no_grad()
def test_milesial_of_the_first_years(tmp_path, size, bilinear, renamed):
    theirs = randomised(EarlyMilesial(3, 1, 4, bilinear, renamed))
    names = set(theirs.state_dict())
    old = {"inc.conv.conv.0.weight", "down1.mpconv.1.conv.4.running_var", "up1.conv.conv.0.bias", "outc.conv.weight"}
    assert old <= names or renamed
    assert ("up1.up.weight" in names) is not bilinear
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    assert model.training["origin"] == "milesial/Pytorch-UNet"
    samples, frame = codes(3, *size)
    expected = theirs(plain(samples))
    near(model.module()(plain(samples)), expected)
    near(Segmenter(model)(frame)[:, 1:], torch.sigmoid(expected))


@torch.no_grad()
def test_milesial_of_the_first_years_at_its_size(tmp_path):
    theirs = randomised(EarlyMilesial())  # what was published for Carvana
    assert (count(theirs), len(theirs.state_dict())) == (13_395_329, 128)
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    biases = 2 * (64 + 128 + 256 + 512 + 512 + 256 + 128 + 64 + 64)  # of convolutions before a norm, which takes them away again
    assert count(model.module()) == 13_395_329 - biases
    assert model.classes == ("background", "foreground")


@pytest.mark.parametrize("size", [*SIZES, (200, 200)])
@torch.no_grad()
def test_three_d_to_two_d(tmp_path, size):
    theirs = randomised(ThreeDToTwoD(widths=(4, 8, 16, 32)))
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    samples, frame = codes(1, *size)
    expected = theirs(plain(samples))
    order = [1, 2, 3, 4, 0]  # of our classes at their indices
    near(model.module()(plain(samples))[:, order], expected)
    made = Segmenter(model)(frame)
    near(made[:, order], torch.softmax(expected, dim=1))
    # What its own script writes: index -> grey.
    greys = torch.tensor([40, 80, 125, 255, 200])[expected.argmax(1)]
    assert torch.equal(torch.tensor(model.mask_values)[made.argmax(1)], greys)
    assert (model.classes, model.channels) == (CLASSES, ("Y",))


@torch.no_grad()
def test_colour_is_seen_as_the_grey_of_picture_files(tmp_path):
    theirs = randomised(ThreeDToTwoD(widths=(4, 8)))
    segmenter = Segmenter(load_weights(saved(theirs, tmp_path / "net.pth")))
    samples, frame = codes(3, 21, 30)
    grey = np.asarray(Picture.fromarray(samples).convert("L")).copy()
    expected = torch.softmax(theirs(plain(grey[..., None])), dim=1)
    near(segmenter(frame)[:, [1, 2, 3, 4, 0]], expected)


@pytest.mark.parametrize("size", [(37, 53), (200, 200), (1, 1), (360, 90)])
@torch.no_grad()
def test_u2net(tmp_path, size):
    theirs = randomised(NestedU(*TINY))
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    assert (model.architecture, model.activation, model.preprocessing.squash) == ("u2net", "minmax", 320)
    samples, frame = codes(3, *size)
    picture = plain(samples)
    for made, expected in zip(model.module()(picture), theirs(picture), strict=True):
        near(torch.sigmoid(made), expected)
    near(Segmenter(model).matte(frame), by_u2net(theirs, samples))


@torch.no_grad()
def test_the_small_u2net_as_published(tmp_path):
    theirs = randomised(NestedU(*NestedU.SMALL))
    model = load_weights(saved(theirs, tmp_path / "u2netp.pth"))
    assert model.config["variant"] == "u2netp"
    samples, frame = codes(3, 48, 64)
    near(Segmenter(model).matte(frame), by_u2net(theirs, samples))


FULL = {  # at the sizes that people have
    "3D-to-2D": (lambda: ThreeDToTwoD(), 31_036_741),
    "milesial": (lambda: Milesial(3, 2), 31_037_698),
    "milesial, bilinear": (lambda: Milesial(3, 2, bilinear=True), 17_263_042),
    "milesial of the first years": (lambda: EarlyMilesial(), 13_395_329),
}


@pytest.mark.parametrize("network, numbers", FULL.values(), ids=FULL)
@torch.no_grad()
def test_unets_as_published(tmp_path, network, numbers):
    theirs = randomised(network())
    assert count(theirs) == numbers
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    samples, frame = codes(len(model.channels), 37, 53)
    logits = theirs(plain(samples))
    made = Segmenter(model)(frame)
    if logits.shape[1] == 1:
        near(made[:, 1:], torch.sigmoid(logits))
    else:
        order = [1, 2, 3, 4, 0] if model.classes == CLASSES else [0, 1]  # of our classes at their indices
        near(made[:, order], torch.softmax(logits, dim=1))


@pytest.mark.slow
@torch.no_grad()
def test_the_large_u2net_as_published(tmp_path):
    theirs = randomised(NestedU(*NestedU.FULL))
    assert count(theirs) == 44_009_869
    model = load_weights(saved(theirs, tmp_path / "u2net.pth"))
    assert model.config["variant"] == "u2net"
    samples, frame = codes(3, 48, 64)
    for made, expected in zip(model.module()(plain(samples)), theirs(plain(samples)), strict=True):
        near(torch.sigmoid(made), expected)
    near(Segmenter(model).matte(frame), by_u2net(theirs, samples))


@torch.no_grad()
def test_a_flat_map_is_nothing_and_not_a_division_by_zero(tmp_path):
    theirs = randomised(NestedU(*TINY))
    for tensor in theirs.outconv.parameters():
        tensor.zero_()
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    frames = torch.stack([codes(3, 9, 12)[1][0], torch.zeros(3, 9, 12)])  # a black frame has no maximum to divide by either
    assert torch.equal(Segmenter(model).matte(frames), torch.zeros(2, 1, 9, 12))


@torch.no_grad()
def test_a_black_frame_is_seen(tmp_path):
    model = load_weights(saved(randomised(NestedU(*TINY)), tmp_path / "net.pth"))
    matte = Segmenter(model).matte(torch.zeros(1, 3, 9, 12))
    assert torch.isfinite(matte).all()
    assert matte.min() >= 0


@pytest.mark.parametrize("scale, size", [(0.5, (74, 107)), (0.75, (48, 64)), (1.5, (24, 30))])
@torch.no_grad()
def test_milesial_at_a_scale(tmp_path, scale, size):
    theirs = randomised(Milesial(3, 3, 4))
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    model = replace(model, preprocessing=replace(model.preprocessing, scale=scale))
    samples, frame = codes(3, *size)
    small = (int(scale * size[1]), int(scale * size[0]))
    shown = np.asarray(Picture.fromarray(samples).resize(small, Picture.Resampling.BICUBIC)).copy()
    logits = F.interpolate(theirs(plain(shown)), size, mode="bilinear")
    near(Segmenter(model)(frame), torch.softmax(logits, dim=1))


@pytest.mark.parametrize("size", [(1, 1), (3, 40)])
@torch.no_grad()
def test_frames_smaller_than_the_original_could_take(tmp_path, size):
    model = load_weights(saved(randomised(Milesial(3, 2, 4)), tmp_path / "net.pth"))
    made = Segmenter(model)(torch.rand(1, 3, *size))
    assert made.shape == (1, 2, *size)
    assert torch.allclose(made.sum(1), torch.ones(1, *size), atol=1e-5)


# How their files are made.


def half(state):
    return {name: t.half() if t.is_floating_point() else t for name, t in state.items()}


def named(prefix):
    return lambda state: OrderedDict((prefix + name, tensor) for name, tensor in state.items())


WRAPPERS = {
    "as it is": lambda state: state,
    "DataParallel": named("module."),
    "torch.compile in DataParallel": named("module._orig_mod."),
    "Lightning": lambda state: {"epoch": 3, "global_step": 90, "state_dict": named("model.")(state), "callbacks": {}},
    "a training": lambda state: {"epoch": 3, "model_state_dict": state, "optimizer_state_dict": {"state": {}, "param_groups": []}},
    "with another beside it": lambda state: {"best": {"note": torch.zeros(1)}, "net": {"weights": state}},
    "a profiler's counters": lambda state: {**state, "total_ops": torch.zeros(1), "inc.total_params": torch.zeros(1)},
    "an average of weights": lambda state: {"n_averaged": torch.tensor(9), **named("module.")(state)},
    "torch before 0.4.1": lambda state: {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")},
    "doubles": lambda state: {n: t.double() if t.is_floating_point() else t for n, t in state.items()},
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("zipped", [True, False])
@torch.no_grad()
def test_wrappers(tmp_path, wrap, zipped):
    theirs = randomised(Milesial(3, 2, 4))
    model = load_weights(saved(theirs, tmp_path / "net.pt", wrap, _use_new_zipfile_serialization=zipped))
    picture = torch.rand(1, 3, 33, 20)
    near(model.module()(picture), theirs(picture))


@pytest.mark.parametrize("network", [lambda: ThreeDToTwoD(widths=(4, 8)), lambda: NestedU(*TINY)])
@pytest.mark.parametrize("wrap", [named("module."), lambda state: {"state_dict": state}])
def test_wrappers_of_the_others(tmp_path, network, wrap):
    theirs = randomised(network())
    plain_one, wrapped = (load_weights(saved(theirs, tmp_path / "net.pth", how)) for how in (lambda state: state, wrap))
    assert plain_one.metadata() == wrapped.metadata()
    assert all(torch.equal(plain_one.state[name], tensor) for name, tensor in wrapped.state.items())


@torch.no_grad()
def test_half_precision(tmp_path):
    theirs = randomised(Milesial(3, 2, 4))
    model = load_weights(saved(theirs, tmp_path / "net.pth", half))
    theirs.load_state_dict(half(theirs.state_dict()))
    picture = torch.rand(1, 3, 33, 20)
    near(model.module()(picture), theirs(picture))


@torch.no_grad()
def test_convolutions_with_a_bias_before_the_norm(tmp_path):
    theirs = randomised(Milesial(3, 2, 4, bilinear=True, bias=True))
    model = load_weights(saved(theirs, tmp_path / "net.pth"))
    picture = torch.rand(1, 3, 33, 20)
    near(model.module()(picture), theirs(picture))


@pytest.mark.parametrize(
    "classes, values, kept, colors",
    [
        (2, [0, 255], (0, 255), ("#000000", "#ffffff")),
        (1, [0, 1], (0, 1), ("#000000", "#ffffff")),
        (3, [[0, 0, 0], [255, 0, 16], [9, 8, 7]], ([0, 0, 0], [255, 0, 16], [9, 8, 7]), ("#000000", "#ff0010", "#090807")),
        (2, [0, 128, 255], (), ("#000000", "#ffffff")),  # one too many: nobody knows which is which
        (2, "abc", (), ("#000000", "#ffffff")),
        (3, torch.tensor([0, 7, 9]), (0, 7, 9), ("#2b2d42", "#3d405b", "#7a5c61")),
    ],
)
def test_mask_values(tmp_path, classes, values, kept, colors):
    theirs = randomised(Milesial(3, classes, 4))
    model = load_weights(saved(theirs, tmp_path / "net.pth", lambda state: {**state, "mask_values": values}))
    assert (model.mask_values, model.colors) == (kept, colors)
    back = Model.from_metadata(model.metadata(), model.state)
    assert back.mask_values == kept
    assert load_weights(saved(theirs, tmp_path / "without.pth")).mask_values == ()


def test_safetensors_of_others(tmp_path):
    from safetensors.torch import save_file

    theirs = randomised(Milesial(3, 2, 4))
    save_file(theirs.state_dict(), tmp_path / "net.safetensors", {"format": "pt"})
    model = load_weights(tmp_path / "net.safetensors")
    assert model.training["origin"] == "milesial/Pytorch-UNet"
    picture = torch.rand(1, 3, 33, 20)
    with torch.no_grad():
        near(model.module()(picture), theirs(picture))


# What is refused.


def refusal(path):
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert error.value.exit_code == 2
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_an_unknown_architecture_says_what_was_found_and_what_is_known(tmp_path):
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 2, 1))
    text = refusal(saved(network, tmp_path / "net.pth"))
    assert "unknown architecture (found 9 tensors of 275 numbers: 0.weight [8, 3, 3, 3], 0.bias [8], 1.weight [8], ...)" in text
    for known in ("milesial/Pytorch-UNet", "3D-to-2D", "U-2-Net", "rotonodes"):
        assert known in text


@pytest.mark.parametrize(
    "content, said",
    [
        ({}, "not a checkpoint (it is empty)"),
        ([], "not a checkpoint (found list)"),
        (torch.zeros(3), "not a checkpoint (found Tensor)"),
        ({"epoch": 3, "loss\nof it": 0.5}, "not a checkpoint (no tensors; found epoch, loss of it)"),
        ({"state_dict": {}}, "not a checkpoint (no tensors; found state_dict)"),
        ({0: torch.zeros(1)}, "not a checkpoint (no tensors; found 0)"),
    ],
)
def test_what_is_no_checkpoint(tmp_path, content, said):
    torch.save(content, tmp_path / "net.pth")
    assert said in refusal(tmp_path / "net.pth")


def without(name):
    return lambda state: {n: t for n, t in state.items() if n != name}


@pytest.mark.parametrize(
    "network, wrap, said",
    [
        (lambda: Milesial(3, 2, 4), without("up2.conv.double_conv.4.bias"), "milesial/Pytorch-UNet, but .*decoder.1.norm2.bias is missing"),
        (lambda: Milesial(3, 2, 4), without("down2.maxpool_conv.1.double_conv.3.weight"), "encoder.2.conv2.weight is missing"),
        (lambda: EarlyMilesial(3, 2, 4), without("up2.conv.conv.4.bias"), "milesial/Pytorch-UNet, but .*decoder.1.norm2.bias is missing"),
        (lambda: EarlyMilesial(3, 2, 4, bilinear=False), without("up1.up.weight"), "milesial/Pytorch-UNet, but .*up.0.weight is missing"),
        (lambda: Milesial(3, 2, 4), lambda s: {**s, "att1.weight": torch.zeros(1)}, "att1.weight is not part of it"),
        (lambda: Milesial(3, 2, 4), lambda s: {**s, "outc.conv.weight": torch.zeros(2)}, "head.weight is .2., not the four sizes"),
        (lambda: ThreeDToTwoD(widths=(4, 8)), without("ups.0.weight"), "3D-to-2D rotoscoping, but .*up.0.weight is missing"),
        (lambda: NestedU(*TINY), without("stage3.rebnconvin.conv_s1.weight"), "U-2-Net, but stage3.rebnconvin.conv_s1.weight is missing"),
        (lambda: NestedU(*TINY), without("side4.bias"), "U-2-Net, but .*side4.bias is missing"),
        (
            lambda: Milesial(3, 2, 4),
            lambda s: {**s, "outc.conv.bias": torch.zeros(2, dtype=torch.int8)},
            "torch.int8: weights must be floats",
        ),
    ],
)
def test_networks_that_are_nearly_known(tmp_path, network, wrap, said):
    assert re.search(said, refusal(saved(network(), tmp_path / "net.pth", wrap)))


class Code(nn.Module):
    pass


def test_a_whole_module_is_refused_in_one_line(tmp_path):
    torch.save(Code(), tmp_path / "net.pth")
    assert "refused: it holds python code" in refusal(tmp_path / "net.pth")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_truncated_file(tmp_path, share, zipped):
    path = saved(Milesial(3, 2, 4), tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "truncated" in refusal(path) or "damaged" in refusal(path)


def test_a_picture_is_no_checkpoint(tmp_path):
    Picture.new("RGB", (8, 8)).save(tmp_path / "net.png")
    (tmp_path / "net.png").rename(tmp_path / "net.pth")
    assert "truncated or not a torch file" in refusal(tmp_path / "net.pth") or "damaged" in refusal(tmp_path / "net.pth")


def test_a_scale_that_leaves_nothing(tmp_path):
    model = load_weights(saved(randomised(Milesial(3, 2, 4)), tmp_path / "net.pth"))
    small = replace(model, preprocessing=replace(model.preprocessing, scale=0.1))
    with pytest.raises(FrameError, match=r"scale 0.1 leaves nothing of a frame of 30x8: use a larger scale"):
        Segmenter(small)(torch.rand(1, 3, 8, 30))
    with pytest.raises(UsageError, match=r"preprocessing: scale is 0: it must be above 0"):
        replace(model.preprocessing, scale=0)


def test_frames_keep_their_exact_greys():
    samples, frame = codes(3, 16, 16)
    assert (linear_to_srgb(frame) - plain(samples)).abs().max() < 1e-6
