"""The weights in weights/ find what they are for, on frames of examples/shots whose truth is known; weights in disorder do not.

Floors lie well below what was measured when they were written, which stands beside them: another machine's rounding, or weights
that were trained further, pass; weights that were damaged, or are fed in another way than they were trained, do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from rotonodes import Graph
from rotonodes.cli.jobs.tone_source import _network
from rotonodes.metrics.labels import ConfusionMatrix
from rotonodes.metrics.matte_scores import AlphaScores
from rotonodes.nets.efficient_unet import EfficientUNet
from rotonodes.nets.model import Model
from rotonodes.nets.model_card import card_path
from rotonodes.nets.unet import UNet
from rotonodes.nets.weights import load_weights
from rotonodes.nodes import CutOut, FindKeyLight, LoadFrames, MultipassDecode, StackPasses, TonesFromPasses, UNetSegment
from rotonodes.values.pixels import Image, Labels, Layers, Matte

ROOT = Path(__file__).parent.parent
SHOTS = [("torus", 1), ("torus", 13), ("monkey", 5)]


class Frame(NamedTuple):
    layers: Layers
    picture: Image
    tones: Labels
    shape: Matte


@cache
def frames() -> list[Frame]:
    """Frames of two shots, with the truth of their layer Label."""
    found = []
    for shot, number in SHOTS:
        layers = LoadFrames(path=str(ROOT / "examples" / "shots" / shot / "render.####.exr"))(frame=number).layers
        picture = MultipassDecode(passes=["Combined"])(layers)["Combined"].on_frame()
        truth = MultipassDecode(passes=[], mattes={"shape": "shape*"}, layer="Label")(layers)["shape"]
        found.append(Frame(layers, picture, TonesFromPasses(recipe="light")(layers), truth))
    return found


def shown(model: Model, frame: Frame) -> Image:
    """What a network of tones sees of a frame."""
    if "Depth.Z" not in model.channels:
        return frame.picture
    stack = StackPasses(passes=["Combined", "DiffDir", "GlossDir", "Normal", "Depth"], normals="camera")
    return stack(frame.layers, FindKeyLight()(frame.layers))


def mean_iou(model: Model) -> float:
    """Of five tones, all frames together; the truth here takes the shadow on the ground for background."""
    counted = ConfusionMatrix(5)
    for frame in frames():
        labels = UNetSegment()(shown(model, frame), model=model).labels.data
        counted.add(torch.where(labels == 5, 0, labels), frame.tones.data)
    return float(counted.mean_iou() or 0)


def max_f(model: Model) -> float:
    counted = AlphaScores()
    for frame in frames():
        counted.add(CutOut()(frame.picture, model=model).matte.data, frame.shape.data)
    return float(counted.max_f() or 0)


def in_disorder(model: Model) -> Model:
    """The same numbers in every tensor, at other places of it."""
    generator = torch.Generator().manual_seed(1)
    state = {name: t.flatten()[torch.randperm(t.numel(), generator=generator)].view_as(t) for name, t in model.state.items()}
    return replace(model, state=state)


class Floor(NamedTuple):
    score: Callable[[Model], float]
    floor: float
    disorder: float  # which the same numbers at other places stay below


FLOORS = {
    "tones": Floor(mean_iou, 0.5, 0.3),  # 0.597; in disorder 0.158
    "tones_unet": Floor(mean_iou, 0.5, 0.3),  # 0.639; in disorder 0.158
    "tones_six": Floor(mean_iou, 0.5, 0.3),  # 0.602; 0.019
    "tones_passes": Floor(mean_iou, 0.85, 0.3),  # 0.955; 0.018
    "tones_passes_unet": Floor(mean_iou, 0.85, 0.3),  # 0.947; 0.030
    "tones_passes_six": Floor(mean_iou, 0.8, 0.3),  # 0.942; 0.003
    "tones_passes_fast": Floor(mean_iou, 0.8, 0.3),  # 0.930; 0.057
    "cutout": Floor(max_f, 0.9, 0.5),  # 0.971; 0.255
}


def test_every_shipped_file_has_a_floor() -> None:
    assert {path.stem for path in (ROOT / "weights").glob("*.safetensors")} == {*FLOORS, "parts"}  # parts: test_parts_example


@pytest.mark.parametrize("name", FLOORS)
def test_shipped_weights_find_what_they_are_for(name: str) -> None:
    model = load_weights(ROOT / "weights" / f"{name}.safetensors")
    score, floor, disorder = FLOORS[name]
    assert score(model) > floor
    assert score(in_disorder(model)) < disorder


@pytest.mark.parametrize("file", sorted((ROOT / "weights").glob("*.safetensors")))
def test_a_card_is_beside_every_shipped_file(file: Path) -> None:
    model, text = load_weights(file), card_path(file).read_text()
    parameters = sum(parameter.numel() for parameter in model.module().parameters())
    assert f"# {file.name}" in text.splitlines()
    assert f"{parameters:,} parameters" in text and f"| {file.stat().st_size / 1e6:.1f} MB" in text and f"| {model.licence} |" in text
    assert "| arithmetic | 256 px | 512 px | 1080p |" in text


@pytest.mark.parametrize("name", ["tones_passes", "tones_passes_six"])
def test_what_two_networks_are_is_what_the_ready_graph_makes(name: str) -> None:
    """It joins the shipped networks with the weights that the file has; for six classes those of the file itself (its card)."""
    vertices = Graph.load(ROOT / "graphs/join_networks.yaml").vertices
    picture, passes, both = (vertices[name].node for name in ("picture", "passes", "both"))
    if name == "tones_passes_six":
        passes = passes.model_copy(update={"path": picture.path, "member": 2})
        both = both.model_copy(update={"shape_weights": [1, 1], "ground": True})
    models = [load.model_copy(update={"path": str(ROOT / load.path)})() for load in (picture, passes)]
    made, shipped = both(models), load_weights(ROOT / f"weights/{name}.safetensors")
    assert made.metadata() == shipped.metadata()
    assert made.state.keys() == shipped.state.keys()
    assert all(torch.equal(made.state[name], tensor) for name, tensor in shipped.state.items())


def test_with_a_known_shape_the_half_that_looks_for_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `flatten` and passes_tones.yaml; where the shape is not known, both halves are asked."""
    asked = list[str]()
    for kind in (UNet, EfficientUNet):
        forward = kind.forward
        monkeypatch.setattr(kind, "forward", lambda self, x, kind=kind, forward=forward: asked.append(kind.__name__) or forward(self, x))
    both, half = (load_weights(ROOT / f"weights/{name}.safetensors") for name in ("tones_passes", "tones_passes_unet"))
    for frame in frames():
        picture = shown(both, frame)
        told = UNetSegment()(picture, model=both, shape=frame.shape).labels.data
        assert asked == ["UNet"]
        alone = UNetSegment()(picture, model=half, shape=frame.shape).labels.data
        assert (told != alone).float().mean() < 0.02, "rules, and no stray pixels"
        asked.clear()
        assert (UNetSegment()(picture, model=both).labels.data != told).any()
        assert asked == ["EfficientUNet", "UNet"]
        asked.clear()
    for shape in ("passes.shape", ""):
        assert _network("passes", "", shape, "passes.Combined").nodes["tones"]["weights"] == "weights/tones_passes.safetensors"
