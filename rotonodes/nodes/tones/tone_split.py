"""ToneSplit: a shape's tones as labels, and as one soft matte each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import field_validator

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.imaging.picture.compositing import colors, matte_on
from rotonodes.node.asks import Wanted
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import CLASSES, ToneScale, default_colors

if TYPE_CHECKING:
    from torch import Tensor


class ToneSplit(Node):
    """Split a shape into its tones, with a matte for each.

    Outputs are labels, and one soft matte for each class under the class's name.

    From `labels`, the mattes are their classes. From `image`, each pixel's tone is how many thresholds the luminance of its
    straight colour reaches, dark to bright in the order of `classes` after the first, which is the background. The shape is
    `matte`, or else the picture's alpha: below 0.5 a pixel is background. A linked `scale` (MeasureTones) replaces
    `thresholds`. Mattes of a picture keep the edge of the shape as it is and soften the borders between tones; all mattes
    of a pixel add up to 1.
    """

    classes: list[str] = param(
        list(CLASSES), help="names of the tones, background first, then dark to bright", min_length=1, max_length=256
    )
    thresholds: list[float] = param([0.06, 0.38, 0.72], help="linear luminance from which the next tone begins, rising")
    softness: float = param(0.0, help="length of the ramp a matte's hard edge becomes", unit="px", ge=0, le=256)

    @field_validator("classes")
    @classmethod
    def _usable_names(cls, classes: list[str]) -> list[str]:
        for name in classes:
            if name == "labels" or classes.count(name) > 1:
                raise ValueError(f"the class name {name!r} is taken: every class needs a name of its own, and 'labels' is an output")
        return classes

    @field_validator("thresholds")
    @classmethod
    def _rising(cls, thresholds: list[float]) -> list[float]:
        if sorted(thresholds) != thresholds:
            raise ValueError(f"thresholds must rise, these do not: {thresholds}")
        return thresholds

    def outputs(self) -> Mapping[str, type]:
        return {"labels": Labels, **dict.fromkeys(self.classes, Matte)}

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if ("labels" in linked) == ("image" in linked):
            yield "link either `labels` or `image`"
        for name in sorted(linked & {"matte", "scale"}) if "image" not in linked else ():
            yield f"`{name}` goes with `image`, which is not linked"
        if "image" in linked and "scale" not in linked and len(self.thresholds) != len(self.classes) - 2:
            yield self._wrong_count(len(self.thresholds))

    def process(
        self,
        wanted: Wanted,
        labels: Labels | None = None,
        image: Image | None = None,
        matte: Matte | None = None,
        scale: ToneScale | None = None,
    ) -> dict[str, Labels | Matte | None]:
        import torch

        if image is not None and labels is None:
            picture = image.on_frame()
            tone = self._tone(picture, scale)
            shape = matte_on(matte.to(picture.device), picture.size, picture.box) if matte is not None else picture.alpha
            shape = torch.ones_like(picture.data[:1]) if shape is None else shape
            labels = Labels(torch.where(shape[0] >= 0.5, tone + 1, 0), tuple(self.classes), default_colors(len(self.classes)))
            planes = {name: (tone, index - 1) for index, name in enumerate(self.classes)}
        elif labels is not None and image is None:
            shape = None
            planes = {name: (labels.data, self._index(name, labels)) for name in self.classes}
        else:
            raise UsageError("ToneSplit splits either labels or an image: give one of them")
        made: dict[str, Labels | Matte | None] = dict.fromkeys(self.outputs())
        made["labels"] = labels
        for name in wanted & planes.keys():
            if shape is not None and name == self.classes[0]:
                made[name] = Matte(1 - shape)
                continue
            classes, index = planes[name]
            inside = soften((classes == index).to(torch.float32)[None], self.softness)
            made[name] = Matte(inside if shape is None else inside * shape)
        return made

    def _tone(self, picture: Image, scale: ToneScale | None) -> Tensor:
        """How many thresholds each pixel reaches, uint8 `[H, W]`."""
        import torch

        from rotonodes.values.color import luminance, srgb_to_linear

        limits = torch.tensor(self.thresholds if scale is None else scale.thresholds, dtype=torch.float64)
        if len(limits) != len(self.classes) - 2:
            raise UsageError(self._wrong_count(len(limits)))
        if scale is not None and scale.encoding == "srgb":
            limits = srgb_to_linear(limits)
        light = luminance(colors(picture))[0]
        # Luminance of straight colour against t is that of premultiplied colour against t times alpha.
        alpha = None if picture.alpha is None else picture.alpha[0].where(picture.alpha[0] != 0, 1.0)
        tone = torch.zeros(light.shape, dtype=torch.uint8, device=light.device)
        for limit in limits.tolist():
            tone += light >= (limit if alpha is None else limit * alpha)
        return tone

    def _index(self, name: str, labels: Labels) -> int:
        if name not in labels.classes:
            known = did_you_mean(name, labels.classes)
            raise UsageError(f"the labels have no class {name!r}{known}; set `classes` to theirs: {', '.join(labels.classes)}")
        return labels.classes.index(name)

    def _wrong_count(self, count: int) -> str:
        return f"{count} thresholds make {count + 1} tones, but `classes` names {len(self.classes) - 1} beside the background"


def soften(plane: Tensor, width: float) -> Tensor:
    """`[1, H, W]` with hard edges as ramps `width` pixels long: the mean over a square of that side, borders carried on."""
    from torch.nn.functional import pad

    reach = math.ceil(width / 2 - 0.5)
    if reach <= 0:
        return plane
    steps = range(-reach, reach + 1)
    weights = [(min(step + 0.5, width / 2) - max(step - 0.5, -width / 2)) / width for step in steps]
    for dimension, border in ((-1, (reach, reach)), (-2, (0, 0, reach, reach))):
        # A sum of shifted planes: for a few taps of one channel many times as fast as a convolution.
        padded, length = pad(plane[None], (*border, *(0,) * (4 - len(border))), "replicate")[0], plane.shape[dimension]
        plane = padded.narrow(dimension, 0, length) * weights[0]
        for start, weight in enumerate(weights[1:], 1):
            plane.add_(padded.narrow(dimension, start, length), alpha=weight)
    return plane
