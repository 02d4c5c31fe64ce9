"""No spelling of an output's path makes a run write over a file that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Call
from rotonodes.graph.overwriting import FilesByPlace
from rotonodes.io.exr import write_exr
from rotonodes.values.pixels import Image

GRAPH = """rotonodes: 1
frames: 1
nodes:
  render: {type: LoadFrames, path: "READ"}
  crop:   {type: Crop, in: render, left: 10}
  out:    {type: WriteFrames, in: crop, path: "WRITE"}
"""
SAME = [
    "in/render.####.exr",
    "in/render.%04d.exr",
    "in/render.$F4.exr",
    "in/../in/./render.####.exr",
    "linked/render.####.exr",
    "HERE/in/render.####.exr",
]


@pytest.fixture
def shot(tmp_path: Path, call: Call) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "linked").symlink_to("in")
    write_exr("in/render.0001.exr", Image(torch.rand(3, 20, 40, generator=torch.Generator().manual_seed(1))))
    return tmp_path


def run(call: Call, write: str, read: str = "in/render.####.exr") -> tuple[int, str]:
    Path("g.yaml").write_text(GRAPH.replace("READ", read).replace("WRITE", write.replace("HERE", os.getcwd())))
    ended = call("run", "g.yaml", "--cache", "none")
    return ended.code, ended.err


@pytest.mark.parametrize("write", SAME)
def test_a_source_in_another_spelling_is_not_written_over(shot: Path, call: Call, write: str) -> None:
    before = Path("in/render.0001.exr").read_bytes()
    code, said = run(call, write)
    assert (code, "is what render reads: write somewhere else" in said) == (2, True), said
    assert Path("in/render.0001.exr").read_bytes() == before


@pytest.mark.parametrize("write", SAME)
def test_a_source_that_is_a_link_keeps_the_file_it_points_to(shot: Path, call: Call, write: str) -> None:
    before = Path("in/render.0001.exr").read_bytes()
    Path("other/plate.0001.exr").symlink_to("../in/render.0001.exr")
    code, said = run(call, write, read="other/plate.####.exr")
    assert (code, "is what render reads" in said) == (2, True), said
    assert Path("in/render.0001.exr").read_bytes() == before


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_an_output_that_is_a_link_to_the_source_replaces_the_link(shot: Path, call: Call, link: object) -> None:
    before = Path("in/render.0001.exr").read_bytes()
    link(shot / "in/render.0001.exr", "other/out.0001.exr")  # type: ignore[operator]
    assert run(call, "other/out.####.exr")[0] == 0
    assert Path("in/render.0001.exr").read_bytes() == before
    assert Path("other/out.0001.exr").read_bytes() != before
    assert not Path("other/out.0001.exr").is_symlink()


def test_names_that_a_disk_takes_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that ignores case opens one file under both names; here that is a second name of the same file."""
    (tmp_path / "Render.exr").write_bytes(b"1")
    files = FilesByPlace()
    files.add(str(tmp_path / "Render.exr"), "read")
    assert files.owner(str(tmp_path / "render.exr")) is None
    os.link(tmp_path / "Render.exr", tmp_path / "render.exr")
    assert files.owner(str(tmp_path / "render.exr")) == "read"
    assert files.owner(str(tmp_path / "other.exr")) is None


@pytest.mark.parametrize("name", ["in/render.0001.exr", "g.yaml"])
def test_statistics_go_into_json_files_only(shot: Path, call: Call, name: str) -> None:
    run(call, "out/o.####.exr")
    before = Path(name).read_bytes()
    ended = call("run", "g.yaml", "--stats", name)
    assert (ended.code, "name a file that ends in .json" in ended.err) == (2, True), ended.err
    assert Path(name).read_bytes() == before


def test_view_does_not_write_over_a_source(shot: Path, call: Call) -> None:
    from rotonodes.io.png import write_png

    write_png("in/plate.0001.png", np.zeros((8, 8, 3), np.uint8))
    Path("v.yaml").write_text(GRAPH.replace("READ", "in/plate.####.png").replace("WRITE", "o/####.png").replace("left: 10", "left: 1"))
    before = Path("in/plate.0001.png").read_bytes()
    ended = call("view", "v.yaml", "crop", "-o", "linked/plate.0001.png")
    assert (ended.code, "is what render reads" in ended.err) == (2, True), ended.err
    assert Path("in/plate.0001.png").read_bytes() == before
