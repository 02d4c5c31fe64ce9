# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of rotonodes, as its command line; knows nothing of Blender."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .label_layer.frames import Refused

TONES = ("cast_shadow", "form_shadow", "midtone", "highlight")  # in the order of `--palette`


@dataclass(frozen=True)
class Flat:
    """Settings of a run. `graph` is the file or name of a graph, empty for flat art. `palette` has a hex colour a tone, or is empty."""

    render: Path  # pattern, as in render/shot.####.exr
    folder: Path
    graph: str = ""
    shapes: Sequence[str] = ()
    exact: bool = True
    palette: Sequence[str] = ()
    line_width: float | None = None  # px; None for rotonodes' own
    ground: bool = True
    frames: str = ""
    fps: float = 24.0
    settings: Sequence[str] = field(default_factory=tuple)  # NODE.PARAM=VALUE


def arguments(flat: Flat) -> list[str]:
    """The arguments of rotonodes. Raises Refused for a graph that is not there."""
    common = ["--progress", "json", *(["-F", flat.frames] if flat.frames else [])]
    if flat.graph:
        if flat.graph.endswith((".yaml", ".yml")) and not Path(flat.graph).is_file():
            raise Refused(f"{flat.graph}: there is no such graph: choose a .yaml file, or name one that ships, such as passes_tones")
        sets = [word for setting in flat.settings for word in ("--set", setting)]
        return ["run", flat.graph, "--input", str(flat.render), "--output", str(flat.folder), *sets, *common]
    made = ["flatten", str(flat.render), "-o", str(flat.folder), "--fps", f"{flat.fps:g}"]
    made += [word for shape in flat.shapes for word in ("--shape", shape)]
    made += ["--tones", "label"] if flat.exact else []
    made += ["--palette", ",".join(flat.palette)] if flat.palette else []
    made += ["--lines", f"{flat.line_width:g}"] if flat.line_width is not None else []
    return [*made, "--ground" if flat.ground else "--no-ground", *common]


def hex_color(color: Sequence[float]) -> str:
    """`#rrggbb` of red, green and blue from 0 to 1, as shown (sRGB)."""
    return "#" + "".join(f"{round(min(max(part, 0), 1) * 255):02x}" for part in color[:3])


def patterns(text: str) -> list[str]:
    """The names of `Char*, Gift`: several with commas between."""
    return [part.strip() for part in text.split(",") if part.strip()]
