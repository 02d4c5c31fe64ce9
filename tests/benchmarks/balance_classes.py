"""Shift how readily a network says each class, until its labels fit scenes that it was not trained on, and write it anew.

    python tests/benchmarks/balance_classes.py WEIGHTS -o NEW --scenes renders/scripted/*

A training weighs classes and pixels for its own frames; on other scenes the same network says some classes too often. A number for each
class, added to its logit, mends that without training: to the bias of the last convolution, so the network stays as it is and as fast. In
an ensemble how readily a member says shape, background and ground_shadow is shifted for all of them; single tones only for those whose
weight for tones is not 0.

Numbers are found by coordinate ascent, in steps of 0.6, 0.3 and 0.15 within 2.4 either way, on every second pixel of every second line.
What rises is the mean IoU over the classes that are there, the mean over scenes, with and without the shape given. Of what is found 0.7
is taken (`--share`), for a few scenes are not all. Scenes are folders as those of bench_scenes.py; so are the scores, before and after.
`--light none` is for weights on the picture alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from bench_scenes import GROUND, PASSES, SHAPE, light_of, scores
from torch import Tensor

from rotonodes.nets.encode import network_input, with_shape
from rotonodes.nets.ensemble_network import EnsembleNetwork, member_of
from rotonodes.nets.inference import Segmenter, best_class
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.nodes import FindKeyLight, LoadFrames, LoadLabels, StackPasses
from rotonodes.values.frames import FilePattern
from rotonodes.values.tones import OUTSIDE, SIX_CLASSES, LightDirection

STEPS, MOST, GAIN = (0.6, 0.3, 0.15), 2.4, 1e-4


class Seen(NamedTuple):
    """A frame as the members see it: their logits `[classes, H, W]` in half precision, its true labels, the shape where it is given."""

    answers: list[Tensor]
    truth: Tensor
    matte: Tensor | None


Scene = list[Seen]
Shifts = list[Tensor]  # for each member, a number for each of its classes


def members_of(model: Model) -> list[Model]:
    return [member_of(model, place + 1) for place in range(len(model.config["members"]))] if model.architecture == "ensemble" else [model]


def seen(scene: Path, model: Model, light: LightDirection | str | None) -> Scene:
    """The frames of a scene, without and with the shape given."""
    segmenters = [Segmenter(member, precision="auto") for member in members_of(model)]
    found = []
    for frame in FilePattern(str(scene / "render.####.exr")).on_disk():
        truth = LoadLabels(path=str(scene / "label.####.png"), classes=list(SIX_CLASSES))(frame=frame).data
        matte = SHAPE[truth.long()].float()[None, None]
        if isinstance(light, str):
            picture = LoadFrames(path=str(scene / "beauty.####.png"))(frame=frame)[0]
        else:
            layers = LoadFrames(path=str(scene / "render.####.exr"))(frame=frame)[1]
            picture = StackPasses(passes=PASSES, normals="camera")(layers, more=FindKeyLight()(layers, light=light))
        for given in (None, matte):
            answers = []
            for segmenter in segmenters:
                likely = segmenter(network_input(segmenter.model, picture.data[None], picture.channels, given))[0]
                answers.append(likely.clamp(min=1e-6).log().half())
            found.append(Seen(answers, truth, given))
    return found


def thinned(scene: Scene) -> Scene:
    def each(plane: Tensor) -> Tensor:
        return plane[..., ::2, ::2]

    return [Seen(list(map(each, s.answers)), each(s.truth), None if s.matte is None else each(s.matte)) for s in scene]


def score_of(scene: Scene, model: Model, shifts: Shifts, joined: Callable[[list[Tensor]], Tensor]) -> list[tuple[float, float]]:
    """(mean IoU, shape IoU) of a scene's frames together, without and with the shape given."""
    matrices = np.zeros((2, 6, 6), np.int64)
    for frame in scene:
        shifted = [answer.float() + shift.view(-1, 1, 1) for answer, shift in zip(frame.answers, shifts, strict=True)]
        likely = torch.softmax(joined([logits[None] for logits in shifted]), 1)
        likely = likely if frame.matte is None else with_shape(likely, frame.matte, model.classes)
        said = best_class(likely, None, frame.matte, model.classes)[0]
        said = said if (frame.truth == GROUND).any() else said.where(said != GROUND, 0)
        pairs = torch.bincount((frame.truth.long() * 6 + said).flatten(), minlength=36)
        matrices[int(frame.matte is not None)] += pairs.view(6, 6).numpy()
    return [scores(matrix) for matrix in matrices]


