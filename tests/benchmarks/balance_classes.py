"""Shift how readily a network says each class, until its labels fit scenes that it was not trained on, and write it anew.

    python tests/benchmarks/balance_classes.py WEIGHTS -o NEW --scenes renders/scripted/*

A training weighs classes and pixels for its own frames; on other scenes the same network says some classes too often. A number for each
class, added to its logit, mends that without training: to the bias of the last convolution, so the network stays as it is and as fast. In
an ensemble how readily a member says shape, background and ground_shadow is shifted for all of them; single tones only for those whose
weight for tones is not 0.

Numbers are found by coordinate ascent, in steps of 0.6, 0.3 and 0.15 within 2.4 either way, on every second pixel of every second line.
What rises is the mean IoU over the classes that are there, the mean over scenes, with and without the shape given. Of what is found 0.7
is taken (`--share`), for a few scenes are not all. Scenes are folders as those of bench_scenes.py; so are the scores, before and after.
`--light none` is for weights on the picture alone. Where members are told the shape that was found, it is that of the weights
as they are, whatever is tried: what is printed as "after" is near to what the new file does, not the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from bench_scenes import GROUND, frames_of, light_of, scores, stacked
from torch import Tensor

from rotonodes.nets.encode import network_input, with_shape
from rotonodes.nets.ensemble_network import EnsembleNetwork, member_of
from rotonodes.nets.inference import Segmenter, best_class
from rotonodes.nets.model import SHAPE, Model, build
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.values.pixels import Image
from rotonodes.values.tones import OUTSIDE, LightDirection

STEPS, MOST, GAIN = (0.6, 0.3, 0.15), 2.4, 1e-4


class Seen(NamedTuple):
    """A frame as the members see it: their logits `[classes, H, W]` in half precision, those on the tones, which are others where the
    members are told the shape that was found, its true labels, the shape where it is given."""

    answers: list[Tensor]
    tellers: list[Tensor]
    truth: Tensor
    matte: Tensor | None

    def thinned(self) -> Seen:
        matte = None if self.matte is None else self.matte[..., ::2, ::2]
        answers, tellers = ([answer[..., ::2, ::2] for answer in these] for these in (self.answers, self.tellers))
        return Seen(answers, tellers, self.truth[::2, ::2], matte)


Scene = list[Seen]  # each frame without and with the shape given
Shifts = list[Tensor]  # for each member, a number for each of its classes


class Balance:
    """A network whose classes are shifted: the members that it is made of, itself where it is no ensemble, and how they decide."""

    def __init__(self, model: Model) -> None:
        self.model, self.members, self.heads = model, [model], ["head.bias"]
        self.joined: Callable[[list[Tensor], list[Tensor]], Tensor] = lambda answers, _: answers[0]
        self.tells = False
        speaking = [True]
        if model.architecture == "ensemble":
            # Rules see the frame's own pixels, and here are fewer: the networks are balanced, without what is heard beside them.
            networks = {name: value for name, value in model.config.items() if name not in ("rules", "clean", "told", "tell")}
            self.tells = bool(model.config.get("tell"))
            network = cast("EnsembleNetwork", build(model.architecture, networks))
            count = len(model.config["members"])
            # One that cannot do without a shape has no say before it is told one; it is asked all the same.
            self.members = [_without_shape(member_of(model, place + 1)) for place in range(count)]
            self.joined = network.joined_of_two if self.tells else lambda answers, _: network.joined(answers)
            self.heads = [f"members.{place}.head.bias" for place in range(count)]
            speaking = [bool(member["tones"]) for member in model.config["members"]]
        # What is shifted together, by member: each class; all tones of a member that only says where the shape is.
        self.together: list[tuple[int, list[int]]] = []
        for place, (member, speaks) in enumerate(zip(self.members, speaking, strict=True)):
            tones = [index for index, name in enumerate(member.classes) if name not in OUTSIDE]
            alone = [index for index in range(len(member.classes)) if speaks or index not in tones]
            self.together += [(place, [index]) for index in alone] + ([] if speaks else [(place, tones)])

    @property
    def none(self) -> Shifts:
        return [torch.zeros(len(member.classes)) for member in self.members]

    def seen(self, scene: Path, light: LightDirection | str | None) -> Scene:
        segmenters = [Segmenter(member, precision="auto") for member in self.members]
        found = []
        for frame in frames_of(scene):
            picture = frame.beauty if isinstance(light, str) else stacked(frame.layers, light)
            for matte in (None, frame.matte.data[None]):
                answers = tellers = self._asked(segmenters, picture, matte)
                if self.tells and matte is None:
                    likely = torch.softmax(self.joined([one[None].float() for one in answers], [one[None].float() for one in answers]), 1)
                    inside = [place for place, name in enumerate(self.model.classes) if name not in OUTSIDE]
                    tellers = self._asked(segmenters, picture, likely[:, inside].sum(1, keepdim=True))
                found.append(Seen(answers, tellers, frame.truth.data, matte))
        return found

    def _asked(self, segmenters: list[Segmenter], picture: Image, matte: Tensor | None) -> list[Tensor]:
        """The logits of each member, told that matte `[1, 1, H, W]`: `[its classes, H, W]` each, in half precision."""
        inputs = [network_input(member, picture.data[None], picture.channels, matte) for member in self.members]
        return [segmenter(given)[0].clamp(min=1e-6).log().half() for segmenter, given in zip(segmenters, inputs, strict=True)]

    def scores(self, scenes: Sequence[Scene], shifts: Shifts) -> np.ndarray:
        """Mean over scenes, `[2, 2]`: without and with the shape given, mean IoU and shape IoU."""
        return np.mean([self._of_scene(scene, shifts) for scene in scenes], axis=0)

    def _of_scene(self, scene: Scene, shifts: Shifts) -> list[tuple[float, float]]:
        matrices = np.zeros((2, 6, 6), np.int64)
        for frame in scene:
            answers, tellers = (
                [(answer.float() + shift.view(-1, 1, 1))[None] for answer, shift in zip(these, shifts, strict=True)]
                for these in (frame.answers, frame.tellers)
            )
            likely = torch.softmax(self.joined(answers, tellers), 1)
            likely = likely if frame.matte is None else with_shape(likely, frame.matte, self.model.classes)
            said = best_class(likely, None, frame.matte, self.model.classes)[0]
            said = said if (frame.truth == GROUND).any() else said.where(said != GROUND, 0)
            pairs = torch.bincount((frame.truth.long() * 6 + said).flatten(), minlength=36)
            matrices[int(frame.matte is not None)] += pairs.view(6, 6).numpy()
        return [scores(matrix) for matrix in matrices]

    def best(self, scenes: Sequence[Scene]) -> Shifts:
        """The shifts that coordinate ascent finds."""
        few = [[frame.thinned() for frame in scene] for scene in scenes]
        shifts, most = self.none, self.scores(few, self.none)[:, 0].mean()
        for step in STEPS:
            before = -np.inf
            while most > before:
                before = most
                for (place, classes), way in product(self.together, (step, -step)):
                    tried = [shift.clone() for shift in shifts]
                    tried[place][classes] += way
                    if abs(tried[place][classes[0]]) <= MOST and (found := self.scores(few, tried)[:, 0].mean()) > most + GAIN:
                        most, shifts = found, tried
        return shifts

    def shifted(self, shifts: Shifts) -> Model:
        """The model with its classes shifted. A last convolution makes one map for each class, or as many as its patch has pixels."""
        state = dict(self.model.state)
        for name, shift in zip(self.heads, shifts, strict=True):
            state[name] = state[name].float() + shift.repeat_interleave(len(state[name]) // len(shift))
        return replace(self.model, state=state, metrics={})


def _without_shape(model: Model) -> Model:
    """The network, which may be asked where no shape is known."""
    return replace(model, optional=(*model.optional, SHAPE)) if SHAPE in model.channels and SHAPE not in model.optional else model


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="weights file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="weights file to write")
    parser.add_argument("--scenes", nargs="+", type=Path, required=True, help="folders of scenes")
    parser.add_argument("--share", type=float, default=0.7, help="of what is found, to take (default: 0.7)")
    parser.add_argument("--light", choices=("scene", "none"), default="scene", help="where the key light comes from")
    args = parser.parse_args(arguments)
    balance = Balance(load_weights(args.weights))
    if balance.model.activation != "softmax" or any(name not in balance.model.state for name in balance.heads):
        print(f"{args.weights}: no network whose last convolution says classes: give weights of a U-Net on labels", file=sys.stderr)
        return 2
    scenes = [balance.seen(scene, light_of(scene, args.light)) for scene in args.scenes]
    shifts = [args.share * shift for shift in balance.best(scenes)]
    print("| | mean IoU | shape IoU | shape given, mean IoU |\n|---|---|---|---|")
    for name, these in (("before", balance.none), ("after", shifts)):
        (plain, shape), (given, _) = balance.scores(scenes, these)
        print(f"| {name} | {plain:.3f} | {shape:.3f} | {given:.3f} |")
    for member, shift in zip(balance.members, shifts, strict=True):
        said = ", ".join(f"{name} {value:+.2f}" for name, value in zip(member.classes, shift.tolist(), strict=True))
        print(f"{member.architecture}: {said}")
    save_weights(balance.shifted(shifts), args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
