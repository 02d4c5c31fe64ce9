"""The Blender add-on: its zip and the parts that need no Blender here; in a Blender without a screen where ROTONODES_BPY names one."""

import importlib
import json
import os
import random
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rotonodes
from conftest import Call
from in_blender import ROOT, addon_parts, calls_in_blender, in_blender
from rotonodes.cli.jobs.palette_wishes import TONES
from rotonodes.graph.document import parse_document
from rotonodes.hosts.blender_addon import FOLDER, addon_version, write_addon

READY = re.findall(r'"(\w+)"', re.search("^READY = (.*)$", (FOLDER / "command.py").read_text(), re.M)[1])  # type: ignore[index]
SHOT = ROOT / "examples" / "shots" / "monkey" / "render.####.exr"


@pytest.fixture(scope="module")
def addon() -> ModuleType:
    return addon_parts("command", "environment", "job")


def refused(addon: ModuleType) -> type[Exception]:
    return importlib.import_module(f"{addon.__name__}.label_layer.frames").Refused


# --- the zip -------------------------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_same_zip_each_time(call: Call, tmp_path: Path) -> None:
    told = call("blender-addon", "-o", "made")
    assert told.code == 0 and f"rotonodes-{addon_version()}.zip" in told.out
    once = (tmp_path / "made" / f"rotonodes-{addon_version()}.zip").read_bytes()
    write_addon(tmp_path / "again")
    assert (tmp_path / "again" / f"rotonodes-{addon_version()}.zip").read_bytes() == once


def test_the_zip_is_an_extension(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_addon(tmp_path)) as archive:
        names = set(archive.namelist())
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        assert archive.read("LICENSE").decode().lstrip().startswith("GNU GENERAL PUBLIC LICENSE")
    assert {"__init__.py", "label_layer/labelling.py", "follow.py"} <= names and not any("__pycache__" in name for name in names)
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"] and manifest["blender_version_min"] == "4.5.0"


def test_versions_go_together(addon: ModuleType) -> None:
    assert addon_version() == rotonodes.__version__
    assert rotonodes.__version__.startswith(f"{addon.environment.VERSION}.")


def test_a_folder_that_cannot_be_written_is_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    told = call("blender-addon", "-o", "taken")
    assert told.code == 2 and "taken" in told.err and len(told.err.splitlines()) == 1


# --- the command line ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({}, "WriteGIF"),
        ({"shapes": ["shape_monkey"], "ground": False, "line_width": 0.0}, "shape_monkey"),
        ({"palette": ["#112233", "#445566", "#778899", "#aabbcc"], "frames": "2-3"}, "#778899"),
        ({"exact": False, "fps": 12.5}, "12.5"),
    ],
)
def test_flat_art_is_a_command_that_rotonodes_takes(addon: ModuleType, call: Call, wishes: dict[str, Any], said: str) -> None:
    flat = addon.command.Flat(render=SHOT, folder=Path("flat"), **wishes)
    words = addon.command.arguments(flat)
    assert words[0] == "flatten" and words[words.index("--progress") + 1] == "json"
    told = call(*words, "--print-graph")
    assert told.code == 0, told.err
    assert said in told.out and ("label layer (asked for)" in told.err) == flat.exact


def test_ones_own_weights_are_taken_where_no_label_layer_is(addon: ModuleType, call: Call) -> None:
    told = call(*addon.command.arguments(addon.command.Flat(render=SHOT, folder=Path("f"), exact=False, weights="tones")), "--print-graph")
    assert told.code == 0 and "tones from the weights tones (asked for)" in told.err
    exact = addon.command.arguments(addon.command.Flat(render=SHOT, folder=Path("f"), weights="tones"))
    assert "tones" not in exact and "label" in exact


