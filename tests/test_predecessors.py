"""The five systems that rotonodes replaces: the graphs in examples/predecessors do each one's whole job, and every row has its test.

Runs are of few frames and few steps, with networks of four features: what is tested is that all of the job gets done.
"""

import ast
import json
import re
import shlex
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import psd_tools
import pytest
import torch
from PIL import Image as Picture
from PIL import ImageSequence

from rotonodes import Graph
from rotonodes.cli.main import cli
from rotonodes.io.png import write_png
from rotonodes.nets.model import build
from rotonodes.nets.weights import load_weights
from rotonodes.node.catalogue import all_nodes
from rotonodes.nodes import LoadPictures, WriteFrames
from rotonodes.train.checkpoint import NEWEST
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.resume import start_run
from rotonodes.train.settings import NONE, Loss, TrainSettings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "predecessors"
PICTURES = sorted(path.stem for path in (FOLDER / "data" / "imgs").iterdir())
PARTS = ["legs", "clothes", "torso", "arms", "head", "eyes", "hair"]
QUICK = {"width": 4, "epochs": 0.5, "batch": 4}


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path):
    """A graph of examples/predecessors as it is, but small, writing below tmp_path/out."""

    def run(name, frames, variables=None, settings=None):
        given = {"out": str(tmp_path / "out"), **(QUICK if variables is None else variables)}
        graph = Graph.load(FOLDER / name, variables=given, settings=settings)
        assert graph.run(frames=frames, cache=str(tmp_path / "cache"), device="cpu").exit_code == 0
        return tmp_path / "out"

    return run


def samples(path):
    with Picture.open(path) as picture:
        return np.array(picture)


# A. 3D-to-2D.


def test_c4d_passes_become_tones_in_grey_and_a_gif(run):
    out = run("a_3d_to_2d.yaml", "1-3", settings={"train.crop": 64, "train.every": 2})
    greys = [samples(out / f"greys/tones.{frame:04d}.png") for frame in (1, 2, 3)]
    assert all(grey.shape == (200, 200) and set(np.unique(grey)) <= {40, 80, 125, 200, 255} for grey in greys)
    with Picture.open(out / "tones.gif") as gif:
        shown = [np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)]
        times = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
        assert (gif.info["loop"], times) == (0, [30, 40, 30])  # for ever, three thirtieths of a second
    assert all(np.array_equal(frame[..., 0], grey) for frame, grey in zip(shown, greys, strict=True))
    model = load_weights(out / "tones.safetensors")
    assert (model.config["in_channels"], len(model.classes), model.preprocessing.grey) == (1, 5, True)
    assert {"loss.png", "log.csv", NEWEST, "stages"} <= {path.name for path in (out / "training").iterdir()}
    assert load_weights(out / "training/stages/step_000001.safetensors").training["steps"] == 1
    assert json.loads((out / "scores.json").read_text())["frames"] == 3


def test_frames_of_any_names_become_a_sequence(tmp_path):
    """Files in any order of names, beginning anywhere, are numbered anew from 1 (row A9)."""
    for name, code in (("shot91", 10), ("shot93", 20), ("shot100", 30), ("still", 40)):
        write_png(tmp_path / f"in/{name}.png", np.full((2, 2, 3), code, np.uint8))
    graph = Graph()
    files = [str(tmp_path / f"in/{name}.png") for name in ("shot91", "shot93", "shot100", "still")]
    graph.add(WriteFrames(path=str(tmp_path / "shot/frame.####.png")), image=graph.add(LoadPictures(path=files)))
    assert graph.run(cache="none").exit_code == 0
    assert {path.name: int(samples(path)[0, 0, 0]) for path in (tmp_path / "shot").iterdir()} == {
        "frame.0001.png": 10, "frame.0002.png": 20, "frame.0003.png": 30, "frame.0004.png": 40,
    }  # fmt: skip


# B. Parts of illustrations.


