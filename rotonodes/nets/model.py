"""A trained network with everything needed to use it: classes, colours, channels, encoding, licence, scores."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.io.json_text import parse_json
from rotonodes.nets.preprocess import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

# Version of the metadata format; readers refuse higher ones. Each file is written in the lowest version that can hold it: 2 adds
# `encodings`, 3 adds `answer` and `sight` (here: activation and preprocessing), which older readers would silently ignore.
# `mask_values` and `precision` may be ignored.
FORMAT = 3


def is_onnx(path: str) -> bool:
    """True for a network that onnxruntime runs, by the file's name."""
    return path.lower().endswith(".onnx")


# Architecture -> module and class, imported when a network is built.
ARCHITECTURES = {
    "unet": ("rotonodes.nets.unet", "UNet"),
    "u2net": ("rotonodes.nets.u2net", "U2Net"),
    "efficient_unet": ("rotonodes.nets.efficient_unet", "EfficientUNet"),
    "ensemble": ("rotonodes.nets.ensemble_network", "EnsembleNetwork"),
}

ENCODINGS = ("srgb", "linear", "raw", "depth")

SHAPE = "Shape"  # the channel of a known shape

# How logits become probabilities (see `Model`).
ACTIVATIONS = ("softmax", "sigmoid", "minmax")

# Metadata keys stored as plain text, and those stored as JSON. `state` is stored as tensors.
_MOST_NAMES = 1024  # channels or classes
_TEXTS = ("architecture", "encoding", "licence")
_JSONS = ("config", "classes", "colors", "channels", "size_multiple", "training", "metrics")
_OPTIONAL_JSONS = ("encodings", "sight", "mask_values", "optional")

MOST_MULTIPLE = 4096  # px

PRECISIONS = ("", "float32")  # of `Model.precision`


@dataclass(frozen=True, eq=False)
class Model:
    """Weights and their meaning.

    `architecture` and `config` name the network and its constructor arguments. `classes` and `colors` ("#rrggbb") are in
    the order of the logits, `channels` in the order of the input. `encoding` is the encoding of the training pictures: "srgb"
    (0..1), "linear" (scene-linear, 0..1), "raw" (unchanged) or "depth" (nearest / depth, 0..1); `encodings` (channel ->
    encoding) overrides it for single channels. Height and width must be multiples of `size_multiple`.

    `activation` turns logits into probabilities. "softmax": mutually exclusive classes, one logit each. "sigmoid": one logit for
    each class but the first, so parts may overlap; the first class is 1 - the largest of the others, and ("background",
    "shape") with one logit is a matte. "minmax": the same, stretched to 0..1 over each frame. `preprocessing` is what is done to
    encoded frames before the network. `mask_values` are the values of the classes in the training masks, grey or RGB, in class
    order; () where unknown. `optional` are the channels that may be missing: the network was trained with and without them, and
    gets 0 in their place. `precision` "float32" says that the network loses quality in shorter arithmetic: `precision: auto` then is
    float32. Channel `SHAPE` is 2 * matte - 1 of a known shape, 0 where no matte is given.
    `training` (data digest, steps, frames, settings) and `metrics` (IoU, Dice, ...) are plain JSON values.

    In weights files `activation` is the key `answer`, and `preprocessing` the key `sight`.
    """

    architecture: str
    config: dict[str, Any]
    classes: tuple[str, ...]
    colors: tuple[str, ...]
    channels: tuple[str, ...] = ("R", "G", "B")
    encoding: str = "srgb"
    encodings: dict[str, str] = field(default_factory=dict)
    size_multiple: int = 1
    activation: str = "softmax"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    mask_values: tuple[Any, ...] = ()
    optional: tuple[str, ...] = ()
    precision: str = ""
    licence: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for encoding in (self.encoding, *self.encodings.values()):
            if encoding not in ENCODINGS:
                raise UsageError(f"model: encoding {encoding!r} is not known: use one of {', '.join(ENCODINGS)}")
        unknown = [name for name in self.encodings if name not in self.channels]
        if unknown:
            raise UsageError(f"model: encodings has {unknown[0]!r}, which is none of its channels {' '.join(self.channels)}: take it out")
        unknown = [name for name in self.optional if name not in self.channels]
        if unknown:
            raise UsageError(f"model: optional has {unknown[0]!r}, which is none of its channels {' '.join(self.channels)}: take it out")
        # Normal form, so that equal models give equal files.
        object.__setattr__(self, "encodings", {name: e for name, e in self.encodings.items() if e != self.encoding})
        if len(self.classes) != len(self.colors):
            raise UsageError(f"model: {len(self.classes)} classes but {len(self.colors)} colours: give each class one colour")
        if self.activation not in ACTIVATIONS:
            raise UsageError(f"model: activation {self.activation!r} is not known: use one of {', '.join(ACTIVATIONS)}")
        if self.precision not in PRECISIONS:
            raise UsageError(f"model: precision {self.precision!r} is not known: use float32, or leave it out")
        if self.preprocessing.mean and len(self.preprocessing.mean) != len(self.channels):
            raise UsageError(
                f"model: preprocessing has {len(self.preprocessing.mean)} means for {len(self.channels)} channels: give one for each"
            )

    def channel_encodings(self) -> tuple[str, ...]:
        """The encoding of each channel of the input, in order."""
        return tuple(self.encodings.get(name, self.encoding) for name in self.channels)

    def module(self, device: str = "cpu") -> nn.Module:
        """The network with these weights, in eval mode, float32, on `device`; a new copy at each call.

        Raises UsageError for an unknown architecture or weights that do not fit it.
        """
        network = _shaped(self.architecture, self.config)  # weights made at random first would cost a large network half a second
        check_fit(self.architecture, network, self.state)
        wanted = network.state_dict()
        copies = {name: tensor.detach().to(wanted[name].dtype, copy=True) for name, tensor in self.state.items()}
        network.load_state_dict(copies, assign=True)
        return network.to(device).eval()

    def parameter_count(self) -> int:
        """Number of trainable parameters (running statistics of norms not included). The weights need not be loaded."""
        return sum(parameter.numel() for parameter in skeleton(self.architecture, self.config).parameters())

    def metadata(self) -> dict[str, str]:
        """Everything but the weights, as the strings of a safetensors header."""
        texts = {name: getattr(self, name) for name in _TEXTS}
        plain = (*_JSONS, "encodings", "mask_values", "optional")
        values = {name: getattr(self, name) for name in plain} | {"sight": self.preprocessing.as_json()}
        names = [*_JSONS, *(name for name in _OPTIONAL_JSONS if values[name])]
        jsons = {name: json.dumps(values[name], sort_keys=True, allow_nan=False) for name in names}
        texts |= {"answer": self.activation} if self.activation != "softmax" else {}
        texts |= {"precision": self.precision} if self.precision else {}
        version = 3 if "answer" in texts or "sight" in names else 2 if self.encodings else 1
        return {"rotonodes": str(version), **texts, **jsons}

    def pack(self) -> dict[str, Any]:
        """Everything as plain data and tensors, for the cache."""
        return {"metadata": self.metadata(), "state": dict(self.state)}

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> Model:
        """The inverse of `pack`."""
        return cls.from_metadata(data["metadata"], data["state"])

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], state: dict[str, Tensor]) -> Model:
        """The inverse of `metadata`. Raises UsageError naming the missing or wrong field."""
        if "rotonodes" not in metadata:
            raise UsageError("no rotonodes metadata: the file does not name the network of its weights")
        if metadata["rotonodes"] not in map(str, range(1, FORMAT + 1)):
            raise UsageError(f"metadata of format {metadata['rotonodes']!r}, but this rotonodes reads 1 to {FORMAT}: update rotonodes")
        missing = [name for name in (*_TEXTS, *_JSONS) if name not in metadata]
        if missing:
            raise UsageError(f"incomplete metadata: {', '.join(missing)} missing")
        fields: dict[str, Any] = {name: metadata[name] for name in _TEXTS}
        for name in (*_JSONS, *(name for name in _OPTIONAL_JSONS if name in metadata)):
            fields[name] = _parse(name, metadata[name])
        preprocessing = Preprocessing.from_json(fields.pop("sight", {}))
        fields |= {"activation": metadata.get("answer", "softmax"), "precision": metadata.get("precision", "")}
        return cls(**fields, preprocessing=preprocessing, state=state)


