"""What a training begins with: weights of other classes, and what is advised where a checkpoint does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model, build
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.nets.weights import load_weights
from rotonodes.train.checkpoint import NEWEST
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.loop import train
from rotonodes.train.settings import NONE, Loss, TrainSettings
from test_loop import toy_frames
from tiny_networks import tiny_model

ABC = ("background", "shadow", "light")
TURNED = ("light", "background", "shadow")
STILL = {"steps": 1, "learning_rate": 1e-9, "weight_decay": 0.0, "augment": NONE, "batch": 2, "crop": 32, "checkpoint_interval": 1}
STAGES = [[2, 3]] * 11  # of a U-2-Net that is quick


def settings(classes: tuple[str, ...] = ABC, **more: Any) -> TrainSettings:
    colors = tuple(f"#0000{i:02x}" for i in range(len(classes)))
    return TrainSettings(**{**STILL, "config": {"widths": [4, 8]}, "classes": classes, "colors": colors, **more})


@pytest.fixture(scope="module")
def data() -> LabelledFrames:
    return LabelledFrames(toy_frames(4), classes=3)


def started(told: TrainSettings, frames: LabelledFrames, initial: Model) -> tuple[Model, list[str]]:
    """What a step too small to see makes of the weights, and what was warned of."""
    warned: list[str] = []
    return train(told, frames, initial=initial, warn=warned.append), [line for line in warned if "start" in line]


def logits(model: Model, picture: torch.Tensor) -> torch.Tensor:
    network = build(model.architecture, model.config)
    network.load_state_dict(model.state)
    with torch.no_grad():
        out = network.eval()(picture)
    return out if isinstance(out, torch.Tensor) else torch.stack(out)


# Weights that know other classes.


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("unet", {}),
        ("unet", {"patch": 2}),
        ("unet", {"patch": 2, "refine": 4}),
        ("u2net", {"stages": STAGES, "in_channels": 3}),
    ],
)
def test_classes_in_another_order_keep_what_was_learned(data: LabelledFrames, architecture: str, config: dict[str, Any]) -> None:
    first = tiny_model(architecture, ABC, config={**config, "classes": 3})
    turned = LabelledFrames(
        ((n, picture, torch.tensor([1, 2, 0], dtype=torch.uint8)[labels.long()]) for n, picture, labels in toy_frames(4)), classes=3
    )
    own = {name: value for name, value in first.config.items() if name not in ("classes", "in_channels")}
    # Norms that learn nothing of these frames, so that any difference is one of the order.
    made, warned = started(settings(TURNED, architecture=architecture, config=own, ema_decay=0.0), turned, first)
    assert (made.classes, warned) == (TURNED, [])
    made.state.update({name: tensor for name, tensor in first.state.items() if "running" in name or "num_batches" in name})
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    before, now = logits(first, picture), logits(made, picture)
    assert torch.allclose(now, before[..., [2, 0, 1], :, :], atol=1e-2)
    assert not torch.allclose(now, before, atol=0.1)


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (("a", "b"), "have the classes a, b, these frames background, shadow, light"),
        (("background", "dark", "light"), "have the classes background, dark, light, these frames background, shadow, light"),
        (tuple("abcdefgh"), "have the classes a, b, c, d, e, f and 2 more, these frames background, shadow, light"),
    ],
)
def test_other_classes_start_with_a_fresh_layer_and_a_line(data: LabelledFrames, classes: tuple[str, ...], told: str) -> None:
    first = tiny_model(classes=classes)
    made, warned = started(settings(), data, first)
    assert warned == [f"training: the weights to start from {told}: the last layer starts with fresh weights, all others are kept"]
    assert torch.allclose(made.state["encoder.0.conv1.weight"], first.state["encoder.0.conv1.weight"], atol=1e-4)
    assert len(made.state["head.weight"]) == 3
    if len(classes) == 3:
        assert not torch.allclose(made.state["head.weight"], first.state["head.weight"], atol=0.01)


def test_a_run_that_goes_on_says_nothing_of_its_start(data: LabelledFrames, tmp_path: Path) -> None:
    first = tiny_model(classes=("a", "b"))
    told = settings(checkpoint_folder=tmp_path / "run")
    assert len(started(told, data, first)[1]) == 1
    assert started(told, data, first)[1] == []


def test_the_same_classes_start_without_a_word(data: LabelledFrames) -> None:
    first = tiny_model(classes=ABC)
    made, warned = started(settings(), data, first)
    assert warned == []
    assert torch.allclose(made.state["head.weight"], first.state["head.weight"], atol=1e-4)


def test_mattes_from_weights_of_classes_and_of_several_parts() -> None:
    frames = LabelledFrames(((n, p, (labels > 0).float()[None]) for n, p, labels in toy_frames(4)), classes=1, mattes=True)
    alpha = {"task": "alpha", "loss": Loss(dice=0, l1=1.0)}
    for first, told in (
        (tiny_model(classes=("background", "shape")), "predict classes, but these frames have mattes"),
        (tiny_model(classes=("rest", "hair", "eyes"), activation="sigmoid"), "have the classes hair, eyes, these frames shape"),
    ):
        made, warned = started(settings(("background", "shape"), **alpha), frames, first)
        assert warned == [f"training: the weights to start from {told}: the last layer starts with fresh weights, all others are kept"]
        assert len(made.state["head.weight"]) == 1
    hair = tiny_model(classes=("rest", "hair"), activation="sigmoid")
    made, warned = started(settings(("background", "shape"), **alpha), frames, hair)
    assert warned == [], "one shape is one shape, whatever it is called"
    assert torch.allclose(made.state["head.weight"], hair.state["head.weight"], atol=1e-4)


def test_an_optimiser_does_not_go_on_with_other_classes(data: LabelledFrames, tmp_path: Path) -> None:
    """Not even where the tensors would fit: it remembers the old classes' gradients."""
    train(settings(checkpoint_folder=tmp_path / "run"), data)
    for classes in (TURNED, ("a", "b", "c")):
        with pytest.raises(
            UsageError, match=r"checkpoint\.pt: its network has other classes than these frames: link it as a model instead$"
        ):
            train(settings(classes, start_from=tmp_path / "run" / NEWEST), data)
    assert train(settings(start_from=tmp_path / "run" / NEWEST), data).classes == ABC