def test_parts_are_masked_corrected_learned_again_and_layered(run, tmp_path):
    small = {"train.widths": [4, 8], "train.refine": 0, "train.crop": 64, "train.every": 2}
    out = run("b_parts.yaml", "1-2", {"steps": 2}, small)
    for frame in (1, 2):
        masks = {part: samples(out / f"masks/{part}/character.{frame:04d}.png") for part in PARTS}
        assert all(mask.shape == (256, 256) for mask in masks.values())
        layers = psd_tools.PSDImage.open(out / f"character.{frame:04d}.psd")
        assert {layer.name for layer in layers} <= {"background", *PARTS}
        assert layers[0].name == "background"
        again = samples(out / f"again/character.{frame:04d}.png")[..., :3].astype(int)
        flat = np.asarray(layers.topil().convert("RGB")).astype(int)
        assert np.abs(again - flat).mean() < 1, "the picture put together again is what the PSD shows"
    reports = [json.loads((out / f"hair_{when}.json").read_text()) for when in ("before", "after")]
    assert all(len(report["frames"]) == 2 for report in reports)
    assert (out / "parts.onnx").stat().st_size > 1000
    # A person paints the hair of both frames; nothing writes over it.
    for frame in (1, 2):
        hair = out / f"masks/hair/character.{frame:04d}.png"
        painted = np.zeros((256, 256), np.uint8)
        painted[:128] = 255
        write_png(hair, painted)
    run("b_parts.yaml", "1-2", {"steps": 2}, {**small, "tidy.area": 25})
    assert np.array_equal(samples(hair), painted)
    run("b_parts_corrected.yaml", "1-2", {"steps": 3}, {**small, "train.frames": "1-2"})
    seen = torch.load(out / "training_corrected" / NEWEST, weights_only=True)["run"]["optimizer"]["state"]
    assert {float(state["step"]) for state in seen.values()} == {5.0}, "two steps of the first training and three of this one"
    with Picture.open(out / "look_corrected.png") as sheet:
        sheet.load()
    assert load_weights(out / "parts_corrected.safetensors").classes == ("background", *PARTS)
    assert (out / "corrected/character.0002.psd").exists()


# C. Portrait matting.


def test_hard_masks_become_soft_cut_outs_on_another_background(run):
    out = run("c_portrait_matting.yaml", "1-2", settings={"train.crop": 64, "trimap.empty": "background"})
    for name in PICTURES[:2]:
        alpha, cut, comp = (samples(out / f"{name}_{kind}.png") for kind in ("alpha", "cutout", "comp"))
        assert alpha.shape == comp.shape[:2] == (128, 128)
        assert np.array_equal(cut[..., 3], alpha)
        assert np.array_equal(comp[alpha == 0][..., :3], np.broadcast_to([0xD8, 0xE2, 0xDC], (int((alpha == 0).sum()), 3)))
    model = load_weights(out / "portraits.safetensors")
    assert (model.config["upsampling"], model.classes) == ("bilinear", ("background", "portrait"))
    assert model.mask_values == (0, 255)
    assert json.loads((out / "scores.json").read_text())["frames"] == 2


# D. One-click cut-outs.


def test_duts_becomes_a_small_u2net_and_cut_outs(run):
    out = run("d_cutout.yaml", "1-2", {"side": 32, "crop": 32, "epochs": 0.5, "batch": 4}, {"train.every": 1})
    for name in PICTURES[:2]:
        cut, matte = samples(out / f"{name}_cutout.png"), samples(out / f"{name}_matte.png")
        assert cut.shape == (128, 128, 4)
        assert np.array_equal(cut[..., 3], matte)
    model = load_weights(out / "cutout.safetensors")
    assert model.config["variant"] == "u2netp"
    assert (model.preprocessing.squash, model.preprocessing.peak) == (32, True)
    for suffix in ("png", "safetensors"):
        assert len(list((out / "training/stages").glob(f"*.{suffix}"))) == 2, "a sheet and weights every n steps"
    with Picture.open(out / "look.png") as sheet:
        assert sheet.width > 2 * 384


# E. milesial/Pytorch-UNet and its fork.


def test_pairs_by_stem_become_masks_of_the_same_values(run):
    out = run("e_pytorch_unet.yaml", "1-2", settings={"train.crop": 64})
    for name in PICTURES[:2]:
        mask = samples(out / f"{name}.png")
        assert mask.shape == (128, 128)
        assert set(np.unique(mask)) <= set(range(5))
    assert load_weights(out / "defects.safetensors").mask_values == (0, 1, 2, 3, 4)
    classes = ["background", "cast_shadow", "form_shadow", "midtone", "highlight"]
    assert list(json.loads((out / "scores.json").read_text())["iou"]) == classes
    table = (out / "training/scores.txt").read_text()
    for word in (*classes, "mean class accuracy (mPA)", "mean Dice without background", "frames/s", "parameters"):
        assert word in table


# What their own sizes are.


