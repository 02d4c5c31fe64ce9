"""The mean of two networks, weight by weight: `python tests/benchmarks/mean_weights.py A.safetensors B.safetensors -o MEAN.safetensors`.

Two that began from the same weights and learned on other things are, as one, often better on what neither has seen (Wortsman et al.,
"Model soups", 2022). The mean has the channels and classes of A. B may see fewer channels: its weights for the others are 0.
What A alone has of a class stays A's, what B alone has is left out. The names of channels and classes tell which belong together.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from rotonodes.errors import RotoError, UsageError
from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights, save_weights


def mean(first: Model, second: Model, share: float) -> Model:
    """`share` of the first network and the rest of the second. Raises UsageError for two that do not belong together."""
    second = without_others(second, first)
    for name, ours, theirs in (("channel", first.channels, second.channels), ("class", first.classes, second.classes)):
        if missing := [one for one in theirs if one not in ours]:
            raise UsageError(f"{name} {missing[0]} is known by the second network alone: swap the two")
        if [one for one in ours if one in theirs] != [*theirs]:
            raise UsageError(f"the two networks have what they know in other orders, by {name}: {' '.join(ours)}; {' '.join(theirs)}")
    if not 0 <= share <= 1:
        raise UsageError(f"share is {share}: it must be from 0 to 1")
    if first.architecture != second.architecture or first.preprocessing != second.preprocessing or second.state.keys() - first.state.keys():
        raise UsageError("these networks are of two architectures, or see pictures in two ways: their weights have no mean")
    state = {}
    for name, tensor in first.state.items():
        other = second.state.get(name)
        if other is None or other.dim() != tensor.dim() or other.shape[2:] != tensor.shape[2:]:
            raise UsageError(f"{name} is not in the second network, or of another size: these are two architectures")
        state[name] = tensor
        if tensor.is_floating_point():
            outputs = _places(name, tensor.shape[0], other.shape[0], first.classes, second.classes)
            mixed, part = tensor.float().clone(), other.float()
            if tensor.dim() > 1:
                inputs = _places(name, tensor.shape[1], other.shape[1], first.channels, second.channels)
                wide = torch.zeros(len(part), *tensor.shape[1:])
                wide[:, inputs] = part
                part = wide
            mixed[outputs] = share * mixed[outputs] + (1 - share) * part
            state[name] = mixed.to(tensor.dtype)
    return replace(first, state=state, metrics={})


def without_others(model: Model, like: Model) -> Model:
    """The network without the classes that another one does not know."""
    known = tuple(name for name in model.classes if name in like.classes)
    if known == model.classes:
        return model
    colors = tuple(color for name, color in zip(model.classes, model.colors, strict=True) if name in known)
    state = dict(model.state)
    for name, tensor in state.items():
        if name in like.state and tensor.dim() and tensor.shape[0] > like.state[name].shape[0]:
            state[name] = tensor[_places(name, tensor.shape[0], like.state[name].shape[0], model.classes, known)]
    return replace(model, classes=known, colors=colors, config={**model.config, "classes": len(known)}, state=state)


def _places(name: str, ours: int, theirs: int, names: Sequence[str], known: Sequence[str]) -> Tensor:
    """Where each of their features lies among ours: those of channels or classes come first, the same number of each."""
    if ours == theirs:
        return torch.arange(ours)
    each, rest = divmod(ours - theirs, max(len(names) - len(known), 1))
    if rest or each < 1 or each * len(known) > theirs:
        raise UsageError(f"{name} has {ours} and {theirs} features: these networks are of other widths")
    own = [names.index(one) * each + place for one in known for place in range(each)]
    return torch.tensor([*own, *range(each * len(names), ours)])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", help="weights file whose channels and classes the mean has")
    parser.add_argument("second", help="weights file of the same architecture")
    parser.add_argument("--share", type=float, default=0.5, help="of the first (default: 0.5)")
    parser.add_argument("-o", "--output", required=True, help="weights file to write")
    options = parser.parse_args(arguments)
    try:
        save_weights(mean(load_weights(options.first), load_weights(options.second), options.share), options.output)
    except RotoError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
