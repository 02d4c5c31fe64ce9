"""Stabilized tones: the posterior of each pixel's tone in a hidden Markov chain along its motion.

A pixel is followed through the frames before and after it. Along such a trail the tone is the hidden state and the network's
probabilities are the evidence; from frame to frame the tone stays, but for a small probability of change. The result is the
posterior at the middle frame (forward-backward algorithm): uncertain pixels follow their neighbours, while a tone that clearly
changes may change, which a mean over frames would smear.

Rabiner: A tutorial on hidden Markov models and selected applications in speech recognition. Proc. IEEE 77 (2), 1989.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rotonodes.imaging.temporal.motion import Positions, box_mean, follow, own_positions, sample

# Lower limit of a class's probability: one frame that is certain and wrong must not outweigh all others.
_LEAST = 1e-3

_BAND = 1 << 15  # pixels that are worked on at a time where each stands alone; their planes stay in a core's cache


class Moment(NamedTuple):
    """One frame: probabilities `[K, H, W]`, and optionally its Vector pass `[4, H, W]` and its picture as it looks `[3 or 1, H, W]`."""

    evidence: Tensor
    vectors: Tensor | None = None
    picture: Tensor | None = None

    @property
    def view(self) -> Tensor:
        """The planes that frames are compared by: their pictures, or without those the probabilities."""
        return self.evidence if self.picture is None else self.picture

    def rows(self, first: int, end: int) -> Moment:
        """Some rows of a moment without vectors."""
        return Moment(self.evidence[:, first:end], None, None if self.picture is None else self.picture[:, first:end])


class Allowed(NamedTuple):
    """The difference that two frames may have on one trail: the scale of its root mean square over a square of `side` pixels."""

    scale: float
    side: int


class Likeness(NamedTuple):
    """What two frames may differ by on one trail.

    `moving` from one frame to the next where the trail follows vectors, along which shading changes; `still` from the middle frame
    to another where it stays in place because no vector can be trusted, and the picture must hardly change: what slowly moves past
    differs little from frame to frame, but more and more from where it began. `tones` is how far probabilities may differ from one
    frame to the next (half the sum of squares over the classes, 1 from one sure class to another), so that a network that is sure of a
    change is believed where the picture, in the dark, shows little of it.
    """

    moving: Allowed | None
    still: Allowed
    tones: float | None


# Measured on rendered clips: about the largest values that do not lower the mean IoU of networks on the picture alone
# (tests/benchmarks/bench_stabilize.py); those on passes, which flicker less, lose 0.005 to 0.012. Pictures are compared pixel
# by pixel: in a square around it an edge that moves past would be seen before it is there.
OF_PICTURES = Likeness(moving=Allowed(0.07, side=1), still=Allowed(0.06, side=1), tones=0.63)
OF_PROBABILITIES = Likeness(moving=None, still=Allowed(0.1, side=3), tones=None)


class TrailFrame(NamedTuple):
    """One frame of a trail: its evidence `[K, H, W]`, and the trust in the link to the frame before it on the trail, `[H, W]`."""

    evidence: Tensor
    holds: Tensor


def posterior(moments: Sequence[Moment], middle: int, change: float) -> tuple[Tensor, Tensor]:
    """The posterior at the moment `middle`: probabilities `[K, H, W]`, and the number of frames they rest on, `[H, W]` from 1 up.

    `change` is the probability of another tone from one frame to the next; 1 makes frames independent.
    """
    parts = [_posterior(part, middle, change) for part in _bands(moments)]
    if len(parts) == 1:
        return parts[0]
    return torch.cat([total for total, _ in parts], dim=1), torch.cat([frames for _, frames in parts])


def _bands(moments: Sequence[Moment]) -> list[Sequence[Moment]]:
    """The moments in bands of rows that stay in a core's cache; whole where pixels look at others, and on a GPU."""
    height, width = moments[0].evidence.shape[-2:]
    rows = max(_BAND // width, 1)
    alone = all(moment.vectors is None and moment.picture is not None for moment in moments) and OF_PICTURES.still.side == 1
    if rows >= height or not alone or moments[0].evidence.device.type != "cpu":
        return [moments]
    return [[moment.rows(top, top + rows) for moment in moments] for top in range(0, height, rows)]


def _posterior(moments: Sequence[Moment], middle: int, change: float) -> tuple[Tensor, Tensor]:
    total = known(moments[middle].evidence.clone())
    frames = torch.ones_like(total[0])
    for step in (-1, 1):
        steps = list(trail(moments, middle, step))
        reach = torch.ones_like(frames)
        for _, holds in steps:
            reach *= holds * (1 - change)
            frames += reach
        if steps:
            total *= message(steps, change)
        del steps  # before those of the other side are sampled
    return total.div_(total.sum(0)), frames


def message(steps: Sequence[TrailFrame], change: float) -> Tensor:
    """The message from one side of the trail to the middle, `[K, H, W]`: from the far end inwards, evidence, then chance of change."""
    said: Tensor | None = None
    for evidence, holds in reversed(steps):
        said = evidence if said is None else said.mul_(evidence)
        stays = holds * (1 - change)  # a link without trust passes nothing on: all classes equal
        said.mul_(stays / said.sum(0)).add_((1 - stays) / len(said))
    assert said is not None
    return said


def trail(moments: Sequence[Moment], middle: int, step: int) -> Iterator[TrailFrame]:
    """The frames before (`step` -1) or after the middle one, nearest first, sampled along the trail of each of its pixels.

    A link follows the vectors or stays in place, whichever has more trust; so trails continue where vectors are missing or wrong.
    """
    own, start = own_positions(moments[middle].evidence), moments[middle].view
    at, seen, said, now = own, start, known(moments[middle].evidence.clone()), middle
    likeness = OF_PROBABILITIES if moments[middle].picture is None else OF_PICTURES
    while 0 <= now + step < len(moments):
        here, there = moments[now], moments[now + step]
        now += step
        view = there.view if at is own else sample(there.view, at)
        holds = alike(view, start, likeness.still)
        if here.vectors is not None and there.vectors is not None:
            vectors = here.vectors if at is own else sample(here.vectors, at)
            moved, trust = follow(vectors, there.vectors, step, at)
            moved_view = sample(there.view, moved)
            if likeness.moving is not None:
                trust *= alike(moved_view, seen, likeness.moving)
            better = trust > holds
            at = Positions(torch.where(better, moved.x, at.x), torch.where(better, moved.y, at.y))
            view, holds = torch.where(better, moved_view, view), torch.where(better, trust, holds)
        evidence = known(there.evidence.clone() if at is own else sample(there.evidence, at))
        if likeness.tones is not None:
            holds = holds * agreement(evidence, said, likeness.tones)
        yield TrailFrame(evidence, holds)
        seen, said = view, evidence


def most_probable(evidence: Tensor) -> Tensor:
    """The most probable class index of each pixel, uint8 `[H, W]`: of equals the first; NaN counts as least probable."""
    best, index = evidence[0].nan_to_num(-torch.inf), torch.zeros_like(evidence[0], dtype=torch.uint8)
    for number, plane in enumerate(evidence[1:], 1):
        better = plane > best  # class by class: many times as fast as an argmax over the first dimension
        best = torch.where(better, plane, best)
        index = torch.where(better, number, index)
    return index


def softened(total: Tensor, frames: Tensor) -> Tensor:
    """The geometric mean per frame of a posterior `total` that rests on several frames.

    Neighbouring frames have similar errors, so their agreement is no more certain than each of them; and an edge that is soft in all
    stays as soft.
    """
    mean = total.clamp(min=torch.finfo(total.dtype).tiny).log_().div_(frames).exp_()
    return mean.div_(mean.sum(0))


def alike(one: Tensor, other: Tensor, allowed: Allowed) -> Tensor:
    """Similarity of two pictures around each pixel, `[H, W]` from 0 to 1: exp(-d^2 / 2 scale^2), with d their difference."""
    squares = (one - other).square_().mean(0, keepdim=True)
    around = squares if allowed.side == 1 else box_mean(squares, allowed.side)
    return torch.exp_(around[0].div_(-2 * allowed.scale**2)).nan_to_num_(0)


def agreement(one: Tensor, other: Tensor, scale: float) -> Tensor:
    """Similarity of two probabilities `[K, H, W]`, `[H, W]` from 0 to 1; 1 where either is unknown, which is no other opinion."""
    apart = (one - other).square_().sum(0).div_(-4 * scale**2).exp_()
    unknown = (one.amax(0) <= _LEAST) | (other.amax(0) <= _LEAST)
    return apart.masked_fill_(unknown, 1)


def known(evidence: Tensor) -> Tensor:
    """Probabilities raised to the lower limit, in place; NaN becomes the lower limit."""
    return evidence.nan_to_num_(_LEAST).clamp_(_LEAST, 1)