@pytest.mark.parametrize("graph", READY)
def test_ready_graphs_take_the_shapes_and_ones_own_weights(addon: ModuleType, graph: str) -> None:
    flat = addon.command.Flat(render=SHOT, folder=Path("f"), graph=graph, shapes=["A, b"], weights="w.safetensors")
    content = parse_document(Path(ROOT / "graphs" / f"{graph}.yaml").read_text()).data
    networks = [name for name, node in content["nodes"].items() if node["type"] == "UNetSegment"]
    told = ['objects=["A, b"]', *(f"{name}.weights=w.safetensors" for name in networks)]
    assert [word for word in addon.command.arguments(flat) if "=" in word] == told
    assert [word for word in addon.command.page(flat, Path("flat.yaml")) if "=" in word] == [f"render.path={SHOT}", *told]
    assert "objects" in content["vars"] and content["files"]["input"] == "render.path"


@pytest.mark.parametrize("passes", [False, True])
@pytest.mark.parametrize("ground", [False, True])
def test_a_training_is_a_command_that_rotonodes_takes(addon: ModuleType, call: Call, tmp_path: Path, passes: bool, ground: bool) -> None:
    training = addon.command.Training(SHOT, tmp_path, [1, 3], ["shape_monkey"], passes, ground, 7)
    words = training.arguments()
    told = call("plan", *(word for word in words[1:-2] if word != "--force"))
    assert told.code == 0 and "stage 1 of 2: train, frames 1,3\nstage 2 of 2: weights\n" in told.out, told.err
    starts = [word for word in words if word.startswith("start.")]
    six = ["start.path=weights/tones_six.safetensors", "start.member=1"]
    assert starts == ([] if passes or not ground else six), "else the graph's own, the fast ones"


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [1]), (5, [1, 2, 3, 4, 5]), (6, [1, 2, 3, 4, 5, 6]), (24, [1, 6, 10, 15, 19, 24]), (7, [1, 2, 3, 5, 6, 7])]
)
def test_frames_to_train_on_are_spread_over_the_shot(addon: ModuleType, count: int, chosen: list[int]) -> None:
    assert addon.command.spread(range(1, count + 1), 6) == chosen


def test_flatten_tells_programs_what_it_does(addon: ModuleType, call: Call, tmp_path: Path) -> None:
    flat = addon.command.Flat(render=SHOT, folder=tmp_path / "flat", frames="1")
    told = call(*addon.command.arguments(flat))
    events = [json.loads(line) for line in told.out.splitlines()]
    assert told.code == 0 and events[0]["event"] == "start" and events[-1]["event"] == "end"
    assert events[-1]["written"] == [str(tmp_path / "flat" / "monkey.gif"), str(tmp_path / "flat" / "monkey" / "monkey.####.png")]


def test_colours_are_in_the_order_of_the_tones(addon: ModuleType) -> None:
    assert addon.command.TONES == TONES, "the order of --palette"
    assert addon.command.hex_color((1.2, 0.5, -1)) == "#ff8000"


def test_a_graph_is_run_with_its_input_and_output(addon: ModuleType, call: Call, tmp_path: Path) -> None:
    flat = addon.command.Flat(render=SHOT, folder=tmp_path, graph="luminance_tones", frames="1")
    words = addon.command.arguments(flat)
    assert words[:2] == ["run", "luminance_tones"]
    assert call("plan", *words[1 : words.index("--progress")], "-F", "1").code == 0
    with pytest.raises(refused(addon), match=r"none\.yaml: there is no such graph"):
        addon.command.arguments(addon.command.Flat(render=SHOT, folder=tmp_path, graph=str(tmp_path / "none.yaml")))


# --- the rotonodes Python ------------------------------------------------------------------------------------------------------------


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="shell scripts stand in for Pythons")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("echo hello", "this is not a Python that works"),
        ("echo 'no such module' >&2; exit 1", "not a Python that works (no such module)"),
        ("echo 'rotonodes? 3 10 0.1.0 True'", "it is Python 3.10, rotonodes needs 3.11 or newer"),
        ("echo 'rotonodes? 3 12 - True'", "it has no rotonodes: "),
        ("echo 'rotonodes? 3 12 9.4.2 True'", "it has rotonodes 9.4.2, this add-on is for 0.1"),
        ("echo 'rotonodes? 3 12 0.1.7 False'", "it has no torch: "),
        ("echo 'rotonodes? 3 12 0.1.7 True'", ""),
    ],
)
def test_what_is_wrong_with_a_python(addon: ModuleType, tmp_path: Path, text: str, fault: str) -> None:
    found = addon.environment.fault_of(program(tmp_path / "python", text))
    assert "\n" not in found
    assert fault in found if fault else found == ""


