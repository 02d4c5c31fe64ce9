"""PaperGrain: the grain of paper or film in a picture."""

from __future__ import annotations

from typing import Literal

from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class PaperGrain(Node):
    """Add the grain of paper or film.

    Colour is multiplied by a texture around 1, so that black stays black and the mean brightness is kept; alpha and further channels
    stay. `paper` is a tooth lit from the top left, over faint clouds; `film` is clumps of grain. The texture stands still (one sheet of
    paper for the whole shot), or with `moving` each frame has its own. It is the same for the same seed on every machine.
    """

    method: Literal["paper", "film"] = param("paper", help="grain of paper, or of film")
    amount: float = param(0.15, help="strength: the standard deviation of the grain is a third of it", ge=0, le=2)
    grain: float = param(3.0, help="size of the grain", unit="px", ge=1, le=200)
    seed: int = param(0, help="another number gives another sheet", ge=0)
    moving: bool = param(False, help="whether each frame has a grain of its own")

    def process(self, image: Image, mask: Matte | None = None, *, frame: Frame) -> Image:
        from rotonodes.imaging.picture.channel_choice import changed
        from rotonodes.imaging.picture.texture_noise import film_grain, paper_tooth

        if self.amount == 0:
            return image
        seed = (self.seed, int(frame) if self.moving else 0)
        whole = image.box.union(image.on_frame().box)  # the sheet lies in the frame, whatever of it is rendered
        make = paper_tooth if self.method == "paper" else film_grain
        texture = make((whole.width, whole.height), self.grain, seed)
        left, top = image.box.left - whole.left, image.box.top - whole.top
        texture = texture[top : top + image.box.height, left : left + image.box.width]
        factor = (1 + self.amount / 3 * texture).clamp(min=0).to(image.device)
        return changed(image, "color", lambda planes: planes * factor, mask)
