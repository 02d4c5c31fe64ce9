"""Golden pictures: what every node and every ready graph made when it was last looked at, small, so that a change of pixels is seen.

    python tests/golden/golden.py [NAME ...]      # make the references of these nodes or graphs again; all of them unless some are named

A reference is `tests/golden/NAME.npz`: of every output at one frame the means over tiles and a window at full size, as half floats, or
the numbers of a text; beside it `NAME.png` to look at. It notes what it was made from: the graph, the input files, and the revision
of every node. Pixels that change while all of these stay are refused: raise the `revision` of the node whose pixels changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import PIL.Image
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # the nodes of this clone, whichever one is installed

from rotonodes import Frame, Graph, Node
from rotonodes.describe.reference import type_word
from rotonodes.errors import RotoError
from rotonodes.graph.graph import Handle, Vertex
from rotonodes.io.movies import VIDEOS, frame_count, read_frame
from rotonodes.io.pictures import read_image
from rotonodes.node.signature import FRAME_TYPES
from rotonodes.values.frames import FilePattern
from rotonodes.values.palette import Palette
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import LightDirection, ToneScale

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/golden"
SIDE = 32  # px of the means and of the window
MOST_PLANES, MOST_NUMBERS = 8, 2000
LARGEST = 60_000.0  # what a half float holds
Arrays = dict[str, np.ndarray]


class Tolerance(NamedTuple):
    """How far a number may be from the reference (beside 0.4 % of it), and the share of numbers that may be farther."""

    far: float = 0.004
    share: float = 0.0


# Where more than rounding differs between machines: networks and what follows them, decoders, searches that may stop elsewhere.
NETWORK, SEARCH = Tolerance(0.02, 0.02), Tolerance(0.02, 0.01)
TOLERANCES = {
    **dict.fromkeys(
        ("UNetSegment", "CutOut", "StabilizeTones", "AntialiasTones", "WritePicturePSD", "WritePictures", "CheckEdges"), NETWORK
    ),
    **dict.fromkeys(("EvaluateMatte", "EvaluateLabels", "LoadModel", "ToneSplit", "Trimap", "SolveAlpha", "EstimateForeground"), NETWORK),
    **dict.fromkeys(("FindKeyLight", "MeasureKeyLight", "TonesFromPasses", "WriteVideo", "LoadMovie", "Denoise", "EstimateMotion"), SEARCH),
    **dict.fromkeys(("Text", "BurnIn", "ContactSheet"), Tolerance(0.05, 0.05)),  # letters of another FreeType
}
GRAPH_TOLERANCE = Tolerance(0.03, 0.03)  # several networks and searches one after the other

LEFT_OUT = {
    "TrainUNet": "a training follows the last bit of every sum",
    "ExportONNX": "it compares its network with torch's itself",
    "OnnxSegment": "its example needs a file that ExportONNX writes; tests/test_onnx.py compares it with torch",
    "gif_from_frames": "it reads what another graph writes",
    **dict.fromkeys(("evaluate_cutout", "evaluate_passes", "evaluate_tones"), "the clips they score on are rendered first"),
}
FRAMES = {"StabilizeTones": 4, "LoadMovie": 5, "AppendClips": 6, "Retime": 3}  # else the middle one


class KeepFrame(Node):
    """Hand a value of a frame to this module."""

    in_catalogue: ClassVar[bool] = False

    def process(self, value: Image | Matte | Labels | Layers, frame: Frame) -> Path:
        KEPT.append(value)
        return Path()


class KeepOnce(Node):
    """Hand a value that is made once to this module."""

    in_catalogue: ClassVar[bool] = False

    def process(self, value: ToneScale | LightDirection | Palette) -> Path:
        KEPT.append(value)
        return Path()


KEPT: list[Any] = []


def names() -> list[str]:
    """Every node with an example, and every ready graph and example graph that trains nothing."""
    nodes = [path.stem for path in (ROOT / "docs/nodes/examples").glob("*.yaml")]
    graphs = [path for folder in ("graphs", "examples") for path in (ROOT / folder).rglob("*.yaml")]
    trains = [path for path in graphs if "TrainUNet" in path.read_text() or "path: {type" in path.read_text()]
    return sorted({*nodes, *(path.stem for path in graphs if path not in trains)} - LEFT_OUT.keys())


def file_of(name: str) -> Path:
    """The graph file of a name."""
    found = [path for path in (ROOT / "docs/nodes/examples", ROOT / "graphs", ROOT / "examples") for path in path.rglob(f"{name}.yaml")]
    return found[0].relative_to(ROOT)


def tolerance_of(name: str) -> Tolerance:
    return TOLERANCES.get(name, Tolerance() if file_of(name).parts[0] == "docs" else GRAPH_TOLERANCE)


def made(name: str) -> tuple[Arrays, dict[str, Any]]:
    """(the numbers of every output, what they were made from). The current folder is that of the repository."""
    graph = Graph.load(file_of(name))
    nodes = [vertex for vertex in graph.vertices.values() if type_word(type(vertex.node)) == name][-1:]
    shown = nodes or [graph.vertices[sink] for sink in graph.sinks()]
    frames = graph.frames or max((vertex.node.available() or () for vertex in graph.vertices.values()), key=len) or (1,)
    frame = FRAMES.get(name, frames[len(frames) // 2])
    arrays: Arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        for vertex in shown:
            if type(vertex.node).is_writer():
                arrays |= written(graph, vertex, frame, Path(folder))
            else:
                arrays |= given(graph, vertex, frame)
    return arrays, origin(graph, name, frame)


def origin(graph: Graph, name: str, frame: int) -> dict[str, Any]:
    """What pixels depend on: the graph's text, the input files, the revisions of its nodes."""
    paths = [path for vertex in graph.vertices.values() for _, path in vertex.node.paths("input")]
    files = [Path(FilePattern(path).find(frame)) for path in paths]
    digests = {str(path): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files if path.is_file()}
    revisions = {type_word(type(vertex.node)): type(vertex.node).revision for vertex in graph.vertices.values()}
    text = (ROOT / file_of(name)).read_bytes()
    return {"graph": hashlib.sha256(text).hexdigest()[:16], "files": digests, "revisions": dict(sorted(revisions.items())), "frame": frame}


