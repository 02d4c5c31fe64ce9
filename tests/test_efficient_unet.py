"""The U-Net on an EfficientNet-Lite: its sizes, the published weights, training from them, tiles of large frames."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.errors import UsageError
from rotonodes.nets.efficient_stages import VARIANTS, blocks_of, reach_of_blocks
from rotonodes.nets.efficient_unet import EfficientUNet
from rotonodes.nets.encoder_weights import _their_name, encoder_state
from rotonodes.nets.folding import fold_norms
from rotonodes.nets.frame_tiles import GIGABYTE, frame_bytes, pixels_of, tiles_of
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import build
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.nets.weights import WeightsError
from rotonodes.train.checkpoint import NEWEST
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.loop import train
from test_loop import toy_frames
from test_warm_start import logits, settings, started
from tiny_networks import tiny_model

CONFIG = {"variant": "lite0", "decoder": [8, 8, 8, 8, 4]}


def published(network: EfficientUNet) -> dict[str, torch.Tensor]:
    """Random weights of a classifier under the names of published files, its last convolution and classifier included."""
    torch.manual_seed(7)
    names = {ours: _their_name(ours) for ours in network.state_dict()}
    state = {theirs: torch.randn_like(network.state_dict()[ours].float()) * 0.1 for ours, theirs in names.items() if theirs}
    state |= {name: tensor.abs() + 0.5 for name, tensor in state.items() if name.endswith("running_var")}
    state["_conv_stem.weight"] = torch.randn(32, 3, 3, 3) * 0.1
    return state | {"_conv_head.weight": torch.zeros(1280, 320, 1, 1), "_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "lite0.pth"
    torch.save(published(EfficientUNet(**CONFIG)), path)
    return path


@pytest.mark.parametrize(
    ("variant", "parameters", "blocks"), [("lite0", 4_652_008, 16), ("lite1", 5_416_680, 21), ("lite2", 6_092_072, 21)]
)
def test_the_encoder_is_that_of_the_paper(variant: str, parameters: int, blocks: int) -> None:
    """With the last convolution, its norm and the classifier it has as many parameters as the published models."""
    network = build("efficient_unet", {"variant": variant})
    encoder = sum(tensor.numel() for name, tensor in network.named_parameters() if name.startswith(("stem.", "blocks.")))
    last = list(blocks_of(variant))[-1].outputs
    assert encoder + last * 1280 + 2 * 1280 + 1280 * 1000 + 1000 == parameters
    assert len(list(blocks_of(variant))) == blocks


def test_each_size_is_halved_five_times_and_comes_back() -> None:
    network = EfficientUNet(4, 6, **CONFIG).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 4, 64, 96)).shape == (2, 6, 64, 96)
        assert network(torch.rand(1, 4, 32, 32)).shape == (1, 6, 32, 32)
    assert [list(blocks_of("lite0"))[i].outputs for i in network.skips] == [16, 24, 40, 112]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, "efficient_unet: config {} does not fit: .* 'variant'"),
        ({"variant": "lite"}, "efficient_unet: variant 'lite' is not known"),
        ({"decoder": [8, 8]}, r"efficient_unet: decoder is \[8, 8\]: it must be 5 numbers, from 1/16 to full resolution"),
        ({"decoder": [8, 8, 8, 8, 0]}, r"efficient_unet: decoder\[4\] is 0: it must be a whole number from 1 to 4096"),
        ({"classes": 0}, "efficient_unet: classes is 0: it must be a whole number from 1 to 1024"),
        ({"width": 3}, "efficient_unet: config .* does not fit"),
    ],
)
def test_numbers_out_of_range_are_refused(config: dict, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        build("efficient_unet", config if config == {} else {"variant": "lite0", **config})


def test_odd_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"the picture is 40x64, and both must be multiples of 32: pad it first"):
        EfficientUNet(**CONFIG)(torch.rand(1, 3, 64, 40))


# The published weights.


def test_the_first_convolution_takes_what_the_published_one_takes_normalised() -> None:
    """Away from the frame's edges, whose padding stands for another colour."""
    network = EfficientUNet(5, 6, **CONFIG).eval()
    theirs = published(network)
    network.load_state_dict(encoder_state(theirs, network), strict=False)
    picture = torch.rand(1, 5, 64, 64)
    made = F.conv2d((picture[:, :3] * 255 - 127) / 128, theirs["_conv_stem.weight"], stride=2)
    norm = [theirs[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    wanted = F.relu6(F.batch_norm(made, *norm, eps=1e-3))
    with torch.inference_mode():
        assert torch.allclose(network.stem(picture)[..., :31, :31], wanted, atol=1e-5)


@pytest.mark.parametrize("kernel", [3, 5])
def test_halving_pads_as_tensorflow_does(kernel: int) -> None:
    """TensorFlow's "SAME": of an even side padded by an odd number, the larger half comes last."""
    block = next(i for i, b in enumerate(blocks_of("lite0")) if b.stride == 2 and b.kernel == kernel)
    convolution = EfficientUNet(**CONFIG).blocks[block].depthwise[:2]
    channels = list(blocks_of("lite0"))[block].wide
    picture = torch.rand(1, channels, 16, 16)
    padded = torch.zeros(1, channels, 16 + kernel - 2, 16 + kernel - 2)
    start = (kernel - 2) // 2
    padded[..., start : start + 16, start : start + 16] = picture
    assert torch.equal(convolution(picture), F.conv2d(padded, convolution[1].weight, stride=2, groups=channels))


def test_every_tensor_of_the_encoder_is_loaded() -> None:
    network = EfficientUNet(**CONFIG)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(encoder_state(published(network), network), strict=False)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]) != name.startswith(("stem.", "blocks.")) or name.endswith("tracked"), name


