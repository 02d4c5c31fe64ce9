"""Segmenting frames: any size, any value, the same answer however the work is cut."""

import copy
import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.rectangle import cut_out
from rotonodes.io.samples import decode
from rotonodes.nets import encode as encoding
from rotonodes.nets.blocks import half_size
from rotonodes.nets.encode import channel_encoding, channel_indices, encode, grey, mirror, pad, preprocess
from rotonodes.nets.folding import (
    Activated,
    Bordered,
    FoldPixels,
    Pointwise,
    SpreadPixels,
    can_fuse,
    fold_norms,
    fuse_activations,
    keep_pixels_together,
    use_onednn,
)
from rotonodes.nets.inference import Segmenter, stretched
from rotonodes.nets.model import Model, build
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import UNetSegment
from rotonodes.values.pixels import Batch, Box, Image
from rotonodes.values.tones import largest_plane

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


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), threads=st.sampled_from([1, 2]), seed=st.integers(0, 99))
def test_an_8_bit_picture_is_encoded_by_a_table_to_the_same_bits(height, width, threads, seed):
    picture = decode(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8), "srgb")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        plain = encode(picture.data, "srgb")
    finally:
        torch.set_num_threads(before)
    assert torch.equal(encode(picture.data, "srgb", codes=picture.codes.samples), plain)


SIGHTS = {  # what of these a network sees of an 8-bit picture comes from its codes
    "srgb": ({}, True),
    "linear": ({"encoding": "linear"}, False),
    "one linear": ({"encodings": {"G": "linear"}}, False),
    "peak": ({"preprocessing": Preprocessing(peak=True, mean=(0.4,) * 3, std=(0.2,) * 3)}, True),
    "smaller": ({"preprocessing": Preprocessing(scale=0.5)}, True),
    "with a shape": ({"channels": ("R", "G", "B", "Shape"), "encodings": {"Shape": "raw"}, "optional": ("Shape",)}, True),
    "grey": ({"channels": ("Y",), "preprocessing": Preprocessing(grey=True)}, False),
}


@pytest.mark.parametrize("sight", SIGHTS)
def test_a_network_makes_the_same_of_codes_and_of_their_values(sight, monkeypatch):
    more, by_table = SIGHTS[sight]
    channels = len(more.get("channels", "RGB"))
    torch.manual_seed(5)
    config = {"in_channels": channels, "classes": 3, "widths": [4, 8]}
    network = build("unet", config)
    known = Model(
        "unet", config, ("a", "b", "c"), ("#000000",) * 3, size_multiple=network.size_multiple, state=network.state_dict(), **more
    )
    random = np.random.default_rng(1)
    picture = cut_out(decode(random.integers(0, 256, (30, 44, 3), np.uint8), "srgb"), Box(3, 2, 36, 25))
    encoding._seen_of_codes()  # the table, made with what is watched from here on
    seen, plane = [], encoding._encode_plane
    monkeypatch.setattr(encoding, "_encode_plane", lambda values, kind, *rest: seen.append(kind) or plane(values, kind, *rest))
    made = UNetSegment()(picture, model=known)
    assert ("srgb" not in seen) == (by_table or sight == "linear"), "colour comes from the table, or from the linear values"
    others = [replace(picture, data=picture.data.clone(), encoded=None), Image(picture.data)]
    assert others[1].codes is None
    for other in others:
        assert torch.equal(UNetSegment()(other, model=known).probabilities.data, made.probabilities.data)
    dark = Batch.of([picture]).with_data(picture.data[None] * 0.1)
    assert torch.equal(
        UNetSegment()(dark, model=known).probabilities.data, UNetSegment()(dark.split()[0], model=known).probabilities.data[None]
    )
    assert not torch.equal(UNetSegment()(dark, model=known).probabilities.data[0], made.probabilities.data), "its own pixels"
    for kind in ("uint16", "float16"):  # these have other codes
        stored = (random.random((21, 18, 3)) * (60000 if kind == "uint16" else 1)).astype(kind)
        other = decode(stored, "srgb" if kind == "uint16" else "linear")
        assert torch.equal(
            UNetSegment()(other, model=known).probabilities.data, UNetSegment()(Image(other.data), model=known).probabilities.data
        )


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
    for seen in (picture, picture.to(memory_format=torch.channels_last)):
        assert torch.allclose(network(seen), plain(seen), atol=1e-5)


