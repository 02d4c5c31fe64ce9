"""Runs that once hung, lied about what they had delivered, or took the wrong value from the cache."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from rotonodes import Graph, run
from rotonodes.engine.clip_feed import ClipFeed
from rotonodes.engine.evaluate import Evaluator
from rotonodes.engine.events import Reporter
from rotonodes.engine.result import Result
from rotonodes.engine.schedule import StagePass
from rotonodes.errors import FrameError, RetryError, RotoError
from rotonodes.io.pictures import write_image
from rotonodes.io.png import write_png
from rotonodes.node.annotations import Frame, Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.nodes import LoadFrames, WriteFrames
from rotonodes.values.pixels import Batch, Clip, Image
from rotonodes.values.tones import ToneScale


class EdgeRamp(Node):
    """The frame number as a picture; fails at one frame, or ends the program."""

    bad: int = param(0, help="the frame that fails")
    leaves: bool = param(False, help="call sys.exit there")

    def process(self, frame: Frame) -> Image:
        if frame == self.bad and self.leaves:
            sys.exit(3)
        if frame == self.bad:
            raise FrameError("broken on purpose")
        return Image(torch.full((3, 2, 2), float(frame)))


class EdgeMean(Node):
    """The mean of a clip."""

    def process(self, image: Clip[Image]) -> ToneScale:
        return ToneScale((sum(float(value.data.mean()) for value in image),))


class EdgeScaled(Node):
    """A picture beside a measurement of the whole clip."""

    bad: int = param(0, help="the frame that fails")

    def process(self, image: Image, scale: ToneScale, frame: Frame) -> Image:
        if frame == self.bad:
            raise FrameError("broken on purpose")
        return image.with_data(image.data + scale.thresholds[0])


class EdgeSave(Node):
    """Every value of a clip, as text."""

    path: OutputPath = param(help="file", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, image: Clip[Image], key: Key) -> Path:
        from rotonodes.io.files import write_bytes, write_sidecar

        write_bytes(self.path, " ".join(f"{float(value.data[0, 0, 0]):g}" for value in image).encode())
        write_sidecar(self.path, key)
        return Path(self.path)


class EdgeAround(Node):
    """The sum of neighbours, in the second channel the frame itself."""

    def needs(self, frame: int) -> tuple[int, ...]:
        return (frame - 1, frame, frame + 1)

    def process(self, around: Clip[Image], image: Image) -> Image:
        return image.with_data(torch.stack([sum(v.data[0] for v in around), image.data[0], image.data[0]]))  # type: ignore[arg-type]


class EdgeBeside(Node):
    """A batch, and a single frame beside it."""

    batch: int = param(4, help="frames", pixels=False)

    def process(self, stack: Batch[Image], image: Image) -> Batch[Image]:
        return stack.with_data(stack.data * 100 + image.data)


def within(seconds: float, graph: Graph, **options: Any) -> Result:
    """The result of a run that must not hang."""
    done: list[Any] = []

    def work() -> None:
        try:
            done.append(run(graph, **options))
        except BaseException as error:
            done.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=seconds)
    assert done, "the run hangs"
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def saved(path: Path) -> list[float]:
    return [float(word) for word in path.read_text().split()]


def test_frames_of_an_earlier_stage_do_not_count_as_delivered(tmp_path: Path) -> None:
    graph = Graph(frames="1-40")
    ramp = graph.add(EdgeRamp())
    scaled = graph.add(EdgeScaled(bad=5), image=ramp, scale=graph.add(EdgeMean(), image=ramp))
    graph.add(WriteFrames(path=str(tmp_path / "a.####.exr")), image=scaled)
    result = within(60, graph, cache="none", threads=1)
    there = len(list(tmp_path.glob("a.*.exr")))
    assert (result.exit_code, result.delivered) == (1, there)
    assert 5 in result.missing


def test_clips_in_other_orders_than_the_stage(tmp_path: Path) -> None:
    graph = Graph(frames="1-20")
    ramp = graph.add(EdgeRamp())
    mean = graph.add(EdgeMean(), "mean", image=ramp)
    graph.add(EdgeSave(path=str(tmp_path / "a.txt")), "save", image=ramp)
    assert mean
    result = within(60, graph, frames="20-1", nodes=["mean", "save"], cache="none")
    assert result.exit_code == 0
    assert saved(tmp_path / "a.txt") == list(range(20, 0, -1))


def test_a_node_that_ends_the_program_fails_its_frame(tmp_path: Path) -> None:
    graph = Graph(frames="1-6")
    graph.add(WriteFrames(path=str(tmp_path / "a.####.exr")), image=graph.add(EdgeRamp(bad=3, leaves=True)))
    result = within(60, graph, on_error="continue", cache="none")
    assert (result.exit_code, result.missing) == (1, (3,))


def test_a_reporter_that_fails_ends_the_run(tmp_path: Path) -> None:
    class Broken(Reporter):
        def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
            raise RuntimeError("no one listens")

    graph = Graph(frames="1-6")
    graph.add(WriteFrames(path=str(tmp_path / "a.####.exr")), image=graph.add(EdgeRamp()))
    with pytest.raises(RuntimeError, match="no one listens"):
        within(60, graph, reporter=Broken(), cache="none")


def test_failures_keep_no_pictures(tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    graph.add(WriteFrames(path=str(tmp_path / "a.####.exr")), image=graph.add(EdgeRamp(bad=2)))
    (failure,) = within(60, graph, cache="none").failures
    assert failure.error.__traceback__ is None
    assert failure.error.__context__ is None


def test_neighbours_are_let_go_with_their_last_use(tmp_path: Path) -> None:
    """As many pictures are alive at a time in a long shot as in a short one, also of those that the next chunk needs too."""

    def most_alive(frames: int) -> int:
        alive: set[int] = set()
        most = 0

        class EdgeBorn(Node):
            def process(self, frame: Frame) -> Image:
                nonlocal most
                made = Image(torch.full((3, 2, 2), float(frame)))
                alive.add(frame)
                most = max(most, len(alive))
                weakref.finalize(made, alive.discard, frame)
                return made

        graph = Graph(frames=f"1-{frames}")
        source = graph.add(EdgeBorn())
        graph.add(EdgeSave(path=f"{frames}.txt"), image=graph.add(EdgeAround(), around=source, image=source))
        assert within(60, graph, cache="none", threads=1, root=str(tmp_path)).exit_code == 0
        return most

    short, long = most_alive(48), most_alive(144)
    assert long <= short + 2 < 48


def test_a_damaged_value_is_made_again_with_all_that_it_is_made_from(tmp_path: Path) -> None:
    """Frames whose entries in the cache are damaged: from neighbours that are cached, damaged or not cached, and from a value made once."""

    class EdgeCached(Node):
        cached = True

        def process(self, image: Image) -> Image:
            return image.with_data(image.data * 2)

    class EdgeLight(Node):
        def process(self) -> ToneScale:
            return ToneScale((0.25,))

    class EdgeSum(EdgeAround):
        cached = True

        def process(self, around: Clip[Image], image: Image, scale: ToneScale) -> Image:  # type: ignore[override]
            return image.with_data(sum(value.data for value in around) + 100 * image.data + scale.thresholds[0])  # type: ignore[arg-type]

    def result(damage: str) -> Result:
        graph = Graph(frames="1-5")
        ramp = graph.add(EdgeRamp())
        total = graph.add(EdgeSum(), "total", around=graph.add(EdgeCached(), image=ramp), image=ramp, scale=graph.add(EdgeLight()))
        graph.add(EdgeSave(path="o.txt"), image=total)
        entries = sorted(path for path in (tmp_path / ".rotonodes").rglob("*") if path.is_file() and path.stat().st_size > 100)
        for number, path in enumerate(entries):
            if damage == "all" or (damage == "some" and number % 2):
                whole = path.read_bytes()
                path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        (tmp_path / "o.txt").unlink(missing_ok=True)
        return within(60, graph, root=str(tmp_path))

    wanted = [8 + 100 + 0.25 - 2, 12 + 200 + 0.25, 18 + 300 + 0.25, 24 + 400 + 0.25, 18 + 500 + 0.25]
    for damage in ("none", "some", "all"):
        found = result(damage)
        assert found.exit_code == 0, found.failures
        assert saved(tmp_path / "o.txt") == wanted, damage


def test_only_clip_inputs_get_neighbours(tmp_path: Path) -> None:
    graph = Graph(frames="1-4")
    ramp = graph.add(EdgeRamp())
    graph.add(EdgeSave(path=str(tmp_path / "sum.txt")), image=graph.add(EdgeAround(), around=ramp, image=ramp))
    within(60, graph, cache="none")
    assert saved(tmp_path / "sum.txt") == [3, 6, 9, 7]
    value = EdgeAround()([Image(torch.ones(3, 1, 1))], Image(torch.full((3, 1, 1), 5.0)))
    assert value.data[:, 0, 0].tolist() == [1, 5, 5]


def test_a_single_frame_beside_a_batch_is_its_own(tmp_path: Path) -> None:
    graph = Graph(frames="1-6")
    ramp = graph.add(EdgeRamp())
    graph.add(EdgeSave(path=str(tmp_path / "a.txt")), image=graph.add(EdgeBeside(), stack=ramp, image=ramp))
    within(60, graph, cache="none", batch=4)
    assert saved(tmp_path / "a.txt") == [101, 202, 303, 404, 505, 606]


def test_a_still_in_a_longer_clip_is_written_again(tmp_path: Path) -> None:
    class Still(Node):
        def process(self) -> Image:
            return Image(torch.ones(3, 1, 1))

    graph = Graph(frames="1-9")
    graph.add(EdgeSave(path=str(tmp_path / "a.txt")), image=graph.add(Still()))
    for frames, count in (("1-4", 4), ("1-9", 9)):
        assert within(60, graph, frames=frames, root=str(tmp_path)).exit_code == 0
        assert len(saved(tmp_path / "a.txt")) == count


def test_an_empty_frame_is_not_the_frame_whose_size_it_has(tmp_path: Path) -> None:
    for frame in (1, 3):
        PIL.Image.new("RGB", (2, 2), (255, 255, 255)).save(tmp_path / f"in.{frame}.png")
    graph = Graph(frames="1-3")
    source = graph.add(LoadFrames(path=str(tmp_path / "in.#.png"), missing="black"), "source")
    graph.add(EdgeSave(path=str(tmp_path / "a.txt")), image=source)
    for _ in range(2):
        (tmp_path / "a.txt").unlink(missing_ok=True)
        within(60, graph, root=str(tmp_path), nodes=["edge_save"])
        assert saved(tmp_path / "a.txt") == [1, 0, 1]
    keys = within(60, graph, root=str(tmp_path), force=True).plan.keys
    assert keys.of("source", 1) != keys.of("source", 2)


def test_a_kept_source_is_still_copied_bit_for_bit(tmp_path: Path) -> None:
    from dataclasses import replace

    from rotonodes.io.png import read_png, write_png

    samples = np.arange(48, dtype=np.uint16).reshape(4, 4, 3) * 1000
    write_png(tmp_path / "in.1.png", samples)
    graph = Graph(frames="1")
    graph.add(WriteFrames(path=str(tmp_path / "out.#.png")), image=graph.add(LoadFrames(path=str(tmp_path / "in.#.png")), "source").image)
    graph.insert(replace(graph.vertices["source"], cache=True))
    for _ in range(2):
        (tmp_path / "out.1.png").unlink(missing_ok=True)
        assert within(60, graph, root=str(tmp_path)).exit_code == 0
        assert np.array_equal(read_png(tmp_path / "out.1.png"), samples)


def test_one_output_of_a_node_by_name(tmp_path: Path) -> None:
    graph = Graph(frames="1")
    PIL.Image.new("RGB", (2, 2)).save(tmp_path / "in.1.png")
    graph.add(LoadFrames(path=str(tmp_path / "in.#.png")), "source")
    plan = within(60, graph, root=str(tmp_path), nodes=["source.layers"]).plan
    assert plan.outputs["source"] == {"layers"}


def test_a_source_that_cannot_list_its_frames_fails_and_does_not_hang(tmp_path: Path) -> None:
    class Unlisted(Node):
        """Its file cannot be read, and neither can it say which frames there are."""

        def available(self) -> tuple[int, ...] | None:
            raise FrameError("movie.gif: cannot be read")

        def reads(self, frame: int | None) -> tuple[str, ...]:
            return (str(tmp_path / "gone.gif"),)

        def process(self, frame: Frame) -> Image:
            raise FrameError("movie.gif: cannot be read")

    graph = Graph(frames="1-3")
    graph.add(WriteFrames(path=str(tmp_path / "a.####.exr")), image=graph.add(Unlisted()))
    result = within(60, graph, cache="none")
    assert result.exit_code == 1 and "movie.gif: cannot be read" in result.failures[0].reason


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, SystemExit])
@pytest.mark.parametrize("where", ["gather", "make"])
def test_a_worker_that_fails_outside_its_node_does_not_hang_the_run(
    where: str, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory may end while inputs are gathered: the frame fails, and the others are made."""
    whole = getattr(Evaluator, where)

    def failing(self: Evaluator, name: str, given: Any, *more: Any) -> Any:
        if name.startswith("WriteFrames") and (given == 3 or (isinstance(given, dict) and 3 in given)):
            raise error
        return whole(self, name, given, *more)

    monkeypatch.setattr(Evaluator, where, failing)
    graph = Graph(frames="1-5")
    graph.add(WriteFrames(path=str(tmp_path / "o.####.png")), "WriteFrames", image=graph.add(EdgeRamp()))
    result = graph.run(cache="none", on_error="continue")
    assert (result.exit_code, result.missing) == (1, (3,))
    assert len(list(tmp_path.glob("o.*.png"))) == 4


