"""The training loop in a real browser: the loss grows while a training goes on, and the least certain frame comes next."""

from pathlib import Path
from typing import Any

import pytest
import torch

from page_chromium import View, view_of
from page_chromium import chromium as chromium
from rotonodes.io.pictures import write_image, write_labels
from rotonodes.nets.weights import save_weights
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import CLASSES
from tiny_networks import tiny_model

pytestmark = pytest.mark.xdist_group("browser")  # one browser, and torch loaded once

LOAD = 'rotonodes: 1\nframes: 1-3\nnodes:\n  load: {type: LoadFrames, path: "in.####.png"}\n'
TRAIN = """  labels: {type: LoadLabels, path: "labels.####.png"}
  train:
    type: TrainUNet
    in: {image: load.image, labels: labels}
    frames: 1-2
    steps: 1000000
    every: 2
    batch: 1
    crop: 16
    widths: [4, 8]
    checkpoints: ckpt
  roto: {type: UNetSegment, in: {image: load.image, model: train}}
  png: {type: WriteFrames, in: roto.labels, path: "out/l.####.png"}
"""
SEGMENT = """  roto: {type: UNetSegment, in: load.image, weights: tiny.safetensors}
  png: {type: WriteFrames, in: roto.labels, path: "out/l.####.png"}
"""
STEP = r"() => Number(document.querySelector('.loss figcaption')?.textContent.match(/step (\d+)/)?.[1] ?? 0)"
POINTS = "(kind) => document.querySelector(`.loss polyline.${kind}`)?.getAttribute('points').trim().split(' ') ?? []"


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """Three frames of noise, each with more contrast than the one before, and labels of the first two."""
    for frame in (1, 2, 3):
        noise = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(frame))
        write_image(tmp_path / f"in.{frame:04d}.png", Image(noise * frame / 3))
    for frame in (1, 2):
        classes = (torch.arange(256, dtype=torch.uint8).reshape(16, 16) // 64) % 4
        write_labels(tmp_path / f"labels.{frame:04d}.png", Labels.from_array(classes.numpy(), CLASSES))
    return tmp_path


def test_the_loss_grows_while_the_training_goes_on(chromium: Any, shot: Path) -> None:
    graph = shot / "graph.yaml"
    graph.write_text(LOAD + TRAIN)
    with view_of(chromium, graph) as view:
        assert view.tab.locator(".loss").count() == 0
        view.tab.keyboard.press("Control+Enter")
        view.until(f"() => ({STEP})() >= 4")
        step, points = view.tab.evaluate(STEP), view.tab.evaluate(POINTS, "training")
        view.until(f"(step) => ({STEP})() > step", step)
        view.until(f"(count) => ({POINTS})('training').length > count", len(points))
        view.until(f"() => ({POINTS})('validation').length > 0")
        assert all(value == value for pair in view.tab.evaluate(POINTS, "training") for value in map(float, pair.split(",")))
        view.tab.get_by_title("stop (Esc)").click()
        view.tab.get_by_title("stop (Esc)").wait_for(state="detached")
        assert view.tab.evaluate(STEP) > step  # what was reached is still to be seen
        view.tab.get_by_label("close the loss curve").click()
        view.tab.locator(".loss").wait_for(state="detached")


def test_the_least_certain_frame_is_next(chromium: Any, shot: Path) -> None:
    save_weights(tiny_model(), shot / "tiny.safetensors")
    graph = shot / "graph.yaml"
    graph.write_text(LOAD + SEGMENT)
    with view_of(chromium, graph) as view:
        worst = [one["frame"] for one in view.page.ask("/api/worst", node="roto", scale=4).json()["frames"]]
        assert sorted(worst) == [1, 2, 3]
        view.select("roto")
        view.tab.keyboard.press("p")
        view.tab.locator("canvas.labels").wait_for()
        for frame in [frame for frame in worst if frame != 1]:  # the first one is looked at already
            next_worst(view)
            view.until("(frame) => document.querySelector('.timeline .slider').getAttribute('aria-valuetext') === `frame ${frame}`", frame)
            view.tab.locator("canvas.labels").wait_for()
        next_worst(view)
        view.until("() => document.querySelector('.paint-bar [role=status]').textContent === 'every frame has been looked at'")


def next_worst(view: View) -> None:
    view.tab.get_by_role("button", name="Next worst").click()
