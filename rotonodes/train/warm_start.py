"""Warm start: a training that starts from the weights, or the whole state, of an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model, skeleton
from rotonodes.nets.weights import WeightsError, read_pickle_free
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.fit_checks import FREE_ON_START, differences, refuse_other_classes
from rotonodes.train.settings import TrainSettings

# Output-head tensors, by name prefix: those of a U-Net, and those of a U-2-Net.
HEADS = ("head.", "side", "outconv.")


@dataclass(frozen=True, eq=False)
class EarlierTraining:
    """The newest weights of another training, their average, and its optimizer state."""

    model: Model
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    optimizer_name: str


def read_training(path: Path) -> EarlierTraining:
    """A training's state from its checkpoint. Raises WeightsError for a damaged file, or one that is no such checkpoint."""
    content = read_pickle_free(path)
    if not isinstance(content, dict) or not {"rotonodes", "run"} <= content.keys():
        raise WeightsError(f"{path}: not a checkpoint of a training, so it holds no optimizer state: link it as a model instead")
    run = content["run"]
    model = Model.from_metadata(content["rotonodes"], run["network"])
    return EarlierTraining(model, run["average"], run["optimizer"], run["settings"]["optimizer"])


def warm_start(network: nn.Module, settings: TrainSettings, dataset: LabelledFrames, initial: Model, warn: Callable[[str], None]) -> None:
    """Load the weights of `initial` into `network`.

    Where its classes are the same in another order, the output head is reordered; where they are some of these, the others keep
    fresh weights; where they are others, the whole head does. Channels of a U-Net are found by their names;
    those that `initial` does not know start with weight 0. `warn` is called with what starts fresh. Raises UsageError for another
    architecture.
    """

    def comparable(config: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in config.items() if name not in FREE_ON_START}

    widens = _can_widen(initial, settings)
    places = [settings.channels.index(name) for name in initial.channels] if widens else list(range(len(settings.channels)))
    channels, encodings = (" ".join(names[place] for place in places) for names in (settings.channels, dataset.encodings))
    changed = differences(
        {"architecture": initial.architecture, **comparable(initial.config), "channels": " ".join(initial.channels)}
        | {"encodings": " ".join(initial.channel_encodings()), "grey": initial.preprocessing.grey},
        {"architecture": settings.architecture, **comparable(settings.network_config()), "channels": channels}
        | {"encodings": encodings, "grey": settings.preprocessing.grey},
    )
    if changed:
        raise UsageError(f"training: the weights to start from have {changed}: make that the same, or start without them")
    refuse_other_classes(initial, settings.classes)
    fresh = network.state_dict()
    state = dict(initial.state)
    if widens:
        for name, each in _weights_by_channel(initial).items():
            state[name] = _widened(state[name], each, places, len(settings.channels))
        if more := ", ".join(name for name in settings.channels if name not in initial.channels):
            warn(f"training: the weights to start from have no {more}: added with weight 0")
    order = logit_order(initial, settings)
    heads = [name for name in state if name.startswith(HEADS)]
    before, now = _logit_classes(initial), settings.logit_classes
    plain = initial.architecture != "u2net" and not settings.mattes and initial.activation == "softmax"
    if order is not None:
        state |= {name: _in_order(name, state[name], order) for name in heads}
    elif plain and set(before) < set(now):
        state |= {name: _with_classes(state[name], fresh[name], before, now) for name in heads}
        more = ", ".join(name for name in now if name not in before)
        warn(f"training: the weights to start from have no {more}: these start with fresh weights, all others are kept")
    elif plain and set(now) < set(before):
        state |= {name: _with_classes(state[name], fresh[name], before, now) for name in heads}
        less = ", ".join(name for name in before if name not in now)
        warn(f"training: these labels have no {less}, which the weights to start from have: removed, all others are kept")
    else:
        state |= {name: fresh[name] for name in heads}
        differ = _other_classes(initial, settings)
        warn(f"training: the weights to start from {differ}: the last layer starts with fresh weights, all others are kept")
    network.load_state_dict(state)


def _can_widen(initial: Model, settings: TrainSettings) -> bool:
    """True when these are the channels of a U-Net with plain convolutions, in another order or with more between them."""
    same = initial.architecture == settings.architecture and initial.architecture in ("unet", "efficient_unet")
    plain = same and initial.config.get("block", "standard") == "standard"
    other = initial.channels != settings.channels and set(initial.channels) <= set(settings.channels)
    return plain and other and not settings.preprocessing.grey


def _weights_by_channel(model: Model) -> dict[str, int]:
    """The tensors that see the input, and how many weights of them each channel has: those that grow with the channels."""
    one, more = (skeleton(model.architecture, {**model.config, "in_channels": len(model.channels) + extra}) for extra in (0, 1))
    wider = more.state_dict()
    return {
        name: wider[name].shape[1] - tensor.shape[1]
        for name, tensor in one.state_dict().items()
        if tensor.dim() > 1 and wider[name].shape[1] != tensor.shape[1]
    }


def _widened(tensor: Tensor, each: int, places: Sequence[int], channels: int) -> Tensor:
    """A tensor that sees the input for `channels` of it, where those it knows are at `places`; the weights of the others are 0.

    It has `each` weights channel by channel, and then those of features, if any.
    """
    known = each * len(places)
    widened = tensor.new_zeros((len(tensor), tensor.shape[1] + each * channels - known, *tensor.shape[2:]))
    for index, place in enumerate(places):
        widened[:, place * each : (place + 1) * each] = tensor[:, index * each : (index + 1) * each]
    widened[:, channels * each :] = tensor[:, known:]
    return widened


def _with_classes(tensor: Tensor, fresh: Tensor, before: Sequence[str], now: Sequence[str]) -> Tensor:
    """A head's tensor for the classes `now`: rows of those it knows, and fresh rows."""
    rows, old = fresh.detach().cpu().clone().unflatten(0, (len(now), -1)), tensor.unflatten(0, (len(before), -1))
    for index, name in enumerate(before):
        if name in now:
            rows[now.index(name)] = old[index]
    return rows.flatten(0, 1)


def logit_order(initial: Model, settings: TrainSettings) -> list[int] | None:
    """For each logit of the training, its index among the model's logits; None where the classes differ."""
    before, now = _logit_classes(initial), settings.logit_classes
    if (initial.activation == "softmax") == settings.mattes:
        return None
    if settings.task == "alpha":  # one shape, whatever it is called
        return [0] if len(before) == 1 else None
    return [before.index(name) for name in now] if sorted(before) == sorted(now) else None


def _logit_classes(model: Model) -> tuple[str, ...]:
    return model.classes if model.activation == "softmax" else model.classes[1:]


def _other_classes(initial: Model, settings: TrainSettings) -> str:
    if (initial.activation == "softmax") == settings.mattes:
        return "predict mattes, but these frames have classes" if not settings.mattes else "predict classes, but these frames have mattes"
    return f"have the classes {_listed(_logit_classes(initial))}, these frames {_listed(settings.logit_classes)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def _in_order(name: str, tensor: Tensor, order: Sequence[int]) -> Tensor:
    """A head's tensor, first dimension classes times sub-pixels, with the classes in another order.

    The convolution that fuses a U-2-Net's maps also has their classes, map after map, as its input.
    """
    count = len(order)
    found = tensor.unflatten(0, (count, -1))[list(order)].flatten(0, 1)
    if name == "outconv.weight":
        found = found.unflatten(1, (-1, count))[:, :, list(order)].flatten(1, 2)
    return found