@pytest.mark.parametrize(
    "graph, parameters",
    [
        ("a_3d_to_2d.yaml", 31_036_741),
        ("c_portrait_matting.yaml", 17_263_042),
        ("d_cutout.yaml", 1_131_181),
        ("e_pytorch_unet.yaml", 31_037_893),
    ],
)
def test_at_full_width_the_networks_are_theirs(graph, parameters):
    full = {} if graph.startswith("d_") else {"width": 64}
    node = Graph.load(FOLDER / graph, variables=full).vertices["train"].node
    architecture, config = node.network()
    if architecture == "unet":
        config |= {"in_channels": 1 if node.grey else 3, "classes": 2 if graph.startswith("c_") else 5}
    with torch.device("meta"):
        assert sum(p.numel() for p in build(architecture, config).parameters()) == parameters


def test_the_gradient_is_clipped():
    """Plain gradient descent moves by the learning rate times the gradient's norm, which is at most `gradient_clip` (row E5)."""
    truth = torch.zeros(16, 16, dtype=torch.uint8)
    truth[:8] = 1
    data = LabelledFrames([(n, torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(n)), truth) for n in (1, 2)], classes=2)
    moved = {}
    for clip in (0, 1, 0.01):
        settings = TrainSettings(
            steps=1, batch=2, crop=16, classes=("a", "b"), colors=("#000000", "#ffffff"), config={"widths": [4, 8]}, optimizer="sgd",
            momentum=0, weight_decay=0, gradient_clip=clip, loss=Loss(dice=1), augment=NONE,
        )  # fmt: skip
        learner = start_run(settings, data, None, torch.device("cpu"))
        before = [p.detach().clone() for p in learner.network.parameters()]
        learner.train_step(data.batch(0, 2, 16, NONE, seed=0), rate=0.5)
        steps = [(p.detach() - b).square().sum() for p, b in zip(learner.network.parameters(), before, strict=True)]
        moved[clip] = float(torch.stack(steps).sum().sqrt())
    assert moved[0.01] == pytest.approx(0.5 * 0.01, rel=1e-3)
    assert moved[1] == pytest.approx(0.5 * min(1, moved[0] / 0.5), rel=1e-3)
    assert moved[0] > 0.5 * 0.01


def test_torch_hub_finds_the_networks():
    """Row E10."""
    picture = torch.rand(3, 40, 56)
    loaded = torch.hub.load(str(ROOT / "examples" / "predecessors"), "tones", source="local")
    by_path = torch.hub.load(str(ROOT / "examples" / "predecessors"), "network", "weights/tones.safetensors", source="local")
    assert torch.equal(loaded(picture).labels, by_path(picture).labels)
    assert torch.hub.load(str(ROOT / "examples" / "predecessors"), "tones_passes", source="local").model.channels[:3] == ("R", "G", "B")


# The table.

ROWS = [f"{system}{number}" for system, count in zip("ABCDE", (9, 8, 7, 6, 10), strict=True) for number in range(1, count + 1)]


def table():
    """Row -> its cells: what, how, tests."""
    lines = (FOLDER / "README.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| [A-E]\d+ \|", line)]
    assert [row for row, *_ in cells] == ROWS
    return {row: rest for row, *rest in cells}


@cache
def defined_in(name):
    tree = ast.parse((ROOT / "tests" / name).read_text())
    return Counter(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_what_does_it_and_tests_that_are_there(row):
    what, how, tests = table()[row]
    assert what
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", tests)
    assert named
    assert ", ".join(f"`{file}::{test}`" for file, test in named) == tests
    for file, test in named:
        assert defined_in(file)[test] == 1, f"tests/{file} has no {test}"
    known = {name.partition(".")[0] for name in all_nodes()}
    assert set(re.findall(r"`([A-Z][a-zA-Z]*[A-Z]\w*)`", how)) <= known
    assert set(re.findall(r"rotonodes ([a-z-]+)", how)) <= set(cli.commands)
    for link in re.findall(r"\]\(([^)]+)\)", how):
        assert (FOLDER / link).exists()


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_graph_is_without_faults_and_in_the_readme(path):
    assert Graph.load(path).sinks()
    assert f"({path.relative_to(FOLDER)})" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("letter", "abcde")
def test_the_originals_settings_are_known_to_the_graphs(letter, call, monkeypatch):
    """What the README says to raise."""
    monkeypatch.chdir(ROOT)
    (line,) = re.findall(rf"^\| {letter} \| `([^`]+)`", (FOLDER / "README.md").read_text(), re.MULTILINE)
    graph, *_ = sorted(FOLDER.glob(f"{letter}_*.yaml"))
    ended = call("check", str(graph), *shlex.split(line))
    assert (ended.code, ended.err) == (0, "")
