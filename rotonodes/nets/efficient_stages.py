"""The stages of EfficientNet-Lite in plain numbers, for checks without torch.

Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, table 1, scaled as the Lite models are
(TensorFlow TPU models, 2020): neither the stem nor the depth of the first and the last stage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

STEM = 32  # features
DECODER = (128, 64, 48, 32, 12)  # features of an efficient U-Net's expanding path, from 1/16 to full resolution

# Variant -> factors of the features and of the number of blocks.
VARIANTS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2), "lite3": (1.2, 1.4), "lite4": (1.4, 1.8)}

# Blocks, side of the kernel, step of the first block, expansion, features; before scaling.
_STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))


class Block(NamedTuple):
    """A block: features that come in, those between (`wide`) and those that go out, side of the kernel, step."""

    inputs: int
    wide: int
    outputs: int
    kernel: int
    stride: int


def blocks_of(variant: str) -> Iterator[Block]:
    """The blocks of a variant, first one first."""
    width, depth = VARIANTS[variant]
    features = STEM
    for i, (count, kernel, stride, expansion, outputs) in enumerate(_STAGES):
        scaled = _in_eights(outputs * width)
        for number in range(count if i in (0, len(_STAGES) - 1) else math.ceil(count * depth)):
            yield Block(features, features * expansion, scaled, kernel, 1 if number else stride)
            features = scaled


def reach_of_blocks(variant: str) -> int:
    """How far away, in px, a pixel may be and still change the logits of an efficient U-Net.

    Down: half a kernel of each convolution, in pixels of its input. Up: two 3x3 convolutions at each size, and a pixel of the size
    below by bilinear upsampling. Squares may begin anywhere, so one of the coarsest is added.
    """
    step, reach = 2, 1
    for block in blocks_of(variant):
        reach += block.kernel // 2 * step
        step *= block.stride
    coarsest = step
    while step > 1:
        reach += step + 2 * (step // 2)
        step //= 2
    return reach + coarsest


def widest(variant: str) -> list[int]:
    """The most features at full, 1/2, 1/4, ... resolution."""
    most, size = [DECODER[-1], STEM], 1
    for block in blocks_of(variant):
        most[size] = max(most[size], block.wide)
        if block.stride == 2:
            size += 1
            most.append(block.outputs)
    return most


def _in_eights(features: float) -> int:
    """The nearest multiple of 8, but at most a tenth less."""
    rounded = max(8, int(features + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * features else rounded