def given(graph: Graph, vertex: Vertex, frame: int) -> Arrays:
    """The numbers of a node's outputs."""
    arrays: Arrays = {}
    for output, kind in vertex.node.outputs().items():
        kinds = graph.output_types(graph.links_of(f"{vertex.name}.{output}")[0]) or (kind,)
        keep = KeepFrame if any(issubclass(one, FRAME_TYPES) for one in kinds) else KeepOnce
        if keep is KeepOnce and not any(issubclass(one, ToneScale | LightDirection | Palette) for one in kinds):
            continue
        KEPT.clear()
        try:
            graph.add(keep(), "keep", value=Handle(graph, vertex.name, output))
            result = graph.run(nodes=["keep"], frames=[frame], cache="none", device="cpu", precision="float32")
        finally:
            graph.vertices.pop("keep", None)
            graph._topology = None
        if result.exit_code:
            raise RotoError("; ".join(map(str, result.failures)))
        arrays |= {f"{output}.{part}": array for part, array in numbers_of(KEPT[0]).items()}
    return arrays


def written(graph: Graph, vertex: Vertex, frame: int, folder: Path) -> Arrays:
    """The numbers of the files that a writer writes for one frame, read back."""
    outputs = {parameter: str(folder / vertex.name / path) for parameter, path in vertex.node.paths("output")}
    graph.insert(replace(vertex, node=vertex.node.model_copy(update=outputs)))
    node = graph.vertices[vertex.name].node
    result = graph.run(nodes=[vertex.name], frames=[frame], cache="none", device="cpu", precision="float32")
    if result.exit_code:
        raise RotoError("; ".join(map(str, result.failures)))
    arrays: Arrays = {}
    for path in map(Path, node.writes(None if type(node).takes_whole_clip() else frame)):
        arrays |= {f"{path.name}.{part}": array for part, array in read_back(path).items()}
    return arrays


def read_back(path: Path) -> Arrays:
    if path.suffix in (".json", ".svg"):
        text = path.read_text()
        if path.suffix == ".svg":  # its paths alone: the key of a file says when its sources were written
            text = " ".join(re.findall(r' d="([^"]*)"', text))
        text = re.sub(r'"rotonodes:key":"[^"]*"', "", text)
        return {"numbers": np.array([float(one) for one in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)[:MOST_NUMBERS]])}
    if path.suffix == ".safetensors":
        from rotonodes.nets.weights import load_weights

        state = load_weights(path).state
        return {"numbers": np.array([float(tensor.float().abs().mean()) for _, tensor in sorted(state.items())])}
    if path.suffix == ".psd":
        with PIL.Image.open(path) as picture:
            return numbers_of(Image(torch.from_numpy(np.asarray(picture.convert("RGBA")) / 255.0).float().permute(2, 0, 1)))
    if path.suffix in (".gif", ".webp", *VIDEOS):
        samples = read_frame(str(path), frame_count(str(path)))
        return numbers_of(Image(torch.from_numpy(np.asarray(samples) / 255.0).float().permute(2, 0, 1)))
    return {} if path.suffix == ".md" else numbers_of(read_image(path, "raw"))


