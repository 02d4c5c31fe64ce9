"""`plan --farm`: the arithmetic of a job on machines, and what it says."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Call
from rotonodes.farm.job import FarmJob, Step
from rotonodes.farm.simulate import COLUMNS, Measured, StepTimes, longest_wait, most_useful, simulate, times_of

TRAIN = Step("train", ("train.model",), length=10, runs=(("train", False),))
FRAMES = Step("frames", ("png",), "1-100", 100, True, ("train",), runs=(("roto", True),))
GIF = Step("gif", ("gif",), "1-100", 0, False, ("frames",), length=100, runs=(("gif", False),))


def job(*steps: Step, chunk: int = 10) -> FarmJob:
    return FarmJob("shot", "g.yaml", "/r", "/c", "1-100", steps, chunk=chunk)


TIMES = {"train": StepTimes(0.5, 95.0), "frames": StepTimes(0.9, 1.0), "gif": StepTimes(0.0, 20.0)}


@pytest.mark.parametrize(("machines", "seconds"), [(1, 100 + 100 + 20), (2, 100 + 50 + 20), (4, 100 + 30 + 20), (10, 130), (1000, 130)])
def test_tasks_go_to_the_machine_that_is_free_first(machines: int, seconds: float) -> None:
    course = simulate(job(TRAIN, FRAMES, GIF), TIMES, machines)
    assert course.seconds == pytest.approx(seconds)
    assert course.ends == {"train": pytest.approx(100), "frames": pytest.approx(seconds - 20), "gif": pytest.approx(seconds)}
    assert course.busy == pytest.approx(220 / machines / seconds)


def test_steps_that_do_not_wait_share_the_machines() -> None:
    other = Step("exr", ("exr",), "1-100", 100, True, runs=(("roto", True),))
    times = {"frames": StepTimes(1.0, 0.0), "exr": StepTimes(1.0, 0.0)}
    first = Step("frames", ("png",), "1-100", 100, True)
    assert simulate(job(first, other), times, 20).seconds == pytest.approx(10)
    assert simulate(job(first, other), times, 4).seconds == pytest.approx(50)


@given(st.integers(1, 40), st.integers(1, 30), st.floats(0.01, 5), st.floats(0, 5))
def test_machines_over_time_hold_all_the_work(machines: int, chunk: int, frame: float, task: float) -> None:
    made = job(Step("frames", ("png",), "1-100", 100, True), chunk=chunk)
    times = {"frames": StepTimes(frame, task)}
    course = simulate(made, times, machines)
    work = 100 * frame + task * -(-100 // chunk)
    assert sum(course.over_time["frames"]) * course.seconds / COLUMNS == pytest.approx(work)
    assert max(course.over_time["frames"]) <= machines + 1e-6
    assert work / machines - 1e-6 <= course.seconds <= work / machines + frame * chunk + task + 1e-6
    useful = most_useful(made, times)
    assert useful.seconds <= 1.05 * simulate(made, times, 100).seconds + 1e-9
    if useful.machines > 1:
        assert simulate(made, times, useful.machines - 1).seconds > 1.05 * simulate(made, times, 100).seconds


def test_times_are_those_of_the_nodes_without_waiting_for_frames() -> None:
    train = replace(TRAIN, runs=(("load", True), ("train", False)))
    frames = replace(FRAMES, runs=(("load", True), ("roto", True)))
    gif = replace(GIF, runs=(("load", True), ("gif", False)))
    stats = {"load": Measured(8, 0.8, 4), "roto": Measured(4, 4.0, 4), "train": Measured(1, 60.8, 4), "gif": Measured(1, 6.8, 4)}
    assert times_of(job(train, frames, gif), stats, 3.0) == {
        "train": (pytest.approx(0.1), pytest.approx(63.0)),
        "frames": (pytest.approx(1.1), 3.0),
        "gif": (pytest.approx(0.6), 3.0),
    }


def test_the_longest_wait_is_a_chain_of_steps() -> None:
    assert longest_wait(job(TRAIN, FRAMES, GIF), TIMES) == [
        ("train", pytest.approx(100)),
        ("frames", pytest.approx(10)),
        ("gif", pytest.approx(20)),
    ]


GRAPH = """
rotonodes: 1
frames: 1-1000000
nodes:
  load: {type: LoadFrames, path: "in/a.####.png"}
  crop: {type: Crop, in: load, left: 1}
  png:  {type: WriteFrames, in: crop, path: "out/s.####.png"}
