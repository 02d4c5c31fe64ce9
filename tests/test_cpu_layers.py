"""Layers that train faster on a CPU: the results and gradients of torch's own, on any shape, and the same training."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rotonodes.nets.model import build
from rotonodes.train import resume
from rotonodes.train.cpu_layers import DepthwiseConv, NarrowBatchNorm, _pixels_together, quicken
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.distributed import process_group
from rotonodes.train.loop import train
from rotonodes.train.settings import TrainSettings
from test_loop import CLASSES, toy_frames

ROUNDING = {torch.float32: 2e-4, torch.bfloat16: 0.03}  # of values around 1


def noise(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return made.to(dtype).to(memory_format=torch.channels_last) if len(shape) == 4 else made


def with_gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """What a layer gives, and the gradients of its input and parameters, for given gradients of its output."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    made = layer(x)
    made.backward(noise(*made.shape, dtype=made.dtype, seed=1))
    assert x.grad is not None
    return [made.detach(), x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]


def close(found: list[Tensor], expected: list[Tensor], error: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        torch.testing.assert_close(one.double(), other.double(), rtol=error, atol=error * max(1.0, float(other.double().abs().max())))


@settings(deadline=None)
@given(
    count=st.integers(1, 4),
    features=st.integers(1, 31),
    height=st.integers(1, 9),
    width=st.integers(2, 16),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    momentum=st.sampled_from([0.1, None]),
    far=st.sampled_from([0.0, 5.0]),
)
def test_a_narrow_norm_is_a_batch_norm(
    count: int, features: int, height: int, width: int, dtype: torch.dtype, momentum: float | None, far: float
) -> None:
    plain = nn.BatchNorm2d(features, momentum=momentum)
    plain.weight.data, plain.bias.data = noise(features, seed=2), noise(features, seed=3)
    narrow = copy.deepcopy(plain)
    narrow.__class__ = NarrowBatchNorm
    x = noise(count, features, height, width, dtype=dtype) + far
    if dtype == torch.bfloat16:  # the exact answer for what was rounded: torch's own is rounded at other places
        exact = with_gradients(copy.deepcopy(plain), x.float())
        exact = [exact[0].to(dtype), exact[1].to(dtype), *exact[2:]]
        plain(x)
    else:
        exact = with_gradients(plain, x)
    close(with_gradients(narrow, x), exact, ROUNDING[dtype])
    for name, statistic in plain.state_dict().items():
        torch.testing.assert_close(narrow.state_dict()[name], statistic, rtol=1e-3, atol=1e-4)
    assert torch.equal(narrow.eval()(x), nn.BatchNorm2d.forward(narrow, x))


@pytest.mark.parametrize(("features", "pixels", "together"), [(12, 8 * 224 * 224, 16), (8, 64, 8), (12, 6, 1), (1, 32, 32), (7, 48, 16)])
def test_pixels_are_taken_together_so_that_rows_are_full(features: int, pixels: int, together: int) -> None:
    assert _pixels_together(noise(1, features, 1, pixels)) == together


def test_other_layouts_go_torchs_way() -> None:
    assert _pixels_together(torch.zeros(2, 12, 8, 8)) == 1
    x = torch.randn(2, 12, 8, 8)
    norm, narrow = nn.BatchNorm2d(12), NarrowBatchNorm(12)
    assert torch.equal(norm(x), narrow(x))


def test_a_relu_may_write_into_what_the_norm_gives() -> None:
    both = nn.Sequential(NarrowBatchNorm(12), nn.ReLU(inplace=True))
    apart = nn.Sequential(nn.BatchNorm2d(12), nn.ReLU())
    x = noise(2, 12, 8, 8)
    close(with_gradients(both, x), with_gradients(apart, x), 2e-4)


@settings(deadline=None)
@given(
    features=st.integers(2, 40),
    side=st.integers(6, 14),
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    padding=st.integers(0, 2),
)
def test_a_depthwise_convolution_has_the_gradients_of_float32(features: int, side: int, kernel: int, stride: int, padding: int) -> None:
    layer = DepthwiseConv(features, features, kernel, stride, padding, groups=features, bias=False)
    layer.weight.data = layer.weight.data.bfloat16().float()  # so that rounding the weights changes nothing
    plain = copy.deepcopy(layer)
    plain.__class__ = nn.Conv2d
    x = noise(2, features, side, side, dtype=torch.bfloat16)
    expected = with_gradients(plain, x.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = with_gradients(layer, x)
    assert found[0].dtype == found[1].dtype == torch.bfloat16 and found[2].dtype == torch.float32
    for one, other, error in zip(found, expected, (0.01, 0.01, 0.005), strict=True):
        torch.testing.assert_close(one.float(), other, rtol=error, atol=error * float(other.abs().max() + 1e-3))
    torch.testing.assert_close(layer(x.float()), plain(x.float()))  # outside of autocast


def test_what_is_put_in_place_of_what() -> None:
    def kinds(network: nn.Module) -> set[type[nn.Module]]:
        return {type(module) for module in quicken(network).modules()}

    efficient = build("efficient_unet", {"in_channels": 3, "classes": 5, "variant": "lite0", "decoder": [64, 48, 32, 12, 12]})
    names = list(efficient.state_dict())
    assert {NarrowBatchNorm, DepthwiseConv, nn.BatchNorm2d, nn.Conv2d} <= kinds(efficient)
    assert list(efficient.state_dict()) == names
    assert NarrowBatchNorm not in kinds(nn.Sequential(nn.BatchNorm2d(16), nn.BatchNorm2d(40), nn.BatchNorm2d(12, affine=False)))
    plain = [
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, groups=8),
        nn.Conv2d(8, 8, 5, dilation=2, groups=8, bias=False),
    ]
    others = [nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False, padding_mode="reflect"), nn.Conv2d(8, 16, 5, groups=8, bias=False)]
    more = [nn.Conv2d(1, 1, 5, bias=False), nn.Conv2d(8, 8, 5, padding="same", groups=8, bias=False)]
    assert DepthwiseConv not in kinds(nn.Sequential(*plain, *others, *more))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_training_is_the_same(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(quickened: list[nn.Module]) -> list[float]:
        found: list[float] = []
        given: dict[str, Any] = {"architecture": "unet", "config": {"widths": [12, 8], "block": "separable"}, "classes": CLASSES}
        plan = TrainSettings(
            steps=6, batch=4, crop=16, learning_rate=1e-2, precision=precision, colors=("#000000", "#777777", "#ffffff"), **given
        )
        train(plan, LabelledFrames(toy_frames(), classes=3), on_step=lambda step: found.append(step.loss))
        return found

    made: list[nn.Module] = []
    monkeypatch.setattr(resume, "quicken", lambda network: made.append(quicken(network)))
    quick = losses(made)
    assert any(isinstance(module, NarrowBatchNorm) for module in made[0].modules())
    monkeypatch.setattr(resume, "quicken", lambda network: network)
    torch.testing.assert_close(quick, losses([]), rtol=0, atol=2e-3 if precision == "float32" else 0.03)
    assert quick[-1] < quick[0]


@pytest.mark.parametrize("compiled", [False, True])
def test_a_compiler_gets_the_layers_as_they_are(compiled: bool) -> None:
    plan = TrainSettings(
        steps=1, batch=2, crop=16, compile=compiled, config={"widths": [4, 8]}, classes=CLASSES, colors=("#000000", "#777777", "#ffffff")
    )
    with process_group(torch.device("cpu")) as group:
        run = resume.start_run(plan, LabelledFrames(toy_frames(), classes=3), None, torch.device("cpu"), pytest.fail, group, ())
    narrow = [isinstance(module, NarrowBatchNorm) for module in run.network.modules()]
    assert any(narrow) != compiled
    assert not any(isinstance(module, NarrowBatchNorm) for module in run.average.modules()), "the average learns nothing"


def test_more_features_are_taken_together_in_bfloat16_only() -> None:
    assert _pixels_together(noise(1, 24, 1, 6, dtype=torch.bfloat16)) == 2
    assert _pixels_together(noise(1, 24, 1, 6)) == 1
