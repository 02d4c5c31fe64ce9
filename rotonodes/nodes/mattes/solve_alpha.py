"""SolveAlpha: alpha where a trimap does not know it, out of the picture's colours."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import colors
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class SolveAlpha(Node):
    """Solve alpha in the unknown part of a trimap.

    How much of each pixel is foreground is told by its colour and by what is known around it.

    `closed_form` (Levin et al. 2008) needs pymatting (`pip install "rotonodes[matting]"`): nearer to the true alpha on smooth, blurred
    and moving edges. `guided` is a guided filter that learns from known pixels, several times faster, and nearer on fur, hair and
    wires. `auto` is the first where pymatting is installed, being nearer on 93 of 100 rendered frames (on 67 with a wide trimap),
    else the second; the key says which. Both work in linear light, where pixels mix; how bright the picture is does not matter.
    Known pixels of the trimap (up to 0.05, from 0.95) keep their values to the bit.
    """

    method: Literal["auto", "closed_form", "guided"] = param("auto", help="how alpha is solved", validate_default=True)
    radius: float = param(32.0, help="guided: how far away known pixels are looked for", unit="px", ge=1, le=1000)

    @field_validator("method")
    @classmethod
    def _resolve(cls, method: str) -> str:
        """`auto` becomes what it stands for here, so that two machines never put two solutions under one key."""
        from rotonodes.extras import has_pymatting

        if method != "auto":
            return method
        return "closed_form" if has_pymatting() else "guided"

    def working_bytes(self, width: int, height: int) -> int:
        """At most, where all of the frame is unknown: a sparse matrix of the 25 neighbours of each pixel, or 14 sums of colours."""
        return width * height * (2800 if self.method == "closed_form" else 140)

    def process(self, image: Image, trimap: Matte) -> Matte:
        from rotonodes.imaging.mattes.alpha import closed_form, guided

        if trimap.size != image.size:
            sizes = f"{trimap.width} x {trimap.height}, the picture {image.width} x {image.height}"
            raise FrameError(f"the trimap is {sizes}: crop or reformat one of them")
        color = colors(image.on_frame())
        color = color if len(color) == 3 else color[-1:].expand(3, -1, -1) if len(color) == 1 else color[[0, 1, 1]]
        alpha = trimap.data.to(color.device)
        return Matte(closed_form(color, alpha) if self.method == "closed_form" else guided(color, alpha, self.radius))
