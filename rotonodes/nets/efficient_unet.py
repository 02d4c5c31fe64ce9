"""A U-Net whose contracting path is an EfficientNet-Lite, so that it can start from weights that know photographs.

Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, with the changes of the Lite models
(TensorFlow TPU models, 2020): no squeeze and excitation, ReLU6. The expanding path is that of a U-Net with bilinear upsampling; it
ends at full resolution, where few features are combined with the picture.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.nets.blocks import double_convolution
from rotonodes.nets.efficient_stages import DECODER, STEM, VARIANTS, Block, blocks_of
from rotonodes.nets.levels import check_ranges

_EPSILON = 1e-3  # of the norms, as in the published weights


class EfficientUNet(nn.Module):
    """Pictures `[N, in_channels, H, W]` -> logits `[N, classes, H, W]`. H and W must be multiples of 32.

    `variant` is one of lite0 to lite4: EfficientNet-Lite without its last convolution and classifier (lite0: 3.0 million
    parameters). `decoder` are the features of the expanding path at 1/16, 1/8, 1/4, 1/2 and full resolution.
    Raises UsageError for an unknown variant, numbers out of range, or a picture of another size.
    """

    size_multiple = smallest = 32

    def __init__(self, in_channels: int = 3, classes: int = 5, *, variant: str, decoder: Sequence[int] = DECODER) -> None:
        super().__init__()
        if variant not in VARIANTS:
            hint, known = did_you_mean(variant, VARIANTS), ", ".join(VARIANTS)
            raise UsageError(f"efficient_unet: variant {variant!r} is not known{hint}: use one of {known}")
        if len(decoder) != len(DECODER):
            raise UsageError(
                f"efficient_unet: decoder is {list(decoder)!r}: it must be {len(DECODER)} numbers, from 1/16 to full resolution"
            )
        ranges = {"in_channels": (in_channels, 1, 1024), "classes": (classes, 1, 1024)}
        check_ranges(ranges | {f"decoder[{i}]": (number, 1, 4096) for i, number in enumerate(decoder)}, "efficient_unet")
        blocks = list(blocks_of(variant))
        self.stem = _convolution(in_channels, STEM, 3, 2)
        self.blocks = nn.ModuleList(InvertedResidual(block) for block in blocks)
        # Indices of the blocks whose features are passed to the expanding path: those before each halving, 1/2 first.
        self.skips = [i - 1 for i, block in enumerate(blocks) if block.stride == 2]
        features, sizes = blocks[-1].outputs, [blocks[i].outputs for i in self.skips]
        self.decoder = nn.ModuleList()
        for skip, here in zip(sizes[::-1], decoder[:-1], strict=True):
            self.decoder.append(double_convolution(features + skip, here, here, "batch", "standard"))
            features = here
        # Full resolution costs most, so it gets few features.
        last = decoder[-1]
        self.narrow = nn.Conv2d(features, last, kernel_size=1)
        self.refine = double_convolution(last + in_channels, last, last, "batch", "standard")
        self.head = nn.Conv2d(last, classes, kernel_size=1)

    def forward(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise UsageError(
                f"efficient_unet: the picture is {width}x{height}, and both must be multiples of {self.size_multiple}: "
                "pad it first, as Segmenter does"
            )
        x, skips = self.stem(picture), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.skips:
                skips.append(x)
        for block in self.decoder:
            x = block(torch.cat((_double_size(x), skips.pop()), dim=1))
        logits: Tensor = self.head(self.refine(torch.cat((picture, _double_size(self.narrow(x))), dim=1)))
        return logits


class InvertedResidual(nn.Module):
    """A block of EfficientNet: features widened, convolved one by one, narrowed; added to the input where the sizes are the same."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.adds = block.stride == 1 and block.inputs == block.outputs
        self.expand = _convolution(block.inputs, block.wide, 1) if block.wide > block.inputs else nn.Identity()
        self.depthwise = _convolution(block.wide, block.wide, block.kernel, block.stride, groups=block.wide)
        self.project = _convolution(block.wide, block.outputs, 1, activation=False)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.project(self.depthwise(self.expand(x)))
        return made + x if self.adds else made


def _double_size(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, activation: bool = True) -> nn.Sequential:
    """Convolution, norm and ReLU6. Halving pads to the right and below first, as TensorFlow does."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    padding = kernel // 2
    if stride == 2:
        before, padding = (kernel - 2) // 2, 0
        layers["pad"] = nn.ZeroPad2d((before, kernel - 2 - before, before, kernel - 2 - before))
    layers["conv"] = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    layers["norm"] = nn.BatchNorm2d(outputs, eps=_EPSILON)
    if activation:
        layers["relu"] = nn.ReLU6(inplace=True)
    return nn.Sequential(layers)
