"""EdgeExtend: the colour of a shape carried on beyond its edge."""

from __future__ import annotations

from typing import Literal

from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class EdgeExtend(Node):
    """Carry a shape's colour on beyond its edge.

    Colour where alpha (or the linked `matte`) is at least `inside` is taken as the shape's own; every other pixel up to `distance` px
    away takes the colour of the nearest such pixel, softened by `soften`. It removes dark or bright fringes from soft edges, and gives
    colour below an edge that is blurred or grown. With `keep` alpha stays and the result is premultiplied by it, so that only the colour
    of the edge changes; with `opaque` alpha is 1 as far as colour reaches.
    """

    distance: float = param(16.0, help="how far colour is carried", unit="px", ge=0, le=4096)
    inside: float = param(0.98, help="least alpha of a pixel whose colour is the shape's own", gt=0, le=1)
    soften: float = param(0.0, help="blur of the carried colour (standard deviation)", unit="px", ge=0, le=200)
    alpha: Literal["keep", "opaque"] = param("keep", help="alpha of the result: as it was, or 1 where there is colour")

    def pixel_reach(self) -> float:
        return self.distance + 4 * self.soften + 3

    def process(self, image: Image, matte: Matte | None = None) -> Image:
        from rotonodes.imaging.picture.edge_colors import extended

        return extended(image, matte, self.distance, self.inside, self.soften, self.alpha == "opaque")
