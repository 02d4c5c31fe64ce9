"""WriteSVG: flat art as paths."""

from __future__ import annotations

from pathlib import Path

from rotonodes.node.annotations import Frame, Key
from rotonodes.node.parameters import Colors, OutputPath, param
from rotonodes.nodes.output.flat_art import FlatArtWriter
from rotonodes.values.pixels import Image, Labels, Layers, Matte


class WriteSVG(FlatArtWriter):
    """Write each frame's tones as filled paths of an SVG.

    One group an object, one path a tone, in the order of painting; neighbours share their borders, so that there is no gap.

    Objects are those in the cryptomatte of `layers`; without it there is one group a tone. A class has its colour in `palette`, else the
    one that most of its pixels have in the linked `image` (a painted picture), else its own; the background is transparent unless
    the palette or the picture paint it. `ink` (InkLines' picture, or a matte) lies on top as filled paths, one for each colour.

    Curves leave the borders between pixels by at most `tolerance`: at 0.7 px they are smooth; at 0.5 px nearly every pixel keeps its
    class, and files are twice as large. Under a border with what is painted later, a tone goes on as a line of `overlap` px, for programs
    that antialias both sides. There are only plain attributes, which Illustrator, Affinity, Figma and Inkscape read; ids are the names
    of objects and tones.
    """

    path: OutputPath = param(
        help="the files: a name with a frame token that ends in .svg",
        pixels=False,
        pattern=r"(?i)\.svg$",
        examples=["out/flat.####.svg", "out/flat-b.####.svg"],
    )
    palette: Colors = param({}, help='class -> its colour, "#rrggbb" or "#rrggbbaa", in place of other colours')
    tolerance: float = param(0.7, help="largest distance of curves from the borders", unit="px", gt=0.05, le=10)
    overlap: float = param(1.0, help="width of the line under a border; 0 is none", unit="px", ge=0, le=10)
    ink_color: str = param("#1b1a22", help='colour of an ink matte, "#rrggbb"')

    def process(
        self,
        labels: Labels,
        frame: Frame,
        key: Key,
        image: Image | None = None,
        layers: Layers | None = None,
        ink: Image | Matte | None = None,
    ) -> Path:
        from rotonodes.imaging.picture.painted_classes import check_sizes, painted
        from rotonodes.imaging.vector.artwork import Paint, ink_of, tone_shapes
        from rotonodes.io.svg import write_svg

        check_sizes(labels, image=image, layers=layers, ink=ink)
        classes, found = self.classes_of(labels, layers)
        shown = painted(classes, found, labels, self.palette, image)
        paints = {one.number: Paint(one.group, one.tone, one.color, one.opacity) for one in shown}
        order = [number for number, _, _ in found]
        whole = next((number for number, _, tone in found if tone == "background"), None)
        shapes = tone_shapes(classes, paints, order, whole, self.tolerance)
        if ink is not None:
            shapes += ink_of(ink, self.ink_color, self.tolerance)
        (file,) = self.writes(frame)
        write_svg(file, shapes, labels.size, overlap=self.overlap, key=key or None)
        return Path(file)
