"""Several networks as one: a weighted mean says what is on the shape, another one which tone it has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rotonodes.errors import UsageError
from rotonodes.nets.frame_tiles import RULES_CELL
from rotonodes.nets.key_rules import CHANNELS, TONES, KeyRules, without_strays
from rotonodes.nets.levels import check_ranges
from rotonodes.nets.members import MOST_MEMBERS, WEIGHT, is_weight
from rotonodes.nets.model import MOST_MULTIPLE, SHAPE, Model, build, skeleton
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.values.tones import GROUND_SHADOW, OUTSIDE, known_colors

_LEAST = 1e-7  # the least probability: its logarithm is finite
_THIN = 1e-3  # the least share of a pixel that either side of a given shape has


class EnsembleNetwork(nn.Module):
    """Pictures `[N, in_channels, H, W]` -> logits `[N, classes, H, W]`, the logarithms of probabilities.

    Each of `members` is a mapping: `architecture` and `config` of a network, `channels` (which of the input's it sees, in its order),
    `classes` (which of the answer's each of its own is), and two weights, `shape` and `tones`. `outside` are the classes that are
    not on the shape; several of a member's may be one of these. How likely a pixel is on the shape is the mean of the members by
    `shape`; which tone it has if it is, their mean by `tones`; which of `outside` it is if it is not, the mean by `shape` of those
    that know them all, or their plain mean where these have no weight. `rules` are the fields of a `KeyRules` that is heard beside
    them; with `clean` stray pixels take the tone around them. Both go by the shape in the channel `told`, where it is given: then what is
    on the shape is known, and where that decides everything but the tones, members that have no say in these are not asked (but in
    networks that torch compiles or writes as ONNX, which do the same for every frame).

    Where the shape is not given, with `tell` the frame is looked at twice: those with a weight for the shape find it, then those that say
    the rest are given what was found, in that channel. A mapping may have `required`, which of its channels a member cannot do without
    (`member_of`). Raises UsageError for members that do not fit together.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        members: Sequence[Mapping[str, Any]],
        outside: Sequence[int],
        rules: Mapping[str, Any] | None = None,
        clean: bool = False,
        told: int | None = None,
        tell: bool = False,
    ) -> None:
        super().__init__()
        check_ranges({"in_channels": (in_channels, 1, 1024), "classes": (classes, 2, 1024)}, "ensemble")
        for fault in (
            *_faults(in_channels, classes, members, outside),
            *_faults_of_rules(in_channels, classes - len(outside), rules, clean, told, tell),
        ):
            raise UsageError(f"ensemble: {fault}")
        inside = [index for index in range(classes) if index not in outside]
        order = [*outside, *inside]
        self._indices("order", [order.index(index) for index in range(classes)])
        informed = [{*outside} <= {*member["classes"]} for member in members]
        # Whether those that find the shape know what is outside of it, too.
        self.shape_tells_rest = any(member["shape"] for member, knows in zip(members, informed, strict=True) if knows)
        self.weights = [
            (float(member["shape"]), float(member["tones"]), knows * (float(member["shape"]) if self.shape_tells_rest else 1.0))
            for member, knows in zip(members, informed, strict=True)
        ]
        networks = []
        for place, member in enumerate(members):
            config = dict(member["config"]) | {"in_channels": len(member["channels"]), "classes": len(member["classes"])}
            networks.append(build(member["architecture"], config))
            own = list(member["classes"])
            self._indices(f"channels{place}", list(member["channels"]))
            self._indices(f"inside{place}", [own.index(index) for index in inside])
            self._indices(f"outside{place}", [at for at, index in enumerate(own) if index in outside])
            # Which of `outside` each of them is.
            self._indices(f"kinds{place}", [list(outside).index(index) for index in own if index in outside])
        self.members = nn.ModuleList(networks)
        self.outside = len(outside)
        self.rules, self.clean, self.told, self.tell = KeyRules(**rules) if rules else None, clean, told, tell
        self.listens = [told in member["channels"] for member in members]
        self.size_multiple = math.lcm(RULES_CELL if rules else 1, *(int(getattr(network, "size_multiple", 1)) for network in networks))
        smallest = max(int(getattr(network, "smallest", 1)) for network in networks)
        self.smallest = smallest + -smallest % self.size_multiple

    def _indices(self, name: str, numbers: Sequence[int]) -> None:
        """A buffer: a list as an index would be copied to a GPU at each call. It has its numbers in a `skeleton`, too."""
        self.register_buffer(f"_{name}", torch.tensor(numbers, device="cpu"), persistent=False)

    def forward(self, picture: Tensor, found: Tensor | None = None) -> Tensor:
        """`found`: what `first_look` has found in the picture; without it the network looks itself, where it must."""
        told = self._told(picture)
        # What is the same for all frames is only asked where that saves a network, and costs nothing but a look at the channel.
        saves = self.tell or self.outside == 1
        all_told = saves and told is not None and not self.training and not torch.compiler.is_compiling() and bool(told.all())
        if self.tell and told is not None and not all_told:
            return self._second_look(picture, told, found)
        spared = all_told and self.outside == 1
        answers = [self._asked(place, picture, not spared or for_tones > 0) for place, (_, for_tones, _) in enumerate(self.weights)]
        return self.joined(answers, picture, told)

    def looks_twice(self, picture: Tensor) -> bool:
        """Whether members are told what others find in these pictures."""
        told = self._told(picture)
        return self.tell and told is not None and not bool(told.all())

    def first_look(self, picture: Tensor) -> Tensor:
        """Pictures `[N, in_channels, H, W]` -> what the shape is, as `forward` takes it: float32 `[N, 2 or more, H, W]`."""
        return self._found(self._shapers(picture))

    def _shapers(self, picture: Tensor) -> list[Tensor | None]:
        return [self._asked(place, picture, for_shape > 0) for place, (for_shape, _, _) in enumerate(self.weights)]

    def _found(self, answers: Sequence[Tensor | None]) -> Tensor:
        """How likely a pixel is on the shape, how likely not, and, where those that find it know, what it is if not."""
        return torch.cat((*self._shape_of(answers), *([self._rest_of(answers)] if self.shape_tells_rest else [])), 1)

    def _second_look(self, picture: Tensor, told: Tensor, found: Tensor | None) -> Tensor:
        """The answer of all, where the frames that are not `told` their shape are told the one that was found."""
        assert self.told is not None
        answers: list[Tensor | None] = [None] * len(self.weights)
        if found is None:
            answers = self._shapers(picture)
            found = self._found(answers)
        shape, other, rest = found[:, :1], found[:, 1:2], found[:, 2:]
        own = picture[:, self.told : self.told + 1]
        seen = picture.clone()
        seen[:, self.told : self.told + 1] = torch.where(told, own, (2 * shape / (shape + other) - 1).to(picture))
        for place, (_, for_tones, for_rest) in enumerate(self.weights):
            if self.listens[place] or answers[place] is None:  # one that cannot be told would say the same again
                answers[place] = self._asked(place, seen, for_tones > 0 or (for_rest > 0 and not self.shape_tells_rest))
        rest = rest if self.shape_tells_rest else self._rest_of(answers)
        shape, other = self._as_told(picture, told, shape, other)
        return self._decided(picture, shape, other, rest, self._tones_of(answers))

    def _asked(self, place: int, picture: Tensor, wanted: bool) -> Tensor | None:
        """A member's logits; None where it has no say."""
        if not wanted:
            return None
        logits = self.members[place](self._seen_by(place, picture))
        first: Tensor = logits[0] if isinstance(logits, tuple) else logits  # the first map of a U-2-Net is its result
        return first

    def _seen_by(self, place: int, picture: Tensor) -> Tensor:
        """A member's channels, those of a pixel together where the picture has them so: else each of its layers turns them round."""
        seen = picture.index_select(1, self.get_buffer(f"_channels{place}"))
        together = not torch.compiler.is_compiling() and picture.is_contiguous(memory_format=torch.channels_last)
        return seen.contiguous(memory_format=torch.channels_last) if together else seen

    def _told(self, picture: Tensor) -> Tensor | None:
        """Whether each frame is told its shape, bool `[N, 1, 1, 1]`; None for an ensemble that has nothing to go by it."""
        return None if self.told is None else picture[:, self.told : self.told + 1].abs().amax((1, 2, 3), keepdim=True) > 0

    def _shape_of(self, answers: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """How likely a pixel is on the shape, and how likely it is not, `[N, 1, H, W]` each, both times the sum of the weights."""
        parts: list[list[Tensor]] = [[], []]
        for place, (answer, (for_shape, _, _)) in enumerate(zip(answers, self.weights, strict=True)):
            if answer is not None and for_shape:
                likely = torch.softmax(answer.float(), 1) * for_shape
                parts[0].append(likely.index_select(1, self.get_buffer(f"_inside{place}")).sum(1, keepdim=True))
                # Summed by itself: 1 - shape loses precision where the shape is near 1.
                parts[1].append(likely.index_select(1, self.get_buffer(f"_outside{place}")).sum(1, keepdim=True))
        return _sum(parts[0]), _sum(parts[1])

    def _rest_of(self, answers: Sequence[Tensor | None]) -> Tensor:
        """Which class of `outside` a pixel has if it is not on the shape, `[N, outside, H, W]`, up to a factor."""
        parts = []
        for place, (answer, (_, _, for_rest)) in enumerate(zip(answers, self.weights, strict=True)):
            if answer is not None and for_rest:
                outside, kinds = self.get_buffer(f"_outside{place}"), self.get_buffer(f"_kinds{place}")
                known = torch.softmax(answer.float().index_select(1, outside), 1) * for_rest
                one_hot = nn.functional.one_hot(kinds, self.outside).to(known)  # [own, outside]
                parts.append(torch.einsum("nkhw,ko->nohw", known, one_hot))
        return _sum(parts)

    def _tones_of(self, answers: Sequence[Tensor | None]) -> Tensor:
        """Which tone a pixel has if it is on the shape, `[N, tones, H, W]`, summing to 1."""
        parts = [
            torch.softmax(answer.float().index_select(1, self.get_buffer(f"_inside{place}")), 1) * for_tones
            for place, (answer, (_, for_tones, _)) in enumerate(zip(answers, self.weights, strict=True))
            if answer is not None and for_tones
        ]
        tones = _sum(parts)
        return tones / tones.sum(1, keepdim=True)

    def _given(self, picture: Tensor) -> Tensor:
        """The shape that frames are told, `[N, 1, H, W]`. In bfloat16 a thin matte is none at all; which tone is there must be told
        all the same."""
        assert self.told is not None
        return ((picture[:, self.told : self.told + 1].float() + 1) / 2).clamp(_THIN, 1 - _THIN)

    def _as_told(self, picture: Tensor, told: Tensor, shape: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """What the shape is, and what is not, in frames of which some are told it."""
        given, total = self._given(picture), shape + other
        return torch.where(told, given, shape / total), torch.where(told, 1 - given, other / total)

    def joined(self, answers: Sequence[Tensor | None], picture: Tensor | None = None, told: Tensor | None = None) -> Tensor:
        """What all decide together: logits `[N, own classes, H, W]` of each member, None for one that was not asked -> those of the
        ensemble. Rules, and frames that are `told` their shape, need the picture."""
        tones = self._tones_of(answers)
        asked_for_shape = any(answer is not None and for_shape for answer, (for_shape, _, _) in zip(answers, self.weights, strict=True))
        if told is not None and not asked_for_shape:
            assert picture is not None
            given = self._given(picture)
            return self._decided(picture, given, 1 - given, torch.ones_like(given), tones)
        shape, other = self._shape_of(answers)
        if told is not None:
            assert picture is not None
            shape, other = self._as_told(picture, told, shape, other)
        return self._decided(picture, shape, other, self._rest_of(answers), tones)

    def joined_of_two(self, answers: Sequence[Tensor | None], tellers: Sequence[Tensor | None]) -> Tensor:
        """The same where members are told the shape that was found: logits at the first look, and those at the second."""
        shape, other = self._shape_of(answers)
        rest = self._rest_of(answers if self.shape_tells_rest else tellers)
        return self._decided(None, shape, other, rest, self._tones_of(tellers))

    def _decided(self, picture: Tensor | None, shape: Tensor, other: Tensor, rest: Tensor, tones: Tensor) -> Tensor:
        """The logits of what is on the shape, what is not, and of which kind either is."""
        known = shape / (shape + other)
        if self.rules is not None:
            assert picture is not None
            tones = self.rules(picture, tones, known)
        tones = without_strays(tones, known) if self.clean else tones
        made = torch.cat((other * rest / rest.sum(1, keepdim=True), shape * tones), 1)
        return torch.log((made / (shape + other)).index_select(1, self.get_buffer("_order")).clamp(min=_LEAST))


def _sum(parts: Sequence[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _are_indices(value: object, limit: int, several: Sequence[int] = ()) -> bool:
    """Whether it is a list of different numbers below `limit`; those of `several` may be there more than once."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= 1024:
        return False
    once = [index for index in value if index not in several]
    return len(once) == len(set(map(str, once))) and all(type(index) is int and 0 <= index < limit for index in value)


def _faults(in_channels: int, classes: int, members: Sequence[Mapping[str, Any]], outside: Sequence[int]) -> Iterator[str]:
    """What is wrong with a config, as from a file."""

    def fault(member: Mapping[str, Any]) -> str:
        """The name of the first entry that does not fit."""
        inside = {index for index in range(classes) if index not in outside}
        fits = {
            "architecture": lambda value: isinstance(value, str) and value != "ensemble",
            "config": lambda value: isinstance(value, Mapping),
            "channels": lambda value: _are_indices(value, in_channels),
            "classes": lambda value: _are_indices(value, classes, outside) and {*value} >= {0, *inside},
            "shape": is_weight,
            "tones": is_weight,
            "required": lambda value: value in (None, []) or (_are_indices(value, in_channels) and {*value} <= {*member["channels"]}),
        }
        return next((name for name, holds in fits.items() if not holds(member.get(name))), "")

    if not _are_indices(outside, classes) or 0 not in outside or len(outside) == classes:
        yield f"outside is {str(outside)[:60]}: it must be the numbers of classes, 0 and others, but not all"
        return
    if not isinstance(members, list | tuple) or not 1 <= len(members) <= MOST_MEMBERS:
        yield f"members must be a list of 1 to {MOST_MEMBERS} networks"
        return
    for place, member in enumerate(members, 1):
        if not isinstance(member, Mapping) or fault(member):
            wrong = f"its {fault(member)} is missing, or wrong" if isinstance(member, Mapping) else "it is no network"
            yield f"member {place} does not fit: {wrong}"
            return
    for name in ("shape", "tones"):
        if not any(member[name] for member in members):
            yield f"no member has a weight for the {name}: give one of them 1"
    if not any({*outside} <= {*member["classes"]} for member in members):
        yield "no member knows all classes that are outside of the shape"


def _faults_of_rules(in_channels: int, tones: int, rules: object, clean: object, told: object, tell: object) -> Iterator[str]:
    """What is wrong with the parts of a config that are not its members, as from a file."""

    if told is not None and not _are_indices([told], in_channels):
        yield f"told is {str(told)[:60]}: it must be the number of a channel"
    for name, value in (("clean", clean), ("tell", tell)):
        if not isinstance(value, bool):
            yield f"{name} is {str(value)[:60]}: it must be true or false"
    if tell and told is None:
        yield "tell is true: there must be a channel of the shape, told"
    if rules is None:
        return
    if not isinstance(rules, Mapping) or set(rules) != {"channels", "tones", "weight"} or not is_weight(rules["weight"]):
        yield f"rules are {str(rules)[:60]}: they must be channels, tones and a weight"
    elif any(
        not _are_indices(rules[name], limit) or len(rules[name]) != len(known)
        for name, limit, known in (("channels", in_channels, CHANNELS), ("tones", tones, TONES))
    ):
        yield f"rules see {len(CHANNELS)} channels and know {len(TONES)} tones: their numbers do not fit"


def ensemble_of(
    models: Sequence[Model],
    shape_weights: Sequence[float] = (),
    tone_weights: Sequence[float] = (),
    ground: bool = True,
    rules: float = 0.0,
    clean: bool = False,
    tell: bool = False,
) -> Model:
    """One model that holds several, with a weight of each in what the shape is and one in which tone it has; default: all the same.

    All must know the same tones, in the same order; `ground_shadow` may be known by some, and without `ground` it is background. Its
    channels are those of all, and those are optional that no member needs. `rules` is the weight of `KeyRules` beside them, 0 for none;
    with `clean` stray pixels take the tone around them; with `tell` those that say the tones are told the shape that was found. Raises
    UsageError, naming the network, for one that does not fit, and for rules where the networks do not know their tones or channels.
    """
    if not 1 <= len(models) <= MOST_MEMBERS:
        raise UsageError(f"an ensemble has 1 to {MOST_MEMBERS} networks, and here are {len(models)}: link {'fewer' if models else 'some'}")
    for_shape, for_tones = _weights("shape_weights", shape_weights, len(models)), _weights("tone_weights", tone_weights, len(models))
    first = max(models, key=lambda model: len(model.classes))
    inside = [name for name in first.classes[1:] if name not in OUTSIDE]
    if not inside:
        raise UsageError(f"these networks know no tone, only {', '.join(first.classes)}: link networks that do")
    for place, model in enumerate(models, 1):
        _refuse_other(place, model, first, inside)
    if len(models) == 1 and (ground or len(first.classes) == len(inside) + 1) and not (rules or clean or tell):
        return first
    names = list(first.classes) if ground else [first.classes[0], *inside]
    channels, encodings = _channels_of(models)
    needed = {name for model, says in zip(models, for_shape, strict=True) for name in _needed(model, tell and not says)}
    members = [_member(model, channels, names, *both) for model, *both in zip(models, for_shape, for_tones, strict=True)]
    outside = [index for index, name in enumerate(names) if name not in inside]
    multiple = math.lcm(RULES_CELL if rules else 1, *(model.size_multiple for model in models))
    beside: dict[str, Any] = {"rules": _rules_of(rules, channels, inside)} if rules else {}
    beside |= {"clean": True} if clean else {}
    beside |= {"tell": True} if tell else {}
    beside |= {"told": channels.index(SHAPE)} if beside and SHAPE in channels else {}
    if tell:
        _refuse_deaf([model for model, says in zip(models, for_tones, strict=True) if says])
    if multiple > MOST_MULTIPLE:
        raise UsageError(f"these networks see frames in multiples of {multiple} px together, more than {MOST_MULTIPLE}: link others")
    return Model(
        "ensemble",
        {"in_channels": len(channels), "classes": len(names), "members": members, "outside": outside, **beside},
        tuple(names),
        tuple(color for name, color in zip(first.classes, first.colors, strict=True) if name in names),
        channels,
        first.encoding,
        encodings,
        multiple,
        preprocessing=first.preprocessing,
        optional=tuple(name for name in channels if name not in needed),
        precision="float32" if any(model.precision for model in models) else "",
        licence=" AND ".join(dict.fromkeys(model.licence for model in models)) if all(model.licence for model in models) else "",
        training={f"member {place}": model.training for place, model in enumerate(models, 1)},
        state={f"members.{i}.{name}": tensor for i, model in enumerate(models) for name, tensor in model.state.items()},
    )


def _weights(name: str, given: Sequence[float], count: int) -> list[float]:
    """The weights of so many networks. Raises UsageError for wrong ones."""
    weights = list(given) or [1.0] * count
    if not all(map(is_weight, weights)):
        raise UsageError(f"{name} is {weights}: {WEIGHT}")
    if len(weights) != count or not any(weights):
        raise UsageError(f"{name} is {weights}: give one weight for each of {count} networks, and not 0 for all")
    return weights


def _needed(model: Model, is_told: bool) -> list[str]:
    """The channels that a network cannot do without; one that is told the shape can do without that."""
    return [name for name in model.channels if name not in model.optional and not (is_told and name == SHAPE)]


def _refuse_deaf(tellers: Sequence[Model]) -> None:
    """Raises UsageError where none of those that say the tones can be told a shape."""
    if not any(SHAPE in model.channels for model in tellers):
        raise UsageError(f"tell: no network that says the tones can be told a shape (none has the channel {SHAPE}): take tell out")


def _member(model: Model, channels: Sequence[str], names: Sequence[str], for_shape: float, for_tones: float) -> dict[str, Any]:
    """A network as a member of an ensemble with these channels and classes."""
    return {
        "architecture": model.architecture,
        "config": {name: value for name, value in model.config.items() if name not in ("in_channels", "classes")},
        "channels": [channels.index(name) for name in model.channels],
        "classes": [names.index(name) if name in names else 0 for name in model.classes],
        "shape": float(for_shape),
        "tones": float(for_tones),
        "required": [channels.index(name) for name in model.channels if name not in model.optional],
    }


def _rules_of(weight: float, channels: Sequence[str], tones: Sequence[str]) -> dict[str, Any]:
    """The fields of a `KeyRules` for networks with these channels and tones."""
    if not is_weight(weight):
        raise UsageError(f"rules is {weight}: {WEIGHT}")
    for what, wanted, there in (("channel", CHANNELS, channels), ("tone", TONES, tones)):
        if missing := [name for name in wanted if name not in there]:
            raise UsageError(f"rules: no network here has the {what} {missing[0]}: link one that does, or leave rules at 0")
    return {
        "channels": [channels.index(name) for name in CHANNELS],
        "tones": [tones.index(name) for name in TONES],
        "weight": float(weight),
    }


def member_of(model: Model, number: int) -> Model:
    """One network of an ensemble, counted from 1, as a model of its own: to use alone, to train further, to join anew.

    In files that do not tell which channels a member cannot do without, it can do without those that the ensemble can do without. Raises
    UsageError for a model that is no ensemble, or has no such member, and for one that knows a class twice.
    """
    if model.architecture != "ensemble":
        raise UsageError(f"member {number}: this is one network, a {model.architecture}, and no ensemble: take member out")
    members = model.config["members"]
    if not 1 <= number <= len(members):
        raise UsageError(f"member {number}: the ensemble has {len(members)} networks: give 1 to {len(members)}")
    own, start = members[number - 1], f"members.{number - 1}."
    # A second background is the ground_shadow that the ensemble does not tell from it: no other class is left out of one.
    names = [model.classes[index] if index or place == 0 else GROUND_SHADOW for place, index in enumerate(own["classes"])]
    if len(set(names)) < len(names):
        raise UsageError(f"member {number}: it knows {', '.join(names)}, one of them twice: the file was not made by Ensemble")
    colors = dict(zip(model.classes, model.colors, strict=True))
    training = model.training.get(f"member {number}")
    channels = tuple(model.channels[index] for index in own["channels"])
    known = own.get("required")
    required = {*model.channels} - {*model.optional} if known is None else {model.channels[index] for index in known}
    config = dict(own["config"]) | {"in_channels": len(channels), "classes": len(names)}
    return replace(
        model,
        architecture=own["architecture"],
        config=config,
        classes=tuple(names),
        colors=tuple(colors.get(name, color) for name, color in zip(names, known_colors(names), strict=True)),
        channels=channels,
        encodings={name: encoding for name, encoding in model.encodings.items() if name in channels},
        optional=tuple(name for name in channels if name not in required),
        size_multiple=int(getattr(skeleton(own["architecture"], config), "size_multiple", 1)),
        training=dict(training) if isinstance(training, Mapping) else {},
        metrics={},
        state={name.removeprefix(start): tensor for name, tensor in model.state.items() if name.startswith(start)},
    )


def _channels_of(models: Sequence[Model]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The channels of all, and their encodings. Raises UsageError for one that two networks see in different encodings."""
    channels = tuple(dict.fromkeys(name for model in models for name in model.channels))
    encodings: dict[str, str] = {}
    for place, model in enumerate(models, 1):
        for name, encoding in zip(model.channels, model.channel_encodings(), strict=True):
            if encodings.setdefault(name, encoding) != encoding:
                raise UsageError(f"network {place} sees {name} as {encoding}, another one as {encodings[name]}: train one of them anew")
    return channels, encodings


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
