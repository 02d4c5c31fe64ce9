"""The commands, called in this process: what they print where, and the code they exit with."""

import errno
import json
import os
import shlex
from pathlib import Path

import click
import PIL.Image
import pytest

from conftest import SAMPLE_NODES, Call
from rotonodes import __version__
from rotonodes.cli import main as cli
from rotonodes.cli import options, session
from rotonodes.report import choose


def numbers(folder: Path) -> list[int]:
    return sorted(int(path.name.split(".")[1]) for path in folder.glob("s.*.png"))


def test_graphs_that_ship_are_found_by_name_from_any_folder(call: Call, tmp_path: Path) -> None:
    ended = call("check", "luminance_tones", "flat_tones.yaml")
    assert (ended.code, [line.partition(", ")[0] for line in ended.out.splitlines()]) == (0, ["luminance_tones: ok", "flat_tones.yaml: ok"])
    assert "no file on disk matches examples/shots/torus/render.####.exr" in ended.err, "pictures are looked for from here"
    assert "weights" not in ended.err, "weights ship too"
    shot = Path(__file__).parent.parent / "examples/shots/torus"
    where = ["luminance_tones", "--var", f"shot={shot}", "-F", "3"]
    assert json.loads(call("plan", *where, "--json").out)["frames"] == "3"
    ended = call("run", *where, "-X", "matte", "--progress", "none")
    assert (ended.code, (tmp_path / "out/luminance_tones/matte.0003.png").is_file()) == (0, True)
    assert call("view", where[0], "passes.shape", *where[1:], "-o", "look.png").code == 0
    assert "LoadFrames" in call("draw", "luminance_tones").out
    (tmp_path / "flat_tones").write_text("rotonodes: 1\nnodes:\n  crop: {type: Nothing}\n")
    assert "unknown type" in call("check", "flat_tones").err, "a file that is there goes first"


def test_a_graph_that_is_nowhere_gets_the_names_that_ship(call: Call) -> None:
    assert call("run", "luminence_tones").err == "luminence_tones: cannot read the graph: no such file (did you mean 'luminance_tones'?)\n"
    assert "no such file; graphs that ship: clean_matte, " in call("run", "qqq.yaml").err


# run


def test_run_delivers_and_says_where(swatches: Call, tmp_path: Path) -> None:
    ended = swatches("run")
    assert ended.code == 0
    assert ended.out == ""  # logs go to stderr
    assert "graph.yaml: frames 1-6; cache: .rotonodes" in ended.err
    assert "Progress: 100%\ndelivered 6 frames in " in ended.err
    assert "  out/s.####.png\n  out/mean.txt\n" in ended.err
    assert numbers(tmp_path / "out") == [1, 2, 3, 4, 5, 6]


def test_running_twice_does_nothing(swatches: Call) -> None:
    swatches("run")
    ended = swatches("run")
    assert ended.code == 0
    assert "nothing to do: every output is there (6 frames)" in ended.err
    assert "Frame" not in ended.err


def test_frames_and_outputs_can_be_narrowed(swatches: Call, tmp_path: Path) -> None:
    assert swatches("run", "-F", "2-6x2", "-X", "png").code == 0
    assert numbers(tmp_path / "out") == [2, 4, 6]
    assert not (tmp_path / "out/mean.txt").exists()


def test_negative_frames(swatches: Call, tmp_path: Path) -> None:
    assert swatches("run", "-F", "-2--1", "-X", "png").code == 0
    assert [path.name for path in sorted((tmp_path / "out").glob("*.png"))] == ["s.-001.png", "s.-002.png"]


def test_failed_frames_end_with_1_and_a_command_that_works(swatches: Call, tmp_path: Path, sample_nodes: str) -> None:
    broken = swatches("run", "-X", "png", "--set", "swatch.bad=[2, 5]", "--on-error", "continue", "--cache", "none")
    assert broken.code == 1
    assert numbers(tmp_path / "out") == [1, 3, 4, 6]
    assert "swatch, frames 2,5: cannot read swatch.####.png: no such file" in broken.err
    command = broken.err.splitlines()[-1].strip()
    assert command == (
        f"rotonodes run graph.yaml -F 2,5 -X png --set 'swatch.bad=[2, 5]' --nodes {sample_nodes} --cache none --on-error continue"
    )
    words = [word.replace("[2, 5]", "[]") for word in shlex.split(command)[3:-6]]
    assert swatches("run", *words).code == 0
    assert numbers(tmp_path / "out") == [1, 2, 3, 4, 5, 6]


