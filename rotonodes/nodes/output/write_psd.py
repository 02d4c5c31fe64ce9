"""WritePSD: named layers as a Photoshop file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.imaging.picture.layering import class_mattes, common_size, layer_pictures
from rotonodes.node.annotations import Frame, Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import Colors, OutputPath, param
from rotonodes.values.color import Colorspace
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import SIX_CLASSES, SIX_COLORS


class WritePSD(Node):
    """Write each frame as a PSD with named layers.

    Layers are in order and cut to their contents; 8 or 16 bit, unpremultiplied.

    From the bottom up: `pictures` under their `names`, the classes of `labels`, and `layers`, which are SplitParts' cut-outs or
    any others called `name.R`, `name.G`, `name.B`, `name.A`. Labels and mattes become layers of one colour, from a `palette` like
    PaintTones's: by default the classes' own colours, white for other mattes, and no layer for the background. The outputs of
    ToneSplit, PaintTones and SplitParts can be linked as they are. A slash in a name puts the layer into a group: `body/arm`.

    The file also holds the merged picture, for programs that do not read layers. Like Photoshop's it mixes encoded colours, which
    differs from Composite (linear light) on soft edges.
    """

    path: OutputPath = param(
        help="the files: a name with a frame token that ends in .psd",
        pixels=False,
        pattern=r"(?i)\.psd$",
        examples=["out/layers.####.psd", "out/layers-b.####.psd"],
    )
    depth: Literal[8, 16] = param(8, help="bits of a sample")
    colorspace: Colorspace = param("srgb", help="encoding of colour; srgb for files that people paint in")
    names: list[str] = param([], help="names of the `pictures`, in their order")
    order: list[str] = param([], help="names of the layers to write, from the bottom up; default all", examples=[["midtone"], ["R"]])
    palette: Colors = param({}, help='layer -> its colour, "#rrggbb" or "#rrggbbaa", of labels and mattes')
    opacity: dict[str, Annotated[float, Field(ge=0, le=1)]] = param({}, help="layer -> its opacity; default 1")
    hidden: list[str] = param([], help="names of layers that are hidden")

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
        from rotonodes.imaging.picture.psd_layers import PsdStyle, psd_layer
        from rotonodes.io.psd import write_psd

        if len(self.names) != len(pictures or ()):
            raise UsageError(f"{len(pictures or ())} pictures but {len(self.names)} names: give one name for each")
        given: list[tuple[str, Image | Matte]] = list(zip(self.names, pictures or (), strict=True))
        given += class_mattes(labels).items() if labels is not None else ()
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
        size = common_size(found)
        own = dict(zip(SIX_CLASSES, SIX_COLORS, strict=True))
        own |= dict(zip(labels.classes, labels.colors, strict=True)) if labels is not None else {}
        style = PsdStyle("8" if self.depth == 8 else "16", self.colorspace, self.palette, self.opacity, self.hidden)
        made = [psd_layer(name, found[name], own.get(name), style) for name in self.order or found if name in found]
        (file,) = self.writes(frame)
        write_psd(file, made, size, depth=self.depth, srgb=self.colorspace == "srgb", key=key or None)
        return Path(file)