def test_training_starts_from_the_file_and_names_it(file: Path, tmp_path: Path) -> None:
    data = LabelledFrames(toy_frames(4), classes=3)
    told = settings(architecture="efficient_unet", config=CONFIG, encoder_weights=file, ema_decay=0.0, crop=64, batch=2)
    model = train(told, data)
    assert model.training["encoder_weights"] == "lite0.pth"
    network = EfficientUNet(**CONFIG)
    wanted = encoder_state(torch.load(file, weights_only=True), network)
    for name in ("stem.conv.weight", "blocks.9.expand.conv.weight", "blocks.15.project.norm.weight"):
        assert torch.allclose(model.state[name], wanted[name], atol=1e-4)
    fresh = train(settings(architecture="efficient_unet", config=CONFIG, crop=64, batch=2), data)
    assert "encoder_weights" not in fresh.training
    assert not torch.allclose(fresh.state["stem.conv.weight"], model.state["stem.conv.weight"], atol=1e-3)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"preprocessing": Preprocessing(squash=64)}, "begin with R, G, B; without grey, squash and normalise"),
        ({"preprocessing": Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3)}, "begin with R, G, B; without grey, squash and normalise"),
        ({"channels": ("Depth.Z", "R", "G", "B")}, "begin with R, G, B"),
        ({"architecture": "unet", "config": {"widths": [4, 8]}}, "for a new network of architecture efficient_lite0"),
        ({"start_from": Path("a.pt")}, "for a new network"),
    ],
)
def test_what_the_published_weights_do_not_know_is_refused(more: dict, told: str, file: Path) -> None:
    with pytest.raises(UsageError, match=told):
        settings(**{"architecture": "efficient_unet", "config": CONFIG, "encoder_weights": file, **more})


def test_linear_pictures_and_given_networks_are_refused(file: Path) -> None:
    data = LabelledFrames(toy_frames(4), classes=3, encoding="linear")
    told = settings(architecture="efficient_unet", config=CONFIG, encoder_weights=file, crop=64)
    with pytest.raises(UsageError, match="encoder_weights know sRGB, and these frames are linear"):
        train(told, data)
    first = tiny_model("efficient_unet", ("background", "shadow", "light"), config={"in_channels": 3, **CONFIG})
    with pytest.raises(UsageError, match="are for a new network, and here one is given"):
        train(told, LabelledFrames(toy_frames(4), classes=3), initial=first)


def test_a_training_goes_on_where_the_file_has_moved(file: Path, tmp_path: Path) -> None:
    data = LabelledFrames(toy_frames(4), classes=3)
    told = {"architecture": "efficient_unet", "config": CONFIG, "crop": 64, "checkpoint_folder": tmp_path / "run"}
    train(settings(**told, encoder_weights=file), data)
    moved = tmp_path / "other.pth"
    moved.write_bytes(file.read_bytes())
    assert train(settings(**told, encoder_weights=moved, steps=2), data).training["steps"] == 2


def test_a_training_from_other_photographs_is_not_resumed(file: Path, tmp_path: Path) -> None:
    data = LabelledFrames(toy_frames(4), classes=3)
    told = settings(architecture="efficient_unet", config=CONFIG, encoder_weights=file, crop=64, checkpoint_folder=tmp_path / "run")
    train(told, data)
    assert (tmp_path / "run" / NEWEST).exists()
    other = tmp_path / "lite0.pth"
    torch.save(torch.load(file, weights_only=True) | {"_conv_stem.weight": torch.ones(32, 3, 3, 3)}, other)
    with pytest.raises(UsageError, match="was trained with other frames, labels, clips or first weights"):
        train(settings(**{**vars_of(told), "encoder_weights": other}), data)


