"""The graph of `rotonodes cutout`."""

from __future__ import annotations

import os

from rotonodes.cli.jobs.job_graph import graph_text
from rotonodes.cli.jobs.named_pictures import Body, Pictures
from rotonodes.errors import UsageError, did_you_mean
from rotonodes.io.shipped import weights_path
from rotonodes.nets.model import is_onnx

MATTE = "_matte"


def cutting(pictures: Pictures, output: str, weights: str, *, background: str | None = None, matte: bool = True) -> str:
    """The YAML of a graph that cuts out what stands out: each picture with its alpha, and beside it its matte.

    The old background's colour is taken out of soft edges. `background` is a picture, or a colour, to put the cut-outs on.
    """
    weights = weights_path(weights)
    nodes: dict[str, Body] = {
        "pictures": pictures.load(),
        "cut": {"type": "OnnxSegment" if is_onnx(weights) else "CutOut", "in": "pictures", "weights": weights},
        "foreground": {"type": "EstimateForeground", "in": {"image": "pictures", "matte": "cut.matte"}},
    }
    if background is not None:
        color = color_of(background)
        linked = {"like": "cut.matte"}
        if not color:
            nodes["scene"] = {"type": "LoadFrames", "path": background}
            linked["image"] = "scene"
        nodes["backdrop"] = {"type": "Backdrop", "in": linked, **({"color": color} if color else {})}
        nodes["comp"] = {"type": "Composite", "in": {"fg": "foreground", "bg": "backdrop"}}
    nodes["write"] = pictures.write("foreground" if background is None else "comp", output)
    if matte:
        nodes["mattes"] = pictures.write("cut.matte", output, MATTE)
    return graph_text(pictures.frames, nodes)


def color_of(background: str) -> str:
    """`#rrggbb` of a colour by its value or its name in CSS, and nothing for a picture. UsageError for what is neither."""
    if os.path.isfile(background):
        return ""
    from PIL import ImageColor

    try:
        code = ImageColor.getrgb(background)
    except ValueError:
        hint = did_you_mean(background, ImageColor.colormap)
        raise UsageError(f"--background {background}: there is no such picture, and it is no colour (#rrggbb, white){hint}") from None
    return "#" + "".join(f"{value:02x}" for value in code)
