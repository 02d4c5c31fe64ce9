"""Ensemble: several trained networks as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rotonodes.nets.members import WEIGHT, is_weight
from rotonodes.nets.model import Model
from rotonodes.node.base import Node
from rotonodes.node.parameters import param


class Ensemble(Node):
    """Make one network of several that decide together.

    They may see different channels and be of different kinds: one that knows photographs says what the shape is, one that sees
    passes which tones it has. Link the result to UNetSegment, or write it with WriteModel: it is one file, used as any other.

    How likely a pixel is on the shape is the mean of all, by `shape_weights`; which tone it then has is their mean by
    `tone_weights`. All must know the same tones; where some do not know `ground_shadow`, the others say where it is, and without
    `ground` it is background.

    With `rules` the tones are also told by rules on the key light's channels, as TonesFromPasses does, and both are mixed where they
    agree on most of the shape around: rules are sharper where they know the light. With `clean` stray pixels take the tone around
    them. With `tell`, where no shape is linked to UNetSegment, those that say the tones are told the shape that was found: tones are better
    then, as with a shape that is given. A single network with `tell` is asked twice.

    It takes as long as all of them together; with `rules`, `clean` or `tell`, where the shape is given and there is no `ground`, as those
    that have a weight in the tones (but not in UNetSegment with `compile`, and not in an ONNX file: there all are asked for every frame).
    Train the members, not the ensemble.
    """

    revision: ClassVar[int] = 1  # 1: the file tells which channels each member cannot do without

    shape_weights: list[float] = param(
        [], help="weight of each network in what the shape is, 0 to 1000; default: all the same", examples=[[1], [2]]
    )
    tone_weights: list[float] = param(
        [], help="weight of each network in which tone it has, 0 to 1000; default: all the same", examples=[[1], [2]]
    )
    ground: bool = param(True, help="whether ground_shadow, which some of them know, stays a class; else it is background")
    rules: float = param(
        0.0, help="weight of the rules on the key light's channels against 1 for the networks; 0: none", ge=0, le=1000, added=True
    )
    clean: bool = param(
        False, help="replacement of pixels with at most one neighbour of their own tone by the tone around them", added=True
    )

    tell: bool = param(
        False,
        help="telling those with a weight in the tones the shape that was found, where none is given; one of them must take a shape",
        added=True,
    )

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        for name in ("shape_weights", "tone_weights"):
            weights = getattr(self, name)
            if weights and not (any(weights) and all(map(is_weight, weights))):
                yield f"{name} is {weights}: {WEIGHT}, and one of them is not 0"
        if not is_weight(self.rules):
            yield f"rules is {self.rules}: {WEIGHT}"

    def process(self, models: list[Model]) -> Model:
        from rotonodes.nets.ensemble_network import ensemble_of

        return ensemble_of(models, self.shape_weights, self.tone_weights, self.ground, self.rules, self.clean, self.tell)
