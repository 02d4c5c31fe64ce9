"""The U-Net's shapes, sizes and parameter counts."""

import pytest
import torch
from torch.nn import functional as F

from rotonodes.errors import UsageError
from rotonodes.nets.blocks import AttentionGate, Context
from rotonodes.nets.unet import UNet


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_parameter_counts_of_the_known_networks():
    with torch.device("meta"):
        assert parameters(UNet(in_channels=1, classes=5)) == 31_036_741
        assert parameters(UNet(in_channels=3, classes=2, upsampling="bilinear")) == 17_263_042
        assert len(UNet().state_dict()) == 118
        assert len(UNet(upsampling="bilinear").state_dict()) == 110


@pytest.mark.parametrize(
    "config",
    [
        {"width": 4, "depth": 1},
        {"width": 4, "depth": 3, "upsampling": "bilinear"},
        {"widths": (6, 4, 10), "block": "separable"},
        {"widths": (6, 4, 10), "upsampling": "bilinear", "norm": "group"},
        {"widths": [4, 8, 8], "patch": 2},
        {"widths": [4, 8, 8], "patch": 4, "refine": 6},
        {"widths": [4, 8, 8], "patch": 3, "upsampling": "bilinear"},
        {"widths": [4, 8, 8], "attention": True, "dropout": 0.3},
        {"widths": [4, 8, 10], "upsampling": "bilinear", "attention": True, "context": True, "block": "separable"},
        {"widths": [1, 1], "attention": True, "context": True},
        {"widths": [4, 8, 8], "patch": 2, "refine": 4, "context": True, "norm": "group"},
    ],
)
def test_logits_have_the_size_of_the_picture(config):
    network = UNet(in_channels=2, classes=3, **config).eval()
    side = 2 * network.size_multiple
    assert network(torch.rand(2, 2, side, 3 * side)).shape == (2, 3, side, 3 * side)


