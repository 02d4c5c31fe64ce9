# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of rotonodes, as its command line; knows nothing of Blender."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .label_layer.frames import Refused

TONES = ("cast_shadow", "form_shadow", "midtone", "highlight")  # in the order of `--palette`
READY = ("passes_tones", "key_light_tones", "flat_tones", "luminance_tones", "stabilized_tones")  # graphs that ship, and take `objects`
NETWORKS = {"passes_tones": "roto", "flat_tones": "roto", "stabilized_tones": "roto"}  # ready graphs -> the node with the weights
CACHE = ".rotonodes"


@dataclass(frozen=True)
class Flat:
    """Settings of a run. `graph` is the file or name of a graph, empty for flat art. `palette` has a hex colour a tone, or is empty."""

    render: Path  # pattern, as in render/shot.####.exr
    folder: Path
    graph: str = ""
    shapes: Sequence[str] = ()
    exact: bool = True
    weights: str = ""  # of the user's own network; empty for those that ship
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
        return ["run", flat.graph, "--input", str(flat.render), "--output", str(flat.folder), *wishes(flat), *common]
    return [*art(flat), *common]


def wishes(flat: Flat) -> list[str]:
    """What a graph that ships is told of the scene, and the settings of the user."""
    own = [f"{NETWORKS[flat.graph]}.weights={flat.weights}"] if flat.weights and flat.graph in NETWORKS else []
    shapes = ["--var", f"objects={json.dumps(list(flat.shapes))}"] if flat.shapes and flat.graph in READY else []
    return [*shapes, *(word for setting in (*own, *flat.settings) for word in ("--set", setting))]


def art(flat: Flat) -> list[str]:
    """The arguments of `flatten`."""
    made = ["flatten", str(flat.render), "-o", str(flat.folder), "--fps", f"{flat.fps:g}"]
    made += [word for shape in flat.shapes for word in ("--shape", shape)]
    made += ["--tones", "label"] if flat.exact else ["-m", flat.weights] if flat.weights else []
    made += ["--palette", ",".join(flat.palette)] if flat.palette else []
    made += ["--lines", f"{flat.line_width:g}"] if flat.line_width is not None else []
    return [*made, "--ground" if flat.ground else "--no-ground"]


def page(flat: Flat, graph: Path) -> list[str]:
    """The arguments that open the live page: of a graph that ships with the scene's render, of any other, or of `graph`, flat art's."""
    if flat.graph in READY:
        return ["edit", flat.graph, "--no-browser", "--set", f"render.path={flat.render}", *wishes(flat)]
    return ["edit", flat.graph or str(graph), "--no-browser"]


@dataclass(frozen=True)
class Training:
    """Settings of a training on labelled frames of a scene."""

    render: Path  # pattern
    folder: Path
    frames: Sequence[int]
    shapes: Sequence[str]  # names in the cryptomatte
    passes: bool = True  # the network sees passes beside the picture
    ground: bool = True  # it tells the shadow on the ground
    steps: int = 300

    @property
    def graph(self) -> str:
        return "train_on_shot_passes" if self.passes else "train_on_shot"

    @property
    def logs(self) -> Path:
        """The folder of the checkpoint, and of the curve as `loss.png`."""
        return self.folder / self.graph

    def arguments(self) -> list[str]:
        """The arguments of rotonodes: only the weights are made of the graph."""
        frames = ",".join(map(str, self.frames))
        sets = [f"train.frames={frames}", f"train.steps={self.steps}", f"truth.ground={json.dumps(self.ground)}"]
        if self.ground and not self.passes:  # those that see passes are quick to learn one class more
            sets += ["start.path=weights/tones_six.safetensors", "start.member=1"]  # the one of both that says everything
        words = ["run", self.graph, "-X", "weights", "--force", "--input", str(self.render), "--output", str(self.folder)]
        words += ["--var", f"objects={json.dumps(list(self.shapes))}", *(word for setting in sets for word in ("--set", setting))]
        return [*words, "-F", frames, "--cache", str(self.folder / CACHE), "--progress", "json"]


def spread(frames: Sequence[int], count: int) -> list[int]:
    """At most `count` of the frames, the first, the last, and as evenly between as can be."""
    if len(frames) <= count:
        return list(frames)
    return [frames[round(place * (len(frames) - 1) / (count - 1))] for place in range(count)]


def hex_color(color: Sequence[float]) -> str:
    """`#rrggbb` of red, green and blue from 0 to 1, as shown (sRGB)."""
    return "#" + "".join(f"{round(min(max(part, 0), 1) * 255):02x}" for part in color[:3])


def patterns(text: str) -> list[str]:
    """The names of `Char*, Gift`: several with commas between."""
    return [part.strip() for part in text.split(",") if part.strip()]
