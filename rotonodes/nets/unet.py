"""The U-Net: a contracting path, an expanding path, and skips between levels of one size.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015; with padded
convolutions, so that the logits have the input's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotonodes.errors import UsageError
from rotonodes.nets.blocks import BLOCKS, NORMS, AttentionGate, Context, double_convolution, half_size
from rotonodes.nets.levels import check_levels, check_ranges, doubled, smallest_size

UPSAMPLINGS = ("transposed", "bilinear")
ODD_SIZES = ("refuse", "zeros", "resize")


class UNet(nn.Module):
    """Pictures `[N, in_channels, H, W]` -> logits `[N, classes, H, W]`. H and W must be multiples of `size_multiple`, and at
    least `smallest`.

    `width` is the number of features of the first level, doubled at each of the `depth` levels below it; `widths`
    (depth + 1 numbers, first level first) gives them level by level instead. `patch` folds each square of
    patch x patch pixels into the channels of one before the first level, and unfolds the logits at the end (Shi et al.,
    sub-pixel convolution, 2016): no pixel is lost and the network costs patch^2 times less.
    `refine` > 0 unfolds that many features instead of logits, and a last block at full resolution combines them
    with the picture, so that outlines follow its edges and not the squares.

    `upsampling="bilinear"` has no weights; there the block below each level already narrows to its width. With `narrow_first`
    its first convolution does so, with transposed upsampling too, as in some third-party networks. `block="separable"` splits
    each 3x3 convolution into a depthwise and a pointwise one. `dropout` is the share of features zeroed in training after the
    bottom and each decoder block; `attention` weights the skip connections by the level below; `context` adds features of the
    whole picture at the bottom.

    `odd` handles sizes that do not halve evenly, where upsampled maps are a pixel short: "refuse" requires multiples, "zeros"
    pads with zeros (the odd one right or below), "resize" stretches bilinearly. The last two are for third-party networks.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 5,
        width: int = 64,
        depth: int = 4,
        *,
        widths: Sequence[int] | None = None,
        patch: int = 1,
        refine: int = 0,
        norm: str = "batch",
        upsampling: str = "transposed",
        block: str = "standard",
        dropout: float = 0.0,
        attention: bool = False,
        context: bool = False,
        odd: str = "refuse",
        narrow_first: bool = False,
    ) -> None:
        super().__init__()
        narrows = upsampling == "bilinear" or narrow_first
        widths = tuple(widths) if widths is not None else doubled(width, depth, narrows)
        _check(in_channels, classes, widths, patch, refine, norm, upsampling, block)
        _check_more(dropout, attention=attention, context=context, narrow_first=narrow_first)
        if odd not in ODD_SIZES:
            raise UsageError(f"unet: odd {odd!r} is not known: use one of {', '.join(ODD_SIZES)}")
        if odd != "refuse" and (patch > 1 or attention):
            raise UsageError(f"unet: odd {odd!r} does not go with patch or attention: take one of them out")
        self.patch, self.upsampling, self.refined, self.odd = patch, upsampling, refine > 0, odd
        # Without weights; inference has others in their place (`folding.keep_pixels_together`).
        self.fold, self.spread = nn.PixelUnshuffle(patch), nn.PixelShuffle(patch)
        self.smallest = smallest_size(len(widths), patch)
        self.size_multiple = self.smallest if odd == "refuse" else 1
        # Features that each level passes to the one above it.
        outs = (widths[0], *widths[:-2], widths[-1]) if narrows else widths

        first = in_channels * patch**2
        self.encoder = nn.ModuleList(double_convolution(i, o, o, norm, block) for i, o in pairwise((first, *widths[:-1])))
        self.bottom = double_convolution(widths[-2], outs[-1], outs[-1], norm, block, dropout)
        self.context = Context(outs[-1], norm) if context else nn.Identity()
        self.gates = nn.ModuleList()
        self.up = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in reversed(range(len(widths) - 1)):
            below, here = outs[level + 1], widths[level]
            if attention:
                self.gates.append(AttentionGate(here, below))
            if upsampling == "transposed":
                self.up.append(nn.ConvTranspose2d(below, here, kernel_size=2, stride=2))
                below = here
            middle = outs[level] if narrow_first else here
            self.decoder.append(double_convolution(here + below, middle, outs[level], norm, block, dropout))
        if refine:
            self.unfold = nn.Conv2d(outs[0], refine * patch**2, kernel_size=1)
            self.refine = double_convolution(in_channels + refine, refine, refine, norm, block)
            self.head = nn.Conv2d(refine, classes, kernel_size=1)
        else:
            self.head = nn.Conv2d(outs[0], classes * patch**2, kernel_size=1)

    def forward(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise UsageError(
                f"unet: the picture is {width}x{height}, and both must be multiples of {self.size_multiple}: "
                "pad it first, as Segmenter does"
            )
        if min(height, width) < self.smallest:
            raise UsageError(f"unet: the picture is {width}x{height}, and both must be at least {self.smallest}: pad it first")
        x = self.fold(picture) if self.patch > 1 else picture
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = half_size(x)
        x = self.context(self.bottom(x))
        for i, block in enumerate(self.decoder):
            skip = self.gates[i](skips.pop(), x) if self.gates else skips.pop()
            x = self.up[i](x) if self.upsampling == "transposed" else _double_size(x)
            if self.odd != "refuse":
                x = _fitted(x, skip, self.odd)
            x = block(torch.cat((skip, x), dim=1))
        if not self.refined:
            # Shuffling by 1 changes nothing and is slow; what follows is quicker on planes.
            return self.spread(self.head(x)) if self.patch > 1 else self.head(x).contiguous()
        x = self.spread(self.unfold(x))
        logits: Tensor = self.head(self.refine(torch.cat((picture, x), dim=1)))
        return logits


def _double_size(x: Tensor) -> Tensor:
    # Aligned corners, as in existing third-party checkpoints.
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def _fitted(x: Tensor, skip: Tensor, odd: str) -> Tensor:
    """A map fitted to the size of its skip connection, which may be a pixel larger."""
    rows, columns = (skip.shape[side] - x.shape[side] for side in (-2, -1))
    if not torch.compiler.is_compiling() and not rows and not columns:  # an export must be valid for all sizes
        return x
    if odd == "zeros":
        return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    return F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)


def _check(
    in_channels: int, classes: int, widths: tuple[int, ...], patch: int, refine: int, norm: str, upsampling: str, block: str
) -> None:
    for name, value, known in (("norm", norm, NORMS), ("upsampling", upsampling, UPSAMPLINGS), ("block", block, BLOCKS)):
        if value not in known:
            raise UsageError(f"unet: {name} {value!r} is not known: use one of {', '.join(known)}")
    check_levels(widths, patch)
    check_ranges({"in_channels": (in_channels, 1, 1024), "classes": (classes, 1, 1024), "refine": (refine, 0, 1024)})


def _check_more(dropout: float, **switches: bool) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise UsageError(f"unet: dropout is {dropout!r}: it must be a number from 0 to below 1")
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise UsageError(f"unet: {name} is {value!r}: it must be true or false")
