"""Building blocks of networks. A convolution and its norm are neighbours in a Sequential, so that they can be folded."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NORMS = ("batch", "group")
BLOCKS = ("standard", "separable")


def double_convolution(inputs: int, middle: int, outputs: int, norm: str, kind: str, dropout: float = 0.0) -> nn.Sequential:
    """Convolution 3x3, norm, ReLU, twice; then dropout of whole features, if any.

    `kind` "separable" splits each convolution into a depthwise and a pointwise one.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (before, after) in enumerate(((inputs, middle), (middle, outputs)), start=1):
        if kind == "separable":
            layers[f"depthwise{i}"] = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
            layers[f"conv{i}"] = nn.Conv2d(before, after, 1, bias=False)
        else:
            layers[f"conv{i}"] = nn.Conv2d(before, after, 3, padding=1, bias=False)
        layers[f"norm{i}"] = normalisation(after, norm)
        layers[f"relu{i}"] = nn.ReLU(inplace=True)
    if dropout:
        layers["dropout"] = nn.Dropout2d(dropout)
    return nn.Sequential(layers)


def normalisation(features: int, kind: str) -> nn.Module:
    """Batch norm, or group norm in groups of 8 features where that divides evenly, else one group."""
    if kind == "batch":
        return nn.BatchNorm2d(features)
    return nn.GroupNorm(features // 8 if features % 8 == 0 else 1, features)


def half_size(x: Tensor, ceil_mode: bool = False) -> Tensor:
    """The largest of each 2 x 2 pixels, `[N, C, H, W]` -> `[N, C, H // 2, W // 2]`; with `ceil_mode` an odd last row or column stays."""
    rows, columns = x.shape[-2:]
    even = not torch.compiler.is_compiling() and not (rows % 2 or columns % 2)
    if even and x.dtype == torch.bfloat16 and x.device.type == "cpu" and not torch.is_grad_enabled():
        # The same values in half the time: torch's pooling also notes where each came from.
        x = torch.maximum(x[..., ::2, :], x[..., 1::2, :])
        return torch.maximum(x[..., ::2], x[..., 1::2])
    return F.max_pool2d(x, 2, stride=2, ceil_mode=ceil_mode)


class AttentionGate(nn.Module):
    """A skip connection `[N, skip, H, W]` weighted per pixel, 0 to 1, by the level below `[N, below, H / 2, W / 2]`.

    The additive gate of Oktay et al., "Attention U-Net", 2018: weights are computed at the lower level's size and upsampled.
    """

    def __init__(self, skip: int, below: int) -> None:
        super().__init__()
        inner = max(skip // 2, 1)
        self.skip = nn.Conv2d(skip, inner, kernel_size=2, stride=2, bias=False)
        self.below = nn.Conv2d(below, inner, kernel_size=1)
        self.weight = nn.Conv2d(inner, 1, kernel_size=1)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        weight = torch.sigmoid(self.weight(F.relu(self.skip(skip) + self.below(below))))
        return skip * F.interpolate(weight, scale_factor=2, mode="bilinear", align_corners=False)


class Context(nn.Module):
    """Adds global context to features `[N, features, H, W]` of any size: which kind of light, and from where.

    Features are pooled over the whole picture and over halves and quarters of its sides, each projected to a fourth of the
    features, upsampled, concatenated and added (pyramid pooling: Zhao et al., "Pyramid Scene Parsing Network", 2017). The pool
    over the whole picture is weighted (global context: Cao et al., "GCNet", 2019), so that a large empty background, which
    training crops do not have, does not dominate. Pooled features are not normalised: a batch of one has no statistics.
    """

    GRIDS = (2, 4)

    def __init__(self, features: int, norm: str) -> None:
        super().__init__()
        inner = max(features // 4, 1)
        self.weigh = nn.Conv2d(features, 1, kernel_size=1)
        self.project = nn.ModuleList(nn.Conv2d(features, inner, kernel_size=1) for _ in (1, *self.GRIDS))
        joined = features + inner * (1 + len(self.GRIDS))
        self.join = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(joined, features, kernel_size=1, bias=False), norm=normalisation(features, norm))
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        places = torch.softmax(self.weigh(x).flatten(1).float(), dim=1).view(-1, *size)
        whole = torch.einsum("nchw,nhw->nc", x.float(), places)[..., None, None].to(x.dtype)
        pooled = [whole, *(pool(x, grid) for grid in self.GRIDS)]
        around = [F.relu(project(part)) for project, part in zip(self.project, pooled, strict=True)]
        around = [F.interpolate(part, size=size, mode="bilinear", align_corners=False) for part in around]
        return F.relu(x + self.join(torch.cat((x, *around), dim=1)))


def pool(x: Tensor, grid: int) -> Tensor:
    """`adaptive_avg_pool2d` to `[N, C, grid, grid]`; in an export, which cannot express it at unknown sizes, as matrix products."""
    if not torch.compiler.is_compiling():
        return F.adaptive_avg_pool2d(x, grid)
    down, across = (_shares(side, grid, x) for side in x.shape[-2:])
    return down @ x @ across.T


def _shares(side: int, grid: int, like: Tensor) -> Tensor:
    """Weight of each of `side` places in each of `grid` parts, `[grid, side]`: part i is floor(i s / g) to ceil((i + 1) s / g)."""
    part = torch.arange(grid, device=like.device)[:, None]
    place = torch.arange(side, device=like.device)
    inside = (place >= part * side // grid) & (place < ((part + 1) * side + grid - 1) // grid)
    inside = inside.to(like.dtype)
    return inside / inside.sum(dim=1, keepdim=True)
