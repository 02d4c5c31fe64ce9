"""Plans: stages, what is done and why not, where paths lie; nothing is rendered."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rotonodes import Graph, run
from rotonodes.errors import UsageError
from rotonodes.io.png import write_png
from rotonodes.node.annotations import Frame, Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.plan.explain import as_json, explain
from rotonodes.plan.make_plan import gap_warnings, make_plan, merge_orders
from rotonodes.plan.paths import Paths
from rotonodes.plan.sizes import batch_of, chunk_size
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Batch, Clip, Image
from rotonodes.values.tones import ToneScale


class PlanRead(Node):
    path: InputPath = param(help="the files")

    def reads(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def available(self) -> tuple[int, ...]:
        return FilePattern(self.path).on_disk()

    def process(self, frame: Frame) -> Image:
        return Image(torch.full((3, 2, 2), float(frame)))


class PlanMeasure(Node):
    cached = True
    bins: int = param(3, help="how many")

    def process(self, image: Clip[Image]) -> ToneScale:
        return ToneScale(tuple(float(picture.data.mean()) for picture in image))


class PlanUse(Node):
    batch: int | None = param(None, help="frames at once", pixels=False)

    def process(self, image: Batch[Image], scale: ToneScale | None = None) -> Batch[Image]:
        return image


class PlanWrite(Node):
    path: OutputPath = param(help="the files", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def process(self, image: Image, frame: Frame, key: Key) -> Path:
        (path,) = self.writes(frame)
        write_png(path, np.zeros((2, 2, 3), np.uint8), text={"rotonodes:key": key})
        return Path(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for frame in range(1, 6):
        (tmp_path / "in" / f"a.{frame:04d}.bin").write_bytes(b"1")
    return tmp_path


def measured(frames: str | None = "1-5", bins: int = 3) -> Graph:
    """read -> measure -> use -> write, and a copy of what is read."""
    graph = Graph(frames=frames)
    plate = graph.add(PlanRead(path="in/a.####.bin"), "plate")
    scale = graph.add(PlanMeasure(bins=bins), "measure", image=plate)
    graph.add(PlanWrite(path="out/a.####.png"), "write", image=graph.add(PlanUse(batch=2), "use", image=plate, scale=scale))
    graph.add(PlanWrite(path="copy/a.####.png"), "copy", image=plate)
    return graph


def test_a_clip_cuts_the_run_into_stages(folder: Path) -> None:
    plan = make_plan(measured(), root=str(folder))
    assert [set(stage.sinks) for stage in plan.stages] == [{"measure", "copy"}, {"write"}]
    assert plan.stages[0].sinks["measure"] is None
    assert plan.stages[1].sinks["write"] == (1, 2, 3, 4, 5)
    assert not (folder / ".rotonodes").exists() and not (folder / "out").exists()


def test_what_is_narrowed_is_delivered_not_measured(folder: Path) -> None:
    plan = make_plan(measured(), root=str(folder), frames=[2])
    assert plan.stages[0].frames == (1, 2, 3, 4, 5)
    assert plan.stages[1].frames == (2,)
    assert {name: len(frames) for name, frames in plan.todo.items()} == {"plate": 5, "measure": 1, "use": 1, "write": 1, "copy": 1}


def test_what_is_done_and_what_is_cached_is_not_planned(folder: Path) -> None:
    assert run(measured(), root=str(folder)).exit_code == 0
    plan = make_plan(measured(), root=str(folder))
    assert plan.is_empty and not any(plan.todo.values())
    assert {name: len(frames) for name, frames in plan.done.items()} == {"write": 5, "copy": 5}
    (folder / "out/a.0003.png").unlink()
    plan = make_plan(measured(), root=str(folder))
    assert plan.todo == {"plate": {3}, "use": {3}, "write": {3}}
    assert plan.cached == {"measure": {None}}
    assert [stage.sinks for stage in plan.stages] == [{"write": (3,)}]
    assert plan.reasons == {"write": {"not there": [3]}}


def test_reasons_say_why_something_is_made_again(folder: Path) -> None:
    run(measured(), root=str(folder))
    changed = make_plan(measured(bins=4), root=str(folder))
    assert changed.reasons == {"write": {"made from something else (measure.bins was 3, is 4)": [1, 2, 3, 4, 5]}}
    assert set(changed.todo) == {"plate", "measure", "use", "write"}
    (folder / "copy/a.0002.png").write_bytes(b"damaged")
    assert make_plan(measured(), root=str(folder)).reasons == {"copy": {"damaged, or not made by rotonodes": [2]}}
    forced = make_plan(measured(), root=str(folder), force=True)
    assert forced.reasons["copy"] == {"forced": [1, 2, 3, 4, 5]} and not forced.cached


def test_a_source_that_changes_makes_its_frames_again(folder: Path) -> None:
    graph = Graph(frames="1-5")
    graph.add(PlanWrite(path="copy/a.####.png"), "copy", image=graph.add(PlanRead(path="in/a.####.bin"), "plate"))
    run(graph, root=str(folder))
    (folder / "in/a.0004.bin").write_bytes(b"22")
    assert make_plan(graph, root=str(folder)).todo == {"plate": {4}, "copy": {4}}


def test_without_frames_those_on_disk_are_meant(folder: Path) -> None:
    assert make_plan(measured(None), root=str(folder)).delivered == (1, 2, 3, 4, 5)
    for path in (folder / "in").iterdir():
        path.unlink()
    with pytest.raises(
        UsageError, match=r"^plate: no file on disk matches .*in/a.####.bin: check the path \(--set plate.path=...\) and --r"
    ):
        make_plan(measured(None), root=str(folder))


def test_frames_auto_are_those_on_disk_and_gaps_are_warned_of(folder: Path) -> None:
    assert Graph(frames="auto").frames is None
    (folder / "in/a.0003.bin").unlink()
    plan = make_plan(measured("auto"), root=str(folder))
    assert plan.delivered == (1, 2, 4, 5)
    assert plan.warnings == ["the frames on disk have gaps: frame 3 is left out"]
    assert "warning: the frames on disk have gaps: frame 3 is left out" in explain(plan)
    assert as_json(plan)["warnings"] == plan.warnings
    assert make_plan(measured("auto"), root=str(folder), frames=[4]).warnings == ["measure takes the whole shot: frames 1-2,5 are read too"]
    assert make_plan(measured("1-5"), root=str(folder)).warnings == [], "there the gap is an error"


@pytest.mark.parametrize(
    ("frames", "gaps"),
    [
        ((), ""),
        ((7,), ""),
        ((1, 3, 5), ""),
        ((1, 2, 5), "frames 3-4 are"),
        ((1, 3, 7), "frame 5 is"),
        ((-2, -1, 1), "frame 0 is"),
        ((1, 4, 8, 12), ""),
    ],
)
def test_frames_on_twos_or_picked_by_hand_have_no_gaps(frames: tuple[int, ...], gaps: str) -> None:
    assert gap_warnings(frames) == ([f"the frames on disk have gaps: {gaps} left out"] if gaps else [])


def test_narrowed_frames_of_auto_still_measure_the_whole_shot(folder: Path) -> None:
    plan = make_plan(measured("auto"), root=str(folder), frames=[2])
    assert plan.stages[0].frames == (1, 2, 3, 4, 5)
    assert plan.stages[1].frames == (2,)


def test_only_named_outputs(folder: Path) -> None:
    plan = make_plan(measured(), root=str(folder), nodes=["copy"])
    assert set(plan.todo) == {"plate", "copy"}
    named = make_plan(measured(), root=str(folder), nodes=["use"], frames=[1])
    assert set(named.todo) == {"plate", "measure", "use"} and "use" in named.kept


def test_an_interrupted_plan_can_be_read_by_machines_and_people(folder: Path) -> None:
    run(measured(), root=str(folder))
    (folder / "out/a.0003.png").unlink()
    plan = make_plan(measured(), root=str(folder))
    data = json.loads(json.dumps(as_json(plan)))
    assert data["stages"] == [{"frames": "3", "sinks": {"write": "3"}}]
    assert data["nodes"]["write"] == {
        "type": "PlanWrite", "todo": "3", "todo_count": 1, "cached_count": 0, "done_count": 4, "missing": None,
            "missing_files": [], "missing_count": 0,
        "reasons": {"not there": "3"},
    }  # fmt: skip
    assert not data["empty"]
    text = "\n".join(explain(plan))
    assert "4 done" in text and "not there: 3" in text and "from the cache" in text
    (folder / "out/a.0003.png").touch()
    run(measured(), root=str(folder))
    assert explain(make_plan(measured(), root=str(folder)))[0].startswith("nothing to do")


def test_files_that_are_not_there_are_named(folder: Path) -> None:
    for frame in (3, 5):
        (folder / "in" / f"a.{frame:04d}.bin").unlink()
    plan = make_plan(measured(), root=str(folder))
    assert plan.missing == {"plate": [3, 5]}
    gone = [str(folder / f"in/a.{frame:04d}.bin") for frame in (3, 5)]
    assert as_json(plan)["nodes"]["plate"]["missing_files"] == gone
    assert f"5 to make, lacks {gone[0]} and 1 more (frames 3,5)" in "\n".join(explain(plan))
    one = make_plan(measured(), root=str(folder), nodes=["copy"], frames=[2, 3])
    assert f"2 to make, lacks {gone[0]}" in "\n".join(explain(one))
    assert "did you mean" not in "\n".join(explain(one))  # the frames beside it are none


def test_the_name_that_is_near_is_told_where_no_file_is_there(folder: Path) -> None:
    (folder / "in").rename(folder / "inn")
    (line,) = [line for line in explain(make_plan(measured(), root=str(folder))) if "lacks" in line]
    assert line.endswith(f"a.0001.bin and 4 more (frames 1-5) (did you mean {str(folder / 'inn')!r}?)")


def test_an_empty_picture_that_stands_in_lacks_nothing(tmp_path: Path) -> None:
    from rotonodes.nodes import LoadFrames

    write_png(tmp_path / "a.0001.png", np.zeros((2, 2, 3), np.uint8))
    for missing, frames in (("error", {"load_frames": [2, 3]}), ("hold", {}), ("black", {})):
        graph = Graph(frames="1-3")
        graph.add(PlanWrite(path="out/a.####.png"), image=graph.add(LoadFrames(path="a.####.png", missing=missing)))
        assert {name: list(gone) for name, gone in make_plan(graph, root=str(tmp_path)).missing.items()} == frames


def test_chunks_are_multiples_of_the_largest_batch(folder: Path) -> None:
    plan = make_plan(measured(), root=str(folder))
    for workers in (1, 2, 3, 16, 64):
        size = chunk_size(plan, "cpu", None, workers)
        assert size % 2 == 0 and size >= min(workers, 16)
    assert chunk_size(plan, "cpu", 7, 4) == 7


def test_batches_by_device() -> None:
    assert batch_of(PlanUse(), "cpu", None) == 1
    assert batch_of(PlanUse(), "cuda:0", None) == 8
    assert batch_of(PlanUse(batch=3), "cuda:0", None) == 3
    assert batch_of(PlanUse(batch=3), "cpu", 5) == 5
    assert batch_of(PlanWrite(path="a"), "cuda:0", 5) == 1


@pytest.mark.parametrize(
    ("orders", "merged"),
    [([(1, 2, 3), (2, 5)], (1, 2, 3, 5)), ([(3, 2, 1)], (3, 2, 1)), ([(3, 2, 1), (1, 2, 3, 4)], (1, 2, 3, 4)), ([], ())],
)
def test_orders_of_frames_are_merged(orders: list[tuple[int, ...]], merged: tuple[int, ...]) -> None:
    assert merge_orders(orders) == merged


@given(st.lists(st.lists(st.integers(0, 9), unique=True).map(tuple), max_size=4))
def test_merged_orders_hold_every_frame_once(orders: list[tuple[int, ...]]) -> None:
    merged = merge_orders(orders)
    assert sorted(merged) == sorted(set().union(*orders))


@pytest.mark.parametrize(
    ("written", "here"),
    [
        ("a/b.png", "/root/a/b.png"),
        ("/abs/b.png", "/abs/b.png"),
        ("//server/shots/b.png", "/mnt/shots/b.png"),
        ("S:\\shots\\x\\b.png", "/mnt/s/x/b.png"),
        ("//serverless/b.png", "//serverless/b.png"),
    ],
)
def test_paths_are_mapped_and_rooted(written: str, here: str) -> None:
    paths = Paths("/root", [("//server/", "/mnt/"), ("S:\\shots", "/mnt/s")])
    assert paths.here(written) == here


def test_a_mapped_path_has_the_name_of_the_graph(folder: Path) -> None:
    """A farm's machine that mounts the shot elsewhere must come to the same keys."""
    graph = Graph(frames="1-5")
    graph.add(PlanRead(path="/studio/in/a.####.bin"), "plate")
    rules = [("/studio", str(folder))]
    mapped = make_plan(graph, path_map=rules).key(("plate", 1))
    (folder / "other").mkdir()
    (folder / "in").rename(folder / "other" / "in")
    assert mapped == make_plan(graph, path_map=[("/studio", str(folder / "other"))]).key(("plate", 1))