def test_our_own_python_is_right(addon: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("ROTONODES_PYTHON", sys.executable)
    assert addon.environment.usable("", tmp_path) == Path(sys.executable)


def test_a_python_that_is_not_there(addon: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROTONODES_PYTHON", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(refused(addon), match="no Python with rotonodes was found"):
        addon.environment.usable("", tmp_path)
    with pytest.raises(refused(addon), match="none: there is no such file"):
        addon.environment.usable(str(tmp_path / "none"), tmp_path)


# --- whole files ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["monkey/render.0001.exr", "torus/render.0001.exr"])
def test_a_file_that_lacks_its_end_is_not_whole(addon: ModuleType, tmp_path: Path, file: str) -> None:
    is_whole = importlib.import_module(f"{addon.__name__}.label_layer.whole").is_whole
    path = ROOT / "examples" / "shots" / file
    assert is_whole(path)
    data, cut = path.read_bytes(), tmp_path / "cut.exr"
    for size in (0, 7, 100, 4000, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:size])
        assert not is_whole(cut), f"{size} of {len(data)} bytes"
    assert not is_whole(tmp_path / "none.exr") and not is_whole(Path(__file__))


# --- a run that is watched, and cancelled --------------------------------------------------------------------------------------------


@pytest.fixture
def start(addon: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def begin(folder: Path, **wishes: Any) -> Any:
        flat = addon.command.Flat(render=SHOT, folder=folder, graph="luminance_tones", frames="1-4", **wishes)
        return addon.job.Job([sys.executable, str(addon.job.FOLLOW), *addon.command.arguments(flat)], ROOT, folder / "rotonodes.log")

    return begin


def ended(job: Any, seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while job.poll():
        assert time.monotonic() < until
        time.sleep(0.02)
    return job


@pytest.mark.slow
def test_a_run_tells_its_progress_and_what_it_wrote(start: Any, tmp_path: Path) -> None:
    job = ended(start(tmp_path))
    assert (job.code, job.percent, job.error) == (0, 100, ""), (tmp_path / "rotonodes.log").read_text()
    assert "4 of 4" in job.status and any(path.endswith(".png") for path in job.outputs)
    assert '"event": "end"' in (tmp_path / "rotonodes.log").read_text()


@pytest.mark.slow
def test_a_run_that_fails_has_rotonodes_own_line(addon: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    words = [sys.executable, str(addon.job.FOLLOW), "flatten", "nothing.####.exr"]
    job = ended(addon.job.Job(words, tmp_path, tmp_path / "rotonodes.log"))
    assert job.code == 2 and job.error.startswith("error: nothing.####.exr: there is no such frame")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_cancel_at_any_moment_leaves_nothing(start: Any, tmp_path: Path) -> None:
    """Cancels spread over a run (`ROTONODES_CANCELS=20` for more): the process is gone, every file that is there is whole."""
    began = time.monotonic()
    ended(start(tmp_path / "whole"))
    whole, chance = time.monotonic() - began, random.Random(0)
    finished = 0
    cancels = int(os.environ.get("ROTONODES_CANCELS", "4"))
    for number in range(cancels):
        folder = tmp_path / str(number)
        job = start(folder)
        time.sleep(chance.uniform(0, whole))
        job.stop()
        finished += job.code == 0
        assert not Path("/proc", str(job._process.pid)).exists() and not job.poll()
        for file in folder.rglob("*"):
            assert not file.name.startswith(".") and not file.name.endswith((".part", ".tmp")), file
            if file.suffix in (".png", ".gif"):
                with Image.open(file) as picture:
                    picture.load()
    assert finished < cancels, "no cancel came in time"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_run_ends_when_blender_is_killed(addon: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    words = [sys.executable, str(addon.job.FOLLOW), "run", "luminance_tones", "--output", str(tmp_path), "--progress", "json"]
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, time; print(subprocess.Popen({words!r}, stdin=subprocess.PIPE, stdout=-3).pid,"
         " flush=True); time.sleep(600)"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert parent.stdout is not None
    child = Path("/proc", parent.stdout.readline().strip())
    time.sleep(1)
    assert child.exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 30
    while child.exists() and "Z" not in (child / "stat").read_text().split(")")[-1][:3]:
        assert time.monotonic() < until, "the run goes on without Blender"
        time.sleep(0.1)


# --- in Blender ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return calls_in_blender(tmp_path_factory.mktemp("blender"), "addon_calls.py")


@in_blender
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no camera", "has no camera"),
        ("unsaved", "was never saved: save it"),
        ("no shapes", "no shapes: choose a collection"),
        ("no such key", "Further Keys: no other light Nobody* renders: there are Fill, Key"),
        ("unknown shape", "no shape Nobody*"),
        ("no range", "is no range such as 1-24"),
        ("no graph", "there is no such graph"),
        ("no python", "there is no such file"),
        ("python without torch", "it has no torch"),
        ("folder that is a file", "cannot write"),
        ("pass that is not there", "no pass 'Position'"),
        ("workbench", "BLENDER_WORKBENCH makes no DiffDir"),
        ("workbench without exact tones", "BLENDER_WORKBENCH makes no DiffDir"),
    ],
)
def test_blender_reports_one_line(told: dict[str, Any], what: str, message: str) -> None:
    call = told[what]
    assert call["how"] == ["REFUSED"] and message in call["said"] and len(call["said"].splitlines()) == 1


@in_blender
def test_the_panel_draws_what_there_is(told: dict[str, Any]) -> None:
    buttons = ["From Selection", "Prepare Scene", "Render & Flatten", "Preview Frame", "Train on This Scene", "Open Graph Page"]
    colors = {"Highlight", "Midtone", "Form Shadow", "Cast Shadow"}
    for which, drawn in told["panels"].items():
        assert [name for name in drawn if name in buttons] == buttons, which
        assert (colors <= {*drawn}) == (which == "FLAT False"), which
        assert ("Graph" in drawn) == (not which.startswith("FLAT")), which


@in_blender
def test_a_full_disk_leaves_no_broken_file(told: dict[str, Any]) -> None:
    assert told["full disk"]["how"] == ["REFUSED"] and re.search("the disk is full|File too large", told["full disk"]["said"])
    assert len(told["full disk"]["said"].splitlines()) == 1 and told["files of a full disk"] == []


@in_blender
def test_the_button_installs_into_an_environment_of_its_own(told: dict[str, Any]) -> None:
    """As far as the stand-in for a wheel goes: it is asked for torch."""
    assert "it has no torch" in told["install"]["said"] and str(told["folder"] / "user") in told["install"]["said"]
    assert "Blender may not go online" in told["install offline"]["said"]


@in_blender
def test_each_key_light_makes_tones_of_its_own(told: dict[str, Any]) -> None:
    assert told["two keys"]["how"] == ["FINISHED"], told["two keys"]["said"]
    pictures = [file for file in told["files of two keys"] if file.endswith(".png")]
    assert len(pictures) == 2 and pictures[0].startswith("Fill/") and pictures[1] == pictures[0].removeprefix("Fill/")
    one, other = (np.asarray(Image.open(told["folder"] / "keys" / file).convert("RGB")).astype(int) for file in pictures)
    assert (np.abs(one - other).max(axis=2) > 20).mean() > 0.02, "lit from the other side"
    assert {"Rotonodes", "Rotonodes Fill"} <= {*told["images of two keys"]}


@in_blender
def test_a_preview_is_small_and_packed(told: dict[str, Any]) -> None:
    assert told["preview"]["how"] == ["FINISHED"], told["preview"]["said"]
    assert told["preview image"] == [[16, 16], True]


@in_blender
def test_blenders_own_renders_are_flattened_when_they_are_done(told: dict[str, Any]) -> None:
    assert [file for file in told["after render"] if file.endswith(".png")] == ["shot/shot.0001.png", "shot/shot.0002.png"]
