"""U-2-Net's sizes, names and options; its sums are tested against a plain one in test_third_party."""

import pytest
import torch

from rotonodes.errors import UsageError
from rotonodes.nets.folding import fold_norms
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import Model, build
from rotonodes.nets.u2net import VARIANTS, U2Net
from rotonodes.nets.weights import load_weights, save_weights

STAGES = [[4, 8]] * 6 + [[3, 8]] * 5


@pytest.mark.parametrize("variant, numbers", [("u2net", 44_009_869), ("u2netp", 1_131_181)])
def test_the_published_networks(variant, numbers):
    with torch.device("meta"):
        network = U2Net(variant)
    assert sum(p.numel() for p in network.parameters()) == numbers
    names = list(network.state_dict())
    assert len(names) == 798
    assert (names[0], names[-1]) == ("stage1.rebnconvin.conv_s1.weight", "outconv.bias")
    for name in ("stage4.rebnconv3d.bn_s1.running_var", "stage5d.rebnconv1d.bn_s1.num_batches_tracked", "side6.weight"):
        assert name in names
    with torch.device("meta"):
        assert list(U2Net(stages=VARIANTS[variant]).state_dict()) == names


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (37, 53), (64, 64)])
def test_seven_maps_of_any_size(size):
    torch.manual_seed(1)
    maps = U2Net(in_channels=2, classes=3, stages=STAGES).eval()(torch.rand(2, 2, *size))
    assert [tuple(m.shape) for m in maps] == [(2, 3, *size)] * 7


def test_gradients_reach_every_weight():
    torch.manual_seed(1)
    network = U2Net(stages=STAGES)
    torch.stack(network(torch.rand(2, 3, 40, 48))).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_without_gradients_sums_are_made_in_place_and_are_the_same():
    torch.manual_seed(1)
    network, picture = U2Net(stages=STAGES).eval(), torch.rand(1, 3, 40, 48)
    before = picture.clone()
    last, sums = [], []
    network.stage3.rebnconv1d.register_forward_hook(lambda block, given, made: last.append(made.data_ptr()))
    network.stage3.register_forward_hook(lambda block, given, made: sums.append(made.data_ptr()))
    with torch.no_grad():
        quick = network(picture)
    assert sums == last and sums
    assert all(torch.equal(one, other) for one, other in zip(quick, network(picture), strict=True))
    assert torch.equal(picture, before)


def test_every_batch_norm_is_folded():
    torch.manual_seed(1)
    network = U2Net(stages=STAGES).train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(2, 3, 32, 32))
    picture = torch.rand(1, 3, 33, 20)
    with torch.no_grad():
        expected = network.eval()(picture)[0]
        folded = fold_norms(network)
        assert torch.allclose(folded(picture)[0], expected, atol=1e-5)
    assert not [module for module in folded.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_one_of_our_own_comes_back_from_its_file(tmp_path):
    torch.manual_seed(1)
    config = {"in_channels": 3, "classes": 1, "stages": STAGES}
    state = build("u2net", config).state_dict()
    model = Model("u2net", config, ("background", "shape"), ("#000000", "#ffffff"), activation="sigmoid", state=state)
    save_weights(model, tmp_path / "net.safetensors", "float32")
    back = load_weights(tmp_path / "net.safetensors")
    assert back.metadata() == model.metadata()
    frames = torch.rand(2, 3, 21, 34)
    made = Segmenter(back)(frames)
    assert torch.equal(made, Segmenter(model)(frames))
    assert made.shape == (2, 2, 21, 34)  # the fused map, and what it leaves
    assert torch.allclose(made.sum(1), torch.ones(2, 21, 34))


@pytest.mark.parametrize(
    "config, message",
    [
        ({"variant": "u2nett"}, r"variant 'u2nett' is not known .did you mean 'u2net'"),
        ({"stages": [[4, 8]] * 10}, r"give 11 pairs .middle, output., stage1 to stage6 and stage5d to stage1d"),
        ({"stages": [[4, 8, 8]] * 11}, r"give 11 pairs"),
        ({"stages": [[4, 0]] * 11}, r"stages.0..1. is 0: it must be a whole number from 1 to 4096"),
        ({"classes": True}, r"classes is True"),
        ({"in_channels": 1.5}, r"in_channels is 1.5"),
    ],
)
def test_wrong_configs_are_refused_in_words(config, message):
    with pytest.raises(UsageError, match=message):
        U2Net(**config)