def vars_of(told: object) -> dict:
    return {name: getattr(told, name) for name in ("architecture", "config", "crop", "checkpoint_folder")}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"_conv_stem.weight": torch.ones(32, 1, 3, 3)}, "are for red, green and blue"),
        ({"_blocks.3._project_conv.weight": torch.ones(3, 3, 1, 1)}, r"_blocks\.3\._project_conv\.weight is \[3, 3, 1, 1\] where"),
        ({"_blocks.15._bn2.bias": None}, r"_blocks\.15\._bn2\.bias is missing"),
        ({"epoch": 3}, "not the tensors of a network alone"),
    ],
)
def test_a_file_of_another_network_is_refused_by_name(change: dict, told: str, file: Path, tmp_path: Path) -> None:
    state = torch.load(file, weights_only=True)
    state.update({name: value for name, value in change.items() if value is not None})
    state = {name: value for name, value in state.items() if change.get(name, 0) is not None}
    torch.save(state, tmp_path / "odd.pth")
    data = LabelledFrames(toy_frames(4), classes=3)
    with pytest.raises(WeightsError, match=rf"odd\.pth: .*{told}"):
        train(settings(architecture="efficient_unet", config=CONFIG, encoder_weights=tmp_path / "odd.pth", crop=64), data)


# What holds for the other networks.


def test_folding_the_norms_changes_nothing() -> None:
    model = tiny_model("efficient_unet", config={"in_channels": 3, **CONFIG})
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        folded = fold_norms(model.module())(picture)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fold_norms(model.module()).modules())
        assert torch.allclose(folded, model.module()(picture), atol=1e-4)


@pytest.mark.parametrize("at", [3, 1, 0])
def test_more_channels_and_classes_keep_what_was_learned(at: int) -> None:
    """Wherever the new channel stands: those that the weights know are found by their names."""

    def with_depth(picture: Tensor, depth: Tensor) -> Tensor:
        return torch.cat((picture[..., :at, :, :], depth, picture[..., at:, :, :]), dim=-3)

    channels = (*"RGB"[:at], "Depth.Z", *"RGB"[at:])
    frames = ((n, with_depth(picture, picture[:1]), labels) for n, picture, labels in toy_frames(4))
    data = LabelledFrames(frames, classes=3, channels=channels, encodings={"Depth.Z": "raw"})
    first = tiny_model("efficient_unet", ("background", "shadow"), config={"in_channels": 3, **CONFIG})
    told = settings(architecture="efficient_unet", config=CONFIG, channels=channels, crop=64, ema_decay=0.0)
    made, warned = started(told, data, first)
    assert [line.split(": ")[-1] for line in warned] == ["added with weight 0", "these start with fresh weights, all others are kept"]
    made.state.update({name: tensor for name, tensor in first.state.items() if "running" in name or "num_batches" in name})
    picture = torch.rand(1, 3, 64, 64)
    wide = with_depth(picture, torch.rand(1, 1, 64, 64))
    assert torch.allclose(logits(made, wide)[:, :2], logits(first, picture), atol=1e-2)


@pytest.mark.parametrize("variant", ["lite0", "lite2"])
def test_the_reach_is_a_bound(variant: str) -> None:
    """One pixel that is changed changes no logit farther away than that."""
    config = {"in_channels": 3, "classes": 5, "variant": variant, "decoder": [4, 4, 4, 4, 4]}
    network = Segmenter(tiny_model("efficient_unet", config=config), precision="float32")
    reach = reach_of_blocks(variant)
    side = 2 * reach + 64
    side += -side % 32
    frame = torch.rand(1, 3, 32, side)
    for at in (side // 2, side // 2 + 9, side // 2 + 31):
        other = frame.clone()
        other[..., 9, at] = 40.0
        changed = (network._logits(frame) != network._logits(other)).any(dim=1)[0].any(dim=0).nonzero()
        assert len(changed)
        assert reach / 4 < int((changed - at).abs().max()) <= reach


def test_tiles_make_what_the_whole_frame_makes() -> None:
    model = tiny_model("efficient_unet", config={"in_channels": 3, **CONFIG})
    height, width = 64, 5 * reach_of_blocks("lite0")
    limit = frame_bytes(model.config, height * width * 4 // 5) / GIGABYTE
    tiles = tiles_of(width, height, "efficient_unet", model.config, limit)
    assert len(tiles) > 1
    assert sum(pixels_of(*tile.kept) for tile in tiles) == width * height
    frame = torch.rand(1, 3, height, width)
    cut = Segmenter(model, precision="float32", limit=limit)(frame)
    # Depthwise convolutions add up in an order that depends on the width; probabilities are rounded to half precision.
    assert torch.allclose(cut, Segmenter(model, precision="float32")(frame), atol=1e-3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_built(variant: str) -> None:
    with torch.device("meta"):
        assert build("efficient_unet", {"variant": variant})(torch.rand(1, 3, 32, 64, device="meta")).shape == (1, 5, 32, 64)