@pytest.mark.parametrize("count", [1, 2])
def test_gradients_reach_every_weight(count):
    network = UNet(widths=(4, 8, 8), patch=2, refine=4, attention=True, context=True)
    network(torch.rand(count, 3, 24, 40)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_size_that_does_not_divide_is_refused():
    with pytest.raises(UsageError, match=r"24x20, and both must be multiples of 8"):
        UNet(width=4, depth=3)(torch.rand(1, 3, 20, 24))


@pytest.mark.parametrize(
    "config, message",
    [
        ({"norm": "layer"}, "norm 'layer' is not known: use one of batch, group"),
        ({"upsampling": "nearest"}, "upsampling 'nearest' is not known"),
        ({"block": "wide"}, "block 'wide' is not known"),
        ({"depth": 0}, "depth 0 is outside 1 to 8"),
        ({"width": 0}, "widths\\[0\\] is 0"),
        ({"widths": [8]}, "must name 2 to 9 levels"),
        ({"classes": 2.5}, "classes is 2.5: it must be a whole number"),
        ({"patch": 100}, "patch is 100"),
        ({"dropout": 1.0}, "dropout is 1.0: it must be a number from 0 to below 1"),
        ({"dropout": True}, "dropout is True"),
        ({"attention": "yes"}, "attention is 'yes': it must be true or false"),
        ({"context": 1}, "context is 1: it must be true or false"),
    ],
)
def test_wrong_configs_are_refused_in_words(config, message):
    with pytest.raises(UsageError, match=message):
        UNet(**config)


def block_by_hand(x, state, name):
    for i in (1, 2):
        x = F.conv2d(x, state[f"{name}.conv{i}.weight"], padding=1)
        norm = [state[f"{name}.norm{i}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        x = F.relu(F.batch_norm(x, *norm))
    return x


def test_the_plain_network_step_by_step():
    """Names and sums of the networks that weights files hold, written out once more; they may never change."""
    torch.manual_seed(2)
    network = UNet(widths=(4, 8, 6), patch=2, refine=3).train()
    network(torch.rand(4, 3, 32, 32))  # so that the norms are no matter of course
    state, picture = network.eval().state_dict(), torch.rand(1, 3, 16, 24)

    one = block_by_hand(F.pixel_unshuffle(picture, 2), state, "encoder.0")
    two = block_by_hand(F.max_pool2d(one, 2), state, "encoder.1")
    x = block_by_hand(F.max_pool2d(two, 2), state, "bottom")
    for i, skip in enumerate((two, one)):
        x = F.conv_transpose2d(x, state[f"up.{i}.weight"], state[f"up.{i}.bias"], stride=2)
        x = block_by_hand(torch.cat((skip, x), dim=1), state, f"decoder.{i}")
    x = F.pixel_shuffle(F.conv2d(x, state["unfold.weight"], state["unfold.bias"]), 2)
    x = block_by_hand(torch.cat((picture, x), dim=1), state, "refine")
    expected = F.conv2d(x, state["head.weight"], state["head.bias"])
    with torch.no_grad():
        assert torch.equal(network(picture), expected)
    used = {"encoder", "bottom", "up", "decoder", "unfold", "refine", "head"}
    assert {name.split(".")[0] for name in state} == used


def test_options_that_are_off_change_nothing():
    torch.manual_seed(4)
    plain = UNet(widths=(4, 8, 8))
    torch.manual_seed(4)
    off = UNet(widths=(4, 8, 8), dropout=0, attention=False, context=False)
    assert list(plain.state_dict()) == list(off.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(plain.state_dict().values(), off.state_dict().values(), strict=True))


def test_dropout_works_while_training_only_and_has_no_weights():
    torch.manual_seed(4)
    network, picture = UNet(widths=(4, 8, 8), dropout=0.5), torch.rand(2, 3, 16, 16)
    assert list(network.state_dict()) == list(UNet(widths=(4, 8, 8)).state_dict())
    assert not torch.equal(network(picture), network(picture))
    network.eval()
    assert torch.equal(network(picture), network(picture))
    plain = UNet(widths=(4, 8, 8)).eval()
    plain.load_state_dict(network.state_dict())
    assert torch.equal(network(picture), plain(picture))
    network.train()
    with torch.no_grad():
        hidden = network.bottom(torch.rand(4, 8, 6, 6))
    assert (hidden == 0).flatten(2).all(dim=2).float().mean() > 0.2  # whole features


def test_attention_lets_a_share_of_the_skip_through():
    gate, skip = AttentionGate(6, 10), torch.rand(2, 6, 8, 12) + 0.5
    share = gate(skip, torch.rand(2, 10, 4, 6)) / skip
    assert 0 < share.min() < share.max() < 1
    assert torch.allclose(share, share[:, :1].expand_as(share))  # one weight a pixel, for all features
    with torch.no_grad():
        gate.weight.weight.zero_()
        gate.weight.bias.fill_(20)
    assert torch.allclose(gate(skip, torch.rand(2, 10, 4, 6)), skip)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 5), (6, 6), (34, 60)])
def test_context_takes_any_size(size):
    torch.manual_seed(6)
    context = Context(8, "batch").eval()
    x = torch.rand(2, 8, *size)
    made = context(x)
    assert made.shape == x.shape
    assert torch.isfinite(made).all()
    assert torch.allclose(made[:1], context(x[:1]), atol=1e-6)
    assert torch.allclose(context.bfloat16()(x.bfloat16()).float(), made, atol=0.1)


def test_context_reaches_from_corner_to_corner():
    torch.manual_seed(6)
    x = torch.rand(1, 3, 128, 128)
    y = x.clone()
    y[..., :8, :8] = 1
    for context in (False, True):
        network = UNet(widths=(4, 8, 8), context=context).eval()
        reached = (network(x) - network(y))[..., -8:, -8:].abs().max() > 0
        assert bool(reached) == context


def test_context_of_an_even_picture_is_the_same_at_any_size():
    """What a crop says about evenly lit pixels is what a frame of any size says about them."""
    torch.manual_seed(6)
    context, color = Context(8, "batch").eval(), torch.rand(1, 8, 1, 1)
    expected = context(color)
    for size in ((6, 6), (5, 9), (34, 60)):
        assert torch.allclose(context(color.expand(1, 8, *size)), expected.expand(1, 8, *size), atol=1e-5)