def test_a_clip_that_failed_is_made_again_from_all_frames(swatches: Call) -> None:
    broken = ("run", "-X", "mean", "-F", "1-5", "--set", "swatch.bad=[2]")
    ended = swatches(*broken)
    assert (ended.code, ended.err.count("cannot read swatch")) == (1, 1)
    assert "rotonodes run" not in ended.err, "it is the command that was just given"
    told = swatches(*broken, "--progress", "json").out.splitlines()[-1]
    assert " -F 1-5 " in json.loads(told)["again"]


def test_stats_are_written_even_when_frames_failed(swatches: Call, tmp_path: Path) -> None:
    assert swatches("run", "-X", "png", "--set", "swatch.bad=[3]", "--on-error", "continue", "--stats", "stats/run.json").code == 1
    stats = json.loads((tmp_path / "stats/run.json").read_text())
    assert stats["frames"] == {"wanted": 6, "delivered": 5, "failed": "3", "missing": "3"}
    assert stats["nodes"]["swatch"]["failed"] == 1


def test_variables_and_settings(swatches: Call, tmp_path: Path) -> None:
    arguments = ("-F", "1", "-X", "png", "--set", "png.path=out/s.####.png")
    assert swatches("run", *arguments, "--var", "value=0.25").code == 0
    first = (tmp_path / "out/s.0001.png").read_bytes()
    assert swatches("run", *arguments, "--var", "value=1e-1").code == 0
    assert (tmp_path / "out/s.0001.png").read_bytes() != first


def test_a_number_with_zeros_in_front_stays_a_text(swatches: Call, tmp_path: Path) -> None:
    assert swatches("run", "-F", "1", "-X", "png", "--set", "png.path=007").code == 2  # a file without an extension
    found = list(session.pairs(["a=007", "b=7", "c=1e-4", "d=[1, 2]", "e=true", "f="], "--var", ""))
    assert found == [("a", "007"), ("b", 7), ("c", "1e-4"), ("d", [1, 2]), ("e", True), ("f", None)]


def test_root_moves_inputs_and_outputs(swatches: Call, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert swatches("run", "--root", "elsewhere", "-F", "1").code == 0
    assert (tmp_path / "elsewhere/out/s.0001.png").exists()
    assert not (tmp_path / "out").exists()


def test_path_map(swatches: Call, tmp_path: Path) -> None:
    rules = [("out", "short"), ("out/deep", "long")]
    mapping = [{"source_path_format": "POSIX", "source_path": a, "destination_path": b} for a, b in rules]
    (tmp_path / "map.json").write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": mapping}))
    assert swatches("run", "-F", "1", "--path-map", "map.json", "--set", "png.path=out/deep/s.####.png").code == 0
    assert (tmp_path / "long/s.0001.png").exists()  # the longest rule that fits goes first
    assert (tmp_path / "short/mean.txt").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "not a path map"),
        ('{"version": "pathmapping-9"}', "not a path map"),
        ('{"version": "pathmapping-1.0", "path_mapping_rules": [{}]}', "each rule has a source_path"),
    ],
)
def test_a_wrong_path_map(swatches: Call, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "map.json").write_text(text)
    ended = swatches("run", "--path-map", "map.json")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert message in ended.err


