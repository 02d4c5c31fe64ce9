"""What a plan refuses, and what it takes for the whole shot, whatever is cached or narrowed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from conftest import Call
from rotonodes import Graph
from rotonodes.errors import GraphError, UsageError
from rotonodes.plan import make_plan as make_plan_module
from rotonodes.plan.make_plan import make_plan

PICTURES = "a: {type: LoadPictures, path: w}\n"


@pytest.fixture
def shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w").mkdir()
    for frame in range(1, 4):
        PIL.Image.fromarray(np.full((16, 20, 3), 40 * frame, np.uint8)).save(tmp_path / f"w/{frame:04d}.png")
    return tmp_path


def graph(text: str, **options: object) -> Graph:
    Path("g.yaml").write_text("rotonodes: 1\n" + text)
    return Graph.load("g.yaml", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["w/%04d.png", "w/$F4.png", "linked/####.png"])
def test_sources_are_not_overwritten_where_the_cache_has_what_was_made_of_them(shot: Path, target: str) -> None:
    (shot / "linked").symlink_to(shot / "w")
    text = """nodes:
  read: {type: LoadFrames, path: "w/####.png"}
  crop: {type: Crop, in: read, left: 2, top: 0, cache: true}
  out:  {type: WriteFrames, in: crop, path: "PATH"}
"""
    before = [path.read_bytes() for path in sorted((shot / "w").iterdir())]
    assert graph(text.replace("PATH", "other/####.png")).run().exit_code == 0  # the cache is warm now
    with pytest.raises(UsageError, match="is what read reads: write somewhere else"):  # by the file, or by the plan
        graph(text.replace("PATH", target)).run()
    assert [path.read_bytes() for path in sorted((shot / "w").iterdir())] == before


def test_frames_whose_files_are_not_there_are_not_looked_at_one_by_one(shot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is listed once for a shot, whose frames may be a hundred thousand."""
    text = """nodes:
  read: {type: LoadFrames, path: "w/####.png"}
  out:  {type: WriteFrames, in: read, path: "o/####.png"}
"""
    assert graph(text).run(frames="2", cache="none").exit_code == 0
    looked, plainly = [], make_plan_module.is_done
    monkeypatch.setattr(
        make_plan_module, "is_done", lambda plan, name, frame, *more: looked.append(frame) or plainly(plan, name, frame, *more)
    )
    plan = make_plan(graph(text), cache="none")
    assert looked == [2] and plan.reasons["out"] == {"not there": [1, 3]}
    looked.clear()
    assert make_plan(graph(text), cache="none", force=True).reasons["out"] == {"forced": [1, 2, 3]} and not looked


@pytest.mark.parametrize("writer_first", [True, False])
def test_a_reader_and_a_writer_of_one_path_clash_in_any_order(shot: Path, writer_first: bool) -> None:
    writer = '  out:  {type: WriteFrames, in: made, path: "o/####.png"}\n'
    reader = '  back: {type: LoadFrames, path: "o/####.png"}\n  gif:  {type: WriteGIF, in: back, path: o.gif}\n'
    made = '  made: {type: LoadFrames, path: "w/####.png"}\n'
    with pytest.raises(GraphError, match="is what back reads"):
        graph("frames: 1-3\nnodes:\n" + made + (writer + reader if writer_first else reader + writer))


@pytest.mark.parametrize(
    ("nodes", "message", "code"),  # the code of `check`: files that are not there may be rendered later
    [
        ("a: {type: LoadFrames, path: 'x/####.png'}", "3:31: a: no file on disk matches x/####.png", 0),
        ("a: {type: LoadPictures, path: x}", "3:33: a: x: there is no such file or folder", 0),
        ("a: {type: LoadPictures, path: o}", "3:33: a: there are no pictures in o", 0),
        (f"{PICTURES}  b: {{type: WriteFrames, in: a, path: b.png}}", "4:3: b: 3 frames would all be", 2),
        (f"{PICTURES}  b: {{type: WritePictures, in: a, path: 'o/*.png', pictures: v}}", "4:62: b: v: there is", 0),
        (f"{PICTURES}  b: {{type: WritePictures, in: a, path: 'w/*.png', pictures: w}}", "4:62: b: w/0001.png is an input", 2),
        (f"{PICTURES}  b: {{type: WriteFrames, in: a, path: 'w/%04d.png'}}", "4:3: b: w/0001.png is what a reads", 2),
        (
            f"{PICTURES}  b: {{type: WriteFrames, in: a, path: '####.png'}}\n  c: {{type: WriteFrames, in: a, path: '$F4.png'}}",
            "5:3: c: 0001.png is what b writes",
            2,
        ),
    ],
)
def test_what_a_plan_refuses_has_its_place_in_the_graph(shot: Path, call: Call, nodes: str, message: str, code: int) -> None:
    (shot / "o").mkdir()
    graph(f"nodes:\n  {nodes}\n")
    for command in ("run", "plan"):
        ended = call(command, "g.yaml")
        assert (ended.code, ended.err.partition(message)[0]) == (2, "error: g.yaml:"), ended.err
    ended = call("check", "g.yaml")
    assert (ended.code, ended.err.removeprefix("warning: ").startswith(f"g.yaml:{message}")) == (code, True), ended.err