@pytest.mark.parametrize("odd", ["zeros", "resize"])
@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
def test_odd_sizes_as_others_take_them(odd, upsampling):
    torch.manual_seed(3)
    network = UNet(widths=(4, 8, 8), upsampling=upsampling, odd=odd).eval()
    plain = UNet(widths=(4, 8, 8), upsampling=upsampling).eval()
    plain.load_state_dict(network.state_dict())
    assert (network.size_multiple, network.smallest) == (1, 4)
    for size in ((4, 4), (5, 7), (11, 30)):
        assert network(torch.rand(1, 3, *size)).shape == (1, 5, *size)
    even = torch.rand(2, 3, 8, 12)
    assert torch.equal(network(even), plain(even))  # where all halves are even there is nothing to fit
    with pytest.raises(UsageError, match=r"the picture is 9x3, and both must be at least 4: pad it first"):
        network(torch.rand(1, 3, 3, 9))


def test_odd_sizes_step_by_step():
    torch.manual_seed(2)
    picture = torch.rand(1, 2, 7, 6)
    for odd in ("zeros", "resize"):
        network = UNet(in_channels=2, classes=3, widths=(4, 6), odd=odd).eval()
        state = network.state_dict()
        skip = block_by_hand(picture, state, "encoder.0")
        x = block_by_hand(F.max_pool2d(skip, 2), state, "bottom")
        x = F.conv_transpose2d(x, state["up.0.weight"], state["up.0.bias"], stride=2)
        assert x.shape[-2:] == (6, 6)
        x = F.pad(x, (0, 0, 0, 1)) if odd == "zeros" else F.interpolate(x, size=(7, 6), mode="bilinear")
        x = block_by_hand(torch.cat((skip, x), dim=1), state, "decoder.0")
        with torch.no_grad():
            assert torch.equal(network(picture), F.conv2d(x, state["head.weight"], state["head.bias"]))


@pytest.mark.parametrize(
    "config, message",
    [
        ({"odd": "crop"}, "odd 'crop' is not known: use one of refuse, zeros, resize"),
        ({"odd": "zeros", "patch": 2}, "odd 'zeros' does not go with patch or attention: take one of them out"),
        ({"odd": "resize", "attention": True}, "odd 'resize' does not go with patch or attention"),
    ],
)
def test_odd_sizes_that_cannot_be(config, message):
    with pytest.raises(UsageError, match=message):
        UNet(widths=(4, 8), **config)


def test_bilinear_gates_and_context_step_by_step():
    """Names and sums of the options, written out once more."""
    torch.manual_seed(2)
    network = UNet(widths=(4, 6, 6), upsampling="bilinear", attention=True, context=True, dropout=0.4).train()
    network(torch.rand(4, 3, 32, 32))
    state, picture = network.eval().state_dict(), torch.rand(1, 3, 16, 24)
    one = block_by_hand(picture, state, "encoder.0")
    two = block_by_hand(F.max_pool2d(one, 2), state, "encoder.1")
    x = context_by_hand(block_by_hand(F.max_pool2d(two, 2), state, "bottom"), state)
    for i, skip in enumerate((two, one)):
        gate = F.conv2d(skip, state[f"gates.{i}.skip.weight"], stride=2)
        gate = F.relu(gate + F.conv2d(x, state[f"gates.{i}.below.weight"], state[f"gates.{i}.below.bias"]))
        gate = torch.sigmoid(F.conv2d(gate, state[f"gates.{i}.weight.weight"], state[f"gates.{i}.weight.bias"]))
        skip = skip * F.interpolate(gate, scale_factor=2, mode="bilinear")
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = block_by_hand(torch.cat((skip, x), dim=1), state, f"decoder.{i}")
    expected = F.conv2d(x, state["head.weight"], state["head.bias"])
    with torch.no_grad():
        assert torch.allclose(network(picture), expected, atol=1e-6)


def context_by_hand(x, state):
    weights = torch.softmax(F.conv2d(x, state["context.weigh.weight"], state["context.weigh.bias"]).flatten(), dim=0)
    whole = (x.flatten(2) * weights).sum(dim=2)[..., None, None]
    around = []
    for i, part in enumerate((whole, F.adaptive_avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 4))):
        projected = F.relu(F.conv2d(part, state[f"context.project.{i}.weight"], state[f"context.project.{i}.bias"]))
        around.append(F.interpolate(projected, size=x.shape[-2:], mode="bilinear"))
    joined = F.conv2d(torch.cat((x, *around), dim=1), state["context.join.conv.weight"])
    norm = [state[f"context.join.norm.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.relu(x + F.batch_norm(joined, *norm))
