"""The sheet of a stage: pictures beside their labels or mattes and the current predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.imaging.picture.sheet import GROUND, contact_sheet
from rotonodes.metrics.label_scores import mean
from rotonodes.metrics.labels import ConfusionMatrix
from rotonodes.metrics.matte_scores import PartScores
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.values.color import hex_to_linear, srgb_to_linear
from rotonodes.values.pixels import Image

ROWS = 6  # frames on a sheet, without the previews
WIDTH = 224  # of a cell, px


@dataclass(frozen=True, eq=False)
class Example:
    """A frame on the sheet: linear RGB `[3, H, W]` for display; truth and prediction as class indices `[H, W]` or mattes `[P, H, W]`.

    Previews have no truth.
    """

    name: str
    picture: Tensor
    truth: Tensor | None
    prediction: Tensor


def choose(dataset: LabelledFrames, previews: Sequence[tuple[int, Tensor]], predict: Callable[[Tensor], Tensor]) -> list[Example]:
    """Validation frames, evenly spread (else training frames), and the previews (number, linear `[C, H, W]`).

    `predict` returns class indices `[H, W]`, or mattes, for a stored picture `[C, H, W]`.
    """

    def example(name: str, picture: Tensor, truth: Tensor | None = None) -> Example:
        return Example(name, for_display(picture, dataset.planes, dataset.kinds), truth, predict(picture))

    shown = [example(f"frame {dataset.numbers[at]}", *dataset.frame(at)) for at in spread(dataset.validation or dataset.train, ROWS)]
    return shown + [example(f"preview, frame {number}", dataset.encoded(planes)) for number, planes in previews]


def spread(places: Sequence[int], count: int) -> list[int]:
    """At most `count` of the places, evenly spread, the centre of each part."""
    count = min(count, len(places))
    return [places[(2 * i + 1) * len(places) // (2 * count)] for i in range(count)]


def for_display(picture: Tensor, channels: Sequence[str], encodings: Sequence[str]) -> Tensor:
    """A network's input `[C, H, W]` as linear RGB `[3, H, W]`: its R, G and B, else its first channel as grey."""
    shown = [channels.index(name) for name in "RGB"] if {"R", "G", "B"} <= set(channels) else [0]
    planes = [srgb_to_linear(picture[i]) if encodings[i] == "srgb" else picture[i].clamp(0, 1) for i in shown]
    return torch.stack(planes).cpu().expand(3, -1, -1)


def stage_sheet(examples: Sequence[Example], classes: Sequence[str], colors: Sequence[str], title: str) -> Image:
    """Rows of picture, truth and prediction, with the mean IoU of each, below a legend of the classes' colours.

    Mattes are those of all classes but the first, merged over each other in their colours.
    """
    palette = torch.full((256, 3), GROUND)  # ignored pixels have the colour of the ground
    palette[: len(colors)] = torch.tensor([hex_to_linear(color)[:3] for color in colors])
    height, width = examples[0].picture.shape[-2:]
    size = (max(1, round(WIDTH * height / width)), WIDTH)
    cells: list[Image] = []
    texts: list[str] = []
    for example in examples:
        truth = example.truth
        labels = [None if given is None else _painted(given.cpu(), palette) for given in (truth, example.prediction)]
        cells += [_cell(example.picture, size), *(_cell(painted, size) for painted in labels)]
        texts += [example.name, "" if truth is None else "truth", "prediction" + _score(example, len(classes))]
    return contact_sheet(cells, texts, columns=3, title=title, legend=list(zip(classes, colors, strict=True)))


def cutout_sheet(examples: Sequence[Example], title: str) -> Image:
    """Rows of cut-out, mask, truth and original, with the mean absolute error of each; mattes are `[1, H, W]`."""
    height, width = examples[0].picture.shape[-2:]
    size = (max(1, round(WIDTH * height / width)), WIDTH)
    cells: list[Image] = []
    texts: list[str] = []
    for example in examples:
        alpha, truth = example.prediction.cpu(), example.truth
        cut = example.picture * alpha + GROUND * (1 - alpha)
        cells += [_cell(planes, size) for planes in (cut, _grey(alpha), None if truth is None else _grey(truth.cpu()), example.picture)]
        error = "" if truth is None else f"   MAE {float((alpha - truth.cpu()).abs().mean()):.3f}"
        texts += ["cut-out", "mask" + error, "" if truth is None else "truth", example.name]
    return contact_sheet(cells, texts, columns=4, title=title)


def _grey(matte: Tensor) -> Tensor:
    """A matte `[1, H, W]` as linear RGB whose displayed brightness is the matte's value."""
    return srgb_to_linear(matte.float().clamp(0, 1)).expand(3, -1, -1)


def _painted(given: Tensor, palette: Tensor) -> Tensor:
    """Class indices, or mattes of the classes from 1 on, in the classes' colours: linear RGB `[3, H, W]`."""
    if given.dim() == 2:
        return palette[given.int()].movedim(-1, 0)
    painted = palette[0].view(3, 1, 1).expand(3, *given.shape[-2:])
    for matte, color in zip(given.float().clamp(0, 1), palette[1:], strict=False):
        painted = painted + (color.view(3, 1, 1) - painted) * matte
    return painted


def _score(example: Example, classes: int) -> str:
    if example.truth is None:
        return ""
    tally = ConfusionMatrix(classes) if example.truth.dim() == 2 else PartScores(classes - 1)
    tally.add(example.prediction, example.truth)
    score = mean(tally.iou())
    return "" if score is None else f"   mean IoU {score:.3f}"


def _cell(planes: Tensor | None, size: tuple[int, int]) -> Image:
    """Linear RGB `[3, H, W]` fitted into (height, width) on the ground colour; only ground for None."""
    cell = torch.full((3, *size), GROUND)
    if planes is None:
        return Image(cell)
    height, width = planes.shape[-2:]
    zoom = min(size[0] / height, size[1] / width)
    fitted = (max(1, round(height * zoom)), max(1, round(width * zoom)))
    # Small frames are enlarged without smoothing.
    small = F.interpolate(planes[None], fitted, mode="area" if zoom < 1 else "nearest-exact")[0]
    top, left = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    cell[:, top : top + fitted[0], left : left + fitted[1]] = small
    return Image(cell)
