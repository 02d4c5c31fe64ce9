"""Checkpoints of other projects, recognised by the names and shapes of their tensors.

Three projects are known, one of them with two sets of tensor names. Prefixes of wrappers (`module.`, `_orig_mod.`) are removed, and
files that hold more than weights (`{"epoch": ..., "state_dict": ...}`) are searched. Tensor names, classes and formats are facts of
those files; the tensors are loaded into rotonodes' own networks and renamed to their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model, check_fit, skeleton
from rotonodes.nets.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from rotonodes.nets.u2net import STAGES, VARIANTS
from rotonodes.values.pixels import rgb_names
from rotonodes.values.tones import CLASSES, COLORS, default_colors

State = dict[str, Tensor]

# The 3D-to-2D project's classes in the order of its logits, and the greys that it writes them with.
GREYS_OF_TONES = {"cast_shadow": 40, "form_shadow": 80, "midtone": 125, "highlight": 255, "background": 200}

# Entries of a state dict that are not weights: left by profilers and weight averaging, or values of masks.
_BESIDE = ("total_ops", "total_params", "n_averaged", "mask_values")
# Indices of the two convolutions and norms in the Sequentials of both U-Nets.
_PARTS = {"0": "conv1", "1": "norm1", "3": "conv2", "4": "norm2"}
_DEEPEST_WRAPPER = 3


def model_of(content: Any) -> Model:
    """The network in a checkpoint's content, with its own project's preprocessing; weights are float32.

    Raises UsageError with what was found and what is known, or with the tensors in which a known network differs.
    """
    states = list(_states(content, {}))
    for state, beside in states:
        for stripped in _without_prefixes(state):
            for family in FAMILIES:
                if all(mark in stripped for mark in family.marks):
                    return _checked(family.origin, stripped, family.read, beside)
    known = ", ".join(f"{family.origin} ({' ... '.join(family.marks)})" for family in FAMILIES)
    raise UsageError(f"{_what_is_there(content, states)}; known are {known}, and rotonodes' own: give a file of one of these")


class Family(NamedTuple):
    """Files of one project: the tensors that identify them, and their reader."""

    origin: str
    marks: tuple[str, ...]
    read: Callable[[State], Model]


def _checked(origin: str, state: State, read: Callable[[State], Model], beside: Mapping[str, Any]) -> Model:
    """The model, with what its file holds beside the weights."""
    try:
        model = read({name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()})
        network = skeleton(model.architecture, model.config)
        weights = dict(model.state)
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked") and name not in weights:  # missing in files of early versions of torch
                weights[name] = torch.zeros(tensor.shape, dtype=tensor.dtype)
        check_fit(model.architecture, network, weights, "take the file as its project wrote it")
    except UsageError as error:
        raise UsageError(f"it looks like a checkpoint of {origin}, but {error}") from None
    training = {"origin": origin} | {name: beside[name] for name in ("epoch", "global_step") if isinstance(beside.get(name), int)}
    values = _mask_values(beside.get("mask_values"), len(model.classes)) or model.mask_values
    return replace(model, state=weights, training=training, mask_values=values, colors=_colors_of(values) or model.colors)


# The families.


def _milesial(state: State) -> Model:
    """milesial/Pytorch-UNet: RGB / 255, zeros around odd maps; one class is a sigmoid, several are a softmax."""
    return _pytorch_unet(state, "inc.double_conv", "maxpool_conv.1.double_conv", "double_conv")


def _early_milesial(state: State) -> Model:
    """milesial/Pytorch-UNet with the tensor names of its first years."""
    return _pytorch_unet(state, "inc.conv.conv", "mpconv.1.conv", "conv")


def _pytorch_unet(state: State, first: str, down: str, up: str) -> Model:
    """The U-Net of milesial/Pytorch-UNet, with the names of its first block, and of the blocks of the encoder and decoder."""
    depth = next(level for level in count(1) if f"down{level + 1}.{down}.0.weight" not in state)
    names = {first: "encoder.0"} | {f"down{i}.{down}": f"encoder.{i}" for i in range(1, depth)}
    names |= {f"down{depth}.{down}": "bottom"} | {f"up{i + 1}.conv.{up}": f"decoder.{i}" for i in range(depth)}
    plain = {"outc.conv": "head"} | {f"up{i + 1}.up": f"up.{i}" for i in range(depth)}
    return _unet(_renamed(state, names, plain), depth, odd="zeros")


def _three_d_to_two_d(state: State) -> Model:
    """The 3D-to-2D project: grey / 255, maps stretched at odd sizes, five tones."""
    depth = next(level for level in count(1) if f"downs.{level}.conv.0.weight" not in state)
    names = {f"downs.{i}.conv": f"encoder.{i}" for i in range(depth)} | {"bottleneck.conv": "bottom"}
    names |= {f"ups.{2 * i + 1}.conv": f"decoder.{i}" for i in range(depth)}
    plain = {"final_conv": "head"} | {f"ups.{2 * i}": f"up.{i}" for i in range(depth)}
    model = _unet(_renamed(state, names, plain), depth, odd="resize")
    if model.config["classes"] != len(GREYS_OF_TONES):
        return model
    theirs = list(GREYS_OF_TONES)
    order = torch.tensor([theirs.index(name) for name in CLASSES])
    head = {name: tensor[order] for name, tensor in model.state.items() if name.startswith("head.")}
    greys = tuple(GREYS_OF_TONES[name] for name in CLASSES)
    return replace(model, state={**model.state, **head}, classes=CLASSES, colors=COLORS, mask_values=greys)


def _u2net(state: State) -> Model:
    """U-2-Net: frames squashed to 320 x 320, divided by their maximum, ImageNet's mean and deviation; a matte, stretched to 0..1."""
    stages = tuple((_size(state, f"{name}.rebnconv1.conv_s1.weight"), _size(state, f"{name}.rebnconvin.conv_s1.weight")) for name in STAGES)
    variant = next((name for name, known in VARIANTS.items() if known == stages), None)
    channels, maps = _size(state, "stage1.rebnconvin.conv_s1.weight", 1), _size(state, "outconv.weight")
    config: dict[str, Any] = {"variant": variant} if variant else {"stages": [list(pair) for pair in stages]}
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((), ())
    preprocessing = Preprocessing(squash=320, peak=True, mean=mean, std=std, exact=True)
    return _described("u2net", {**config, "in_channels": channels, "classes": maps}, state, _foreground(maps), "minmax", preprocessing)