def test_a_node_may_be_called_frames(shot: Path) -> None:
    text = 'frames: 1-3\nnodes:\n  frames: {type: LoadFrames, path: "x/####.png"}\n  gif: {type: WriteGIF, in: frames, path: o.gif}\n'
    plan = make_plan(graph(text, settings={"frames": "1-2", "frames.path": "w/####.png"}), cache="none")
    assert plan.delivered == (1, 2)
    assert plan.nodes["frames"].path == "w/####.png"  # type: ignore[attr-defined]


def test_one_output_alone_is_measured_as_with_the_others(shot: Path) -> None:
    (shot / "long").mkdir()
    for frame in range(1, 7):
        PIL.Image.new("RGB", (20, 16), (frame, 0, 0)).save(shot / f"long/{frame:04d}.png")
    text = """frames: auto
nodes:
  short: {type: LoadFrames, path: "w/####.png", missing: hold}
  long:  {type: LoadFrames, path: "long/####.png"}
  scale: {type: MeasureTones, in: short}
  tones: {type: ToneSplit, in: {image: short, scale: scale}}
  one:   {type: WriteFrames, in: tones.labels, path: "one/####.png"}
  two:   {type: WriteFrames, in: long, path: "two/####.png"}
"""
    assert graph(text).run(nodes=["one"], frames="1-3").exit_code == 0
    assert make_plan(graph(text), frames=(1, 2, 3)).done["one"] == {1, 2, 3}


def test_check_ends_with_2_for_what_run_refuses(shot: Path) -> None:
    text = 'rotonodes: 1\nframes: auto\nnodes:\n  read: {type: LoadFrames, path: "w/####.png"}\n'
    Path("one.yaml").write_text(text + "  out: {type: WriteFrames, in: read, path: one.png}\n")
    command = [sys.executable, "-m", "rotonodes"]
    found = {word: subprocess.run([*command, word, "one.yaml"], capture_output=True, text=True) for word in ("check", "run")}
    assert {word: done.returncode for word, done in found.items()} == {"check": 2, "run": 2}
    assert all("3 frames would all be written to 'one.png'" in done.stderr for done in found.values())


LONG = """frames: 1-9
nodes:
  read: {type: LoadFrames, path: "w/####.png", missing: hold}
  crop: {type: Crop, in: read, left: 2, cache: true}
  out:  {type: WriteFrames, in: crop, path: "o/####.png"}
  half: {type: WriteFrames, in: read, path: "h/####.exr"}
"""


def test_a_shot_that_is_done_is_planned_block_by_block(shot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert graph(LONG).run().exit_code == 0
    whole = make_plan(graph(LONG))
    monkeypatch.setattr("rotonodes.plan.make_plan._BLOCK", 2)
    plan = make_plan(graph(LONG))
    assert plan.is_empty
    assert plan.done == whole.done == {"out": set(range(1, 10)), "half": set(range(1, 10))}
    first_block = 2 * 4  # frames and nodes
    assert (plan.keys.count(), whole.keys.count()) == (first_block, 9 * 4)
    assert [Path(one[0]).name for one in plan.keys.fingerprint.all()] == ["0001.png", "0002.png"]
    assert plan.keys.of("out", 9) == whole.keys.of("out", 9)
    Path("o/0006.png").write_bytes(b"")
    Path("h/0007.exr").unlink()
    plan = make_plan(graph(LONG))
    assert (plan.todo["out"], plan.todo["half"]) == ({6}, {7})
    assert plan.reasons == {"out": {"damaged, or not made by rotonodes": [6]}, "half": {"not there": [7]}}
    assert plan.keys.count() == (2 + 2 + 2) * 4 - 1  # the blocks 1-2, 5-6 and 7-8; nobody asks for the key of a file that is not there


def test_entries_of_many_frames_are_listed_once(shot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert graph(LONG).run().exit_code == 0
    Path("o/0002.png").unlink()
    Path("o/0005.png").unlink()
    one_by_one = make_plan(graph(LONG))
    monkeypatch.setattr("rotonodes.plan.plan._MANY", 2)
    monkeypatch.setattr(Path, "is_file", None)  # no entry is asked for by itself
    listed = make_plan(graph(LONG))
    assert listed.cached == one_by_one.cached == {"crop": {2, 5}}
    assert listed.todo == one_by_one.todo == {"out": {2, 5}}