def balanced(scenes: Sequence[Scene], model: Model) -> tuple[Shifts, Callable[[Sequence[Scene], Shifts], np.ndarray]]:
    """The shifts of each member's classes, and how to score with them: `[2, 2]`, without and with the shape, mean and shape IoU."""
    members, joined = members_of(model), _first
    tones = [True]
    if model.architecture == "ensemble":
        network = build(model.architecture, model.config)
        assert isinstance(network, EnsembleNetwork)
        joined, tones = network.joined, [bool(member["tones"]) for member in model.config["members"]]
    # What is changed together: a class that is spoken of, or all tones of a member that only says where the shape is.
    moves = []
    for place, (member, speaks) in enumerate(zip(members, tones, strict=True)):
        inside = [index for index, name in enumerate(member.classes) if name not in OUTSIDE]
        others = [[index] for index in range(len(member.classes)) if speaks or index not in inside]
        moves += [(place, indices) for indices in (others if speaks else [*others, inside])]
    few = [thinned(scene) for scene in scenes]

    def scored(which: Sequence[Scene], shifts: Shifts) -> np.ndarray:
        return np.mean([score_of(scene, model, shifts, joined) for scene in which], axis=0)

    shifts = [torch.zeros(len(member.classes)) for member in members]
    best = scored(few, shifts)[:, 0].mean()
    for step in STEPS:
        rises = True
        while rises:
            rises = False
            for place, indices in moves:
                for way in (step, -step):
                    tried = [shift.clone() for shift in shifts]
                    tried[place][indices] += way
                    if abs(tried[place][indices[0]]) <= MOST and (found := scored(few, tried)[:, 0].mean()) > best + GAIN:
                        best, shifts, rises = found, tried, True
    return shifts, scored


def _first(answers: list[Tensor]) -> Tensor:
    return answers[0]


def with_shifts(model: Model, shifts: Shifts) -> Model:
    """The model with its classes shifted. A last convolution makes one map for each class, or as many as its patch has pixels."""
    state = dict(model.state)
    for place, shift in enumerate(shifts):
        name = f"members.{place}.head.bias" if model.architecture == "ensemble" else "head.bias"
        state[name] = state[name].float() + shift.repeat_interleave(len(state[name]) // len(shift))
    return replace(model, state=state, metrics={})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="weights file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="weights file to write")
    parser.add_argument("--scenes", nargs="+", type=Path, required=True, help="folders of scenes")
    parser.add_argument("--share", type=float, default=0.7, help="of what is found, to take (default: 0.7)")
    parser.add_argument("--light", choices=("scene", "none"), default="scene", help="where the key light comes from")
    args = parser.parse_args(arguments)
    model = load_weights(args.weights)
    heads = [name for name in model.state if name.endswith("head.bias")]
    if len(heads) != len(members_of(model)) or model.activation != "softmax":
        print(f"{args.weights}: no network whose last convolution says classes: give weights of a U-Net on labels", file=sys.stderr)
        return 2
    scenes = [seen(scene, model, light_of(scene, args.light)) for scene in args.scenes]
    shifts, scored = balanced(scenes, model)
    shifts = [args.share * shift for shift in shifts]
    print("| | mean IoU | shape IoU | shape given, mean IoU |\n|---|---|---|---|")
    for name, these in (("before", [torch.zeros_like(shift) for shift in shifts]), ("after", shifts)):
        (plain, shape), (given, _) = scored(scenes, these)
        print(f"| {name} | {plain:.3f} | {shape:.3f} | {given:.3f} |")
    for member, shift in zip(members_of(model), shifts, strict=True):
        print(
            f"{member.architecture}: "
            + ", ".join(f"{name} {value:+.2f}" for name, value in zip(member.classes, shift.tolist(), strict=True))
        )
    save_weights(with_shifts(model, shifts), args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
