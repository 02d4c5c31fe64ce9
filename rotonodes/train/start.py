"""What a training begins with: whether frames, settings and weights go together, and what an earlier training left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import WeightsError, read_pickle_free
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.settings import TrainSettings
from rotonodes.values.frames import format_frames

# How the tensors begin that make logits of features: a U-Net's, and those of a U-2-Net.
HEADS = ("head.", "side", "outconv.")

# What of a network's configuration its weights need not have in common with those they start from; see `take_over`.
FREE_ON_START = ("classes", "in_channels", "odd")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two nested mappings, in words: `config.widths [4, 8], not [8, 16], and seed 0, not 1`; "" for nothing."""
    there, here = _flat(before), _flat(now)
    said = [f"{name} {_value(there.get(name))}, not {_value(here.get(name))}" for name in _differing(there, here)]
    more = f", and {len(said) - 3} more" if len(said) > 3 else ""
    return ", and ".join(said[:3]) + more


def way_on(checkpoint: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What to do when the settings of a checkpoint's training differ from these.

    Its weights may start another training, in another folder, where these settings do not ask for another network.
    """
    fixed = {"architecture", "channels", "sight.grey"}
    free = {f"config.{name}" for name in FREE_ON_START}
    if any(name in fixed or (name.startswith("config.") and name not in free) for name in _differing(_flat(before), _flat(now))):
        return "set that back to go on, or use an empty folder to begin anew: weights of one network do not fit another"
    return f"set that back to go on, or use an empty folder, and link {checkpoint} as a model to start from its weights"


def _differing(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    return [name for name in {**here, **there} if there.get(name) != here.get(name)]


def _flat(values: Mapping[str, Any], stem: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{stem}{name}.") if isinstance(value, dict) else {stem + name: value}
    return flat


def _value(value: object) -> str:
    return "unset" if value is None or value == "" else str(value)


def refuse_misfits(settings: TrainSettings, dataset: LabelledFrames) -> None:
    """UsageError for settings that do not fit the frames."""
    if dataset.channels != settings.channels:
        names = [" ".join(channels) for channels in (dataset.channels, settings.channels)]
        raise UsageError(f"training: the frames have channels {names[0]}, but the settings name {names[1]}")
    if dataset.sight != settings.sight or dataset.mattes != settings.mattes:
        raise UsageError("training: the frames were taken in for another task or sight than the settings name: make them the same")
    if dataset.ignore != settings.ignored():
        raise UsageError(f"training: the frames ignore class {dataset.ignore}, the settings {settings.ignored()}: make them the same")
    wants = "schedule plateau" if settings.schedule == "plateau" else "patience" if settings.patience else ""
    if wants and not dataset.validation:
        raise UsageError(f"training: {wants} needs frames to score with: set validation")


def refuse_unfit(settings: TrainSettings, device: torch.device) -> None:
    """UsageError for settings that nothing can be trained with, whatever the frames: to be asked before they are read."""
    if settings.precision == "float16" and device.type != "cuda":
        raise UsageError("training: precision float16 needs a CUDA device: use float32 or bfloat16")
    with torch.device("meta"):  # no weights, and no random numbers
        multiple = build(settings.architecture, settings.network_config()).size_multiple
    if settings.crop % cast("int", multiple):
        raise UsageError(f"training: crop is {settings.crop}, and this network needs a multiple of {multiple}")


def warn_of_near_copies(dataset: LabelledFrames, warn: Callable[[str], None]) -> None:
    """Say when a frame is scored with whose neighbour is learned from; with clips that are known, this is refused before."""
    scored, numbers = set(dataset.validation), dataset.numbers
    for here, after in dataset.division.following.items():
        if (here in scored) != (after in scored) and numbers[after] == numbers[here] + 1:
            one, other = (here, after) if here in scored else (after, here)
            warn(
                f"training: frame {numbers[one]} is scored with, and its neighbour {numbers[other]} is learned from: near copies "
                "flatter the scores; say what a clip is, with clip_length or clips"
            )
            return


def warn_of_absent_classes(settings: TrainSettings, dataset: LabelledFrames, shares: Sequence[float], warn: Callable[[str], None]) -> None:
    """Say which classes cannot be learned, and which mattes are empty; UsageError when nothing can be learned at all."""
    absent = [name for name, share in zip(settings.answers, shares, strict=True) if not share and name != settings.ignore]
    if len(absent) == len(settings.answers):
        what = "a matte that is not empty: check the mattes" if settings.mattes else "a labelled pixel: check the labels"
        raise UsageError(f"training: no frame to learn from has {what}")
    empty = dataset.empty_frames() if settings.task == "alpha" else []
    if empty:
        warn(f"training: the matte is empty in frames {format_frames(empty)}: check whether nothing is there")
    if absent:
        warn(f"training: no frame to learn from has a pixel of {', '.join(absent)}: that cannot be learned, and weighs nothing")


@dataclass(frozen=True)
class EarlierTraining:
    """What another training left: its newest weights, their average, and what its optimiser remembers."""

    model: Model
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    optimizer_name: str


def read_training(path: Path) -> EarlierTraining:
    """The state of a training in its checkpoint. Raises WeightsError when it is no checkpoint of ours, or damaged."""
    content = read_pickle_free(path)
    if not isinstance(content, dict) or not {"rotonodes", "run"} <= content.keys():
        raise WeightsError(f"{path}: not a checkpoint of a training, so it holds no optimiser: link it as a model instead")
    run = content["run"]
    model = Model.from_metadata(content["rotonodes"], run["network"])
    return EarlierTraining(model, run["average"], run["optimizer"], run["settings"]["optimizer"])


def take_over(network: nn.Module, settings: TrainSettings, dataset: LabelledFrames, initial: Model, warn: Callable[[str], None]) -> None:
    """Start from the weights of `initial`.

    Where its classes are these in another order, what makes logits of features is brought into this one; where they are others,
    it stays fresh, and `warn` is told. UsageError for another network.
    """

    def sight(config: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in config.items() if name not in FREE_ON_START}

    changed = differences(
        {"architecture": initial.architecture, **sight(initial.config), "channels": " ".join(initial.channels)}
        | {"encodings": " ".join(initial.channel_encodings()), "grey": initial.sight.grey},
        {"architecture": settings.architecture, **sight(settings.network_config()), "channels": " ".join(settings.channels)}
        | {"encodings": " ".join(dataset.encodings), "grey": settings.sight.grey},
    )
    if changed:
        raise UsageError(f"training: the weights to start from have {changed}: make that the same, or start without them")
    state = dict(initial.state)
    order = answer_order(initial, settings)
    heads = [name for name in state if name.startswith(HEADS)]
    if order is None:
        fresh = network.state_dict()
        state |= {name: fresh[name] for name in heads}
        warn(f"training: the weights to start from {_other_answer(initial, settings)}: the last layer starts afresh, all else is kept")
    else:
        state |= {name: _in_order(name, state[name], order) for name in heads}
    network.load_state_dict(state)


def answer_order(initial: Model, settings: TrainSettings) -> list[int] | None:
    """Which map of a model's logits is each of the answers that are learned; None where they are not the same."""
    before, now = _answers(initial), settings.answers
    if (initial.answer == "softmax") == settings.mattes:
        return None
    if settings.task == "alpha":  # one shape, whatever it is called
        return [0] if len(before) == 1 else None
    return [before.index(name) for name in now] if sorted(before) == sorted(now) else None


def _answers(model: Model) -> tuple[str, ...]:
    return model.classes if model.answer == "softmax" else model.classes[1:]


def _other_answer(initial: Model, settings: TrainSettings) -> str:
    if (initial.answer == "softmax") == settings.mattes:
        return "make mattes, these frames teach classes" if not settings.mattes else "tell classes apart, these frames teach mattes"
    return f"know {_listed(_answers(initial))}, these frames {_listed(settings.answers)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def _in_order(name: str, tensor: Tensor, order: Sequence[int]) -> Tensor:
    """A head's tensor, whose first dimension are the answers with their sub-pixels, with the answers in another order.

    What fuses a U-2-Net's maps sees the answers of each of them, one map behind the other.
    """
    count = len(order)
    found = tensor.unflatten(0, (count, -1))[list(order)].flatten(0, 1)
    if name == "outconv.weight":
        found = found.unflatten(1, (-1, count))[:, :, list(order)].flatten(1, 2)
    return found