def numbers_of(value: Any) -> Arrays:
    """A picture as means over tiles and a window at full size; other values as their numbers."""
    if isinstance(value, Labels):
        planes = torch.stack([(value.data == index).float() for index in range(len(value.classes))])
        return {"mean": means(planes, SIDE), "classes": window(value.data[None].float())}
    if isinstance(value, Layers):
        planes = torch.stack([torch.from_numpy(np.asarray(plane, np.float32)) for _, plane in sorted(value.planes.items())][:64])
        return {"mean": means(planes, SIDE // 4)}
    if isinstance(value, Image | Matte):
        planes = value.data[:MOST_PLANES]
        return {"mean": means(planes, SIDE), "window": window(planes)}
    texts = re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", json.dumps(value.pack()))
    return {"numbers": np.array([float(text) for text in texts[:MOST_NUMBERS]])}


def means(planes: torch.Tensor, side: int) -> np.ndarray:
    """Planes `[C, H, W]` as means over tiles, at most `side` along the longer edge."""
    height, width = planes.shape[-2:]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    finite = planes.nan_to_num(0, LARGEST, -LARGEST).clamp(-LARGEST, LARGEST)
    return np.asarray(torch.nn.functional.adaptive_avg_pool2d(finite[None], size)[0].half())


def window(planes: torch.Tensor) -> np.ndarray:
    """The middle of planes at full size."""
    top, left = ((side - min(side, SIDE)) // 2 for side in planes.shape[-2:])
    shown = planes[:, top : top + SIDE, left : left + SIDE]
    return np.asarray(shown.nan_to_num(0, LARGEST, -LARGEST).clamp(-LARGEST, LARGEST).half())


def difference(kept: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray], tolerance: Tolerance) -> str:
    """What differs beyond the tolerance, in one line; empty when nothing does."""
    if kept.keys() != now.keys():
        return f"its outputs are {', '.join(now)}, and were {', '.join(kept)}"
    for name in kept:
        old, new = kept[name].astype(np.float64), now[name].astype(np.float64)
        if old.shape != new.shape:
            return f"{name} has the shape {new.shape}, and had {old.shape}"
        apart = np.abs(old - new)
        share = float((apart > tolerance.far + 0.004 * np.abs(old)).mean()) if old.size else 0.0
        if share > tolerance.share:
            return f"{share:.1%} of {name} differ, by at most {apart.max():.3g}"
    return ""


def load(name: str) -> tuple[Arrays, dict[str, Any]]:
    """A reference: (numbers, what they were made from). Raises FileNotFoundError where there is none."""
    with np.load(FOLDER / f"{name}.npz") as kept:
        arrays = {key: kept[key] for key in kept.files}
    return arrays, json.loads(bytes(arrays.pop("origin")))


def picture(arrays: Mapping[str, np.ndarray]) -> PIL.Image.Image:
    """The reference to look at: windows and means side by side, four times as large."""
    panels = []
    for name, array in arrays.items():
        if name.endswith(".numbers") or array.shape[-1] < 2:
            continue
        planes = array.astype(np.float32)[:3] / (5.0 if name.endswith("classes") else 1.0)
        planes = planes if len(planes) == 3 else np.repeat(planes[:1], 3, 0)
        codes = (np.clip(planes, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8).transpose(1, 2, 0)
        panels.append(PIL.Image.fromarray(codes).resize((codes.shape[1] * 3, codes.shape[0] * 3), PIL.Image.Resampling.NEAREST))
    panels = panels[:6] or [PIL.Image.new("RGB", (SIDE, SIDE))]
    sheet = PIL.Image.new("RGB", (sum(panel.width + 4 for panel in panels), max(panel.height for panel in panels)), "#333333")
    at = 0
    for panel in panels:
        sheet.paste(panel, (at, 0))
        at += panel.width + 4
    return sheet


def save(name: str, arrays: Arrays, facts: dict[str, Any]) -> None:
    note = np.frombuffer(json.dumps(facts, sort_keys=True).encode(), np.uint8)
    np.savez_compressed(FOLDER / f"{name}.npz", origin=note, **arrays)  # type: ignore[arg-type]
    picture(arrays).save(FOLDER / f"{name}.png", optimize=True)


def changed_without_reason(name: str, arrays: Arrays, facts: dict[str, Any]) -> str:
    """What differs from the reference though graph, inputs and revisions are the same; empty otherwise."""
    try:
        kept, before = load(name)
    except FileNotFoundError:
        return ""
    return difference(kept, arrays, tolerance_of(name)) if before == facts else ""


def make(wanted: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Make references again: (name, what is wrong); one whose pixels changed without a reason is left as it is."""
    for name in wanted:
        arrays, facts = made(name)
        fault = changed_without_reason(name, arrays, facts)
        if not fault:
            save(name, arrays, facts)
        yield name, fault and f"{fault}: raise the `revision` of the node whose pixels changed, and run this again"


def main(words: list[str]) -> int:
    if unknown := set(words) - set(names()):
        print(f"there is no node or graph {min(unknown)} with a reference", file=sys.stderr)
        return 2
    wrong = 0
    for name, fault in make(words or names()):
        print(f"{name}: {fault or 'kept'}", flush=True)
        wrong += bool(fault)
    shutil.rmtree(ROOT / "out/golden", ignore_errors=True)
    return int(wrong > 0)


if __name__ == "__main__":
    import os

    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
