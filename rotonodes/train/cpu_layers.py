"""Layers that learn faster on a CPU in place of torch's, which have kernels that are slow there. The same results, but for rounding."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LANES = 16  # values that torch's kernels for channels_last take at once with AVX-512; features beyond a multiple of it go one by one

_FEW = 2 * LANES  # features; of more, only few go one by one
_COLUMNS = 192  # about so many values make a row where few features are taken together


def quicken(network: nn.Module) -> nn.Module:
    """Put faster layers in the place of those that are slow to train on a CPU. In place; parameters, statistics and names stay.

    What it gains is measured by tests/benchmarks/bench_training.py.
    """
    for module in network.modules():
        if type(module) is nn.BatchNorm2d and _is_narrow(module):
            module.__class__ = NarrowBatchNorm
        elif type(module) is nn.Conv2d and _is_slow_depthwise(module):
            module.__class__ = DepthwiseConv
    return network


def remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Update the running statistics as `nn.BatchNorm2d` does; `variance` is the unbiased one."""
    assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
    with torch.no_grad():
        norm.num_batches_tracked += 1
        share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean, share)
        norm.running_var.lerp_(variance, share)


class NarrowBatchNorm(nn.BatchNorm2d):
    """A batch norm of few features: several pixels' features are taken together, so that torch's kernels are filled.

    In eval mode a plain batch norm.
    """

    def forward(self, x: Tensor) -> Tensor:
        together = _pixels_together(x) if self.training and self.weight.dtype == torch.float32 else 1
        if together == 1:
            return super().forward(x)
        made, mean, variance = cast("tuple[Tensor, Tensor, Tensor]", _Norm.apply(x, self.weight, self.bias, self.eps, together))
        count = x.numel() // x.shape[1]
        remember(self, mean, variance * count / (count - 1))
        return made


class _Norm(torch.autograd.Function):
    """`[N, C, H, W]`, channels_last, normalised over N, H, W; with the mean and the biased variance, `[C]`.

    Ioffe, Szegedy, "Batch Normalization", 2015. Its derivative by x is that with fixed statistics, less what the statistics
    take from it: weight / deviation * (g - mean(g) - x' mean(g x')), x' the normalised x.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, together: int) -> tuple[Tensor, Tensor, Tensor]:
        wide = _joined(x, together)
        # Statistics of each column, then of the columns of one feature together. Without running ones to tell their type, those of
        # bfloat16 would be rounded to bfloat16.
        unused = torch.zeros(wide.shape[1])
        means, variances = (part.view(together, -1) for part in torch.batch_norm_update_stats(wide, unused, unused.clone(), 0.0))
        mean = means.mean(dim=0)
        variance = (variances + (means - mean).square()).mean(dim=0)
        made = _scaled(wide, weight, bias, mean, variance, eps)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps, ctx.together = eps, together
        ctx.mark_non_differentiable(mean, variance)
        return _split(made, x), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        wide = _joined(x, ctx.together)
        after = _joined(gradients[0].contiguous(memory_format=torch.channels_last), ctx.together)
        given = [part.repeat(ctx.together) for part in (weight, mean, variance)]
        before, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            after, wide, *given, None, None, False, ctx.eps, (True, True, True)
        )
        by_weight, by_bias = (part.view(ctx.together, -1).sum(dim=0) for part in (by_weight, by_bias))
        share = weight * torch.rsqrt(variance + ctx.eps) * x.shape[1] / x.numel()
        before -= _scaled(wide, share * by_weight, share * by_bias, mean, variance, ctx.eps)
        return _split(before, x), by_weight, by_bias, None, None


def _pixels_together(x: Tensor) -> int:
    """How many pixels make columns that fill the kernels; 1 where there is no such number, or nothing to gain."""
    if not x.is_contiguous(memory_format=torch.channels_last) or x.device.type != "cpu" or not x.numel():
        return 1
    if x.dtype != torch.bfloat16 and x.shape[1] > LANES:  # there the passes that this takes cost more than it gains
        return 1
    features, pixels = x.shape[1], x.numel() // x.shape[1]
    least = LANES // math.gcd(features, LANES)
    together = math.gcd(max(least, _COLUMNS // features // least * least), pixels)
    return together if together % least == 0 else 1


def _joined(x: Tensor, together: int) -> Tensor:
    """A view of `[N, C, H, W]`, channels_last, as `[1, C * together, pixels, 1]`."""
    return x.permute(0, 2, 3, 1).reshape(1, -1, 1, x.shape[1] * together).permute(0, 3, 1, 2)


def _split(wide: Tensor, like: Tensor) -> Tensor:
    """The inverse of `_joined`, as a tensor of its own, since a ReLU may write into it."""
    made = torch.empty(0, dtype=wide.dtype)
    return made.set_(wide.untyped_storage(), 0, like.shape, like.stride())


def _scaled(wide: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """(x - mean) / deviation * weight + bias, the values of features `[C]` repeated for the pixels that stand together."""
    weight, bias, mean, variance = (part.repeat(wide.shape[1] // len(part)) for part in (weight, bias, mean, variance))
    return torch.native_batch_norm(wide, weight, bias, mean, variance, False, 0.0, eps)[0]


def _is_narrow(norm: nn.BatchNorm2d) -> bool:
    """True where most features would be taken one by one."""
    return norm.affine and norm.track_running_stats and norm.num_features < _FEW and norm.num_features % LANES > 0


def _is_slow_depthwise(convolution: nn.Conv2d) -> bool:
    """True where oneDNN has no bfloat16 kernel for the gradients: kernels wider than 3, and those that halve the size."""
    depthwise = 1 < convolution.groups == convolution.in_channels == convolution.out_channels
    plain = convolution.bias is None and set(convolution.dilation) == {1} and not isinstance(convolution.padding, str)
    slow = max(convolution.kernel_size) > 3 or max(convolution.stride) > 1
    return depthwise and plain and slow and convolution.padding_mode == "zeros"


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution whose gradients are computed in float32 where it computes in bfloat16; without bias or dilation."""

    def forward(self, x: Tensor) -> Tensor:
        if not (torch.is_autocast_enabled("cpu") and torch.is_grad_enabled() and x.device.type == "cpu"):
            return super().forward(x)
        return cast("Tensor", _Depthwise.apply(x.to(torch.get_autocast_dtype("cpu")), self.weight, self.stride, self.padding))


class _Depthwise(torch.autograd.Function):
    """x `[N, C, H, W]` in bfloat16, weights `[C, 1, h, w]` in float32, which get their gradient in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight.to(x.dtype), None, stride, padding, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        by_x, by_weight, _ = torch.ops.aten.convolution_backward(
            gradients[0].float(), x.float(), weight, None, ctx.stride, ctx.padding, (1, 1), False, (0, 0), len(weight),
            (*ctx.needs_input_grad[:2], False),
        )  # fmt: skip
        return None if by_x is None else by_x.to(x.dtype), by_weight, None, None