# A checkpoint that does not fit: the advice is followed.


def grey_data() -> LabelledFrames:
    return LabelledFrames(toy_frames(4), classes=3, preprocessing=Preprocessing(grey=True))


def half_data() -> LabelledFrames:
    return LabelledFrames(toy_frames(4), classes=3, preprocessing=Preprocessing(scale=0.5))


def refused(
    data: LabelledFrames, folder: Path, change: dict[str, Any], frames: Callable[[], LabelledFrames] | None
) -> tuple[TrainSettings, TrainSettings, str]:
    """Settings that left a checkpoint in the folder, others that cannot go on from it, and what those are told."""
    first = settings(checkpoint_folder=folder)
    train(first, data)
    other = replace(first, **change)
    with pytest.raises(UsageError) as told:
        train(other, frames() if frames else data)
    return first, other, str(told.value)


@pytest.mark.parametrize(
    ("change", "frames", "named"),
    [
        ({"learning_rate": 1e-8}, None, "learning_rate 1e-09, not 1e-08"),
        ({"optimizer": "sgd"}, None, "optimizer adamw, not sgd"),
        ({"crop": 16, "batch": 4}, None, "batch 2, not 4, and crop 32, not 16"),
        ({"classes": ("a", "b", "c")}, None, "classes"),
        ({"classes": TURNED}, None, "classes"),
        ({"preprocessing": Preprocessing(scale=0.5)}, half_data, "preprocessing.scale unset, not 0.5"),
        ({"loss": Loss(dice=1.0)}, None, "loss.dice 0.5, not 1.0"),
    ],
)
def test_what_learns_otherwise_can_start_from_the_weights(
    data: LabelledFrames, tmp_path: Path, change: dict[str, Any], frames: Callable[[], LabelledFrames] | None, named: str
) -> None:
    first, other, told = refused(data, tmp_path / "run", change, frames)
    assert f"run: its checkpoint was trained with {named}" in told
    advised = re.search(r": set that back to resume, or use an empty folder, and link (\S+) as a model to start from its weights$", told)
    assert advised, told
    train(replace(first, steps=2), data)  # set back, it goes on
    train(replace(other, checkpoint_folder=tmp_path / "empty"), frames() if frames else data, initial=load_weights(Path(advised[1])))


@pytest.mark.parametrize(
    ("change", "frames", "named"),
    [
        ({"config": {"widths": [4, 8, 16]}}, None, "config.widths [4, 8], not [4, 8, 16]"),
        ({"config": {"widths": [4, 8], "norm": "group"}}, None, "config.norm unset, not group"),
        ({"architecture": "u2net", "config": {"stages": STAGES}}, None, "architecture unet, not u2net"),
        ({"preprocessing": Preprocessing(grey=True)}, grey_data, "preprocessing.grey unset, not True"),
        (
            {"learning_rate": 1e-8, "config": {"widths": [4, 4]}},
            None,
            "learning_rate 1e-09, not 1e-08, and config.widths [4, 8], not [4, 4]",
        ),
    ],
)
def test_another_network_is_not_told_to_start_from_weights_that_it_would_refuse(
    data: LabelledFrames, tmp_path: Path, change: dict[str, Any], frames: Callable[[], LabelledFrames] | None, named: str
) -> None:
    first, other, told = refused(data, tmp_path / "run", change, frames)
    assert f"run: its checkpoint was trained with {named}" in told
    assert told.endswith(": set that back to resume, or use an empty folder to start over: weights of one network do not fit another")
    train(replace(first, steps=2), data)
    train(replace(other, checkpoint_folder=tmp_path / "empty"), frames() if frames else data)
    with pytest.raises(UsageError, match="the weights to start from have"):
        train(replace(other, checkpoint_folder=None), frames() if frames else data, initial=load_weights(tmp_path / "run" / NEWEST))
