"""A plan says what changed since an output was made: which parameter, link, file or code; and `--force NODE`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Call
from rotonodes import Graph
from rotonodes.errors import UsageError
from rotonodes.io.png import write_png
from rotonodes.nodes import Blur, Composite, Crop, Grade, LoadFrames, WriteFrames, WriteGIF
from rotonodes.plan.made_from import FOLDER
from rotonodes.plan.make_plan import make_plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for frame in range(1, 5):
        write_png(tmp_path / f"in/a.{frame:04d}.png", np.full((8, 8, 3), 40 * frame, np.uint8))
    return tmp_path


def shot(grade: dict[str, Any] | None = None, *, frames: str = "1-4", crop: bool = True, turned: bool = False) -> Graph:
    """read -> grade -> crop -> PNGs and a GIF."""
    graph = Graph(frames=frames)
    plate = graph.add(LoadFrames(path="in/a.####.png"), "plate")
    changed = graph.add(Grade(**({"gain": 1.5} if grade is None else grade)), "grade", image=plate.image)
    last = graph.add(Crop(left=1), "crop", image=changed) if crop else changed
    both = graph.add(Composite(), "both", fg=plate.image if turned else last, bg=last if turned else plate.image)
    graph.add(WriteFrames(path="out/a.####.png"), "write", image=both)
    graph.add(WriteGIF(path="out/a.gif"), "gif", image=last)
    return graph


def reasons(folder: Path, graph: Graph, name: str = "write", **options: Any) -> dict[str, Any]:
    """The part of each reason in brackets -> its frames."""
    found = make_plan(graph, root=str(folder), **options).reasons.get(name, {})
    assert all(reason.startswith("made from something else (") for reason in found), found
    return {reason.partition("(")[2][:-1]: frames for reason, frames in found.items()}


def test_a_changed_parameter_is_named_with_both_values(folder: Path) -> None:
    assert shot().run(root=str(folder)).exit_code == 0
    assert reasons(folder, shot({"gain": 2.0})) == {"grade.gain was 1.5, is 2.0": [1, 2, 3, 4]}
    assert reasons(folder, shot({"gain": 2.0}), "gif") == {"grade.gain was 1.5, is 2.0": [None]}
    two = {"gain": 2.0, "gamma": 1.5, "saturation": 0.5, "offset": 0.1}
    assert list(reasons(folder, shot(two))) == [
        "grade.gain was 1.5, is 2.0; grade.offset was 0.0, is 0.1; grade.gamma was 1.0, is 1.5 and 1 more"
    ]
    assert make_plan(shot(), root=str(folder)).is_empty


def test_a_changed_file_is_told_for_its_frame(folder: Path) -> None:
    shot().run(root=str(folder))
    os.utime(folder / "in/a.0003.png", ns=(1, 1))
    assert reasons(folder, shot()) == {"a file that plate reads has changed (in/a.####.png)": [3]}
    assert reasons(folder, shot(), "gif") == {"a file that plate reads has changed (in/a.####.png, frame 3)": [None]}
    both = {"grade.gain was 1.5, is 2.0; a file that plate reads has changed (in/a.####.png)": [3], "grade.gain was 1.5, is 2.0": [1, 2, 4]}
    assert reasons(folder, shot({"gain": 2.0})) == both


def test_changed_links_and_frames(folder: Path) -> None:
    shot().run(root=str(folder))
    assert reasons(folder, shot(crop=False)) == {"both.fg was linked to crop.image, is linked to grade.image": [1, 2, 3, 4]}
    swapped = "both.fg was linked to crop.image, is linked to plate.image; both.bg was linked to plate.image, is linked to crop.image"
    assert reasons(folder, shot(turned=True)) == {swapped: [1, 2, 3, 4]}
    assert reasons(folder, shot(frames="1-3"), "gif") == {"gif took frames 1-4, takes 1-3": [None]}
    assert make_plan(shot(frames="1-3"), root=str(folder)).reasons.keys() == {"gif"}


def test_a_renamed_node_is_compared_with_what_it_was(folder: Path) -> None:
    shot().run(root=str(folder))
    graph = Graph(frames="1-4")
    plate = graph.add(LoadFrames(path="in/a.####.png"), "render")
    last = graph.add(Crop(left=2), "cut", image=graph.add(Grade(gain=1.5), "levels", image=plate.image))
    graph.add(WriteFrames(path="out/a.####.png"), "files", image=graph.add(Composite(), "over", fg=last, bg=plate.image))
    assert reasons(folder, graph, "files") == {"cut.left was 1, is 2": [1, 2, 3, 4]}


def test_the_newest_record_counts_and_each_frame_has_its_own(folder: Path) -> None:
    shot().run(root=str(folder), nodes=["write"])
    shot({"gain": 3.0}).run(root=str(folder), nodes=["write"], frames="2")
    assert reasons(folder, shot({"gain": 2.0}), nodes=["write"]) == {
        "grade.gain was 1.5, is 2.0": [1, 3, 4],
        "grade.gain was 3.0, is 2.0": [2],
    }


def test_another_way_to_tell_files_apart_and_other_revisions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shot().run(root=str(folder))
    assert reasons(folder, shot(), content_hash=True) == {"files are told apart in another way (--hash)": [1, 2, 3, 4]}
    monkeypatch.setattr(Crop, "revision", Crop.revision + 1)
    assert reasons(folder, shot()) == {"crop: this version of Crop makes other pixels": [1, 2, 3, 4]}


@pytest.mark.parametrize("harm", ["removed", "cut short", "a byte", "no cache"])
def test_without_a_record_the_reason_is_short(folder: Path, harm: str) -> None:
    shot().run(root=str(folder), cache="none" if harm == "no cache" else None)
    for path in (folder / ".rotonodes" / FOLDER).glob("*"):
        data = path.read_bytes()
        if harm == "removed":
            path.unlink()
        else:
            path.write_bytes(data[:-3] if harm == "cut short" else data[:40] + bytes([data[40] ^ 1]) + data[41:])
    assert make_plan(shot({"gain": 2.0}), root=str(folder)).reasons["write"] == {"made from something else": [1, 2, 3, 4]}


def test_records_do_not_grow_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.plan.made_from._MOST_BYTES", 2500)
    for gain in range(1, 9):
        shot({"gain": float(gain)}).run(root=str(folder))
    found = list((folder / ".rotonodes" / FOLDER).iterdir())
    assert 1 < len(found) < 8 and sum(path.stat().st_size for path in found) <= 2500
    assert reasons(folder, shot()) == {"grade.gain was 8.0, is 1.5": [1, 2, 3, 4]}


def test_a_node_can_be_forced(folder: Path) -> None:
    def todo(*names: str, **options: Any) -> set[str]:
        plan = make_plan(shot(), root=str(folder), force=names, **options)
        assert all(set(found) == {"forced"} for found in plan.reasons.values())
        return set(plan.reasons)

    shot().run(root=str(folder))
    assert (todo("crop"), todo("write"), todo("gif", "write")) == ({"write", "gif"}, {"write"}, {"gif", "write"})
    assert todo("crop", nodes=["gif"]) == {"gif"}
    with pytest.raises(UsageError, match=r"--force crap: the graph has no node 'crap' \(did you mean 'crop'\?\)"):
        todo("crap")
    with pytest.raises(UsageError, match="--force write: nothing that is delivered is made from it"):
        todo("write", nodes=["gif"])


def test_what_lies_above_a_forced_node_comes_from_the_cache(folder: Path) -> None:
    def graph() -> Graph:
        made = Graph(frames="1-4")
        plate = made.add(LoadFrames(path="in/a.####.png"), "plate")
        low = made.add(Blur(size=2), "low", image=plate.image)
        high = made.add(Blur(size=3), "high", image=low)
        made.add(WriteFrames(path="out/a.####.png"), "write", image=high)
        for name in ("low", "high"):
            object.__setattr__(made.vertices[name], "cache", True)
        return made

    graph().run(root=str(folder))
    ended = graph().run(root=str(folder), force=["high"])
    assert {name: (stats.ran, stats.cached) for name, stats in ended.stats.items()} == {
        "plate": (0, 0), "low": (0, 4), "high": (4, 0), "write": (4, 0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "forced"),
    [
        (["g.yaml", "--force"], {"w", "v"}),
        (["--force", "g.yaml"], {"w", "v"}),
        (["g.yaml", "--force", "w"], {"w"}),
        (["--force", "w", "g.yaml"], {"w"}),
        (["--force=w", "g.yaml", "--force", "v"], {"w", "v"}),
        (["-F", "1-2", "--force", "g.yaml", "--cache", "none"], {"w", "v"}),
        (["g.yaml"], set()),
    ],
)
def test_force_takes_a_node_or_nothing(call: Call, tmp_path: Path, words: list[str], forced: set[str]) -> None:
    text = "rotonodes: 1\nframes: 1-2\nnodes:\n  c: {type: Constant, size: [4, 4]}\n"
    writers = "".join(f'  {n}: {{type: WriteFrames, in: c, path: "{n}.####.png"}}\n' for n in "wv")
    (tmp_path / "g.yaml").write_text(text + writers)
    assert call("run", "g.yaml").code == 0
    out = call("plan", *words).out
    assert {line.split()[0] for line in out.splitlines() if "forced" in line} == forced
    assert call("run", *words).code == 0


def test_a_plan_of_many_frames_says_all_this(capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of tests/benchmarks/bench_plan.py."""
    sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
    assert import_module("bench_plan").main(["--frames", "20", "--repeats", "1"]) == 0
    first, whole, changed = capsys.readouterr().out.splitlines()
    assert first.endswith("{}") and whole.endswith('{"not there": "11-20"}')
    assert changed.endswith('{"made from something else (grade.gain was 1.5, is 2.0)": "1-10", "not there": "11-20"}')