def test_a_lost_job_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When even the end of a job cannot be noted, nobody waits for it, clips neither."""
    end = StagePass._end

    def failing(self: StagePass, job: Any) -> None:
        if job.feed is None and job.frames == (3,):
            raise MemoryError
        end(self, job)

    monkeypatch.setattr(StagePass, "_end", failing)
    graph = Graph(frames="1-9")
    graph.add(EdgeSave(path=str(tmp_path / "o.txt")), image=graph.add(EdgeRamp()))
    with pytest.raises(RotoError, match="out of memory"):
        graph.run(cache="none")
    assert not (tmp_path / "o.txt").exists()


def test_a_frame_that_cannot_be_handed_to_a_clip_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by its cause; one whose input failed is told there alone."""
    put = ClipFeed.put

    def failing(self: ClipFeed, frame: int, *given: Any) -> None:
        if frame == 3:
            raise MemoryError
        put(self, frame, *given)

    for bad, node, reason in ((0, "save", "out of memory"), (3, "ramp", "broken on purpose")):
        graph = Graph(frames="1-5")
        graph.add(EdgeSave(path=str(tmp_path / "o.txt")), "save", image=graph.add(EdgeRamp(bad=bad), "ramp"))
        with monkeypatch.context() as patch:
            if not bad:
                patch.setattr(ClipFeed, "put", failing)
            (failure,) = within(60, graph, cache="none", on_error="continue").failures
        assert (failure.node, failure.frame) == (node, 3) and reason in failure.reason
        assert not (tmp_path / "o.txt").exists()


