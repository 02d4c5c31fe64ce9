"""A device with a thread of its own: how many frames it takes at once, and that it does nothing but compute. The CPU stands for the GPU."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rotonodes import Graph, run
from rotonodes.engine import run as engine_run
from rotonodes.engine.batches import BatchLimits
from rotonodes.engine.evaluate import Evaluator
from rotonodes.engine.pool import Pools
from rotonodes.errors import FrameError
from rotonodes.machine.devices import GpuMemory, peak_gpu_memory
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.nodes import WriteFrames
from rotonodes.plan.cache import Cache
from rotonodes.values.pixels import Batch, Image

CALLS: list[tuple[str, int, int]] = []  # thread, frames, width


class BatchRamp(Node):
    """A picture of each frame; from frame 7 on it is wider."""

    def process(self, frame: Frame) -> Image:
        return Image(torch.full((3, 4, 5 if frame < 7 else 9), frame / 100))


class BatchWork(Node):
    """Takes batches and is cached, as a network is."""

    cached = True

    batch: int | None = param(None, help="frames at once", pixels=False)
    tile: int = param(0, help="side of tiles")
    most: int = param(1000, help="more frames do not fit", pixels=False)

    def working_bytes(self, width: int, height: int) -> int:
        return 9_400_000_000

    def process(self, image: Batch[Image]) -> Batch[Image]:
        CALLS.append((threading.current_thread().name, len(image), image.data.shape[-1]))
        if len(image) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return image.with_data(image.data + 0.5)


class FakeMemory:
    """A device of 1000 bytes, of which each frame takes as many as it is wide, times a hundred."""

    def free(self) -> int:
        return 2_000

    def total(self) -> int:
        return 24_000_000_000

    def used_by(self, call: Callable[[], object]) -> tuple[object, int]:
        made = call()
        assert CALLS[-1][1] == 1, "a frame alone is measured"
        return made, CALLS[-1][2] * 100


@pytest.fixture(autouse=True)
def device_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that a run has for its GPU, and batches of eight as there."""
    CALLS.clear()
    monkeypatch.setattr(engine_run, "Pools", lambda threads, has_device, lost: Pools(threads, True, lost))
    monkeypatch.setattr("rotonodes.engine.schedule.chunk_size", lambda *_: 8)
    monkeypatch.setattr(Evaluator, "batch_size", lambda self, name: 8 if name == "work" else 1)


def worked(frames: str = "1-16", **settings: object) -> Graph:
    graph = Graph(frames=frames)
    work = graph.add(BatchWork(**settings), "work", image=graph.add(BatchRamp(), "ramp"))
    graph.add(WriteFrames(path="out/a.####.png"), "save", image=work)
    return graph


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "made" not in path.parts}


def test_the_thread_of_the_device_stores_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing and writing is done by other threads; what is in the cache at the end is the same."""
    store, threads = Cache.store, set()

    def noted(self: Cache, key: str, values: dict) -> None:
        threads.add(threading.current_thread().name.partition("-")[0])
        store(self, key, values)

    monkeypatch.setattr(Cache, "store", noted)
    beside, alone = tmp_path / "beside", tmp_path / "alone"
    beside.mkdir()
    alone.mkdir()
    assert run(worked(), root=str(beside), threads=2).exit_code == 0
    assert {name for name, *_ in CALLS} == {"device-0"} and threads == {"frames"}
    monkeypatch.setattr(engine_run, "Pools", Pools)
    assert run(worked(), root=str(alone), threads=2).exit_code == 0
    assert files(beside) == files(alone) and any("work" not in name and ".rotonodes" in name for name in files(beside))


def test_everything_is_stored_when_a_run_ends(tmp_path: Path) -> None:
    assert run(worked(), root=str(tmp_path), threads=1).exit_code == 0
    CALLS.clear()
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    assert run(worked(), root=str(tmp_path), threads=1).exit_code == 0
    assert not CALLS, "all frames come from the cache"


def test_what_cannot_be_stored_is_a_failed_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Cache.store

    def full(self: Cache, key: str, values: dict) -> None:
        if float(next(iter(values.values())).data[0, 0, 0]) == pytest.approx(0.53):
            raise FrameError("the disk is full")
        store(self, key, values)

    monkeypatch.setattr(Cache, "store", full)
    result = run(worked(), root=str(tmp_path), threads=2, on_error="continue")
    assert result.exit_code == 1
    assert [(failure.node, failure.frame, failure.reason) for failure in result.failures] == [("work", 3, "the disk is full")]


def test_a_batch_is_as_many_frames_as_fit_by_what_the_first_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2000 bytes 70 % are used: two frames of 500 bytes, one of 900. Each size is measured once."""
    monkeypatch.setattr("rotonodes.engine.evaluate.BatchLimits", lambda device: BatchLimits(device, FakeMemory()))
    result = run(worked(), root=str(tmp_path), threads=1)
    assert result.exit_code == 0 and result.delivered == 16
    assert [(count, width) for _, count, width in CALLS if width == 5] == [(1, 5), (2, 5), (2, 5), (1, 5)]
    assert [count for _, count, width in CALLS if width == 9] == [1] * 10


def test_a_batch_that_was_asked_for_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.engine.evaluate.BatchLimits", lambda device: BatchLimits(device, FakeMemory()))
    assert run(worked("7-14", batch=8), root=str(tmp_path), threads=1).exit_code == 0
    assert [count for _, count, _ in CALLS] == [8]


def test_what_did_not_fit_is_remembered_for_its_size_alone(tmp_path: Path) -> None:
    """Also when the same run has frames of another size: those are tried whole."""
    result = run(worked("1-6,7-14", most=4), root=str(tmp_path), threads=1)
    assert result.exit_code == 0
    assert [count for _, count, width in CALLS if width == 5] == [6, 3, 3]
    assert [count for _, count, width in CALLS if width == 9] == [2, 6, 3, 3]


def test_a_frame_that_does_not_fit_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.engine.evaluate.BatchLimits", lambda device: BatchLimits(device, FakeMemory()))
    result = run(worked("1", most=0), root=str(tmp_path), threads=1)
    assert result.exit_code == 1
    assert result.failures[0].reason == (
        "out of memory on cpu even for one frame of 5x4: it needs about 9.4 GB, 0.0 of 24.0 GB are free: "
        "set tile: 1024, or use --device cpu"
    )


def test_a_cpu_has_no_limits_and_is_not_measured() -> None:
    limits = BatchLimits("cpu")
    assert not limits.to_measure("work", ()) and limits.of("work", (), 7) == 7


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_memory_that_a_call_takes_on_a_gpu() -> None:
    memory = GpuMemory("cuda:0")
    assert 0 < memory.free() <= memory.total()
    _, used = memory.used_by(lambda: torch.zeros(1 << 20, device="cuda:0").double().sum())
    assert 12 << 20 <= used <= 20 << 20, "4 MB and 8 MB at once"
    large = memory.used_by(lambda: torch.zeros(1 << 24, device="cuda:0"))[1]
    memory.used_by(lambda: None)
    assert peak_gpu_memory("cuda:0") >= large >= 64 << 20, "the peak of the run is kept"
