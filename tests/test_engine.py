"""The engine: how the work is cut never changes a pixel, what is there is not made again, and failures are told exactly."""

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from rotonodes import Graph, run
from rotonodes.engine.events import Reporter
from rotonodes.engine.result import Result
from rotonodes.errors import FrameError, Interrupted, RetryError, UsageError
from rotonodes.io.files import write_bytes, write_sidecar
from rotonodes.machine.devices import choose_device
from rotonodes.node.annotations import Frame, Key, Wanted
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.nodes import WriteFrames
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Batch, Clip, Image, Matte
from rotonodes.values.tones import ToneScale

FRAMES = "1-12"


# Sample nodes that several tests need.


class EngineRamp(Node):
    """A picture that is another one on each frame; `fails` on some."""

    fails: list[int] = param([], help="frames that fail", pixels=False)
    gain: float = param(1.0, help="factor")

    def process(self, frame: Frame) -> Image:
        if frame in self.fails:
            raise FrameError(f"plate.{frame:04d}.png: truncated")
        generator = torch.Generator().manual_seed(int(frame) + 1000)
        return Image(torch.rand(3, 5, 7, generator=generator) * self.gain)


class EngineBlur(Node):
    """The mean of a frame and its neighbours, in the order of the frames."""

    reach: int = param(2, help="frames on each side")

    def needs(self, frame: int) -> Iterable[int]:
        return range(frame - self.reach, frame + self.reach + 1)

    def process(self, image: Clip[Image], frame: Frame) -> Image:
        assert frame in image.frames
        data = torch.stack([picture.data * number for number, picture in image.items()]).mean(0)
        return Image(data)


class Pairwise(Node):
    """Works on batches, each frame by itself."""

    batch: int | None = param(3, help="frames at once", pixels=False)

    def process(self, image: Batch[Image]) -> Batch[Image]:
        return image.with_data(image.data * 2 + 1)


class Mean(Node):
    """Measured over the shot."""

    cached = True

    def process(self, image: Clip[Image]) -> ToneScale:
        found = [(number, float(picture.data.mean())) for number, picture in image.items()]
        return ToneScale((*(mean for _, mean in found), float(len(found)), float(found[0][0])))


class Scale(Node):
    def process(self, image: Image, scale: ToneScale) -> Image:
        return image.with_data(image.data * sum(scale.thresholds))


class Save(Node):
    """Writes the bytes of a picture."""

    path: OutputPath = param(help="the files", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def process(self, image: Image, frame: Frame, key: Key) -> Path:
        (path,) = self.writes(frame)
        write_bytes(path, image.data.numpy().tobytes())
        write_sidecar(path, key)
        return Path(path)


class SaveClip(Node):
    path: OutputPath = param(help="the file", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, image: Clip[Image], key: Key) -> Path:
        write_bytes(self.path, b"".join(picture.data.numpy().tobytes() for picture in image))
        write_sidecar(self.path, key)
        return Path(self.path)


def chain(*nodes: Node, frames: str = FRAMES, path: str = "out/a.####.bin") -> Graph:
    """EngineRamp -> nodes -> Save."""
    graph = Graph(frames=frames)
    last = graph.add(EngineRamp(), "ramp")
    for number, node in enumerate(nodes):
        last = graph.add(node, f"n{number}", **{next(iter(node.signature.inputs)): last})
    graph.add(Save(path=path), "save", image=last)
    return graph


def shot() -> Graph:
    """Neighbours of neighbours, batches, and a measurement over the shot, in one graph."""
    graph = chain(EngineBlur(reach=1), Pairwise(), EngineBlur(reach=2), path="out/all.####.bin")
    scale = graph.add(Mean(), "mean", image=graph.add(Pairwise(batch=5), "more", image=graph.add(EngineRamp(gain=0.5), "other")))
    graph.add(
        Save(path="out/scaled.####.bin"), "end", image=graph.add(Scale(), "scale", image=graph.add(EngineRamp(), "third"), scale=scale)
    )
    return graph


def written(folder: Path) -> dict[str, bytes]:
    """Every file but sidecars, and keys as the sidecars note them."""
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and ".rotonodes" not in path.parts}


def ran(result: Result) -> dict[str, int]:
    """How often each node ran, without those that did not."""
    return {name: stats.ran for name, stats in result.stats.items() if stats.ran}


# How the work is cut.


def whole(graph: Graph, root: Path) -> None:
    assert run(graph, root=str(root)).exit_code == 0


def by_frames(graph: Graph, root: Path) -> None:
    for frame in range(12, 0, -1):
        assert run(graph, root=str(root), frames=[frame]).exit_code == 0


def by_chunks(graph: Graph, root: Path) -> None:
    for frames in ("1-5", "9-12", "6-8"):
        assert run(graph, root=str(root), frames=frames).exit_code == 0