FAMILIES = (
    Family("milesial/Pytorch-UNet", ("inc.double_conv.0.weight", "outc.conv.weight"), _milesial),
    Family("milesial/Pytorch-UNet", ("inc.conv.conv.0.weight", "outc.conv.weight"), _early_milesial),
    Family("3D-to-2D rotoscoping", ("downs.0.conv.0.weight", "final_conv.weight"), _three_d_to_two_d),
    Family("U-2-Net", ("stage1.rebnconvin.conv_s1.weight", "outconv.weight"), _u2net),
)


def _unet(state: State, depth: int, odd: str) -> Model:
    """A U-Net whose tensors are renamed already; widths come from their shapes."""
    widths = [_size(state, f"encoder.{level}.conv2.weight") for level in range(depth)] + [_size(state, "bottom.conv2.weight")]
    upsampling = "transposed" if any(name.startswith("up.") for name in state) else "bilinear"
    channels, maps = _size(state, "encoder.0.conv1.weight", 1), _size(state, "head.weight")
    config = {"in_channels": channels, "classes": maps, "widths": widths, "upsampling": upsampling, "odd": odd}
    # In early files the first convolution of a decoder block already narrows to the width of the level above.
    middles = [_size(state, f"decoder.{i}.conv1.weight") for i in range(depth)]
    if middles == [widths[max(level - 1, 0)] for level in reversed(range(depth))] != widths[-2::-1]:
        config["narrow_first"] = True
    preprocessing = Preprocessing(grey=channels == 1, exact=True)
    if maps == 1:
        return _described("unet", config, state, _foreground(1), "sigmoid", preprocessing)
    return _described("unet", config, state, _foreground(maps - 1), "softmax", preprocessing)


def _described(
    architecture: str, config: dict[str, Any], state: State, classes: tuple[str, ...], activation: str, preprocessing: Preprocessing
) -> Model:
    channels = rgb_names(config["in_channels"])
    encodings = {"A": "raw"} if "A" in channels else {}
    colors = ("#000000", "#ffffff") if len(classes) == 2 else default_colors(len(classes))
    return Model(
        architecture,
        config,
        classes,
        colors,
        channels=channels,
        encodings=encodings,
        activation=activation,
        preprocessing=preprocessing,
        state=state,
    )


