"""U-2-Net: a U-Net whose blocks are small U-Nets, with an output at each level and one fused from them.

Qin, Zhang, Huang, Dehghan, Zaiane, Jagersand, "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection",
Pattern Recognition 106, 2020: figure 5 and table 1. Tensor names are those of the published checkpoints.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.nets.blocks import half_size

# [middle, output] features of the blocks: down the encoder (stage1 to stage6), up the decoder (stage5d to stage1d).
Stages = Sequence[Sequence[int]]
VARIANTS: dict[str, Stages] = {
    "u2net": (
        *((32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512)),
        *((256, 512), (128, 256), (64, 128), (32, 64), (16, 64)),
    ),
    "u2netp": ((16, 64),) * 11,
}
MAX_FEATURES = 4096

_ENCODER, _DECODER = ("stage1", "stage2", "stage3", "stage4", "stage5", "stage6"), ("stage5d", "stage4d", "stage3d", "stage2d", "stage1d")
STAGES = (*_ENCODER, *_DECODER)
SIDES = ("side1", "side2", "side3", "side4", "side5", "side6")
# Levels of each block's U; 0 for the lowest blocks, which dilate instead of pooling.
_LEVELS = {"stage1": 7, "stage2": 6, "stage3": 5, "stage4": 4, "stage5": 0, "stage6": 0}


class U2Net(nn.Module):
    """Pictures `[N, in_channels, H, W]` of any size from 1x1 on -> seven logit maps `[N, classes, H, W]`, the fused one first.

    The other six are those of the levels, finest first, and are part of the training loss. `variant` is "u2net" (44,009,869
    parameters) or "u2netp" (1,131,181); `stages` gives the features of every block instead: eleven pairs
    [middle, output], down the encoder and up the decoder. The published networks were trained on pictures of 320 x 320.
    Raises UsageError for an unknown variant or numbers out of range.
    """

    size_multiple = 1

    def __init__(self, variant: str = "u2net", in_channels: int = 3, classes: int = 1, *, stages: Stages | None = None) -> None:
        super().__init__()
        if stages is None:
            if variant not in VARIANTS:
                hint, known = did_you_mean(variant, VARIANTS), ", ".join(VARIANTS)
                raise UsageError(f"u2net: variant {variant!r} is not known{hint}: use one of {known}")
            stages = VARIANTS[variant]
        _check(in_channels, classes, stages)
        middles, outs = ([pair[i] for pair in stages] for i in (0, 1))
        encoded = outs[: len(_ENCODER)]
        # Input of a decoder block: the output of the block below, and the encoder's map of its own size.
        seen = [in_channels, *encoded[:-1], *(below + skip for below, skip in zip(outs[5:-1], encoded[-2::-1], strict=True))]
        for name, inputs, middle, outputs in zip(STAGES, seen, middles, outs, strict=True):
            setattr(self, name, ResidualU(inputs, middle, outputs, _LEVELS[name.removesuffix("d")]))
        for name, features in zip(SIDES, (*outs[:4:-1],), strict=True):
            setattr(self, name, nn.Conv2d(features, classes, kernel_size=3, padding=1))
        self.outconv = nn.Conv2d(len(SIDES) * classes, classes, kernel_size=1)

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        maps = [self.get_submodule("stage1")(picture)]
        for name in _ENCODER[1:]:
            maps.append(self.get_submodule(name)(half_size(maps[-1], ceil_mode=True)))
        decoded = [maps.pop()]
        for name in _DECODER:
            skip = maps.pop()
            decoded.append(self.get_submodule(name)(torch.cat((_resized(decoded[-1], skip), skip), dim=1)))
        sides = [self.get_submodule(name)(x) for name, x in zip(SIDES, reversed(decoded), strict=True)]
        sides = [_resized(side, sides[0]) for side in sides]
        return self.outconv(torch.cat(sides, dim=1)), *sides


class ResidualU(nn.Module):
    """Features `[N, inputs, H, W]` -> `[N, outputs, H, W]`: a small U-Net added to what it was given (the paper's RSU-L).

    `levels` is how deep its U goes, pooling between levels; 0 is the block without pooling (RSU-4F), whose four levels look
    further by dilation instead.
    """

    def __init__(self, inputs: int, middle: int, outputs: int, levels: int) -> None:
        super().__init__()
        self.pools = levels > 0
        # Of the U that pools only the lowest level dilates.
        rates = (*(1,) * (levels - 1), 2) if levels else (1, 2, 4, 8)
        self.levels = len(rates)
        self.rebnconvin = convolution(inputs, outputs, 1)
        features = (outputs, *(middle,) * self.levels)
        for level, ((before, after), rate) in enumerate(zip(pairwise(features), rates, strict=True), start=1):
            setattr(self, f"rebnconv{level}", convolution(before, after, rate))
        for level in reversed(range(1, self.levels)):
            setattr(self, f"rebnconv{level}d", convolution(2 * middle, middle if level > 1 else outputs, rates[level - 1]))

    def forward(self, x: Tensor) -> Tensor:
        given = self.rebnconvin(x)
        x = self.get_submodule("rebnconv1")(given)
        skips = [x]
        for level in range(2, self.levels + 1):
            # The two lowest levels are of one size.
            x = self.get_submodule(f"rebnconv{level}")(half_size(x, ceil_mode=True) if self.pools and level < self.levels else x)
            skips.append(x)
        x = skips.pop()
        for level in reversed(range(1, self.levels)):
            skip = skips.pop()
            x = self.get_submodule(f"rebnconv{level}d")(torch.cat((_resized(x, skip), skip), dim=1))
        made: Tensor = x + given if torch.is_grad_enabled() else x.add_(given)
        return made


def convolution(inputs: int, outputs: int, rate: int) -> nn.Sequential:
    """Convolution 3x3 dilated by `rate`, batch norm, ReLU; neighbours in a Sequential, so that the norm can be folded."""
    return nn.Sequential(
        OrderedDict(
            conv_s1=nn.Conv2d(inputs, outputs, kernel_size=3, padding=rate, dilation=rate),
            bn_s1=nn.BatchNorm2d(outputs),
            relu_s1=nn.ReLU(inplace=True),
        )
    )


def _resized(x: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    if not torch.compiler.is_compiling() and x.shape[-2:] == size:  # an export must hold for all sizes, not for one
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _check(in_channels: int, classes: int, stages: Stages) -> None:
    if len(stages) != len(STAGES) or any(len(pair) != 2 for pair in stages):
        wanted = f"{len(STAGES)} pairs [middle, output], stage1 to stage6 and stage5d to stage1d"
        raise UsageError(f"u2net: stages is {stages!r}: give {wanted}")
    numbers = {"in_channels": in_channels, "classes": classes}
    numbers |= {f"stages[{i}][{j}]": number for i, pair in enumerate(stages) for j, number in enumerate(pair)}
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_FEATURES:
            raise UsageError(f"u2net: {name} is {number!r}: it must be a whole number from 1 to {MAX_FEATURES}")
