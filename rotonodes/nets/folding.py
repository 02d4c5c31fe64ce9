"""Networks made ready for inference: layers that are neighbours become one, the same numbers in fewer passes over memory."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def fold_norms(network: nn.Module) -> nn.Module:
    """Fold each batch norm into the convolution before it, wherever the two are neighbours in a Sequential. In place."""
    for module in network.modules():
        if not isinstance(module, nn.Sequential):
            continue
        names = list(module._modules)
        for before, after in pairwise(names):
            convolution, norm = module._modules[before], module._modules[after]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                assert norm.running_mean is not None and norm.running_var is not None and not norm.training
                given = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
                # Torch's `fuse_conv_bn_eval` first copies the convolution, which takes most of its time.
                convolution.weight, convolution.bias = fuse_conv_bn_weights(convolution.weight, convolution.bias, *given)
                module._modules[after] = nn.Identity()
    return network


class Pointwise(nn.Module):
    """A 1x1 convolution by oneDNN. In float32 and one thread torch takes another way for these, which is 2.5 times slower."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = torch.mkldnn_convolution(x, self.weight, self.bias, (0, 0), (1, 1), (1, 1), 1)
        return made


def use_onednn(network: nn.Module) -> nn.Module:
    """Put a `Pointwise` in the place of each plain 1x1 convolution. In place; for inference in float32 on the CPU."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and child.kernel_size == child.stride == (1, 1) and child.groups == 1:
                setattr(module, name, Pointwise(child))
    return network


class Activated(nn.Module):
    """A convolution whose ReLU or ReLU6 oneDNN applies while it writes: the same bits of finite values, one pass over the features less.

    In bfloat16 on a processor that multiplies it, that pass takes a sixth of a U-Net's time, a fourth of an EfficientNet's.
    """

    def __init__(self, convolution: nn.Conv2d, activation: nn.ReLU | nn.ReLU6) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.shape = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        self.activation: tuple[str, list[float], str] = ("relu", [], "")
        if isinstance(activation, nn.ReLU6):
            self.activation = ("hardtanh", [0.0, 6.0], "")

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, *self.shape, *self.activation)
        return made


class Bordered(nn.Module):
    """What `nn.ZeroPad2d` does, writing only the border's zeros and not zeros everywhere first."""

    def __init__(self, padding: nn.ZeroPad2d) -> None:
        super().__init__()
        self.left, self.right, self.top, self.bottom = padding.padding

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        size = (*x.shape[:2], self.top + height + self.bottom, self.left + width + self.right)
        made = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        made[..., : self.top, :] = made[..., self.top + height :, :] = 0
        made[..., : self.left] = made[..., self.left + width :] = 0
        made[..., self.top : self.top + height, self.left : self.left + width] = x
        return made


def fuse_activations(network: nn.Module) -> nn.Module:
    """Put an `Activated` in the place of each convolution with a ReLU or ReLU6 after it, a `Bordered` in that of each padding.

    In place; for inference in bfloat16 on the CPU, after `fold_norms`. Nothing changes where torch or the processor lacks what it
    takes (`can_fuse`).
    """
    if not can_fuse():
        return network
    for module in network.modules():
        if not isinstance(module, nn.Sequential):
            continue
        names = [name for name, layer in module._modules.items() if not isinstance(layer, nn.Identity)]
        for name, after in pairwise([*names, ""]):
            layer, activation = module._modules[name], module._modules.get(after)
            if isinstance(layer, nn.ZeroPad2d):
                module._modules[name] = Bordered(layer)
            elif type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and isinstance(activation, nn.ReLU | nn.ReLU6):
                module._modules[name] = Activated(layer, activation)
                module._modules[after] = nn.Identity()
    return network


class FoldPixels(nn.Module):
    """What `nn.PixelUnshuffle` does, but that the channels of a pixel stay together: features in the order (row, column, channel)."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        rows, columns, patch = height // self.patch, width // self.patch, self.patch
        squares = x.permute(0, 2, 3, 1).reshape(count, rows, patch, columns, patch * channels).transpose(2, 3)
        return squares.reshape(count, rows, columns, patch * patch * channels).permute(0, 3, 1, 2)


class SpreadPixels(nn.Module):
    """What `nn.PixelShuffle` does, of features in the order of `FoldPixels`."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        count, features, rows, columns = x.shape
        channels, patch = features // self.patch**2, self.patch
        squares = x.permute(0, 2, 3, 1).reshape(count, rows, columns, patch, patch * channels).transpose(2, 3)
        return squares.reshape(count, rows * patch, columns * patch, channels).permute(0, 3, 1, 2)


def keep_pixels_together(network: nn.Module) -> nn.Module:
    """Put `FoldPixels` and `SpreadPixels` in the places of a U-Net's `fold` and `spread`, and its weights in their order. In place.

    With channels last each square is then copied in pieces as wide as it is; in torch's order every value goes by itself, which takes
    several times as long. The sums of the first convolution are made in another order.
    """
    for module in network.modules():
        fold, spread = getattr(module, "fold", None), getattr(module, "spread", None)
        if isinstance(fold, nn.PixelUnshuffle) and isinstance(spread, nn.PixelShuffle) and fold.downscale_factor > 1:
            patch = fold.downscale_factor
            first = next(layer for layer in module.get_submodule("encoder.0").modules() if isinstance(layer, nn.Conv2d | Activated))
            last = module.get_submodule("unfold" if module.refined else "head")
            if first.weight.shape[1] == 1:
                continue  # a depthwise convolution
            first.weight.data = _pixels_first(first.weight.data.transpose(0, 1), patch).transpose(0, 1)
            for values in last.parameters():
                values.data = _pixels_first(values.data, patch)
            module.fold, module.spread = FoldPixels(patch), SpreadPixels(patch)
    return network


def _pixels_first(values: Tensor, patch: int) -> Tensor:
    """Values of features `[channels * patch^2, ...]` in torch's order (channel, row, column), in that of `FoldPixels`."""
    return values.unflatten(0, (-1, patch**2)).transpose(0, 1).flatten(0, 1)


def can_fuse() -> bool:
    """Whether this torch has oneDNN's fused convolutions, which are not public, and this processor bfloat16 for them."""
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return there and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