@pytest.mark.parametrize("refine", [0, 5])
@pytest.mark.parametrize(("patch", "block"), [(2, "standard"), (3, "standard"), (4, "standard"), (2, "separable")])
@torch.no_grad()
def test_a_network_whose_pixels_stay_together_answers_the_same(patch, block, refine):
    torch.manual_seed(9)
    config = {"in_channels": 3, "classes": 4, "widths": [4, 6, 8], "patch": patch, "refine": refine, "block": block}
    network = fold_norms(build("unet", config).eval().double())
    plain, picture = copy.deepcopy(network), torch.rand(2, 3, 8 * patch, 12 * patch).double()
    assert keep_pixels_together(network) is network
    replaced = isinstance(network.fold, FoldPixels) and isinstance(network.spread, SpreadPixels)
    assert replaced == (block == "standard")
    for seen in (picture, picture.to(memory_format=torch.channels_last)):
        assert torch.allclose(network(seen), plain(seen), rtol=0, atol=1e-12)


def test_on_the_cpu_bfloat16_keeps_pixels_together():
    config = {"in_channels": 3, "classes": 3, "widths": [8, 8], "patch": 2}
    state = build("unet", config).state_dict()
    patched = Model("unet", config, ("a", "b", "c"), ("#000000",) * 3, size_multiple=4, state=state)
    assert isinstance(Segmenter(patched, precision="bfloat16").network.fold, FoldPixels)
    assert not isinstance(Segmenter(patched).network.fold, FoldPixels)


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


@pytest.mark.parametrize("upright", [False, True])
def test_tiles_are_blended_in_proportion_where_they_overlap(model, monkeypatch, upright):
    """Three of them, the last flush with the edge; each gives its number, so that the blend is all there is to see."""
    segmenter = Segmenter(model, tile=32, overlap=8)
    numbers = itertools.count()
    monkeypatch.setattr(segmenter, "_whole", lambda shown, size: torch.full((1, 3, *size), next(numbers) / 2))
    made = segmenter(torch.zeros(1, 3, *((74, 32) if upright else (32, 74))))[0, 0]
    line = made[:, 5] if upright else made[5]
    assert torch.equal(made, (line[:, None] if upright else line[None]).expand_as(made))
    rising = (torch.arange(8) + 0.5) / 8 / 2
    third = 42  # tiles begin at 0, 24 and 42
    place = torch.arange(14) + 0.5  # where the second and the third overlap, by 14: each has the weight of its own ramp
    one, other = ((32 - 18 - place) / 8).clamp(max=1), (place / 8).clamp(max=1)
    wanted = torch.cat([torch.zeros(24), rising, torch.full((10,), 0.5), (0.5 * one + other) / (one + other), torch.ones(18)])
    assert torch.allclose(line, wanted, atol=1e-3) and len(wanted) == third + 32


@pytest.mark.parametrize(("tile", "batch"), [(0, 1), (64, 1), (0, 2)])
def test_a_frame_too_large_for_the_device_is_refused(model, monkeypatch, tile, batch):
    """Never made in smaller tiles or elsewhere: the same frame would have other pixels on a device with more memory, under the same key."""
    frames, segmenter = torch.rand(batch, 3, 120, 60), Segmenter(model, tile=tile, overlap=8)
    expected, forward = segmenter(frames), segmenter.network.forward

    def short_of_memory(x):
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(segmenter.network, "forward", short_of_memory)
    with pytest.raises(torch.OutOfMemoryError):
        segmenter(frames)
    monkeypatch.setattr(segmenter.network, "forward", forward)
    assert torch.equal(segmenter(frames), expected), "what failed before changes nothing"


def test_a_compiled_network_answers_like_the_network(model, monkeypatch):
    """With another backend than a run's, which takes minutes and a compiler: what is compiled is the same."""
    sizes, compile_ = [], torch.compile

    def backend(graph, inputs):
        sizes.append(tuple(next(value for value in inputs if value.dim() == 4 and value.shape[1] == 3).shape))
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda network, **options: compile_(network, backend=backend, **options))
    compiled, plain = Segmenter(model, compiles=True), Segmenter(model)
    for size in ((40, 56), (40, 56), (33, 70)):
        frame = torch.rand(1, 3, *size)
        assert torch.allclose(compiled(frame), plain(frame), atol=2e-3)
    assert len(sizes) == 2, "once for each size"


def test_where_nothing_can_be_compiled(model, monkeypatch):
    compile_ = torch.compile

    def backend(graph, inputs):
        raise RuntimeError("no C++ compiler was found")

    monkeypatch.setattr(torch, "compile", lambda network, **options: compile_(network, backend=backend, **options))
    with pytest.raises(UsageError, match=r"compile: torch cannot compile the network here .*no C.. compiler was found.*: take compile out"):
        Segmenter(model, compiles=True)(torch.rand(1, 3, 16, 16))


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


