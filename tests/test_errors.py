"""Errors of the user's machine: one line that says what to do, never an internal error."""

import errno
import os
import textwrap
from pathlib import Path

import pytest
import torch

from conftest import Call
from rotonodes import Graph, run
from rotonodes.errors import EXIT_FRAME_FAILED, EXIT_RETRY, ListLength, listed, machine_error, visible
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.values.pixels import Image

FREE, LESS = "free some space and run again", "use fewer --threads, or raise the limit (ulimit -n)"
CASES = [
    (PermissionError(errno.EACCES, "Permission denied", "shot/a.png"), "shot/a.png: permission denied", EXIT_FRAME_FAILED),
    (OSError(errno.ENOSPC, "No space left on device", "b.exr"), f"b.exr: no space left on device: {FREE}", EXIT_RETRY),
    (OSError(errno.EIO, "Input/output error", "c.exr"), "c.exr: input/output error: run again later", EXIT_RETRY),
    (OSError(errno.EMFILE, "Too many open files", "d"), f"d: too many open files: {LESS}", EXIT_RETRY),
    (MemoryError(), "out of memory: use fewer --threads, or smaller frames", EXIT_FRAME_FAILED),
    (OSError("tape is torn"), "tape is torn", EXIT_FRAME_FAILED),
]
GRAPH = textwrap.dedent("""
    rotonodes: 1
    frames: 1
    nodes:
      r: {type: LoadFrames, path: "locked/a.####.png"}
      w: {type: WriteFrames, in: r, path: "o.####.png"}
""")


class ErrorSource(Node):
    """Raises an error of the machine."""

    number: int = 0

    def process(self, frame: Frame) -> Image:
        if self.number < len(CASES):
            raise CASES[self.number][0]
        return Image(torch.zeros(3, 2, 2))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_in_a_node_it_is_a_failed_frame(number: int, tmp_path: Path) -> None:
    _, line, code = CASES[number]
    graph = Graph(frames="1")
    graph.add(ErrorSource(number=number))
    result = run(graph, root=str(tmp_path), cache="none")
    assert [failure.reason for failure in result.failures] == [line]
    assert (result.exit_code, result.failures[0].trace) == (code, "")


@pytest.mark.parametrize("number", range(len(CASES) - 1))
def test_in_a_command_it_is_one_line(number: int, swatches: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    error, line, code = CASES[number]

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("rotonodes.engine.run.run", fail)
    ended = swatches("run")
    assert (ended.code, ended.err) == (code, f"error: {line}\n")


def test_an_unreadable_folder_of_a_sequence(tmp_path: Path, call: Call) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    (tmp_path / "g.yaml").write_text(GRAPH)
    folder.chmod(0)
    try:
        if os.access(folder, os.R_OK):
            pytest.skip("this user may read everything")
        ended = call("run", "g.yaml", "--progress", "none")
    finally:
        folder.chmod(0o755)
    assert ended.code != 0
    assert "internal error" not in ended.err and len(ended.err.splitlines()) == 1


def test_long_lists_are_whole_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"n{at}" for at in range(40)]
    assert listed(names[:8]) == "n0, n1, n2, n3, n4, n5, n6, n7"
    assert listed(names) == "n0, n1, n2, n3, n4, n5, n6, n7 and 32 more (-v lists all)"
    monkeypatch.setattr(ListLength, "whole", True)
    assert listed(names) == ", ".join(names)


def test_v_lists_every_pass_of_a_render(call: Call, tmp_path: Path) -> None:
    shot = Path(__file__).parent.parent / "examples/shots/torus"
    (tmp_path / "g.yaml").write_text(
        f'rotonodes: 1\nframes: 1\nnodes:\n  r: {{type: LoadFrames, path: "{shot}/render.####.exr"}}\n'
        '  p: {type: MultipassDecode, in: r.layers, mattes: {shape: "nobody*"}}\n  w: {type: WriteFrames, in: p, path: "o.####.png"}\n'
    )
    assert "(-v lists all)" not in call("run", "g.yaml", "--progress", "none", "-v").err


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("a\r\nb", "a\\r\\nb"), ("\x1b[2J", "\\x1b[2J"), ("wide\u00a0space é 模", "wide\u00a0space é 模")],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_kinds_are_told_apart() -> None:
    assert machine_error(PermissionError(errno.EACCES, "Permission denied", "a")).exit_code == EXIT_FRAME_FAILED
    assert machine_error(OSError(errno.ESTALE, "Stale file handle", "a")).exit_code == EXIT_RETRY
