"""Which frames lack files is told by listing folders, and is what asking frame by frame tells."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes import Frame, Graph, Image, Node
from rotonodes.errors import UsageError
from rotonodes.nodes import Invert, LoadFrames, LoadLabels, LoadMattes, LoadMovie, LoadParts, WriteFrames
from rotonodes.nodes.input.file_source import FileSource
from rotonodes.plan.make_plan import make_plan
from rotonodes.plan.missing_files import missing_lines
from rotonodes.values.frame_sets import FrameSet

FRAMES = FrameSet(range(-2, 9))
THERE = st.sets(st.integers(-2, 8))


def sources(folder: Path, missing: str) -> list[Node]:
    """Every kind of source."""
    one, two = f"{folder}/one/a.##.png", f"{folder}/$pass/a.##.png"
    return [
        LoadFrames(path=one, missing=missing),
        LoadFrames(path=two, passes=["one", "two"], missing=missing),
        LoadFrames(path=f"{folder}/$pass/a.png", passes=["one", "two"], missing=missing),
        LoadFrames(path=f"{folder}/##/a.##.png", missing=missing),
        LoadMattes(path=one, missing=missing),
        LoadLabels(path=one, missing=missing),
        LoadLabels(path=one, missing=missing, values="found"),
        LoadParts(path=f"{folder}/{{part}}/a.##.png", parts=["one", "two"], missing=missing),
        LoadParts(path=f"{folder}/{{part}}/a.##.png", parts=["one", "two"], missing=missing, hidden=True),
        LoadMovie(path=f"{folder}/one/a.gif"),
        Renumbered(path=one, missing=missing),
        Apart(path=f"{folder}/one/b", missing=missing),
    ]


class Renumbered(FileSource):
    """Whose frame 1 is the file of frame 2."""

    in_catalogue = False

    def files(self, frame: int | None) -> tuple[str, ...]:
        return super().files(None if frame is None else frame + 1)

    def process(self, frame: Frame) -> Image:
        return Image(torch.zeros(3, 1, 1))


class Apart(FileSource):
    """Whose path has no frame token, and whose files have numbers."""

    in_catalogue = False

    def files(self, frame: int | None) -> tuple[str, ...]:
        return (f"{self.path}.{frame}.png",)

    def process(self, frame: Frame) -> Image:
        return Image(torch.zeros(3, 1, 1))


def name_of(number: int) -> str:
    return f"a.{number:03d}.png" if number < 0 else f"a.{number:02d}.png"


@settings(max_examples=40, deadline=None)
@given(
    one=THERE,
    two=THERE,
    gone=THERE,
    broken=THERE,
    plain=st.sets(st.sampled_from(["one/a.png", "two/a.png", "one/a.gif", "one/b.3.png", "01/a.01.png", "02/a.02.png"])),
)
@pytest.mark.parametrize("missing", ["error", "hold", "black"])
def test_lacking_is_what_each_frame_lacks(
    missing: str, one: set[int], two: set[int], gone: set[int], broken: set[int], plain: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for word in ("one", "two", "01", "02"):
            (folder / word).mkdir()
        for word, numbers in {"one": one, "two": two}.items():
            for number in numbers:
                (folder / word / name_of(number)).touch()
        for number in broken - one:
            (folder / "one" / name_of(number)).symlink_to(folder / "nowhere.png")
        for path in plain:
            (folder / path).touch()
        begun = [node.with_files_listed(lambda files, pictures: set()) for node in sources(folder, missing)]
        for node in [*sources(folder, missing), *begun]:
            assert [*node.lacking(FRAMES)] == [frame for frame in FRAMES if node.lacks(frame)], node
        for number in gone:  # while the run goes on
            (folder / "one" / name_of(number)).unlink(missing_ok=True)
        for node in begun:
            assert [*node.lacking(FRAMES)] == [frame for frame in FRAMES if node.lacks(frame)], node


def black_picture(path: Path) -> None:
    from PIL import Image as Picture

    Picture.new("RGB", (4, 4)).save(path)


def counted(monkeypatch: pytest.MonkeyPatch, frames: int, **source: Any) -> int:
    """How often a plan of so many frames asks the disk for a file."""
    asked = 0
    exists = os.path.exists

    def counting(path: Any) -> bool:
        nonlocal asked
        asked += 1
        return exists(path)

    graph = Graph(frames=f"1-{frames}")
    loaded = graph.add(LoadFrames(**source, sizes="any"))
    graph.add(WriteFrames(path="made/a.#####.png"), image=graph.add(Invert(), image=loaded.image))
    with monkeypatch.context() as patched:
        patched.setattr(os.path, "exists", counting)
        make_plan(graph, cache="none")
    return asked


@pytest.mark.parametrize(
    "source", [{"path": "in/a.####.png", "missing": way} for way in ("error", "hold", "black")] + [{"path": "in/a.0001.png"}]
)
def test_no_plan_asks_for_each_frame(source: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    black_picture(Path("in/a.0001.png"))
    assert counted(monkeypatch, 20_000, **source) <= counted(monkeypatch, 20, **source) + 5


def test_reads_of_its_own_is_asked_frame_by_frame(tmp_path: Path) -> None:
    class Pairs(FileSource):
        """Reads a second file for odd frames."""

        in_catalogue = False

        def reads(self, frame: int | None) -> tuple[str, ...]:
            return (*super().reads(frame), f"{tmp_path}/odd.txt") if frame and frame % 2 else super().reads(frame)

        def process(self, image: Image) -> Image:
            return image

    for number in range(1, 5):
        (tmp_path / f"a.{number}.png").touch()
    assert [*Pairs(path=f"{tmp_path}/a.#.png").lacking(FrameSet(range(1, 6)))] == [1, 3, 5]


def test_a_missing_still_is_one_file_however_many_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph(frames="1-20000")
    loaded = graph.add(LoadFrames(path=str(tmp_path / "no.png")))
    graph.add(WriteFrames(path=str(tmp_path / "out.#####.png")), image=loaded.image)
    plan = make_plan(graph, cache="none")
    asked: list[int] = []
    monkeypatch.setattr(FileSource, "lacks", lambda node, frame: asked.append(frame) or node.files(frame))
    (line,) = missing_lines(plan)
    assert "no.png" in line and "more" not in line
    assert len(asked) < 5


def test_no_key_is_made_where_nothing_can_be_cached() -> None:
    class Blank(Node):
        in_catalogue = False

        def process(self, frame: Frame) -> Image:
            return Image(torch.zeros(3, 1, 1))

    graph = Graph(frames="1-2000")
    graph.add(Invert(), image=graph.add(Blank()))
    plan = make_plan(graph, cache="none")
    assert len(plan.todo["invert"]) == 2000
    assert plan.keys.count() == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_fault_found_by_a_run_names_its_place_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.0001.png")
    file = tmp_path / "g.yaml"
    file.write_text("rotonodes: 1\nframes: 1\nnodes:\n  a: {type: LoadFrames, path: a.####.png}\n  i: {type: Invert, in: a}\n")
    with pytest.raises(UsageError, match="a pipe or a device") as caught:
        Graph.load(file).run(root=tmp_path)  # whose cache asks for keys
    assert str(caught.value).count("g.yaml:") == 1