def build(architecture: str, config: Mapping[str, Any]) -> nn.Module:
    """A network with fresh weights. Raises UsageError for an unknown architecture or a config it does not take."""
    if architecture not in ARCHITECTURES:
        hint, known = did_you_mean(architecture, ARCHITECTURES), ", ".join(ARCHITECTURES)
        raise UsageError(f"architecture {architecture!r} is not known{hint}: use one of {known}")
    module, name = ARCHITECTURES[architecture]
    try:
        network: nn.Module = getattr(import_module(module), name)(**config)
    except TypeError as error:
        raise UsageError(f"{architecture}: config {str(dict(config))[:200]} does not fit: {error}") from None
    return network


def skeleton(architecture: str, config: Mapping[str, Any]) -> nn.Module:
    """A network as `build` makes it whose weights have shapes only, to look at and not to change: whoever asks again gets the same."""
    try:
        text = json.dumps(dict(config), sort_keys=True)
    except (TypeError, ValueError):  # no plain values, which no network takes
        return _shaped(architecture, config)
    return _known_skeleton(architecture, text)


@functools.lru_cache(maxsize=16)
def _known_skeleton(architecture: str, config: str) -> nn.Module:
    return _shaped(architecture, json.loads(config))


def _shaped(architecture: str, config: Mapping[str, Any]) -> nn.Module:
    """A network whose weights take no memory and no random numbers."""
    import torch

    with torch.device("meta"):
        return build(architecture, config)


def check_fit(architecture: str, network: nn.Module, state: Mapping[str, Tensor], remedy: str = "use the weights' own config") -> None:
    """Raise UsageError, naming the first few tensors and the remedy, when `state` is not exactly what `network` holds."""
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    faults = [f"{name} is missing" for name in wanted if name not in state]
    faults += [f"{name} is not part of it" for name in state if name not in wanted]
    for name, shape in wanted.items():
        if name in state and tuple(state[name].shape) != shape:
            faults.append(f"{name} is {list(state[name].shape)} where {list(shape)} is needed")
    if faults:
        more = f", and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise UsageError(f"the tensors do not fit {architecture}: {'; '.join(faults[:3])}{more}: {remedy}")


def _parse(name: str, text: str) -> Any:
    kinds: dict[str, type] = {"size_multiple": int} | dict.fromkeys(("config", "encodings", "sight", "training", "metrics"), dict)
    try:
        value = parse_json(text)
    except ValueError as error:
        raise UsageError(f"metadata field {name} is not JSON: {error}") from None
    if not isinstance(value, kinds.get(name, list)):
        raise UsageError(f"metadata field {name} is {text[:40]!r}, not {'a list' if name not in kinds else kinds[name].__name__}")
    if isinstance(value, list) and len(value) > _MOST_NAMES:
        raise UsageError(f"metadata field {name} has {len(value)} entries, more than {_MOST_NAMES}")
    if name == "size_multiple" and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_MULTIPLE):
        raise UsageError(f"metadata field size_multiple is {value}: it must be a whole number of pixels from 1 to {MOST_MULTIPLE}")
    return tuple(value) if isinstance(value, list) else value
