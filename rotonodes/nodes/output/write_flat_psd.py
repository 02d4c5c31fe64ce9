"""WriteFlatPSD: flat art as the layers that an artist works on."""

from __future__ import annotations

from pathlib import Path

from rotonodes.node.annotations import Frame, Key
from rotonodes.node.parameters import Color, Colors, OutputPath, param
from rotonodes.nodes.output.flat_art import FlatArtWriter
from rotonodes.values.pixels import Image, Labels, Layers, Matte


class WriteFlatPSD(FlatArtWriter):
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
    palette: Colors = param({}, help='class -> its colour, "#rrggbb" or "#rrggbbaa", where no picture is linked')
    ground_color: Color = param("#00000080", help='colour of the ground\'s matte, "#rrggbb" or "#rrggbbaa"')

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
        from rotonodes.imaging.picture.art_layers import picture_layer, plain_layer, tone_layers
        from rotonodes.imaging.picture.painted_classes import check_sizes, painted
        from rotonodes.io.psd import write_psd

        check_sizes(labels, image=image, layers=layers, background=background, ground=ground, ink=ink)
        classes, found = self.classes_of(labels, layers)
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
