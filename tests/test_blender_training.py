"""Train on This Scene in Blender: the files, the curve, the weights chosen and used, and what a cancel leaves; by ROTONODES_BPY."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from in_blender import calls_in_blender, in_blender
from rotonodes.cli.jobs.network_facts import read_model


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return calls_in_blender(tmp_path_factory.mktemp("blender"), "addon_train.py")


@in_blender
def test_the_weights_are_made_and_chosen(told: dict[str, Any]) -> None:
    assert told["train"]["how"] == ["FINISHED"], told["train"]["said"]
    weights, exact = told["chosen"]
    assert Path(weights) == told["folder"] / "out" / "training" / "train_on_shot_passes.safetensors" and not exact
    model = read_model(weights)
    assert model.training["steps"] == 3 and "ground_shadow" in model.classes
    assert {"training/render/scene.0001.exr", "training/render/scene.0002.exr", "training/rotonodes.log"} <= {*told["files"]}


@in_blender
def test_the_curve_is_a_picture_in_blender(told: dict[str, Any]) -> None:
    assert told["curve"] == [[960, 540], "loss.png"]
    log = told["folder"] / "out" / "training" / "train_on_shot_passes" / "log.jsonl"
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [3]
    events = (told["folder"] / "out" / "training" / "rotonodes.log").read_text()
    assert '"node": "train", "done": 3, "total": 3, "text": "loss ' in events


@in_blender
def test_a_training_begins_anew(told: dict[str, Any]) -> None:
    assert not [file for file in told["files"] if file.endswith("left.txt")]
    assert "training/train_on_shot_passes/log.csv" in told["files"]


@in_blender
def test_the_weights_find_the_tones_of_a_render_without_label_layer(told: dict[str, Any]) -> None:
    assert told["flatten"]["how"] == ["FINISHED"], told["flatten"]["said"]
    assert {"scene/scene.0001.png", "scene/scene.0002.png"} <= {*told["flat"]}
    assert f"-m {told['chosen'][0]}" in (told["folder"] / "flat" / "rotonodes.log").read_text()
    with Image.open(told["folder"] / "flat" / "scene" / "scene.0001.png") as picture:
        assert np.ptp(np.asarray(picture.convert("RGB")).astype(int), axis=2).max() > 60
    assert "there is no such file" in told["weights that are not there"]["said"]


@in_blender
@pytest.mark.parametrize(("what", "frames"), [("render", 1), ("training", 2)])
def test_a_cancel_leaves_nothing_half_done(told: dict[str, Any], what: str, frames: int) -> None:
    found = told[f"cancelled {what}"]
    assert found["changed"] == []
    assert len([file for file in found["files"] if file.endswith(".exr")]) == frames
    assert not [file for file in found["files"] if file.endswith(".safetensors") or (Path(file).name.startswith(".") and "key" not in file)]