"""


@pytest.fixture
def million(tmp_path: Path, call: Call) -> Path:
    (tmp_path / "g.yaml").write_text(GRAPH)
    nodes = {name: {"ran": 4, "seconds": 1.0} for name in ("load", "crop", "png")}
    (tmp_path / "stats.json").write_text(json.dumps({"frames": {"wanted": 4}, "nodes": nodes}))
    return tmp_path


def test_a_million_frames_stay_a_range(million: Path, call: Call) -> None:
    said = call("plan", "g.yaml", "--json")
    assert said.code == 0
    data = json.loads(said.out)
    assert data["nodes"]["load"]["todo"] == data["nodes"]["load"]["missing"] == data["frames"] == "1-1000000"
    assert data["nodes"]["load"]["missing_count"] == data["nodes"]["png"]["todo_count"] == 1_000_000
    assert len(data["nodes"]["load"]["missing_files"]) == 1000
    assert data["nodes"]["png"]["reasons"] == {"not there": "1-1000000"}
    assert call("submit", "g.yaml", "--to", "openjd").code == 0
    folder = million / ".rotonodes/jobs/g"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 10_000


def test_the_wall_time_on_each_number_of_machines(million: Path, call: Call) -> None:
    said = call("plan", "g.yaml", "--farm", "--stats", "stats.json", "--machines", "1,10", "--chunk", "1000", "--picture", "p/over.svg")
    assert said.code == 0
    assert said.out.splitlines() == [
        "step    png: 1000 tasks, 3.00 s a task and 0.750 s a frame",
        "machines      wall time   busy    faster",
        "       1   209 h 10 min  100%      1.0x",
        "      10    20 h 55 min  100%     10.0x",
        "more than 1000 machines hardly help (12 min 33 s): one task of each step in a row takes png 12 min 33 s",
    ]
    root = ElementTree.parse(million / "p/over.svg").getroot()
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "g on 10 machines: 20 h 55 min, 100% busy"
    assert "png" in texts
    as_json = json.loads(call("plan", "g.yaml", "--farm", "--stats", "stats.json", "--machines", "10", "--chunk", "1000", "--json").out)
    assert as_json["machines"] == [{"machines": 10, "seconds": 75300.0, "busy": 1.0, "ends": {"png": 75300.0}}]
    assert as_json["most_useful"] == 1000


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--farm"],
            "error: --farm: needs measured times: run the graph on a few frames with --stats FILE.json, and give that file here too\n",
        ),
        (["--stats", "stats.json"], "error: --stats: is for --farm\n"),
        (["--picture", "a.svg"], "error: --picture: is for --farm\n"),
        (["--farm", "--stats", "none.json"], "error: --stats none.json: cannot be read: No such file or directory\n"),
        (["--farm", "--stats", "g.yaml"], "error: --stats g.yaml: cannot be read: it is no file of run --stats\n"),
        (
            ["--farm", "--stats", "stats.json", "--machines", "1,0"],
            "error: --machines 1,0: give numbers from 1 to 100000, as in 1,10,100\n",
        ),
        (
            ["--farm", "--stats", "old.json"],
            "error: --stats: has no time of crop: run the graph on a few frames with --force --stats FILE.json\n",
        ),
    ],
    ids=["no stats", "no farm", "no farm but a picture", "no file", "no stats file", "no machine", "another graph"],
)
def test_what_cannot_be_simulated_is_one_line(arguments: list[str], line: str, million: Path, call: Call) -> None:
    (million / "old.json").write_text(json.dumps({"frames": {"wanted": 4}, "nodes": {"load": {"ran": 4, "seconds": 1.0}}}))
    found = call("plan", "g.yaml", "--set", "frames=1-20", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.endswith(line)
    assert found.err.count("error") == 1


def test_the_benchmark_of_plans_in_its_short_form(capfd: pytest.CaptureFixture[str]) -> None:
    """The short form of tests/benchmarks/bench_farm.py; its other parts run the same command line."""
    sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
    assert import_module("bench_farm").main(["--frames", "1000", "--parts", "plan", "warm"]) == 0
    said = capfd.readouterr().out
    assert "1000 frames x 8 nodes" in said
    assert "machines      wall time" in said
    assert "a chunk of one frame: " in said