def by_steps(graph: Graph, root: Path) -> None:
    for frames in ("1-12x3", "12-1x2", "1-12"):
        assert run(graph, root=str(root), frames=frames, cache="none").exit_code == 0


def with_threads(graph: Graph, root: Path) -> None:
    assert run(graph, root=str(root), threads=5, batch=4).exit_code == 0


def with_one_thread(graph: Graph, root: Path) -> None:
    assert run(graph, root=str(root), threads=1, batch=1, cache="none").exit_code == 0


@pytest.mark.parametrize("cut", [by_frames, by_chunks, by_steps, with_threads, with_one_thread])
def test_how_the_work_is_cut_changes_nothing(tmp_path: Path, cut: Callable[[Graph, Path], None]) -> None:
    whole(shot(), tmp_path / "whole")
    cut(shot(), tmp_path / "cut")
    made = written(tmp_path / "cut")
    assert made == written(tmp_path / "whole")
    assert len(made) == 12 * 2 * 2


def test_neighbours_beyond_the_ends_of_the_shot_are_not_there(tmp_path: Path) -> None:
    seen: dict[int, tuple[int, ...]] = {}

    class Look(Node):
        def needs(self, frame: int) -> Iterable[int]:
            return (frame - 1, frame, frame + 1)

        def process(self, image: Clip[Image], frame: Frame) -> Image:
            seen[frame] = image.frames
            return next(iter(image))

    run(chain(Look(), frames="3-6"), root=str(tmp_path), frames="3,5-6")
    assert seen == {3: (3, 4), 5: (4, 5, 6), 6: (5, 6)}


def test_frames_outside_of_the_graphs_range_can_be_delivered(tmp_path: Path) -> None:
    result = run(chain(frames="1-3"), root=str(tmp_path), frames="7")
    assert result.exit_code == 0
    assert (tmp_path / "out/a.0007.bin").exists()


def test_neighbours_are_made_once_in_a_run(tmp_path: Path) -> None:
    result = run(chain(EngineBlur(reach=1), EngineBlur(reach=1)), root=str(tmp_path), threads=1)
    assert ran(result) == {"ramp": 12, "n0": 12, "n1": 12, "save": 12}


