"""PaintTones: each class in its colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from rotonodes.color import hex_to_linear, parse_hex
from rotonodes.errors import UsageError, did_you_mean
from rotonodes.node import Node, param
from rotonodes.pixels import Image, Labels
from rotonodes.tones import CLASSES, COLORS, default_colors

if TYPE_CHECKING:
    from torch import Tensor


class PaintTones(Node):
    """Paint every class in the colour the palette gives it.

    From `labels` edges are hard; from `probabilities` (one channel for each class, named after it, together 1) colours mix at
    edges as their probabilities do, premultiplied; `sharpness` s takes p^s, divided by their sum, in place of p. The palette
    maps class names to `"#rrggbb"` or `"#rrggbbaa"` (sRGB, straight alpha). A class that is not in it keeps the labels' own
    colour to look at; the background (the class of that name, or else the first) is then transparent. The share of
    classes `without` goes to the others: `without: [background]` paints the whole of a shape that a matte cuts out.
    """

    category: ClassVar[str] = "tones"
    palette: dict[str, str] = param({}, help='class name -> "#rrggbb" or "#rrggbbaa"')
    sharpness: float = param(1.0, help="how hard the edges of probabilities are: 1 as they are, 8 nearly flat tones", ge=1, le=100)
    without: list[str] = param([], help="classes of probabilities that are not painted, nor leave a hole: the others take their place")

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: dict[str, str]) -> dict[str, str]:
        wrong = []
        for name, color in palette.items():
            try:
                parse_hex(color)
            except UsageError as error:
                wrong.append(f"{name}: {error}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return palette

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("probabilities" in linked):
            yield "link either `labels` or `probabilities`"
        elif self.without and "labels" in linked:
            yield "without: labels have one class a pixel, and no other to take its place: link probabilities"

    def process(self, labels: Labels | None = None, probabilities: Image | None = None) -> Image:
        if labels is not None and probabilities is None:
            return paint(labels, self.palette)
        if probabilities is not None and labels is None:
            return mix(but(probabilities, self.without), self.palette, self.sharpness)
        raise UsageError("PaintTones paints either labels or probabilities: give one of them")


def paint(labels: Labels, palette: dict[str, str]) -> Image:
    """Labels in colour: RGBA, linear, premultiplied. Indices beyond the classes are transparent."""
    import torch

    table = torch.zeros(256, 4)
    table[: len(labels.classes)] = color_table(labels.classes, labels.colors, palette)
    data = table.T.to(labels.device).index_select(1, labels.data.flatten().to(torch.int32))
    return Image(data.view(4, labels.height, labels.width))


def but(probabilities: Image, without: Sequence[str]) -> Image:
    """Probabilities without those of some classes, together 1 again; nothing where nothing else is probable. UsageError for other names."""
    if not without:
        return probabilities
    names = probabilities.channels
    for name in without:
        if name not in names:
            raise UsageError(f"without: there is no class {name!r}{did_you_mean(name, names)}; the classes are {', '.join(names)}")
    kept = probabilities.data * probabilities.data.new_tensor([float(name not in without) for name in names]).view(-1, 1, 1)
    return probabilities.with_data(kept / kept.sum(0, keepdim=True).clamp(min=1e-9))


def mix(probabilities: Image, palette: dict[str, str], sharpness: float = 1.0) -> Image:
    """The sum over all classes of probability times premultiplied colour: RGBA on the same data window."""
    if sharpness != 1:
        # Divided by the largest first, for a small share to a high power would be nothing for every class.
        powers = (probabilities.data / probabilities.data.amax(0, keepdim=True).clamp(min=1e-9)).clamp(min=0).pow(sharpness)
        probabilities = probabilities.with_data(powers / powers.sum(0, keepdim=True).clamp(min=1e-9))
    names = probabilities.channels
    known = dict(zip(CLASSES, COLORS, strict=True))
    colors = [known.get(name, other) for name, other in zip(names, default_colors(len(names)), strict=True)]
    table = color_table(names, colors, palette).to(probabilities.data)
    data = table.T @ probabilities.data.flatten(1)
    return probabilities.with_data(data.view(4, *probabilities.data.shape[1:]), ("R", "G", "B", "A"))


def color_table(classes: Sequence[str], colors: Sequence[str], palette: dict[str, str]) -> Tensor:
    """Linear, premultiplied RGBA of each class, float32 `[classes, 4]`. UsageError for a palette's class that is not there."""
    import torch

    for name in palette:
        if name not in classes:
            raise UsageError(f"palette: there is no class {name!r}{did_you_mean(name, classes)}; the classes are {', '.join(classes)}")
    background = "background" if "background" in classes else classes[0]
    shown = [palette.get(name, "#00000000" if name == background else color) for name, color in zip(classes, colors, strict=True)]
    straight = torch.tensor([hex_to_linear(color) for color in shown])
    return torch.cat([straight[:, :3] * straight[:, 3:], straight[:, 3:]], dim=1)