def test_memory_is_estimated_from_the_first_frame(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for size in (64, 1024):
        write_png(tmp_path / "in" / "a.0001.bin", np.zeros((size, size, 3), np.uint8))
        graph = Graph(frames="1")
        graph.add(PlanWrite(path="copy/a.####.png"), image=graph.add(PlanRead(path="in/a.####.bin")))
        memory = make_plan(graph, root=str(tmp_path)).memory
        assert memory["frame"] == size * size * 16
        assert memory["peak"] > memory["frame"]


@pytest.mark.parametrize(
    ("rule", "path", "here"),
    [
        (("/studio", "/mnt/s"), "/studio/a.png", "/mnt/s/a.png"),
        (("/studio", "/mnt/s"), "/Studio/a.png", "/Studio/a.png"),  # where case counts it counts
        (("/studio", "/mnt/s"), "/studios/a.png", "/studios/a.png"),
        (("/studio/", "/mnt/s/"), "/studio", "/mnt/s"),
        (("Z:\\shots", "/mnt/s"), "z:/Shots/A\\b.png", "/mnt/s/A/b.png"),  # Windows paths: either slash, any case
        (("z:/shots", "/mnt/s"), "Z:\\SHOTS\\a.png", "/mnt/s/a.png"),
        (("\\\\server\\shots", "/mnt/s"), "//SERVER/shots/a.png", "/mnt/s/a.png"),
        (("Z:\\shots", "/mnt/s"), "Z:\\shotsb\\a.png", "Z:\\shotsb\\a.png"),
    ],
)
def test_a_path_map_takes_whole_folders(rule: tuple[str, str], path: str, here: str) -> None:
    assert Paths(path_map=[rule]).here(path) == here
    other = ("/elsewhere", "/mnt/e")
    assert Paths(path_map=[other, rule, (rule[0], "/later")]).here(path) == here, "the first rule that fits"