def test_srgb_is_exact_to_a_float():
    linear = torch.cat([torch.linspace(0, 1, 200_001), torch.logspace(-8, 0, 10_001)])[None, None]
    exact = linear.double()
    exact = torch.where(exact <= 0.0031308, 12.92 * exact, 1.055 * exact ** (1 / 2.4) - 0.055)
    assert (encode(linear, "srgb") - exact).abs().max() < 2e-7
    assert encode(torch.zeros(1, 1, 1), "srgb").item() == 0


@given(st.lists(st.sampled_from(["srgb", "linear", "raw", "depth"]), min_size=1, max_size=5), st.integers(0, 2**31))
def test_each_channel_is_encoded_by_itself(kinds, seed):
    """In any company, in any batch, from any layout of memory; the input stays as it was."""
    frames = torch.randn(2, len(kinds), 3, 5, generator=torch.Generator().manual_seed(seed)) * 3
    frames[0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    kept, names = frames.clone(), [f"KeyLight.{i}" if i % 2 else f"Normal.{i}" for i in range(len(kinds))]
    made = encode(frames, kinds, names)
    assert torch.equal(frames.nan_to_num(7), kept.nan_to_num(7))
    assert made.dtype == torch.float32 and made.isfinite().all()
    assert torch.equal(encode(frames.to(memory_format=torch.channels_last), kinds, names), made)
    for n, i in itertools.product(range(2), range(len(kinds))):
        assert torch.allclose(encode(frames[n, i : i + 1], kinds[i], names[i : i + 1]), made[n, i : i + 1], rtol=0, atol=2e-7)


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


# Answers that are no choice of one class, and pictures as other networks see them.


def of_parts(maps, activation="sigmoid", **more):
    torch.manual_seed(4)
    config = {"in_channels": 3, "classes": maps, "widths": [8, 8]}
    classes = ("background", *(f"part{i}" for i in range(maps)))
    state = build("unet", config).state_dict()
    return Model("unet", config, classes, ("#000000",) * len(classes), activation=activation, size_multiple=2, state=state, **more)


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("maps", [1, 3])
def test_parts_may_overlap_and_the_first_class_is_what_they_leave(maps, tile):
    model, frames = of_parts(maps), torch.rand(2, 3, 20, 30)
    made = Segmenter(model, tile=tile, overlap=4)(frames)
    assert made.shape == (2, maps + 1, 20, 30)
    assert torch.allclose(made[:, 0], 1 - made[:, 1:].amax(1), atol=0.1 if tile else 1e-6)
    if not tile:
        with torch.no_grad():
            expected = torch.sigmoid(model.module()(encode(frames, "srgb")))
        assert torch.allclose(made[:, 1:], expected, atol=1e-6)  # as fine as they are, not rounded to half precision
        assert not torch.equal(made.half().float(), made)
    assert torch.equal(Segmenter(model, tile=tile, overlap=4).matte(frames), 1 - made[:, :1])
    if maps == 1:
        assert torch.allclose(made.sum(1), torch.ones(2, 20, 30))


def test_stretched_answers_reach_from_0_to_1_in_each_frame():
    frames = torch.rand(3, 3, 20, 30) * torch.tensor([1.0, 0.3, 0.1]).view(3, 1, 1, 1)
    made = Segmenter(of_parts(1, "minmax")).matte(frames)
    assert made.shape == (3, 1, 20, 30)
    for matte in made:
        assert (matte.min(), matte.max()) == (0, 1)


def test_what_is_flat_is_stretched_to_nothing():
    maps = torch.tensor([[[2.0, 4.0], [3.0, 2.5]], [[0.7, 0.7], [0.7, 0.7]]])
    assert stretched(maps).tolist() == [[[0, 1], [0.5, 0.25]], [[0, 0], [0, 0]]]


def test_a_squashed_frame_is_never_cut_into_tiles(monkeypatch):
    model, frames = of_parts(1, preprocessing=Preprocessing(squash=16)), torch.rand(1, 3, 200, 90)
    segmenter = Segmenter(model, tile=32, overlap=8)
    seen, run = [], segmenter.network.forward
    monkeypatch.setattr(segmenter.network, "forward", lambda x: seen.append(tuple(x.shape)) or run(x))
    made = segmenter(frames)
    assert (seen, made.shape) == ([(1, 3, 16, 16)], (1, 2, 200, 90))

    def short_of_memory(x):
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(segmenter.network, "forward", short_of_memory)
    with pytest.raises(torch.OutOfMemoryError):
        segmenter(frames)


def test_tiles_of_a_scaled_frame():
    model, frames = of_parts(2, preprocessing=Preprocessing(scale=0.5)), torch.rand(1, 3, 100, 141)
    whole, tiled = Segmenter(model)(frames), Segmenter(model, tile=32, overlap=8)(frames)
    assert whole.shape == tiled.shape == (1, 3, 100, 141)
    assert (whole - tiled).abs().max() < 0.1


def test_a_network_with_another_number_of_maps_than_classes():
    model = of_parts(3)
    with pytest.raises(UsageError, match=r"gives 3 maps, but 4 classes by softmax need 4: name them anew"):
        Segmenter(replace(model, activation="softmax"))(torch.rand(1, 3, 4, 4))


def test_peaks_are_those_of_each_frame():
    pictures = torch.stack([torch.full((3, 2, 2), 0.5), torch.zeros(3, 2, 2)])
    pictures[0, 1, 0, 0] = 0.8
    seen = preprocess(pictures, Preprocessing(peak=True, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.25)), ("srgb",) * 3)
    assert seen[0, 1, 0, 0] == 1
    assert torch.allclose(seen[0, 0], torch.full((2, 2), (0.5 / 0.8 - 0.5) / 0.5))
    assert torch.allclose(seen[1, 2], torch.full((2, 2), -2.0))


