"""Several networks as one, which decide together: all of them what the shape is, those that know best its tones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rotonodes.errors import UsageError
from rotonodes.nets.levels import check_ranges
from rotonodes.nets.model import Model, build
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.values.tones import OUTSIDE

MOST = 16  # members
_LEAST = 1e-7  # a probability that is as good as 0


class EnsembleNetwork(nn.Module):
    """Pictures `[N, in_channels, H, W]` -> logits `[N, classes, H, W]`, the logarithms of probabilities.

    Each of `members` is a mapping: `architecture` and `config` of a network, `channels` (which of the input's it sees, in its order),
    `classes` (which of the answer's it knows, in its order), and two weights, `shape` and `tones`. `outside` are the classes that are
    not on the shape. How likely a pixel is on the shape is the mean of the members by `shape`; which tone it has if it is, their mean
    by `tones`; which of `outside` it is if it is not, the mean by `shape` of those that know them all.
    Raises UsageError for members that do not fit together.
    """

    def __init__(self, in_channels: int, classes: int, *, members: Sequence[Mapping[str, Any]], outside: Sequence[int]) -> None:
        super().__init__()
        check_ranges({"in_channels": (in_channels, 1, 1024), "classes": (classes, 2, 1024)}, "ensemble")
        _refuse_unfit(in_channels, classes, members, outside)
        self.outside = list(outside)
        self.inside = [index for index in range(classes) if index not in self.outside]
        self.seen, self.knows, self.weights, networks = [], [], [], []
        for member in members:
            config = dict(member["config"]) | {"in_channels": len(member["channels"]), "classes": len(member["classes"])}
            networks.append(build(member["architecture"], config))
            self.seen.append(list(member["channels"]))
            self.knows.append(list(member["classes"]))
            self.weights.append((float(member["shape"]), float(member["tones"])))
        self.members = nn.ModuleList(networks)
        self.size_multiple = math.lcm(*(int(getattr(network, "size_multiple", 1)) for network in networks))
        self.smallest = max(int(getattr(network, "smallest", 1)) for network in networks)

    def forward(self, picture: Tensor) -> Tensor:
        shape: list[Tensor] = []
        tones: list[Tensor] = []
        other: list[Tensor] = []  # 1 - shape would have no digits left where hardly anything is outside
        rest: list[Tensor] = []
        said = zip(self.members, self.seen, self.knows, self.weights, strict=True)
        for network, channels, classes, (for_shape, for_tones) in said:
            logits = network(picture[:, channels]).float()
            inside, outside = ([classes.index(index) for index in side if index in classes] for side in (self.inside, self.outside))
            likely = torch.softmax(logits, 1) * for_shape
            shape.append(likely[:, inside].sum(1, keepdim=True))
            other.append(likely[:, outside].sum(1, keepdim=True))
            if for_tones:
                tones.append(for_tones * torch.softmax(logits[:, inside], 1))
            if len(outside) == len(self.outside):
                rest.append((for_shape or _LEAST) * torch.softmax(logits[:, outside], 1))
        tone, ground = (part / part.sum(1, keepdim=True) for part in (_total(tones), _total(rest)))
        whole = sum(weights[0] for weights in self.weights)
        made = torch.cat((_total(other) / whole * ground, _total(shape) / whole * tone), 1)
        order = [*self.outside, *self.inside]
        return torch.log(made[:, [order.index(index) for index in range(len(order))]].clamp(min=_LEAST))


def _total(parts: Sequence[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _refuse_unfit(in_channels: int, classes: int, members: Sequence[Mapping[str, Any]], outside: Sequence[int]) -> None:
    """Raises UsageError for a config, as from a file, that is no ensemble."""

    def indices(value: object, limit: int) -> bool:
        return (
            isinstance(value, list | tuple)
            and 0 < len(value) == len(set(map(str, value)))
            and all(type(index) is int and 0 <= index < limit for index in value)
        )

    def fits(member: object) -> bool:
        return (
            isinstance(member, Mapping)
            and isinstance(member.get("architecture"), str)
            and member["architecture"] != "ensemble"
            and isinstance(member.get("config"), Mapping)
            and indices(member.get("channels"), in_channels)
            and indices(member.get("classes"), classes)
            and {*member["classes"]} >= {index for index in range(classes) if index not in outside}
            and 0 in member["classes"]
            and all(isinstance(member.get(name), int | float) and 0 <= member[name] <= 1e3 for name in ("shape", "tones"))
        )

    if not indices(outside, classes) or 0 not in outside or len(outside) == classes:
        raise UsageError(f"ensemble: outside is {outside!r}: it must be the numbers of classes, 0 and others, but not all")
    if not isinstance(members, list | tuple) or not 1 <= len(members) <= MOST:
        raise UsageError(f"ensemble: members must be a list of 1 to {MOST} networks")
    for place, member in enumerate(members, 1):
        if not fits(member):
            raise UsageError(f"ensemble: member {place} does not fit: it needs architecture, config, channels, classes, shape and tones")
    if not all(sum(float(member[name]) for member in members) for name in ("shape", "tones")):
        raise UsageError("ensemble: no member has a weight for the shape, or none for the tones: give one of them 1")
    if not any({*outside} <= {*member["classes"]} for member in members):
        raise UsageError("ensemble: no member knows all classes that are outside of the shape")


def ensemble_of(models: Sequence[Model], shape: Sequence[float] = (), tones: Sequence[float] = ()) -> Model:
    """One model that holds several, with a weight of each in what the shape is and one in which tone it has; default: all the same.

    All must know the same tones, in the same order; `ground_shadow` may be known by some. Its channels are those of all, and those
    are optional that no member needs. Raises UsageError, naming the network, for one that does not fit.
    """
    if not 1 <= len(models) <= MOST:
        raise UsageError(f"an ensemble has 1 to {MOST} networks, and here are {len(models)}: link more, or fewer")
    weights = {}
    for name, given in (("shape", shape), ("tones", tones)):
        weights[name] = list(given) or [1.0] * len(models)
        if len(weights[name]) != len(models) or not any(weights[name]):
            raise UsageError(f"{name} is {weights[name]}: give one weight for each of {len(models)} networks, and not 0 for all")
    if len(models) == 1:
        return models[0]
    first = max(models, key=lambda model: len(model.classes))
    inside = [name for name in first.classes[1:] if name not in OUTSIDE]
    for place, model in enumerate(models, 1):
        _refuse_other(place, model, first, inside)
    channels = tuple(dict.fromkeys(name for model in models for name in model.channels))
    encodings: dict[str, str] = {}
    for place, model in enumerate(models, 1):
        for name, encoding in zip(model.channels, model.channel_encodings(), strict=True):
            if encodings.setdefault(name, encoding) != encoding:
                raise UsageError(f"network {place} sees {name} as {encoding}, another one as {encodings[name]}: train one of them anew")
    needed = {name for model in models for name in model.channels if name not in model.optional}
    members = [
        {
            "architecture": model.architecture,
            "config": {name: value for name, value in model.config.items() if name not in ("in_channels", "classes")},
            "channels": [channels.index(name) for name in model.channels],
            "classes": [first.classes.index(name) for name in model.classes],
            "shape": float(for_shape),
            "tones": float(for_tones),
        }
        for model, for_shape, for_tones in zip(models, weights["shape"], weights["tones"], strict=True)
    ]
    outside = [index for index, name in enumerate(first.classes) if name not in inside]
    config = {"in_channels": len(channels), "classes": len(first.classes), "members": members, "outside": outside}
    return Model(
        "ensemble",
        config,
        first.classes,
        first.colors,
        channels,
        first.encoding,
        encodings,
        math.lcm(*(model.size_multiple for model in models)),
        preprocessing=first.preprocessing,
        optional=tuple(name for name in channels if name not in needed),
        precision="float32" if any(model.precision for model in models) else "",
        licence=" AND ".join(dict.fromkeys(model.licence for model in models)) if all(model.licence for model in models) else "",
        training={"members": [model.training for model in models]},
        state={f"members.{i}.{name}": tensor for i, model in enumerate(models) for name, tensor in model.state.items()},
    )


def _refuse_other(place: int, model: Model, first: Model, inside: Sequence[str]) -> None:
    """Raises UsageError for a network that cannot decide together with the `first`."""
    if model.architecture == "ensemble":
        raise UsageError(f"network {place} is an ensemble itself: link its members instead")
    if model.activation != "softmax":
        raise UsageError(f"network {place} makes mattes, and an ensemble decides between classes: link one that was trained on labels")
    if model.preprocessing != first.preprocessing or model.preprocessing != Preprocessing(scale=model.preprocessing.scale):
        raise UsageError(f"network {place} sees frames in another way (grey, scaled, squashed or normalised): it cannot be in an ensemble")
    known = [name for name in model.classes if name in inside]
    if known != list(inside) or model.classes[:1] != first.classes[:1] or not {*model.classes} <= {*first.classes}:
        raise UsageError(
            f"network {place} knows {', '.join(model.classes)}, another one {', '.join(first.classes)}: "
            "all must know the same tones, in the same order"
        )
