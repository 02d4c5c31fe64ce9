"""WriteSVG: flat art as paths."""

from __future__ import annotations

from pathlib import Path

from rotonodes.node.annotations import Frame, Key
from rotonodes.node.parameters import OutputPath, param
from rotonodes.nodes.output.vector_art import VectorArtWriter
from rotonodes.values.pixels import Image, Labels, Layers, Matte


class WriteSVG(VectorArtWriter):
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

    def process(
        self,
        labels: Labels,
        frame: Frame,
        key: Key,
        image: Image | None = None,
        layers: Layers | None = None,
        ink: Image | Matte | None = None,
    ) -> Path:
        from rotonodes.io.svg import write_svg

        shapes = self.shapes_of(labels, image, layers, ink)
        (file,) = self.writes(frame)
        write_svg(file, shapes, labels.size, overlap=self.overlap, key=key or None)
        return Path(file)
