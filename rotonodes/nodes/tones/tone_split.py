"""ToneSplit: a shape's tones as labels, and as one soft matte each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import field_validator

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.node.annotations import Wanted
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import CLASSES, ToneScale, default_colors


class ToneSplit(Node):
    """Split a shape into its tones, with a matte for each.

    Outputs are labels, and one soft matte per class, under the class's name.

    From `labels`, the mattes are their classes. From `image`, a pixel's tone is the number of thresholds that the luminance of its
    unpremultiplied colour reaches, dark to bright in the order of `classes` after the first, which is the background. The shape is
    `matte`, or else the picture's alpha: below 0.5 a pixel is background. A linked `scale` (MeasureTones) replaces
    `thresholds`. Mattes of a picture keep the shape's edge and soften the borders between tones; all mattes of a pixel add up to 1.
    """

    classes: list[str] = param(
        list(CLASSES), help="class names: background first, then tones from dark to bright", min_length=1, max_length=256
    )
    thresholds: list[float] = param([0.06, 0.38, 0.72], help="linear luminance at which each next tone begins, rising")
    softness: float = param(0.0, help="width of the ramp that replaces a hard edge between tones", unit="px", ge=0, le=256)

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

    def pixel_reach(self) -> float:
        return self.softness / 2 + 1

    def process(
        self,
        wanted: Wanted,
        labels: Labels | None = None,
        image: Image | None = None,
        matte: Matte | None = None,
        scale: ToneScale | None = None,
    ) -> dict[str, Labels | Matte | None]:
        import torch

        from rotonodes.imaging.picture.tone_mattes import shape_of, soften, tone_levels

        shape = None
        if image is not None and labels is None:
            picture = image.on_frame()
            tone = tone_levels(picture, self._thresholds(scale))
            shape = shape_of(picture, matte)
            labels = Labels(torch.where(shape[0] >= 0.5, tone + 1, 0), tuple(self.classes), default_colors(len(self.classes)))
            planes = {name: (tone, index - 1) for index, name in enumerate(self.classes)}
        elif labels is not None and image is None:
            planes = {name: (labels.data, self._index(name, labels)) for name in self.classes}
        else:
            raise UsageError("give either `labels` or `image`")
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

    def _thresholds(self, scale: ToneScale | None) -> list[float]:
        """The linear thresholds: those of a linked scale, else the parameter."""
        import torch

        from rotonodes.values.color import srgb_to_linear

        limits = torch.tensor(self.thresholds if scale is None else scale.thresholds, dtype=torch.float64)
        if len(limits) != len(self.classes) - 2:
            raise UsageError(self._wrong_count(len(limits)))
        found: list[float] = (srgb_to_linear(limits) if scale is not None and scale.encoding == "srgb" else limits).tolist()
        return found

    def _index(self, name: str, labels: Labels) -> int:
        if name not in labels.classes:
            known = did_you_mean(name, labels.classes)
            raise UsageError(f"the labels have no class {name!r}{known}; set `classes` to theirs: {', '.join(labels.classes)}")
        return labels.classes.index(name)

    def _wrong_count(self, count: int) -> str:
        return f"{count} thresholds make {count + 1} tones, but `classes` names {len(self.classes) - 1} beside the background"
