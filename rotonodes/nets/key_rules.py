"""Rules beside a network: tones by the key light's shading, heard where network and rules mostly agree, and no stray pixels.

The rules are those of `TonesFromPasses`, recipe key, as probabilities. Where they know the light they are sharper than a network, above
all at the borders of tones; where they are wrong about it (several lamps, a sky), they disagree with a network that also sees the picture
over whole areas, and there they have no say.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotonodes.imaging.passes.tone_labels import STRAY, with_neighbours
from rotonodes.nets.frame_tiles import RULES_AROUND, RULES_CELL
from rotonodes.values.tones import largest_plane

TONES = ("cast_shadow", "form_shadow", "midtone", "highlight")
CHANNELS = ("KeyLight.Cosine", "KeyLight.Lit", "KeyLight.Gloss")

# Thresholds as in TonesFromPasses, and how steeply a probability rises around each.
_FORM, _CAST, _FACING, _GLOSS = 0.38, 0.5, 0.15, 0.30
_STEEP, _STEEP_LIT = 20.0, 12.0

# Share of the shape around a pixel on which both agree, from which the rules begin to count, and from which they count fully. These, the
# weight and the size of the area were chosen on scripted scenes, where all of them hardly matter.
_DOUBTED, _TRUSTED = 0.80, 0.95

_LIT = 0.02  # share of the shape around a pixel that faces the light, from which the rules count fully


class KeyRules(nn.Module):
    """Adds to the tones of a network what the rules say.

    `channels` are the places of `CHANNELS` in the input, `tones` those of `TONES` among the network's tones; `weight` is that of the
    rules against 1 for the network, where they are trusted.
    """

    def __init__(self, channels: Sequence[int], tones: Sequence[int], weight: float) -> None:
        super().__init__()
        self.channels, self.tones, self.weight = list(channels), list(tones), float(weight)

    def forward(self, picture: Tensor, tones: Tensor, shape: Tensor) -> Tensor:
        """Input `[N, C, H, W]`, tones `[N, K, H, W]` with sum 1, shape `[N, 1, H, W]` 0 to 1 -> tones `[N, K, H, W]` with sum 1.

        Height and width are multiples of `RULES_CELL`.
        """
        cosine, lit, gloss = (picture[:, at : at + 1].float() for at in self.channels)
        said = torch.zeros_like(tones)
        for place, share in zip(self.tones, tones_by_rules(cosine, lit, gloss), strict=True):
            said[:, place : place + 1] = share
        agree = (largest_plane(said, 1, keepdim=True) == largest_plane(tones, 1, keepdim=True)).to(shape)
        trust = ((around(agree * shape, shape) - _DOUBTED) / (_TRUSTED - _DOUBTED)).clamp(0, 1)
        # Where the light reaches nothing around, or its channels are missing, rules would call everything form shadow.
        lights = (around((cosine > 0).to(shape) * shape, shape) / _LIT).clamp(0, 1)
        heard = self.weight * trust * lights
        return (tones + heard * said) / (1 + heard)


def tones_by_rules(cosine: Tensor, lit: Tensor, gloss: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The probability of each of `TONES`, with sum 1, of the key light's shading, all of one shape."""
    cast = torch.sigmoid((_CAST - lit) * _STEEP_LIT) * torch.sigmoid((cosine - _FACING) * _STEEP)
    form = torch.sigmoid((_FORM - cosine) * _STEEP) * (1 - cast)
    bright = 1 - cast - form
    highlight = torch.sigmoid((gloss * lit - _GLOSS) * _STEEP) * bright
    return cast, form, bright - highlight, highlight


def around(part: Tensor, whole: Tensor) -> Tensor:
    """The share that `part` has of `whole`, both `[N, 1, H, W]` from 0 on, around each pixel; 0 where there is nothing."""
    sums = []
    for plane in (part, whole):
        cells = F.avg_pool2d(plane, RULES_CELL)
        for _ in range(2):  # a pyramid-shaped weight, which has no edge
            cells = F.avg_pool2d(cells, 2 * RULES_AROUND + 1, 1, RULES_AROUND)
        sums.append(cells)
    share = sums[0] / sums[1].clamp(min=1e-6)
    return F.interpolate(share, scale_factor=float(RULES_CELL), mode="bilinear", align_corners=False)


def without_strays(tones: Tensor, shape: Tensor) -> Tensor:
    """Tones `[N, K, H, W]` where a pixel of the shape `[N, 1, H, W]` with at most one neighbour of its own tone has those around it.

    Lines keep their length but for their ends: the rule of `TonesFromPasses`.
    """
    best, inside = largest_plane(tones, 1, keepdim=True), shape > 0.5
    votes = torch.zeros_like(tones).scatter_(1, best, inside.to(tones))
    votes = with_neighbours(votes)
    stray = inside & (votes.gather(1, best) <= STRAY)
    return torch.where(stray, votes / votes.sum(1, keepdim=True).clamp(min=1), tones)
