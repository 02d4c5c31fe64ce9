"""The graph of `rotonodes cutout`."""

from __future__ import annotations

import os

from rotonodes.cli.jobs.named_pictures import MATTE, InputPictures, NodeFields
from rotonodes.errors import UsageError, did_you_mean
from rotonodes.graph.writing import graph_text
from rotonodes.io.shipped import weights_path
from rotonodes.nets.model import is_onnx


def cutout_graph(pictures: InputPictures, output: str, weights: str, *, background: str | None = None, matte: bool = True) -> str:
    """The YAML of a graph that cuts the foreground out of pictures: each picture with an alpha, and beside it its matte.

    The old background's colour is removed from soft edges; what is transparent in a picture stays transparent. `background` is a
    picture or a colour to composite the cut-outs on.
    """
    weights = weights_path(weights)
    nodes: dict[str, NodeFields] = {
        "pictures": pictures.load(),
        "cut": {"type": "OnnxSegment" if is_onnx(weights) else "CutOut", "in": "pictures", "weights": weights},
        "matte": {"type": "MatteFromAlpha", "in": {"image": "pictures", "matte": "cut.matte"}},
        "foreground": {"type": "EstimateForeground", "in": {"image": "pictures", "matte": "matte"}},
    }
    if background is not None:
        color = color_code(background)
        linked = {"like": "matte"}
        if not color:
            nodes["scene"] = {"type": "LoadFrames", "path": background}
            linked["image"] = "scene"
        nodes["backdrop"] = {"type": "Backdrop", "in": linked, **({"color": color} if color else {})}
        nodes["comp"] = {"type": "Composite", "in": {"fg": "foreground", "bg": "backdrop"}}
    nodes["write"] = pictures.write("foreground" if background is None else "comp", output)
    if matte:
        nodes["mattes"] = pictures.write("matte", output, MATTE)
    return graph_text(pictures.frames, nodes)


def color_code(background: str) -> str:
    """`#rrggbb` of a colour (a hex value or a CSS name), empty for a picture file. UsageError when it is neither."""
    if os.path.isfile(background):
        return ""
    from PIL import ImageColor

    try:
        code = ImageColor.getrgb(background)
    except ValueError:
        hint = did_you_mean(background, ImageColor.colormap)
        raise UsageError(f"--background {background}: neither a picture nor a colour (#rrggbb, white){hint}") from None
    return "#" + "".join(f"{value:02x}" for value in code)
