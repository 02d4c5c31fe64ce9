"""The U-Net's shapes, sizes and parameter counts."""

import pytest
import torch

from rotonodes.errors import UsageError
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
    ],
)
def test_logits_have_the_size_of_the_picture(config):
    network = UNet(in_channels=2, classes=3, **config).eval()
    side = 2 * network.size_multiple
    assert network(torch.rand(2, 2, side, 3 * side)).shape == (2, 3, side, 3 * side)


def test_gradients_reach_every_weight():
    network = UNet(widths=(4, 8, 8), patch=2, refine=4)
    network(torch.rand(2, 3, 16, 16)).square().sum().backward()
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
    ],
)
def test_wrong_configs_are_refused_in_words(config, message):
    with pytest.raises(UsageError, match=message):
        UNet(**config)