def _foreground(others: int) -> tuple[str, ...]:
    return ("background", "foreground") if others == 1 else ("background", *(f"class{i}" for i in range(1, others + 1)))


def _renamed(state: State, blocks: Mapping[str, str], plain: Mapping[str, str]) -> State:
    """Tensors under our names; unknown ones keep theirs, so that the error names them."""
    renamed: State = {}
    biases: State = {}
    for name, tensor in state.items():
        stem, _, last = name.rpartition(".")
        block, _, place = stem.rpartition(".")
        if block in blocks and place in _PARTS:
            ours = f"{blocks[block]}.{_PARTS[place]}"
            if place in ("0", "3") and last == "bias":
                biases[ours.replace("conv", "norm")] = tensor
                continue
            renamed[f"{ours}.{last}"] = tensor
        else:
            renamed[f"{plain[stem]}.{last}" if stem in plain else name] = tensor
    for norm, bias in biases.items():
        # Early files have a bias before the norm, which cancels it: the same function without it.
        mean = f"{norm}.running_mean"
        if mean in renamed and renamed[mean].shape == bias.shape:
            renamed[mean] = renamed[mean] - bias
    return renamed


def _size(state: State, name: str, side: int = 0) -> int:
    if name not in state:
        raise UsageError(f"{name} is missing")
    if state[name].dim() != 4:
        raise UsageError(f"{name} is {list(state[name].shape)}, not the four sizes of a convolution")
    return int(state[name].shape[side])


# Finding the weights in a file.


def _states(content: Any, beside: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[State, dict[str, Any]]]:
    """(tensors, plain values beside or around them) of a file's dict and of nested ones, outer first."""
    if not isinstance(content, Mapping) or depth > _DEEPEST_WRAPPER:
        return
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    tensors = {name: t for name, t in named.items() if isinstance(t, Tensor) and name.rpartition(".")[2] not in _BESIDE}
    around = {**beside, **{name: value for name, value in named.items() if not isinstance(value, Mapping) and name not in tensors}}
    if tensors:
        yield tensors, around
    for value in named.values():
        yield from _states(value, around, depth + 1)


def _without_prefixes(state: State) -> Iterator[State]:
    """The tensors, then repeatedly without the first word of their names, as long as all share it."""
    while True:
        yield state
        first = {name.partition(".")[0] for name in state}
        if len(first) != 1 or any("." not in name for name in state):
            return
        state = {name.partition(".")[2]: tensor for name, tensor in state.items()}


def _mask_values(values: Any, classes: int) -> tuple[Any, ...]:
    """The mask values of a file in class order; () unless there is one per class."""
    values = values.tolist() if isinstance(values, Tensor) else values
    if not isinstance(values, list | tuple) or len(values) != classes:
        return ()
    plain = tuple(list(value) if isinstance(value, list | tuple) else value for value in values)
    numbers = [number for value in plain for number in (value if isinstance(value, list) else [value])]
    return plain if all(isinstance(number, int | float) for number in numbers) else ()


def _colors_of(values: tuple[Any, ...]) -> tuple[str, ...]:
    """RGB mask values as colours; () for greys."""
    if not all(isinstance(v, list) and len(v) in (3, 4) and all(isinstance(c, int) and 0 <= c <= 255 for c in v) for v in values):
        return ()
    return tuple("#" + "".join(f"{code:02x}" for code in value[:3]) for value in values)


def _what_is_there(content: Any, states: list[tuple[State, dict[str, Any]]]) -> str:
    if not isinstance(content, Mapping):
        return f"not a checkpoint (found {type(content).__name__})"
    if not content:
        return "not a checkpoint (it is empty)"
    if not states:
        return f"not a checkpoint (no tensors; found {', '.join(_word(name) for name in list(content)[:3])})"
    state = max((state for state, _ in states), key=len)
    first = ", ".join(f"{_word(name)} {list(tensor.shape)}" for name, tensor in list(state.items())[:3])
    numbers = sum(tensor.numel() for tensor in state.values())
    more = ", ..." if len(state) > 3 else ""
    return f"a network of an unknown architecture (found {len(state):,} tensors of {numbers:,} numbers: {first}{more})"


def _word(name: object) -> str:
    return re.sub(r"\s+", " ", str(name))[:60]