def test_scaling_vectors_and_depths_rounds_nothing():
    pictures = torch.linspace(-40, 40, 64).view(1, 1, 8, 8)
    seen = preprocess(pictures, Preprocessing(scale=0.5), ("raw",))
    assert seen.shape == (1, 1, 4, 4)
    assert seen.min() < -30
    assert torch.allclose(seen.mean(), pictures.mean(), atol=1e-4)


def test_grey_is_a_whole_code():
    colors = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0.2, 0.2, 0.2]]).T.view(3, 1, 5)
    assert (grey(colors) * 255).flatten().tolist() == pytest.approx([76, 150, 29, 255, 51])


def test_padding_to_the_smallest_size():
    assert pad(torch.rand(1, 3, 2, 40), 1, 16).shape == (1, 3, 16, 40)
    assert pad(torch.rand(1, 3, 17, 16), 1, 16).shape == (1, 3, 17, 16)


@pytest.mark.parametrize(
    "channels, seen_as_grey, have, expected",
    [
        (("R", "G", "B"), False, ("R", "G", "B", "A"), [0, 1, 2]),
        (("R", "G", "B"), False, ("A", "B", "G", "R"), [3, 2, 1]),
        (("R", "G", "B"), False, ("Y", "A"), [0, 0, 0]),
        (("Y",), True, ("R", "G", "B", "A"), [0, 1, 2]),
        (("Y",), True, ("Y", "A"), [0]),
        (("Y",), False, ("R", "G", "B"), "sees Y, but the picture has R G B: link one with Y, or take"),
        (("Normal.X",), False, ("R", "G", "B"), r"link one with Normal.X .StackPasses makes them of a render's passes., or"),
    ],
)
def test_which_planes_a_network_sees(channels, seen_as_grey, have, expected):
    model = Model("unet", {}, ("a", "b"), ("#000000",) * 2, channels=channels, preprocessing=Preprocessing(grey=seen_as_grey))
    if isinstance(expected, list):
        assert channel_indices(model, have) == expected
        return
    with pytest.raises(FrameError, match=expected):
        channel_indices(model, have)


PASSES = ("R", "G", "B", "DiffDir.R", "DiffDir.G", "DiffDir.B", "Normal.X", "Normal.Y", "Normal.Z", "KeyLight.Gloss", "Position.X")


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 6e4, -6e4])
def test_one_bad_pixel_of_a_raw_channel_is_bounded_by_what_the_channel_means(value):
    """Infinity and NaN are 0; a firefly is at most six stops brighter than sunlit white, a normal no longer than two."""
    planes = torch.rand(1, len(PASSES), 4, 4)
    bad = planes.clone()
    bad[..., 1, 2] = value
    kinds = [channel_encoding(name, "srgb" if len(name) == 1 else "raw") for name in PASSES]
    good, seen = encode(planes, kinds, PASSES), encode(bad, kinds, PASSES)
    elsewhere = torch.ones(4, 4, dtype=torch.bool)
    elsewhere[1, 2] = False
    assert torch.equal(good[..., elsewhere], seen[..., elsewhere])
    limits = torch.tensor([1.0] * 3 + [64.0] * 3 + [2.0] * 3 + [64.0, 65504.0])
    assert (seen[0, :, 1, 2].abs() <= limits).all()
    assert math.isfinite(value) or not seen[0, 3:, 1, 2].any()