def test_content_hash(swatches: Call) -> None:
    assert swatches("run", "-F", "1", "--hash", "content", "--threads", "1", "--batch", "2", "--device", "cpu").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-F", "1..4"], "'1..4' is not a frame range"),
        (["-X", "pgn"], "the graph has no node 'pgn' (did you mean 'png'?)"),
        (["--set", "png.pth=x"], "WriteFrames has no parameter 'pth' (did you mean 'path'?)"),
        (["--set", "png"], "--set png: write NODE.PARAM=VALUE"),
        (["--set", "png=x"], "--set png: write NODE.PARAM=VALUE"),
        (["--var", "valeu=1"], "the graph has no variable 'valeu' (did you mean 'value'?)"),
        (["--root", "nowhere"], "--root nowhere: there is no such folder"),
        (["--nodes", "nowhere.py"], "there is no file 'nowhere.py'"),
        (["--progress", "loud"], "'loud' is not one of"),
        (["--device", "gpu"], "the device is auto, cpu, cuda or cuda:N, not 'gpu'"),
        (["--frobnicate"], "No such option"),
    ],
)
def test_what_is_wrong_before_any_frame_ends_with_2(swatches: Call, arguments: list[str], message: str) -> None:
    ended = swatches("run", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_fault_of_many_frames_is_said_once_and_summed_up(swatches: Call) -> None:
    for form in ("plain", "auto"):
        ended = swatches("run", "-X", "png", "--set", "swatch.bad=[1, 2, 3, 4]", "--on-error", "continue", "--progress", form)
        assert ended.code == 1
        lines = [line for line in ended.err.splitlines() if "cannot read swatch." in line]
        assert len(lines) == 2, ended.err
        assert "frames 1-4" in lines[1]


@pytest.mark.parametrize("words", [["run"], ["plan"], ["view", "png"], ["view", "swatch", "--contact"]])
def test_an_empty_frame_range_is_refused_by_every_command(swatches: Call, call: Call, words: list[str]) -> None:
    """A farm's script whose variable is empty: the whole shot is not what it wants."""
    for empty in ("", " "):
        ended = swatches(*words, "-F", empty)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"error: -F: {empty!r} is not a frame range: write 1-100, 1-100x2 or 1,5,9-12\n"
    ended = call("evaluate", "--prediction", "a.####.png", "--truth", "b.####.png", "--frames", "")
    assert ended.err.startswith("error: -F: '' is not a frame range")
    ended = swatches(*words, "--set", "frames=")
    assert (ended.code, ended.err) == (2, "error: --set frames=: name the frames (1-24), or auto for those on disk\n")


def test_an_error_of_the_machine_is_not_taken_for_one_of_stdout(swatches: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of `fsync`, `read` or a socket carry no file name either."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("rotonodes.engine.run.run", fail)
    ended = swatches("run")
    assert (ended.code, ended.err) == (75, "error: too many open files: use fewer --threads, or raise the limit (ulimit -n)\n")


def test_a_crash_of_a_node_is_a_failed_frame(swatches: Call) -> None:
    ended = swatches("run", "-X", "png", "--set", "swatch.crash=true")
    assert ended.code == 1
    line = next(number for number, text in enumerate(SAMPLE_NODES.splitlines(), 1) if "ZeroDivisionError" in text)
    assert f"ZeroDivisionError: nobody foresaw this (sample_nodes.py:{line})\n" in ended.err
    assert "Traceback" not in ended.err
    assert "Traceback" in swatches("run", "-X", "png", "--set", "swatch.crash=true", "-v").err


def test_a_failure_names_the_graphs_line_and_outputs_are_counted(swatches: Call, tmp_path: Path) -> None:
    one = swatches("run", "-X", "png", "--set", "swatch.bad=[2]")
    assert "error: graph.yaml:5:3: swatch, frame 2: cannot read swatch.0002.png" in one.err
    both = swatches("run", "--set", "swatch.bad=[2, 5]", "--on-error", "continue", "--force")
    lines = both.err.splitlines()
    at = lines.index("2 of 6 frames failed")
    assert lines[at + 1] == "  graph.yaml:5:3: swatch, frames 2,5: cannot read swatch.####.png: no such file"
    assert lines[at + 2 :] == [
        "  png: 4 of 6 frames",
        "  mean: not made",
        "to render only what is missing:",
        f"  {lines[-1].strip()}",
    ]
    assert lines[-1].strip().startswith("rotonodes run graph.yaml --set 'swatch.bad=[2, 5]'")
    assert numbers(tmp_path / "out") == [1, 3, 4, 6]
    told = swatches("run", "--set", "swatch.bad=[2, 5]", "--on-error", "continue", "--progress", "json", "--stats", "stats.json").out
    failures = [event for event in map(json.loads, told.splitlines()) if event["event"] == "failure"]
    assert {event["place"] for event in failures} == {"graph.yaml:5:3"}
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["outputs"] == {"png": {"there": 4, "wanted": 6}, "mean": {"there": 0, "wanted": 1}}
    assert stats["failures"][0]["place"] == "graph.yaml:5:3"


def test_a_fatal_error_of_a_node_names_the_graphs_line(swatches: Call, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder should be")
    ended = swatches("run", "-X", "png", "--progress", "none")
    assert ended.code == 2
    assert ended.err.startswith("error: graph.yaml:6:3: png: cannot write ")


def test_messages_move_no_cursor(call: Call, tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text('rotonodes: 1\nnodes:\n  "a\\r\\x1b[2J": {type: "Load\\nFrames"}\n')
    assert all(line.isprintable() for line in call("check", "g.yaml").err.splitlines())
    assert call("run", "no\rsuch\x07.yaml").err.startswith("no\\rsuch\\x07.yaml: cannot read the graph: no such file")


def test_an_internal_error_is_one_line(swatches: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("rotonodes.engine.run.run", fail)
    ended = swatches("run")
    assert ended.code == 1
    assert ended.err == "internal error: RuntimeError: a fault of ours; run again with -v, and report it\n"
    assert "Traceback" in swatches("run", "-v").err


def test_openjd_hears_of_a_wrong_graph(swatches: Call) -> None:
    ended = swatches("run", "--progress", "openjd", "--var", "valeu=1")
    assert ended.code == 2
    assert ended.out.startswith("openjd_fail: graph.yaml:")


def test_plugins_that_cannot_be_imported_are_warned_of(swatches: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.node.catalogue.plugin_faults", lambda: ["cannot import the nodes of studio"])
    assert "warning: cannot import the nodes of studio" in swatches("run", "-F", "1").err
    ended = swatches("check")
    assert (ended.code, ended.err) == (0, "warning: cannot import the nodes of studio\n")


# check, plan, draw and the rest


def test_check(swatches: Call, call: Call, tmp_path: Path) -> None:
    ended = swatches("check")
    assert (ended.code, ended.out, ended.err) == (0, "graph.yaml: ok, 3 nodes\n", "")


READER = """rotonodes: 1
frames: 1-4
nodes:
  load: {type: LoadFrames, path: "in/a.####.png"}
  roto: {type: UNetSegment, in: load, weights: weights/my_tone.safetensors}
  png:  {type: WriteFrames, in: roto, path: "out/a.####.png"}
"""


@pytest.fixture
def reader(call: Call, tmp_path: Path) -> Call:
    """`call` with a graph whose files are not there, but for the first two frames, which are in `in`."""
    (tmp_path / "reader.yaml").write_text(READER)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/tone.safetensors").touch()
    (tmp_path / "in").mkdir()
    for frame in (1, 2):
        PIL.Image.new("RGB", (4, 4)).save(tmp_path / f"in/a.{frame:04d}.png")
    return call


WEIGHTS = "weights/my_tone.safetensors (did you mean 'weights/tone.safetensors'?)"
TAKE_THOSE_ON_DISK = "; the graph says frames 1-4: --set frames=auto takes those on disk"


def test_the_frames_of_the_graph_can_be_set(reader: Call, tmp_path: Path) -> None:
    """What a graph learns and measures spans its own frames, which -F does not narrow: a shorter shot needs other ones."""
    for name, expected in (("auto", "frames 1-2"), ("1-2", "frames 1-2"), ("2", "frame 2")):
        ended = reader("run", "reader.yaml", "-X", "load", "--set", f"frames={name}", "--cache", "none")
        assert (ended.code, ended.err.splitlines()[0]) == (0, f"reader.yaml: {expected}; cache: none")
    ended = reader("run", "reader.yaml", "-X", "load", "--cache", "none", "--progress", "none")
    assert ended.code == 1
    assert TAKE_THOSE_ON_DISK in ended.err
    ended = reader("run", "reader.yaml", "--set", "frames=1-2x")
    assert (ended.code, ended.err.startswith("reader.yaml:2:9: --set frames: ")) == (2, True)
    ended = reader("run", "reader.yaml", "--set", "frame=1-2")
    assert (ended.code, ended.err) == (2, "error: --set frame: write NODE.PARAM=VALUE, or frames=RANGE\n")


def test_frames_on_disk_with_a_gap_are_warned_of(reader: Call, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "in/a.0004.png")
    ended = reader("run", "reader.yaml", "-X", "load", "--set", "frames=auto", "--cache", "none")
    assert (ended.code, "warning: the frames on disk have gaps: frame 3 is left out" in ended.err) == (0, True)
    assert "warning: reader.yaml: the frames on disk have gaps: frame 3" in reader("check", "reader.yaml", "--set", "frames=auto").err
    for more in (("--set", "frames=auto", "-F", "1-2,4"), ("--set", "frames=1-2,4")):  # asked for, so they are no surprise
        assert "gaps" not in reader("run", "reader.yaml", "-X", "load", *more, "--cache", "none").err


def test_check_warns_of_files_that_are_not_there(reader: Call, tmp_path: Path) -> None:
    """They are no fault: a farm checks a graph before its frames are rendered."""
    ended = reader("check", "reader.yaml")
    assert (ended.code, ended.out) == (0, "reader.yaml: ok, 3 nodes\n")
    assert ended.err.splitlines() == [
        f"warning: reader.yaml:4:34: load: not there: in/a.0003.png and 1 more (frames 3-4){TAKE_THOSE_ON_DISK}",
        f"warning: reader.yaml:5:48: roto: not there: {WEIGHTS}",
    ]
    moved = reader("check", "reader.yaml", "--root", "in")  # with the places that a run has
    assert "load: not there: in/in/a.0001.png and 3 more (frames 1-4)" in moved.err
    (tmp_path / "reader.yaml").write_text(READER.replace("frames: 1-4\n", "").replace("in/a", "in/b"))
    ended = reader("check", "reader.yaml")
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert ended.err.startswith(
        "warning: reader.yaml:3:34: load: no file on disk matches in/b.####.png (did you mean 'in/a.####.png'?): check "
    )


def test_check_tells_nothing_of_the_files_of_a_graph_for_others(call: Call, tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "rotonodes: 1\ninputs: {image: crop.image}\noutputs: {image: crop}\nnodes:\n  crop: {type: Crop, left: 1}\n"
    )
    assert call("check", "inner.yaml").err == ""


def test_plan_names_the_files_that_are_not_there(reader: Call) -> None:
    ended = reader("plan", "reader.yaml")
    assert f"4 to make, lacks in/a.0003.png and 1 more (frames 3-4){TAKE_THOSE_ON_DISK}\n" in ended.out
    assert f"4 to make, lacks {WEIGHTS}\n" in ended.out
    assert json.loads(reader("plan", "reader.yaml", "--json").out)["nodes"]["load"]["missing_files"] == ["in/a.0003.png", "in/a.0004.png"]


def test_no_command_is_advised_that_must_fail_again(reader: Call) -> None:
    ended = reader("run", "reader.yaml", "--set", "load.path=inn/a.####.png", "-X", "load")
    assert ended.code == 1
    assert "no file at all matches inn/a.####.png (did you mean 'in'?)" in ended.err
    assert "to render" not in ended.err and "rotonodes run" not in ended.err
    # Frames 1 and 2 are there: also where nothing is left to do but the missing ones, the path is right.
    for _ in range(2):
        assert " run reader.yaml -F 3-4 -X load" in reader("run", "reader.yaml", "-X", "load", "--on-error", "continue").err


def test_without_progress_what_was_made_is_told_in_one_line(swatches: Call) -> None:
    ended = swatches("run", "--progress", "none")
    assert (ended.code, ended.out, ended.err.count("\n")) == (0, "", 1)
    assert ended.err.startswith("delivered 6 frames in ") and ended.err.endswith(": out/s.####.png, out/mean.txt\n")
    assert swatches("run", "--progress", "none").err.startswith("nothing to do: every output is there (6 frames): out/s")


def test_quiet_says_only_what_failed(swatches: Call) -> None:
    assert swatches("run", "-q").err == ""
    ended = swatches("run", "-q", "-X", "png", "--set", "swatch.bad=[2]")
    assert ended.code == 1
    assert "swatch, frame 2: cannot read swatch.0002.png: no such file" in ended.err
    assert swatches("run", "-q", "--progress", "json", "--force").out.startswith('{"event": "start"')  # a program asked for it


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek", "graph.yaml"], "No such command 'chek' (did you mean 'check'?)"),
        (["frobnicate"], "No such command 'frobnicate'; there are bench, blender-addon, cache, cancel, check, "),
        (["graph.yaml"], "No such command 'graph.yaml'; to run a graph: rotonodes run graph.yaml"),
        (["run", "grahp.yaml"], "grahp.yaml: cannot read the graph: no such file (did you mean 'graph.yaml'?)"),
        (["check", "graph"], "graph: cannot read the graph: no such file (did you mean 'graph.yaml'?)"),
        (["plan", "tones.yaml"], "tones.yaml: cannot read the graph: no such file (did you mean 'graphs/tones.yaml'?)"),
        (["check", "tone.yml"], "tone.yml: cannot read the graph: no such file (did you mean 'graphs/tones.yaml'?)"),
        (["run", "tones"], "tones: cannot read the graph: no such file (did you mean 'graphs/tones.yaml'?)"),
        (["run", "graps/tones.yaml"], "graps/tones.yaml: cannot read the graph: no such file (did you mean 'graphs/tones.yaml'?)"),
        (["run", "graphs"], "graphs: cannot read the graph: is a directory"),
        (["run", "graph.yaml", "--root", "grahps"], "--root grahps: there is no such folder (did you mean 'graphs'?)"),
        (["run", "graph.yaml", "--nodes", "nods.py"], "there is no file 'nods.py' (did you mean 'nodes.py'?)"),
        (["run", "graph.yaml", "--set", "mean.disable=true"], "--set changes parameters, and 'disable' is not one"),
    ],
)
def test_what_was_meant(swatches: Call, call: Call, tmp_path: Path, sample_nodes: str, words: list[str], message: str) -> None:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs/tones.yaml").touch()
    (tmp_path / "nodes.py").touch()
    ended = call(*words, *(["--nodes", sample_nodes] if {"--set", "--root"} & {*words} else []))
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_check_tells_every_fault_of_every_file(swatches: Call, tmp_path: Path) -> None:
    wrong = "rotonodes: 1\nnodes:\n  a: {type: Corp}\n  b: {type: Crop, in: c, lefft: 1}\n"
    (tmp_path / "wrong.yaml").write_text(wrong)
    ended = swatches("check", "wrong.yaml", "nowhere.yaml", "graph.yaml")
    assert ended.code == 2
    assert ended.out == "graph.yaml: ok, 3 nodes\n" * 2
    lines = ended.err.splitlines()
    assert lines[0] == "wrong.yaml:3:13: a: unknown type 'Corp' (did you mean 'Crop'?); --nodes FILE.py adds your own"
    assert [line.split(": ")[0] for line in lines] == ["wrong.yaml:3:13", "wrong.yaml:4:18", "wrong.yaml:4:25", "nowhere.yaml"] or len(
        lines
    ) == 4


def test_plan(swatches: Call) -> None:
    swatches("run", "-F", "1-2", "-X", "png")
    ended = swatches("plan")
    assert ended.code == 0
    assert "stage 1 of 1: " in ended.out
    assert "2 done" in ended.out
    assert "not there: 3-6" in ended.out
    data = json.loads(swatches("plan", "--json", "-F", "1-4").out)
    assert data["nodes"]["png"]["done_count"] == 2
    assert data["nodes"]["png"]["todo"] == "3-4"


def test_plan_of_what_is_there(swatches: Call) -> None:
    swatches("run")
    assert swatches("plan").out.startswith("nothing to do")
    assert "6 to make" in swatches("plan", "--force").out


@pytest.mark.parametrize(("form", "start"), [("mermaid", "flowchart LR"), ("dot", "digraph"), ("svg", "<svg")])
def test_draw(swatches: Call, form: str, start: str) -> None:
    ended = swatches("draw", "--format", form)
    assert ended.code == 0
    assert ended.out.startswith(start)


def test_version_and_help(call: Call) -> None:
    assert call("--version").out == f"rotonodes {__version__}\n"
    assert call("--help").code == 0
    assert "Commands:" in call("--help").out
    assert call("runn").code == 2
    assert "No such command 'runn'" in call("runn").err


def test_every_option_has_help() -> None:
    for name, command in cli.cli.commands.items():
        assert command.help, name
        assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option)), name


def test_voices_on_the_command_line_are_those_there_are() -> None:
    assert options.PROGRESS == choose.NAMES


def test_the_name_it_was_called_by(monkeypatch: pytest.MonkeyPatch) -> None:
    for called, name in (("/bin/rotonodes", "rotonodes"), ("cli.py", "python cli.py"), ("/x/__main__.py", "python -m rotonodes")):
        monkeypatch.setattr("sys.argv", [called])
        assert cli.program_name() == name
