"""WritePSD: named layers as a Photoshop file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.imaging.picture.paint import color_table
from rotonodes.imaging.picture.parts import layer_pictures
from rotonodes.node.asks import Frame, Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.nodes.tones.paint_tones import PaintTones
from rotonodes.values.color import Colorspace
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rotonodes.io.psd import PsdLayer

_PAPER = "#ffffff"


class WritePSD(Node):
    """Write each frame as a PSD with named layers.

    Layers are in order and cut to what is on them; 8 or 16 bit, straight alpha.

    From the bottom up come `pictures` under their `names`, the classes of `labels`, and `layers`, which are SplitParts' cut-outs or
    any others called `name.R`, `name.G`, `name.B`, `name.A`. Labels and mattes become layers of one colour, from `palette` as PaintTones
    takes it: the classes' own colours unless given, white for other mattes, and no layer for the background. So all of
    ToneSplit, PaintTones and SplitParts can be linked as they are. A slash in a name puts the layer into a group: `body/arm`.

    The file also holds the merged picture that programs show which know no layers. Like Photoshop it mixes colours as they are
    encoded, which for soft edges between colours differs from Composite's mixing of light.
    """

    path: OutputPath = param(
        help="the files: a name with a frame token that ends in .psd",
        pixels=False,
        pattern=r"(?i)\.psd$",
        examples=["out/layers.####.psd", "out/layers-b.####.psd"],
    )
    depth: Literal[8, 16] = param(8, help="bits of a sample")
    colorspace: Colorspace = param("srgb", help="encoding of colour; files for people to paint in are srgb")
    names: list[str] = param([], help="name of each of the `pictures`, in their order")
    order: list[str] = param([], help="names of the layers to write, from the bottom up; default all", examples=[["midtone"], ["R"]])
    palette: dict[str, str] = param({}, help='layer -> its colour, "#rrggbb" or "#rrggbbaa", of labels and mattes')
    opacity: dict[str, Annotated[float, Field(ge=0, le=1)]] = param({}, help="layer -> its opacity; default 1")
    hidden: list[str] = param([], help="layers that are switched off")

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: dict[str, str]) -> dict[str, str]:
        return PaintTones(palette=palette).palette

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if not linked & {"pictures", "labels", "layers"}:
            yield "link `layers`, `labels` or `pictures`"
        if frames > 1 and not FilePattern(self.path).has_token:
            yield f"{frames} frames would all be written to {self.path!r}: put #### into the name"

    def process(
        self,
        frame: Frame,
        key: Key,
        layers: Layers | None = None,
        labels: Labels | None = None,
        pictures: list[Image | Matte] | None = None,
    ) -> Path:
        from rotonodes.io.psd import write_psd

        if len(self.names) != len(pictures or ()):
            raise UsageError(f"{len(pictures or ())} pictures but {len(self.names)} names: give one name for each")
        given: list[tuple[str, Image | Matte]] = list(zip(self.names, pictures or (), strict=True))
        given += _classes(labels).items() if labels is not None else ()
        given += layer_pictures(layers).items() if layers is not None else ()
        found = dict(given)
        for name, _ in given if len(found) < len(given) else ():
            if [other for other, _ in given].count(name) > 1:
                raise UsageError(f"two layers are called {name!r}: rename one of them")
        if not found:
            raise UsageError("there is no layer to write: link `layers`, `labels` or `pictures`")
        for what in ("order", "palette", "opacity", "hidden"):
            for name in getattr(self, what):
                if name not in found and not (labels and name in labels.classes):
                    raise UsageError(f"{what}: there is no layer {name!r}{did_you_mean(name, found)}; there are {', '.join(found)}")
        size = self._size(found)
        colors = dict(zip(labels.classes, labels.colors, strict=True)) if labels is not None else {}
        made = [self._layer(name, found[name], colors.get(name)) for name in self.order or found if name in found]
        (file,) = self.writes(frame)
        write_psd(file, made, size, depth=self.depth, srgb=self.colorspace == "srgb", key=key or None)
        return Path(file)

    def _size(self, found: Mapping[str, Image | Matte]) -> tuple[int, int]:
        (first, value), *others = found.items()
        for name, other in others:
            if other.size != value.size:
                raise FrameError(
                    f"the layer {name!r} is {other.width} x {other.height}, {first!r} is {value.width} x {value.height}: "
                    "reformat one of them"
                )
        return value.size

    def _layer(self, name: str, value: Image | Matte, color: str | None) -> PsdLayer:
        from rotonodes.io.psd import PsdLayer

        picture = value if isinstance(value, Image) else Image(value.data, ("A",))
        alpha = picture.on_frame().alpha
        if picture.encoded is None and alpha is not None:  # most parts take a small share of the frame
            picture = picture.on(_there(alpha))
        shown = replace(picture, origin=(0, 0), size=(picture.box.width, picture.box.height)) if picture.encoded is None else picture
        samples = self._samples(shown) if isinstance(value, Image) else self._flat(name, Matte(shown.data), color)
        visible = name not in self.hidden
        return PsdLayer(name, samples, picture.origin, opacity=self.opacity.get(name, 1.0), visible=visible)

    def _samples(self, picture: Image) -> np.ndarray:
        """Straight RGBA samples `[H, W, 4]`."""
        import numpy as np

        from rotonodes.io.samples import encode

        samples = encode(picture, "8" if self.depth == 8 else "16", self.colorspace)
        if samples.shape[2] < 3:
            samples = samples[..., [0, 0, 0, *range(1, samples.shape[2])]]
        if samples.shape[2] == 3:
            samples = np.concatenate([samples, np.full_like(samples[..., :1], (1 << self.depth) - 1)], axis=2)
        return samples

    def _flat(self, name: str, matte: Matte, color: str | None) -> np.ndarray:
        """A matte in one colour; of a colour that is not opaque itself, its alpha times the matte."""
        import torch

        from rotonodes.io.samples import encode

        known = color or dict(zip(CLASSES, COLORS, strict=True)).get(name, _PAPER)
        red, green, blue, alpha = color_table(["", name], ["", known], {name: self.palette[name]} if name in self.palette else {})[1]
        samples = self._samples(Image(torch.stack([red, green, blue, alpha]).view(4, 1, 1))).repeat(matte.height, 0).repeat(matte.width, 1)
        samples[..., 3:] = encode(Matte(matte.data * alpha.to(matte.device)), "8" if self.depth == 8 else "16", "raw")
        return samples


def _there(alpha: Tensor) -> Box:
    """The smallest box around what is not transparent, one pixel at least."""
    rows, columns = (alpha[0] != 0).any(1).nonzero(), (alpha[0] != 0).any(0).nonzero()
    if not len(rows):
        return Box(0, 0, 1, 1)
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _classes(labels: Labels) -> dict[str, Matte]:
    """A matte for each class but the background, which is the class of that name or else the first."""
    import torch

    background = "background" if "background" in labels.classes else labels.classes[0]
    shown = [(index, name) for index, name in enumerate(labels.classes) if name != background]
    return {name: Matte((labels.data == index).to(torch.float32)[None]) for index, name in shown}