def test_the_seconds_of_a_frame_are_some_of_the_runs() -> None:
    told: list[float] = []

    class Clocked(Reporter):
        def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
            told.append(seconds)

    graph = Graph(frames="1-4")
    graph.add(EdgeRamp())
    begun = time.perf_counter()
    graph.run(cache="none", reporter=Clocked())
    assert len(told) == 4 and all(0 < seconds <= time.perf_counter() - begun for seconds in told)


def test_no_thread_of_a_run_keeps_the_program_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second Ctrl-C ends it at once, also inside a long call."""
    start, kept = threading.Thread.start, []

    def noted(self: threading.Thread) -> None:
        kept.extend([] if self.daemon else [self.name])
        start(self)

    graph = Graph(frames="1-3")
    ramp = graph.add(EdgeRamp())
    scaled = graph.add(EdgeScaled(), image=ramp, scale=graph.add(EdgeMean(), image=ramp))
    graph.add(WriteFrames(path=str(tmp_path / "a.####.png")), image=scaled)
    monkeypatch.setattr(threading.Thread, "start", noted)
    before = threading.active_count()
    assert graph.run(cache="none", threads=3, isolate_readers=True).exit_code == 0
    assert kept == []
    assert threading.active_count() == before


@pytest.mark.parametrize("nth", [1, 2, 4])
def test_threads_that_the_system_does_not_start(nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, count = threading.Thread.start, 0

    def failing(self: threading.Thread) -> None:
        nonlocal count
        count += 1
        if count == nth:
            raise RuntimeError("can't start new thread")
        start(self)

    graph = Graph(frames="1-9")
    graph.add(EdgeSave(path=str(tmp_path / "o.txt")), image=graph.add(EdgeRamp()))
    monkeypatch.setattr(threading.Thread, "start", failing)
    with pytest.raises(RetryError, match="starts no more threads"):
        graph.run(cache="none", threads=3)


class EdgeSwap(Node):
    """Swaps the second picture of a folder for another when it gets the first."""

    folder: str = param("", help="folder", pixels=False)

    def process(self, image: Image, frame: Frame) -> Image:
        two = Path(self.folder) / "i.0002.png"
        if frame == 1 and self.folder:
            two.rename(two.with_suffix(".kept"))
            save_grey(two, 200)
        return image


def save_grey(path: Path, grey: int) -> None:
    PIL.Image.fromarray(np.full((4, 4, 3), grey, np.uint8)).save(path)


@pytest.mark.parametrize("planned", [False, True])
def test_an_input_that_is_swapped_during_the_run_is_noticed(planned: bool, tmp_path: Path) -> None:
    """Row H: put back with its old time, the file looks untouched to the next run; its frame must not count as made of it."""
    for frame in range(1, 4):
        save_grey(tmp_path / f"i.{frame:04d}.png", 10 * frame)

    def swapping(folder: str) -> Graph:
        graph = Graph(frames="1-3")
        read = graph.add(LoadFrames(path=str(tmp_path / "i.####.png")))
        graph.add(WriteFrames(path=str(tmp_path / "o.####.png")), image=graph.add(EdgeSwap(folder=folder), image=read))
        return graph

    if planned:  # with outputs of another key, the plan takes the fingerprints; without, the reading does
        (tmp_path / "o.0002.png").write_bytes((tmp_path / "i.0002.png").read_bytes())
        write_image(tmp_path / "o.0002.png", Image(torch.zeros(3, 4, 4)), key="other")
    result = run(swapping(str(tmp_path)), threads=1, cache="none", on_error="continue")
    (tmp_path / "i.0002.kept").rename(tmp_path / "i.0002.png")
    assert (result.exit_code, result.missing) == ((75, (2,)) if planned else (0, ()))
    assert not planned or "was changed or replaced after this run had begun" in result.failures[0].reason
    again = run(swapping(""), cache="none")
    assert [sorted(frames) for frames in again.plan.todo.values()] == [[2]] * 3
    with PIL.Image.open(tmp_path / "o.0002.png") as picture:
        assert picture.getpixel((0, 0)) == (20, 20, 20)


@pytest.mark.parametrize(("gone", "words"), [((3,), ""), ((2, 3), "; this run needs frames 2-3, which are missing")])
def test_a_frame_that_is_not_there_names_the_others(tmp_path: Path, gone: tuple[int, ...], words: str) -> None:
    """One alone is named already."""
    for frame in {1, 2, 3, 4} - {*gone}:
        write_png(tmp_path / f"in.{frame}.png", np.zeros((2, 2, 3), np.uint8))
    graph = Graph(frames="1-4")
    graph.add(WriteFrames(path=str(tmp_path / "out.#.png")), image=graph.add(LoadFrames(path=str(tmp_path / "in.#.png"))).image)
    result = run(graph, cache="none", on_error="continue")
    assert result.missing == gone
    reason = next(failure.reason for failure in result.failures if failure.frame == 3)
    assert "no such file" in reason and words in reason
    assert ("which are missing" in reason) == bool(words)
