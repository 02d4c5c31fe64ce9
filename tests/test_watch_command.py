"""`rotonodes watch` and `run --watch`: a line for each save, and what is to be shown made again."""

import threading
from pathlib import Path

import PIL.Image
import pytest

from conftest import Call
from rotonodes.cli import watch_command
from rotonodes.cli.session import Session
from rotonodes.cli.watch_command import run_at_saves, saves
from rotonodes.errors import EXIT_INTERRUPTED, GraphError

GRAPH = """rotonodes: 1
frames: 1-3
nodes:
  flat: {type: Constant, size: [8, 6], color: "#804020"}
  png: {type: WriteFrames, in: flat, path: "out/a.####.png"}
"""


@pytest.fixture
def graph(call: Call, tmp_path: Path) -> Path:
    path = tmp_path / "graph.yaml"
    path.write_text(GRAPH)
    return path


def test_one_frame_of_a_node(call: Call, graph: Path) -> None:
    ended = call("watch", "graph.yaml", "-X", "flat", "-F", "2", "-o", "look.png", "--once")
    assert ended.code == 0 and ended.err.startswith("graph.yaml: ok, 2 nodes; flat in look.png, ")
    with PIL.Image.open(graph.parent / "look.png") as picture:
        assert picture.size == (8, 6)
    assert not (graph.parent / "out").exists()


def test_all_outputs(call: Call, graph: Path) -> None:
    ended = call("watch", "graph.yaml", "--once", "-F", "1-2")
    assert ended.code == 0 and "2 of 2 frames are there" in ended.err
    assert len(list((graph.parent / "out").iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        (GRAPH.replace("color", "colr"), "graph.yaml:4:40: flat: Constant has no parameter 'colr' (did you mean 'color'?)", 2),
        (GRAPH.replace("in: flat", "in: flt"), "did you mean 'flat'", 2),
        ("nodes: [", "not YAML", 2),
    ],
)
def test_faults_are_told_and_nothing_is_made(call: Call, graph: Path, text: str, words: str, code: int) -> None:
    graph.write_text(text)
    ended = call("watch", "graph.yaml", "--once")
    assert ended.code == code and words in ended.err
    assert not (graph.parent / "out").exists()


def test_a_frame_that_fails_is_one_line(call: Call, graph: Path) -> None:
    graph.write_text(GRAPH.replace('{type: Constant, size: [8, 6], color: "#804020"}', "{type: LoadFrames, path: in.####.png}"))
    ended = call("watch", "graph.yaml", "--once", "-X", "flat", "-F", "1")
    assert ended.code == 1 and "flat: frame 1: cannot read in.0001.png" in ended.err and ended.err.count("\n") == 1
    assert call("watch", "graph.yaml", "--once", "-X", "fla").code == 2
    assert call("watch", "nothing.yaml", "--once").code == 2


def test_each_save_is_seen_once_also_of_a_graph_within(graph: Path) -> None:
    inner = graph.with_name("inner.yaml")
    inner.write_text("rotonodes: 1\noutputs: {out: flat}\nnodes:\n  flat: {type: Constant, size: [8, 6]}\n")
    graph.write_text("rotonodes: 1\nframes: 1\nnodes:\n  sub: {type: ./inner.yaml}\n  png: {type: WriteFrames, in: sub, path: a.png}\n")
    stop = threading.Event()
    changes = iter([
        lambda: inner.write_text(inner.read_text() + "# more\n"),
        graph.unlink,
        lambda: graph.write_text(GRAPH),
        lambda: inner.write_text("rotonodes: 1\n"),  # no part of the graph any more
        stop.set,
    ])  # fmt: skip

    def wait(seconds: float) -> None:
        if seconds == watch_command.POLL:
            next(changes)()

    seen = [graph.read_text() for _ in saves(str(graph), stop, wait)]
    assert len(seen) == 3 and seen[2] == GRAPH


def test_a_file_that_is_still_written_is_left_alone(graph: Path) -> None:
    stop, looks = threading.Event(), []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) <= 3:
            graph.write_text(GRAPH + "#" * len(looks))

    for _ in saves(str(graph), stop, wait):
        assert len(looks) == 4
        stop.set()


def test_run_again_at_each_save(graph: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    codes = iter([0, None, EXIT_INTERRUPTED])
    monkeypatch.setattr(watch_command, "saves", lambda path, stop: iter([path] * 5))

    def once() -> int:
        code = next(codes)
        if code is None:
            raise GraphError([])
        return code

    session = Session()
    assert run_at_saves(str(graph), session, once) == EXIT_INTERRUPTED
    assert session.kept is not None
    assert capsys.readouterr().err.count("waiting for the next save") == 2


def test_the_command_runs_at_each_save(call: Call, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_command, "saves", lambda path, stop: iter([path] * 2))
    ended = call("run", "graph.yaml", "--watch", "--progress", "none")
    assert ended.code == 0 and ended.err.count("waiting for the next save") == 2
    assert len(list((graph.parent / "out").iterdir())) == 3
