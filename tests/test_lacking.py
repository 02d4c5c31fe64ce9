"""Which frames lack files is told by listing folders, and is what asking frame by frame tells."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes import Graph, Image, Node
from rotonodes.node.base import Node as Base
from rotonodes.nodes import Invert, LoadFrames, LoadLabels, LoadMattes, LoadMovie, LoadParts, WriteFrames
from rotonodes.nodes.input.file_source import FileSource
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.frame_sets import FrameSet

FRAMES = FrameSet(range(-2, 9))
THERE = st.sets(st.integers(-2, 8))


def sources(folder: Path, missing: str) -> list[tuple[Base, tuple[str, ...]]]:
    """Every kind of source, and the folders of its files."""
    one, two = f"{folder}/one/a.##.png", f"{folder}/$pass/a.##.png"
    both = ("one", "two")
    return [
        (LoadFrames(path=one, missing=missing), both[:1]),
        (LoadFrames(path=two, passes=["one", "two"], missing=missing), both),
        (LoadFrames(path=f"{folder}/$pass/a.png", passes=["one", "two"], missing=missing), both),
        (LoadMattes(path=one, missing=missing), both[:1]),
        (LoadLabels(path=one, missing=missing), both[:1]),
        (LoadLabels(path=one, missing=missing, values="found"), both[:1]),
        (LoadParts(path=f"{folder}/$part/a.##.png", parts=["one", "two"], missing=missing), both),
        (LoadParts(path=f"{folder}/$part/a.##.png", parts=["one", "two"], missing=missing, hidden=True), both),
        (LoadMovie(path=f"{folder}/one/a.gif"), both[:1]),
    ]


@settings(max_examples=40, deadline=None)
@given(one=THERE, two=THERE, gone=st.sets(st.integers(-2, 8)), plain=st.sets(st.sampled_from(["one/a.png", "two/a.png", "one/a.gif"])))
@pytest.mark.parametrize("missing", ["error", "hold", "black"])
def test_lacking_is_what_each_frame_lacks(missing: str, one: set[int], two: set[int], gone: set[int], plain: set[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for word, numbers in {"one": one, "two": two}.items():
            (folder / word).mkdir()
            for number in numbers:
                (folder / word / f"a.{number:03d}.png" if number < 0 else folder / word / f"a.{number:02d}.png").touch()
        for path in plain:
            (folder / path).touch()
        begun = [node.with_files_listed(lambda files, pictures: set()) for node, _ in sources(folder, missing)]
        for node in [*(node for node, _ in sources(folder, missing)), *begun]:
            assert [*node.lacking(FRAMES)] == [frame for frame in FRAMES if node.lacks(frame)], node
        for number in gone:  # while the run goes on
            Path(folder / "one" / f"a.{number:02d}.png").unlink(missing_ok=True)
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

        def reads(self, frame: int | None) -> tuple[str, ...]:
            return (*super().reads(frame), f"{tmp_path}/odd.txt") if frame and frame % 2 else super().reads(frame)

        def process(self, image: Image) -> Image:
            return image

    for number in range(1, 5):
        (tmp_path / f"a.{number}.png").touch()
    assert issubclass(Pairs, Node)
    assert [*Pairs(path=f"{tmp_path}/a.#.png").lacking(FrameSet(range(1, 6)))] == [1, 3, 5]
