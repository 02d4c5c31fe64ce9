"""Ensemble: several trained networks as one."""

from __future__ import annotations

from collections.abc import Iterator

from rotonodes.nets.model import Model
from rotonodes.node.base import Node
from rotonodes.node.parameters import param


class Ensemble(Node):
    """Make one network of several that decide together.

    They may see different channels and be of different kinds: one that knows photographs says what the shape is, one that sees
    passes which tones it has. Link the result to UNetSegment, or write it with WriteModel: it is one file, used as any other.

    How likely a pixel is on the shape is the mean of all, by the weights `shape`; which tone it then has is their mean by the
    weights `tones`. All must know the same tones; where some do not know `ground_shadow`, the others say where it is. It takes as
    long as all of them together. Train the members, not the ensemble.
    """

    shape: list[float] = param([], help="weight of each network in what the shape is; default: all the same", examples=[[1], [2]])
    tones: list[float] = param([], help="weight of each network in which tone it has; default: all the same", examples=[[1], [2]])

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        for name in ("shape", "tones"):
            weights = getattr(self, name)
            if weights and (min(weights) < 0 or max(weights) > 1000 or not any(weights)):
                yield f"{name} is {weights}: weights are from 0 to 1000, and one of them is not 0"

    def process(self, models: list[Model]) -> Model:
        from rotonodes.nets.ensemble_network import ensemble_of

        return ensemble_of(models, self.shape, self.tones)
