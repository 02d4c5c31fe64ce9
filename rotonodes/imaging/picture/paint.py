"""Classes painted in the colours of a palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import GROUND_SHADOW, known_colors

if TYPE_CHECKING:
    from torch import Tensor


def paint(labels: Labels, palette: dict[str, str]) -> Image:
    """Labels painted in the palette's colours: RGBA, linear, premultiplied. Indices beyond the classes are transparent."""
    import torch

    table = torch.zeros(256, 4)
    table[: len(labels.classes)] = color_table(labels.classes, labels.colors, palette)
    data = table.T.to(labels.device).index_select(1, labels.data.flatten().to(torch.int32))
    return Image(data.view(4, labels.height, labels.width))


def without_classes(probabilities: Image, without: Sequence[str]) -> Image:
    """Probabilities without some classes, normalised to sum 1 again; 0 where all the probability was theirs.

    Raises UsageError for a class that is not a channel.
    """
    if not without:
        return probabilities
    names = probabilities.channels
    for name in without:
        if name not in names:
            raise UsageError(f"without: there is no class {name!r}{did_you_mean(name, names)}; the classes are {', '.join(names)}")
    kept = probabilities.data * probabilities.data.new_tensor([float(name not in without) for name in names]).view(-1, 1, 1)
    return probabilities.with_data(kept / kept.sum(0, keepdim=True).clamp(min=1e-9))


def mix(probabilities: Image, palette: dict[str, str], sharpness: float) -> Image:
    """The sum over all classes of probability times premultiplied colour: RGBA on the same data window.

    Probabilities are first raised to the power `sharpness` and normalised to sum 1.
    """
    if sharpness != 1:
        # Divided by the largest first: a small share to a high power would underflow to 0 for every class.
        powers = (probabilities.data / probabilities.data.amax(0, keepdim=True).clamp(min=1e-9)).clamp(min=0).pow(sharpness)
        probabilities = probabilities.with_data(powers / powers.sum(0, keepdim=True).clamp(min=1e-9))
    names = probabilities.channels
    table = color_table(names, known_colors(names), palette).to(probabilities.data)
    data = table.T @ probabilities.data.flatten(1)
    return probabilities.with_data(data.view(4, *probabilities.data.shape[1:]), ("R", "G", "B", "A"))


def color_table(classes: Sequence[str], colors: Sequence[str], palette: dict[str, str]) -> Tensor:
    """Linear, premultiplied RGBA of each class, float32 `[classes, 4]`: the palette's colour, else its own; the background transparent.

    Raises UsageError for a class of the palette that is not among the classes.
    """
    import torch

    for name in palette:
        if name not in classes and name != GROUND_SHADOW:  # a palette serves weights with and without it
            raise UsageError(f"palette: there is no class {name!r}{did_you_mean(name, classes)}; the classes are {', '.join(classes)}")
    background = "background" if "background" in classes else classes[0]
    shown = [palette.get(name, "#00000000" if name == background else color) for name, color in zip(classes, colors, strict=True)]
    straight = torch.tensor([hex_to_linear(color) for color in shown])
    return torch.cat([straight[:, :3] * straight[:, 3:], straight[:, 3:]], dim=1)