def test_batches_are_of_the_size_asked_for(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Count(Node):
        batch: int | None = param(None, help="frames at once", pixels=False)

        def process(self, image: Batch[Image]) -> Batch[Image]:
            sizes.append(len(image))
            return image

    run(chain(Count(batch=5)), root=str(tmp_path), cache="none")
    assert sum(sizes) == 12 and max(sizes) == 5
    sizes.clear()
    run(chain(Count(batch=5)), root=str(tmp_path), batch=2, force=True)
    assert sum(sizes) == 12 and max(sizes) == 2


def test_frames_of_several_sizes_go_through_a_batch_node(tmp_path: Path) -> None:
    class Grow(Node):
        def process(self, frame: Frame) -> Image:
            return Image(torch.ones(1, 1 + frame // 3, 2))

    graph = Graph(frames=FRAMES)
    graph.add(Save(path="a.####.bin"), image=graph.add(Pairwise(batch=6), image=graph.add(Grow())))
    assert run(graph, root=str(tmp_path)).exit_code == 0
    assert [len((tmp_path / f"a.{f:04d}.bin").read_bytes()) // 8 for f in range(1, 13)] == [1 + f // 3 for f in range(1, 13)]


def test_the_time_of_a_node_is_no_longer_than_the_run(tmp_path: Path) -> None:
    """Also of one whose values come from the cache."""

    class Slow(Node):
        cached = True

        def process(self, frame: Frame) -> Image:
            return Image(torch.full((3, 1, 1), float(frame)))

    graph = Graph(frames="1-3")
    graph.add(WriteFrames(path="a.####.exr"), image=graph.add(Slow(), "slow"))
    for force, kind in ((False, "ran"), (True, "cached")):
        if force:
            for file in tmp_path.glob("a.*.exr"):
                file.unlink()
        result = run(graph, root=str(tmp_path), threads=1)
        assert getattr(result.stats["slow"], kind) == 3
        assert all(0 <= stats.seconds <= result.seconds for stats in result.stats.values())


@pytest.mark.parametrize("kinds", [((2, "RGB"), (2, "XYZ")), ((2, "RGB"), (3, "RGB"))], ids=["channels", "sizes"])
def test_pictures_of_other_channels_or_sizes_are_not_stacked(tmp_path: Path, kinds: tuple[tuple[int, str], ...]) -> None:
    """Equal shapes are not enough: a node that takes channels by name would read one picture by the names of another."""
    named = {number: tuple(channels) for number, (_, channels) in enumerate(kinds)}
    batches: list[list[Image]] = []

    class Alternate(Node):
        def process(self, frame: Frame) -> Image:
            width, channels = kinds[frame // 4 % 2]
            return Image(torch.ones(3, 1, width), tuple(channels))

    class Stacked(Node):
        batch: int | None = param(6, help="frames at once", pixels=False)

        def process(self, image: Batch[Image]) -> Batch[Image]:
            batches.append(list(image.like))
            return image

    class Names(Node):
        path: OutputPath = param(help="where the names are written", pixels=False)

        def writes(self, frame: int | None) -> tuple[str, ...]:
            return (FilePattern(self.path).path(frame),)

        def process(self, image: Image, frame: Frame) -> Path:
            (file,) = self.writes(frame)
            Path(file).write_text(" ".join(image.channels))
            return Path(file)

    graph = Graph(frames=FRAMES)
    graph.add(Names(path="a.####.txt"), image=graph.add(Stacked(), image=graph.add(Alternate())))
    assert run(graph, root=str(tmp_path)).exit_code == 0
    assert all(len({(value.channels, value.size) for value in batch}) == 1 for batch in batches)
    # Neighbours of one kind stay together: frames 1-3 and 4-6 of the first batch, 7, 8-11 and 12 of the second.
    assert sorted(len(batch) for batch in batches) == [1, 1, 3, 3, 4]
    for frame in range(1, 13):
        assert (tmp_path / f"a.{frame:04d}.txt").read_text() == " ".join(named[frame // 4 % 2])


def test_a_cached_copy_is_written_bit_for_bit_like_the_picture_itself(tmp_path: Path) -> None:
    """Colour under alpha 0 and codes of 16 bits are in the file's own samples alone, which a cache does not keep."""
    from rotonodes.io.png import read_png, write_png
    from rotonodes.nodes import LoadFrames, WriteFrames

    class Untouched(Node):
        cached: ClassVar[bool] = True

        def process(self, image: Image) -> Image:
            return image

    samples = np.random.default_rng(0).integers(0, 65536, (5, 6, 4)).astype(np.uint16)
    samples[:2, :, 3] = 0
    write_png(tmp_path / "in.png", samples)
    for _ in range(2):
        graph = Graph(frames="1")
        kept = graph.add(Untouched(), image=graph.add(LoadFrames(path="in.png")).image)
        graph.add(WriteFrames(path="out.png"), image=kept)
        assert run(graph, root=str(tmp_path)).exit_code == 0
        assert np.array_equal(read_png(tmp_path / "out.png"), samples)
        (tmp_path / "out.png").unlink()


def test_out_of_memory_halves_the_batch_and_goes_on(tmp_path: Path) -> None:
    tried: list[int] = []

    class Large(Node):
        batch: int | None = param(8, help="frames at once", pixels=False)

        def process(self, image: Batch[Image]) -> Batch[Image]:
            tried.append(len(image))
            if len(image) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return image

    result = run(chain(Large(), frames="1-16"), root=str(tmp_path), threads=1)
    assert result.exit_code == 0
    assert tried[:3] == [8, 4, 2] and set(tried[3:]) == {2}
    assert result.delivered == 16


# What is there already.


def test_running_twice_does_nothing_the_second_time(tmp_path: Path) -> None:
    first = run(shot(), root=str(tmp_path))
    assert ran(first)["mean"] == 1
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.bin")}
    second = run(shot(), root=str(tmp_path))
    assert second.plan.is_empty and not ran(second)
    assert second.stats["save"].done == second.stats["end"].done == 12
    assert second.delivered == 12
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.bin")} == stamps


def test_a_changed_parameter_reruns_what_depends_on_it(tmp_path: Path) -> None:
    def graph(gain: float) -> Graph:
        graph = Graph(frames="1-4")
        plate, other = graph.add(EngineRamp(), "plate"), graph.add(EngineRamp(gain=gain), "other")
        graph.add(Save(path="a.####.bin"), "a", image=plate)
        graph.add(Save(path="b.####.bin"), "b", image=graph.add(EngineBlur(reach=0), "blur", image=other))
        return graph

    run(graph(1.0), root=str(tmp_path))
    before = written(tmp_path)
    result = run(graph(2.0), root=str(tmp_path))
    assert ran(result) == {"other": 4, "blur": 4, "b": 4}
    after = written(tmp_path)
    assert {name for name in after if after[name] != before[name] and name.endswith(".bin")} == {f"b.{f:04d}.bin" for f in range(1, 5)}


def test_a_deleted_or_damaged_frame_is_made_again_alone(tmp_path: Path) -> None:
    run(chain(), root=str(tmp_path))
    (tmp_path / "out/a.0003.bin").unlink()
    (tmp_path / "out/a.0007.bin").write_bytes(b"short")
    result = run(chain(), root=str(tmp_path))
    assert ran(result) == {"ramp": 2, "save": 2}
    assert result.plan.reasons["save"] == {"not there": [3], "damaged, or not made by rotonodes": [7]}


def test_force_makes_everything_again(tmp_path: Path) -> None:
    run(shot(), root=str(tmp_path))
    assert ran(run(shot(), root=str(tmp_path), force=True)) == ran(run(shot(), root=str(tmp_path / "new")))


def test_what_is_cached_is_not_made_again(tmp_path: Path) -> None:
    class Slow(Node):
        cached = True

        def process(self, image: Image) -> Image:
            return image

    run(chain(Slow()), root=str(tmp_path))
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    result = run(chain(Slow()), root=str(tmp_path))
    assert ran(result) == {"save": 12}
    assert result.stats["n0"].cached == 12


def test_a_value_made_once_counts_as_cached_when_it_is(tmp_path: Path) -> None:
    class Still(Node):
        cached = True

        def process(self) -> ToneScale:
            return ToneScale((0.5,))

    graph = Graph(frames="1-3")
    graph.add(Save(path="a.####.bin"), image=graph.add(Scale(), image=graph.add(EngineRamp()), scale=graph.add(Still(), "still")))
    for counts in ((1, 0), (0, 1)):
        result = run(graph, root=str(tmp_path))
        assert (result.stats["still"].ran, result.stats["still"].cached) == counts
        for path in tmp_path.glob("a.*.bin"):
            path.unlink()


def test_a_damaged_cache_entry_is_made_anew(tmp_path: Path) -> None:
    class Slow(Node):
        cached = True

        def process(self, image: Image) -> Image:
            return image

    run(chain(Slow(), frames="1-3"), root=str(tmp_path))
    wanted = written(tmp_path / "out")
    for entry in (tmp_path / ".rotonodes").rglob("*.image"):
        entry.write_bytes(b"damaged")
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    failed = run(chain(Slow(), frames="1-3"), root=str(tmp_path), on_error="continue")
    if failed.exit_code:
        assert all("cache" in failure.reason for failure in failed.failures)
        assert run(chain(Slow(), frames="1-3"), root=str(tmp_path)).exit_code == 0
    assert written(tmp_path / "out") == wanted


def test_a_disabled_node_is_stepped_over(tmp_path: Path) -> None:
    def load(disable: str) -> Graph:
        path = tmp_path / "g.yaml"
        path.write_text(
            "rotonodes: 1\nframes: 1-3\nnodes:\n  r: {type: EngineRamp}\n"
            f"  b: {{type: EngineBlur, in: r, disable: {disable}}}\n  s: {{type: Save, in: b, path: 'a.####.bin'}}\n"
        )
        return Graph.load(path)

    assert ran(run(load("true"), root=str(tmp_path))) == {"r": 3, "s": 3}
    again = run(chain(frames="1-3", path="a.####.bin"), root=str(tmp_path))
    assert again.plan.is_empty, "a disabled node's output is its input"
    assert ran(run(load("false"), root=str(tmp_path))) == {"r": 3, "b": 3, "s": 3}


# Whole clips.


@pytest.mark.parametrize("frames", [None, "5", "3-4", "12-1"])
def test_a_clip_is_measured_over_the_whole_shot(tmp_path: Path, frames: str | None) -> None:
    result = run(shot(), root=str(tmp_path), frames=frames)
    (values,) = [v for name, v in result.values.items() if name == "mean"]
    assert values["scale"].thresholds[-2:] == (12.0, 1.0)
    assert result.stats["other"].ran == 12


def test_a_writer_of_clips_takes_what_is_delivered(tmp_path: Path) -> None:
    graph = Graph(frames=FRAMES)
    graph.add(SaveClip(path="clip.bin"), image=graph.add(EngineRamp()))
    run(graph, root=str(tmp_path), frames="2-3")
    assert len((tmp_path / "clip.bin").read_bytes()) == 2 * 3 * 5 * 7 * 4
    run(graph, root=str(tmp_path))
    assert len((tmp_path / "clip.bin").read_bytes()) == 12 * 3 * 5 * 7 * 4


def clip_node(body: Callable[[Clip[Image], Clip[Image]], Any]) -> type[Node]:
    class Both(Node):
        def process(self, a: Clip[Image], b: Clip[Image]) -> ToneScale:
            return ToneScale(tuple(body(a, b)))

    return Both


def in_step(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    for (frame, x), y in zip(a.items(), b, strict=True):
        yield frame + float((x.data + y.data).mean())


def one_after_the_other(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    yield from (float(x.data.mean()) for x in a)
    yield from (float(y.data.mean()) for y in b)


def second_first(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    yield from one_after_the_other(b, a)


def twice(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    yield from in_step(a, b)
    yield from in_step(b, a)


def partly(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    first = iter(a)
    yield float(next(first).data.mean())
    yield float(next(first).data.mean())
    yield from (float(y.data.mean()) for y in b)


def only_one(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    yield from (float(x.data.mean()) for x in b)


def neither(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    yield float(len(a))


def apart(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    """One input runs seven frames ahead, then the other catches up."""
    first, second = iter(a), iter(b)
    yield from (float(next(first).data.mean()) for _ in range(7))
    yield from (float(next(second).data.mean()) for _ in range(3))
    yield from (float(x.data.mean()) for x in first)
    yield from (float(y.data.mean()) for y in second)


def lagging(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    """Two iterators of one clip, the second some frames behind the first, and the other clip in step with it."""
    first, second, other = iter(a), iter(a), iter(b)
    behind = len(a) // 3
    for at in range(len(a)):
        yield float(next(first).data.mean())
        if at >= behind:
            yield float(next(second).data.mean()) + float(next(other).data.mean())
    yield from (float(x.data.mean()) for x in second)


def far_apart(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    """One input ends before the other begins, after both were begun."""
    first, second = iter(a), iter(b)
    yield float(next(first).data.mean()) + float(next(second).data.mean())
    yield from (float(x.data.mean()) for x in first)
    yield from (float(y.data.mean()) for y in second)


def nested(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
    for x in list(a)[:2]:
        yield from (float((x.data * y.data).mean()) for y in b)


@pytest.mark.parametrize("body", [in_step, one_after_the_other, second_first, twice, partly, only_one, neither, apart, lagging, nested])
@pytest.mark.parametrize("threads", [1, 3])
def test_clips_can_be_iterated_in_any_way(tmp_path: Path, body: Any, threads: int) -> None:
    iterated(tmp_path, body, threads, 9)


@pytest.mark.parametrize("body", [apart, lagging, far_apart, in_step])
def test_long_clips_do_not_wait_for_an_iterator_that_lags(tmp_path: Path, body: Any) -> None:
    """Longer than what is in flight at once: an iterator that waits for frames that another one holds up would hang the run."""
    iterated(tmp_path, body, 1, 60)


def iterated(tmp_path: Path, body: Any, threads: int, length: int) -> None:
    graph = Graph(frames=f"1-{length}")
    a, b = graph.add(EngineRamp(), "a"), graph.add(Pairwise(), "b", image=graph.add(EngineRamp(gain=3.0)))
    graph.add(clip_node(body)(), "both", a=a, b=b)
    done: list[Result] = []
    thread = threading.Thread(target=lambda: done.append(run(graph, root=str(tmp_path), threads=threads)), daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert done, "the run hangs"
    assert done[0].exit_code == 0
    pictures = [EngineRamp()(frame=f) for f in range(1, length + 1)]
    others = [Pairwise()(EngineRamp(gain=3.0)(frame=f)) for f in range(1, length + 1)]
    assert done[0].values["both"]["scale"].thresholds == tuple(body(Clip.of(pictures), Clip.of(others)))


def test_a_clip_node_that_fails_does_not_hang_the_run(tmp_path: Path) -> None:
    def fail(a: Clip[Image], b: Clip[Image]) -> Iterator[float]:
        next(iter(a))
        raise FrameError("nothing to measure")

    graph = Graph(frames=FRAMES)
    source = graph.add(EngineRamp())
    graph.add(clip_node(fail)(), "both", a=source, b=source)
    graph.add(Save(path="a.####.bin"), image=source)
    result = run(graph, nodes=["both", "save"], root=str(tmp_path), on_error="continue")
    assert [str(failure) for failure in result.failures] == ["both: nothing to measure"]
    assert (result.exit_code, result.missing_clips) == (1, ("both",))
    assert len(list(tmp_path.glob("a.*.bin"))) == 12


def test_two_measurements_in_a_row_are_two_stages(tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    source = graph.add(EngineRamp())
    first = graph.add(Scale(), image=source, scale=graph.add(Mean(), "m1", image=source))
    graph.add(Save(path="a.####.bin"), image=graph.add(Scale(), image=source, scale=graph.add(Mean(), "m2", image=first)))
    result = run(graph, root=str(tmp_path))
    assert [list(stage.sinks) for stage in result.plan.stages] == [["m1"], ["m2"], ["save"]]
    assert result.exit_code == 0
    later = run(graph, root=str(tmp_path), frames="2", force=True)
    assert later.values["m2"]["scale"] == result.values["m2"]["scale"]


def test_only_a_named_node_is_made_and_kept(tmp_path: Path) -> None:
    result = run(shot(), root=str(tmp_path), nodes=["n0"], frames="4")
    assert ran(result) == {"ramp": 3, "n0": 1}
    assert run(shot(), root=str(tmp_path), nodes=["n0"], frames="4").plan.is_empty
    with pytest.raises(UsageError, match="did you mean 'save'"):
        run(shot(), root=str(tmp_path), nodes=["sav"])


# Failures.


def failing(*frames: int) -> Graph:
    graph = Graph(frames=FRAMES)
    blur = graph.add(EngineBlur(reach=1), "blur", image=graph.add(EngineRamp(fails=list(frames)), "ramp"))
    graph.add(Save(path="a.####.bin"), "save", image=blur)
    return graph


def test_on_error_continue_renders_what_can_be_rendered(tmp_path: Path) -> None:
    result = run(failing(4, 9), root=str(tmp_path), on_error="continue")
    assert sorted(map(str, result.failures)) == ["ramp: frame 4: plate.0004.png: truncated", "ramp: frame 9: plate.0009.png: truncated"]
    assert result.exit_code == 1
    assert result.missing == (3, 4, 5, 8, 9, 10)
    assert result.failed_frames() == (4, 9)
    assert sorted(p.name for p in tmp_path.glob("a.*")) == [f"a.{f:04d}.bin" for f in (1, 2, 6, 7, 11, 12)]
    wanted = run(failing(), root=str(tmp_path))
    assert ran(wanted)["save"] == 6 and wanted.delivered == 12


def test_on_error_stop_keeps_what_is_finished(tmp_path: Path) -> None:
    result = run(failing(6), root=str(tmp_path), threads=1)
    assert [str(failure) for failure in result.failures] == ["ramp: frame 6: plate.0006.png: truncated"]
    done = sorted(p.name for p in tmp_path.glob("a.*"))
    assert set(done) <= {f"a.{f:04d}.bin" for f in (1, 2, 3, 4, 8, 9, 10, 11, 12)}
    assert 12 not in [int(name.split(".")[1]) for name in done], "a run that stops at a failure goes no further"
    assert result.exit_code == 1
    resumed = run(failing(), root=str(tmp_path))
    assert resumed.stats["save"].done == len(done)
    assert resumed.stats["save"].ran == 12 - len(done)
    run(chain(EngineBlur(reach=1), path="a.####.bin"), root=str(tmp_path / "fresh"))
    assert written(tmp_path) == written(tmp_path / "fresh")


def test_one_bad_frame_does_not_take_its_batch_with_it(tmp_path: Path) -> None:
    class Picky(Node):
        batch: int | None = param(4, help="frames at once", pixels=False)

        def process(self, image: Batch[Image]) -> Batch[Image]:
            if (image.data.mean((1, 2, 3)) > 10).any():
                raise FrameError("too bright")
            return image

    class Flash(Node):
        def process(self, frame: Frame) -> Image:
            return Image(torch.full((3, 1, 1), 99.0 if frame == 6 else 1.0))

    graph = Graph(frames=FRAMES)
    graph.add(Save(path="a.####.bin"), image=graph.add(Picky(), "picky", image=graph.add(Flash())))
    result = run(graph, root=str(tmp_path), on_error="continue")
    assert [str(failure) for failure in result.failures] == ["picky: frame 6: too bright"]
    assert result.missing == (6,)


def test_what_hangs_on_a_failed_frame_says_nothing(tmp_path: Path) -> None:
    warnings: list[str] = []

    class Listen(Reporter):
        def on_warning(self, text: str) -> None:
            warnings.append(text)

    graph = failing(4)
    graph.add(Mean(), "mean", image=graph.add(EngineRamp(fails=[2]), "other"))
    result = run(graph, root=str(tmp_path), on_error="continue", reporter=Listen())
    assert sorted((failure.node, failure.frame) for failure in result.failures) == [("other", 2), ("ramp", 4)]
    assert warnings == ["mean: not made, because a frame that it needs failed"]
    assert result.missing_clips == ("mean",)


def test_an_error_that_nobody_foresaw_fails_its_frame(tmp_path: Path) -> None:
    class Buggy(Node):
        def process(self, image: Image, frame: Frame) -> Image:
            return image if frame != 2 else image.no_such_thing  # type: ignore[attr-defined]

    result = run(chain(Buggy(), frames="1-3"), root=str(tmp_path), on_error="continue")
    (failure,) = result.failures
    assert str(failure).startswith("n0: frame 2: AttributeError: ")
    assert "no_such_thing" in failure.trace
    assert result.missing == (2,)


def test_a_broken_frame_beside_a_full_disk_does_not_ask_to_try_again(tmp_path: Path) -> None:
    """The same task would fail again: 75 is for runs of which every failure may go away."""

    class Mixed(Node):
        broken: int = 0

        def process(self, image: Image, frame: Frame) -> Image:
            raise FrameError("truncated") if frame == self.broken else RetryError("disk full: free some space and run again")

    for broken, code in ((0, 75), (2, 1), (1, 1), (3, 1)):
        result = run(chain(Mixed(broken=broken), frames="1-3"), root=str(tmp_path), on_error="continue", threads=1)
        assert (len(result.failures), result.exit_code) == (3, code)


@pytest.mark.parametrize("wrong", [Matte(torch.zeros(1, 2, 2)), torch.zeros(3, 2, 2), "a text"], ids=lambda value: type(value).__name__)
def test_an_output_of_the_wrong_kind_fails_where_it_was_made(tmp_path: Path, wrong: Any) -> None:
    """Not in the node behind it, and never in a file or in the cache."""

    class Wrong(Node):
        cached = True

        def process(self, image: Image, frame: Frame) -> Image:
            return wrong if frame == 2 else image  # type: ignore[no-any-return]

    result = run(chain(Wrong(), frames="1-3"), root=str(tmp_path), on_error="continue")
    (failure,) = result.failures
    assert str(failure) == (f"n0: frame 2: its process gave {type(wrong).__name__} for the output 'image', which is declared as Image")
    assert (result.missing, result.exit_code) == ((2,), 1)


def test_the_picture_beside_a_clip_is_its_first_frame(tmp_path: Path) -> None:
    class Beside(Node):
        def process(self, picture: Image, clip: Clip[Image]) -> ToneScale:
            return ToneScale((float(picture.data.mean()), *(float(value.data.mean()) for value in clip)))

    for frames in ("4-9", "9-4"):
        graph = Graph(frames=frames)
        graph.add(Beside(), "beside", picture=graph.add(EngineRamp(gain=3.0)), clip=graph.add(EngineRamp()))
        result = run(graph, root=str(tmp_path), cache="none")
        order = range(4, 10) if frames == "4-9" else range(9, 3, -1)
        expected = (float(EngineRamp(gain=3.0)(frame=order[0]).data.mean()), *(float(EngineRamp()(frame=f).data.mean()) for f in order))
        assert result.values["beside"]["scale"].thresholds == expected


def test_a_full_disk_asks_to_try_again(tmp_path: Path) -> None:
    class Full(Node):
        def process(self, image: Image) -> Image:
            raise RetryError("disk full while writing a.png: free some space and run again")

    assert run(chain(Full()), root=str(tmp_path)).exit_code == 75


def test_a_wrong_graph_is_said_once_and_raised(tmp_path: Path) -> None:
    class Unfit(Node):
        def process(self, image: Image) -> Image:
            raise UsageError("the network has no class 'shadow'")

    with pytest.raises(UsageError, match="no class"):
        run(chain(Unfit()), root=str(tmp_path), on_error="continue")
    assert not list(tmp_path.rglob("*.bin"))


def test_an_asked_for_stop_is_clean(tmp_path: Path) -> None:
    stop = threading.Event()

    class Stopper(Node):
        def process(self, image: Image, frame: Frame) -> Image:
            if frame == 5:
                stop.set()
            return image

    with pytest.raises(Interrupted, match="continues from there"):
        run(chain(Stopper(), frames="1-200"), root=str(tmp_path), stop=stop)
    done = len(list(tmp_path.rglob("a.*.bin")))
    assert 0 < done < 200
    result = run(chain(Stopper(), frames="1-200"), root=str(tmp_path))
    assert result.exit_code == 0 and result.stats["save"].done == done


@pytest.mark.parametrize("after", range(1, 9))
def test_a_stop_does_not_leave_two_clips_waiting_for_each_other(tmp_path: Path, after: int) -> None:
    """The first clip waits for a frame that is never begun, in a chunk that stays open until the second has passed."""
    stop, ended = threading.Event(), threading.Event()

    class Both(Node):
        def process(self, image: Clip[Image], other: Clip[Image]) -> ToneScale:
            for number, (one, _) in enumerate(zip(image, other, strict=True), start=1):
                if number == after:
                    stop.set()
                brightest = float(one.data.max())
            return ToneScale((brightest,))

    graph = Graph(frames="1-200")
    ramp = graph.add(EngineRamp(), "ramp")
    scale = graph.add(Both(), "both", image=ramp, other=ramp)
    graph.add(Save(path="out/a.####.bin"), "save", image=graph.add(Scale(), "scale", image=ramp, scale=scale))

    def work() -> None:
        with pytest.raises(Interrupted):
            run(graph, root=str(tmp_path), stop=stop, threads=2, cache="none")
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    assert ended.wait(30), "the run hangs"


def test_no_threads_are_left_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    run(shot(), root=str(tmp_path))
    run(failing(3), root=str(tmp_path))
    assert threading.active_count() == before


# What nodes ask for.


def test_outputs_that_nobody_links_are_not_wanted(tmp_path: Path) -> None:
    asked: list[frozenset[str]] = []

    class Two(Node):
        def outputs(self) -> dict[str, type]:
            return {"image": Image, "matte": Matte}

        def process(self, image: Image, wanted: Wanted) -> dict[str, Any]:
            asked.append(frozenset(wanted))
            return {"image": image, "matte": None}

    run(chain(Two(), frames="1-2"), root=str(tmp_path))
    assert set(asked) == {frozenset({"image"})}


def test_a_still_is_read_once_and_serves_every_frame(tmp_path: Path) -> None:
    class Still(Node):
        path: InputPath = param(help="a file")

        def process(self) -> Image:
            return Image(torch.full((3, 5, 7), float(Path(self.path).read_text())))

    class Add(Node):
        def process(self, a: Image, b: Image) -> Image:
            return a.with_data(a.data + b.data)

    (tmp_path / "still.txt").write_text("2")
    graph = Graph(frames=FRAMES)
    both = graph.add(Add(), a=graph.add(EngineRamp()), b=graph.add(Still(path="still.txt"), "still"))
    graph.add(Save(path="a.####.bin"), "save", image=both)
    result = run(graph, root=str(tmp_path))
    assert result.stats["still"].ran == 1 and result.stats["save"].ran == 12
    (tmp_path / "still.txt").write_text("31")
    assert run(graph, root=str(tmp_path)).stats["save"].ran == 12


def test_devices_are_checked_before_anything_runs(tmp_path: Path) -> None:
    for name in ("gpu", "cuda:x", "cuda:99", "cpu:1"):
        with pytest.raises(UsageError):
            run(chain(), root=str(tmp_path), device=name)
    assert not list(tmp_path.iterdir())
    assert choose_device("cpu") == "cpu"


def test_a_clip_that_is_iterated_again_tells_of_no_frame_again(tmp_path: Path) -> None:
    told: list[int] = []

    class Listen(Reporter):
        def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
            told.append(frame)

    graph = Graph(frames="1-5")
    a, b = graph.add(EngineRamp(), "a"), graph.add(EngineRamp(gain=3.0), "b")
    graph.add(clip_node(twice)(), "both", a=a, b=b)
    assert run(graph, root=str(tmp_path), reporter=Listen()).exit_code == 0
    assert sorted(told) == [1, 2, 3, 4, 5]


def test_a_run_is_told_in_order(tmp_path: Path) -> None:
    told: list[Any] = []

    class Listen(Reporter):
        def on_stage(self) -> None:
            told.append(self.stage_title)

        def on_frame(self, frame: int, seconds: float, ok: bool) -> None:
            told.append(frame)

        def on_end(self, result: Result) -> None:
            told.append(result.exit_code)

    run(shot(), root=str(tmp_path), reporter=Listen())
    assert [said for said in told if isinstance(said, str)] == ["mean, save", "end"] and told[-1] == 0
    assert told.index("end") == 13
    assert sorted(told[1:13]) == sorted(told[14:-1]) == list(range(1, 13))


class GivesMattes(Node):
    """Declares a picture, and gives a matte."""

    several: bool = param(False, help="several outputs")

    def process(self, image: Image) -> Image:
        return Matte(image.data[:1])  # type: ignore[return-value]


class GivesMattesInBatches(Node):
    """The same, of stacked frames."""

    def process(self, image: Batch[Image]) -> Batch[Image]:
        return Batch.of([Matte(one.data[:1]) for one in image.split()])  # type: ignore[list-item]


@pytest.mark.parametrize("node", [GivesMattes(), GivesMattesInBatches()], ids=lambda node: node.type_name)
def test_an_output_of_another_kind_fails_its_frame(node: Node, tmp_path: Path) -> None:
    """A studio node's mistake is said where it is made, not by the node that gets it."""
    from rotonodes.nodes import WriteFrames

    graph = Graph(frames="1-2")
    made = graph.add(node, "wrong", image=graph.add(EngineRamp(), "ramp"))
    graph.add(WriteFrames(path=str(tmp_path / "a.####.png")), "end", image=made)
    result = run(graph, cache="none", device="cpu", on_error="continue")
    assert result.exit_code == 1 and not list(tmp_path.glob("*.png"))
    assert {(failure.node, failure.frame) for failure in result.failures} == {("wrong", 1), ("wrong", 2)}
    text = " ".join(str(failure) for failure in result.failures)
    assert "its process gave Matte for the output 'image', which is declared as Image" in text