@pytest.mark.parametrize("channel", ["DiffDir.R", "Normal.X", "KeyLight.Lit"])
@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_one_infinite_pixel_changes_few_labels_of_the_shipped_weights(channel, value):
    """As a pixel of 0 does, not a quarter of the frame."""
    network = load_weights(Path(__file__).parent.parent / "weights/tones_passes.safetensors")
    frames = torch.rand(1, len(network.channels), 96, 96, generator=torch.Generator().manual_seed(0))
    bad, nothing = frames.clone(), frames.clone()
    at = network.channels.index(channel)
    bad[0, at, 40, 50], nothing[0, at, 40, 50] = value, 0
    segmenter = Segmenter(network)
    assert torch.equal(segmenter(bad), segmenter(nothing))


@pytest.mark.skipif(not can_fuse(), reason="this torch or this processor has no fused convolutions in bfloat16")
@pytest.mark.parametrize("size", [(1, 1), (32, 64), (67, 45)])
@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("unet", FULL),
        ("unet", {**FULL, "block": "separable"}),
        ("u2net", {"variant": "u2netp"}),
        ("efficient_unet", {"variant": "lite0", "in_channels": 3, "classes": 5}),
    ],
)
@torch.no_grad()
def test_activations_within_convolutions_change_no_bit(architecture, config, size):
    torch.manual_seed(8)
    network = fold_norms(build(architecture, config).eval()).bfloat16().to(memory_format=torch.channels_last)
    multiple = int(network.size_multiple)
    height, width = (max(side + -side % multiple, network.smallest if hasattr(network, "smallest") else 1) for side in size)
    picture = torch.rand(1, 3, height, width).bfloat16().to(memory_format=torch.channels_last)
    plain, fused = copy.deepcopy(network), fuse_activations(network)
    left = [m for m in fused.modules() if isinstance(m, torch.nn.ReLU | torch.nn.ReLU6 | torch.nn.ZeroPad2d)]
    assert (left, any(isinstance(m, Activated) for m in fused.modules())) == ([], True)
    found, wanted = ([*made] if isinstance(made, tuple) else [made] for made in (fused(picture), plain(picture)))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.skipif(not can_fuse(), reason="this torch or this processor has no fused convolutions in bfloat16")
def test_a_segmenter_in_bfloat16_has_its_activations_within_convolutions(model):
    def layers(precision):
        return [type(layer) for layer in Segmenter(model, precision=precision).network.modules()]

    assert Activated in layers("bfloat16") and torch.nn.ReLU not in layers("bfloat16")
    assert Activated not in layers("float32")


def test_a_network_is_made_without_random_numbers(model):
    before = torch.get_rng_state()
    network = model.module()
    assert torch.equal(torch.get_rng_state(), before)
    held = network.state_dict()
    assert all(torch.equal(held[name], tensor) and held[name] is not tensor for name, tensor in model.state.items())
    assert not any(held[name].data_ptr() == tensor.data_ptr() for name, tensor in model.state.items()), "a copy, which may be folded"


@pytest.mark.parametrize("padding", [(0, 1, 0, 1), (1, 2, 1, 2), (0, 0, 3, 0)])
def test_a_border_of_zeros_is_that_of_torch(padding):
    picture = torch.rand(2, 3, 7, 5)
    assert torch.equal(Bordered(torch.nn.ZeroPad2d(padding))(picture), torch.nn.ZeroPad2d(padding)(picture))


@given(seed=st.integers(0, 1000), dim=st.integers(0, 1), ties=st.booleans())
def test_the_largest_plane_is_that_of_argmax(seed, dim, ties):
    planes = torch.rand(4, 5, 6, 7, generator=torch.Generator().manual_seed(seed))
    planes = (planes * 3).round() if ties else planes
    planes[1, 2, 3, 4] = float("nan")
    assert torch.equal(largest_plane(planes, dim), planes.argmax(dim))
    assert torch.equal(largest_plane(planes, dim, keepdim=True), planes.argmax(dim, keepdim=True))


@given(size=st.tuples(st.integers(2, 9), st.integers(2, 9)), ceil_mode=st.booleans(), grad=st.booleans())
def test_half_the_size_is_that_of_torch(size, ceil_mode, grad):
    picture = torch.rand(2, 3, *size).bfloat16().to(memory_format=torch.channels_last)
    with torch.set_grad_enabled(grad):
        made = half_size(picture, ceil_mode=ceil_mode)
    assert torch.equal(made, torch.nn.functional.max_pool2d(picture, 2, ceil_mode=ceil_mode))
