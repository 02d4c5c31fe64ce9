"""WriteFlatPSD: flat art as the layers that an artist works on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import field_validator

from rotonodes.node.annotations import Frame, Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.color import checked_color, checked_palette
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte


class WriteFlatPSD(Node):
    """Write flat art as a PSD with a group for each object.

    From the bottom up: background, ground shadow (multiply), a group for each object with a layer for each tone, ink.

    Objects are those in the cryptomatte of `layers`, with their names there; without it there is one layer a tone. A linked `image` (a
    painted picture) gives each tone its pixels, soft edges with it, so that all layers together are the picture; otherwise a class has
    its colour in `palette`, else its own. The background is the linked `background`, else the class of that name, where the picture or the
    palette paint it. `ground` is a matte of the shadow on the ground (painted in `ground_color`) or a picture of it, `ink` InkLines'
    picture or a matte. The file holds 8 bits in sRGB, and the merged picture.
    """

    path: OutputPath = param(
        help="the files: a name with a frame token that ends in .psd",
        pixels=False,
        pattern=r"(?i)\.psd$",
        examples=["out/flat.####.psd", "out/flat-b.####.psd"],
    )
    palette: dict[str, str] = param({}, help='class -> its colour, "#rrggbb" or "#rrggbbaa", where no picture is linked')
    objects: str | list[str] = param("*", help="objects that are groups, by their names in the cryptomatte, wildcards allowed")
    cryptomatte: str = param("object", help="kind of the cryptomatte: object, material, asset, or its own name")
    ground_color: str = param("#00000080", help='colour of the ground\'s matte, "#rrggbb" or "#rrggbbaa"')
    ink_color: str = param("#1b1a22", help='colour of an ink matte, "#rrggbb" or "#rrggbbaa"')

    @field_validator("palette")
    @classmethod
    def _colors(cls, palette: dict[str, str]) -> dict[str, str]:
        return checked_palette(palette)

    @field_validator("ground_color", "ink_color")
    @classmethod
    def _color(cls, color: str) -> str:
        return checked_color(color)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if frames > 1 and not FilePattern(self.path).has_token:
            yield f"{frames} frames would all be written to {self.path!r}: put #### into the name"

    def process(
        self,
        labels: Labels,
        frame: Frame,
        key: Key,
        image: Image | None = None,
        layers: Layers | None = None,
        background: Image | None = None,
        ground: Image | Matte | None = None,
        ink: Image | Matte | None = None,
    ) -> Path:
        from rotonodes.imaging.passes.cryptomatte import find_cryptomatte
        from rotonodes.imaging.passes.object_map import object_map
        from rotonodes.imaging.picture.art_layers import picture_layer, plain_layer, tone_layers
        from rotonodes.imaging.picture.painted_classes import check_sizes, classes_by_object, painted
        from rotonodes.io.psd import write_psd

        check_sizes(labels, image=image, layers=layers, background=background, ground=ground, ink=ink)
        names, objects = object_map(layers, find_cryptomatte(layers, self.cryptomatte), self.objects) if layers is not None else ([], None)
        classes, found = classes_by_object(labels, names, objects)
        shown = painted(classes, found, labels, {} if image is not None else self.palette, image)
        tones = list(tone_layers(classes, found, shown, image))
        made = [picture_layer("background", background)] if background is not None else []
        if background is None and image is None:
            made = [plain_layer("background", one.color, labels) for one in shown if one.tone == "background"]
        elif background is None:
            made = [layer for tone, layer in tones if tone == "background"]
        if ground is not None:
            made.append(picture_layer("ground shadow", ground, self.ground_color, multiply=True))
        made += [layer for tone, layer in tones if tone != "background"]
        if ink is not None:
            made.append(picture_layer("ink", ink, self.ink_color))
        (file,) = self.writes(frame)
        made = made or [plain_layer("background", "#00000000", labels)]  # readers take a file without layers for a plain picture
        write_psd(file, made, labels.size, key=key or None)
        return Path(file)
