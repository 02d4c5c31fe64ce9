"""The processes of a torchrun: who is who, and that all but the first one only help with what is shared out."""

from pathlib import Path
from typing import ClassVar

import pytest

from conftest import Call
from rotonodes import Graph, run
from rotonodes.errors import UsageError
from rotonodes.machine import torchrun
from rotonodes.machine.cores import cpu_count
from rotonodes.machine.devices import choose_device
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.nodes import LoadFrames, WriteFrames
from rotonodes.values.pixels import Clip, Image
from rotonodes.values.tones import ToneScale

SECOND = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process is the second of two."""
    for name, value in SECOND.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_without_torchrun_there_is_one_process() -> None:
    assert (torchrun.count(), torchrun.rank(), torchrun.is_first(), torchrun.local_rank(), torchrun.local_count()) == (1, 0, True, 0, 1)


def test_the_environment_says_who_this_is(second: pytest.MonkeyPatch) -> None:
    assert (torchrun.count(), torchrun.rank(), torchrun.is_first(), torchrun.local_rank(), torchrun.local_count()) == (2, 1, False, 1, 2)
    second.setenv("RANK", "0")
    assert torchrun.is_first()
    second.setenv("WORLD_SIZE", "many")
    assert torchrun.count() == 1


def test_numbers_that_a_cluster_sets_for_itself_mean_nothing(second: pytest.MonkeyPatch) -> None:
    second.delenv("MASTER_ADDR")
    assert (torchrun.count(), torchrun.is_first()) == (1, True)


def test_processes_share_the_cores_and_the_gpus(second: pytest.MonkeyPatch) -> None:
    import torch

    second.setenv("SLURM_CPUS_PER_TASK", "8")
    assert cpu_count() == 4
    second.setattr(torch.cuda, "is_available", lambda: True)
    second.setattr(torch.cuda, "device_count", lambda: 2)
    assert [choose_device(wanted) for wanted in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    with pytest.raises(UsageError, match=r"device cuda:0: each of the 2 processes needs its own GPU: use --device cuda"):
        choose_device("cuda:0")
    second.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto") == "cuda:0", "two processes can work on one GPU"


called: list[str] = []


class Measure(Node):
    """A whole-clip node that all processes make together."""

    shared: ClassVar[bool] = True
    cached: ClassVar[bool] = True
    note: str = param("measure", help="what is noted when it is called", pixels=False)

    def process(self, image: Clip[Image]) -> ToneScale:
        called.append(f"{self.note}, {len(list(image))} frames")
        return ToneScale((0.1, 0.3, 0.6))


class Print(Node):
    """A writer that hangs on it."""

    path: OutputPath = param(help="the file", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, scale: ToneScale) -> Path:
        called.append("print")
        Path(self.path).write_text(str(scale))
        return Path(self.path)


def graph(folder: Path, with_measure: bool = True) -> Graph:
    made = Graph(frames="1-3")
    plate = made.add(LoadFrames(path=str(folder / "plate.png")), "plate")
    made.add(WriteFrames(path=str(folder / "out/p.####.png")), "copy", image=plate.image)
    if with_measure:
        measured = made.add(Measure(), "measure", image=plate.image)
        made.add(Print(path=str(folder / "out/scale.txt")), "print", scale=measured)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from PIL import Image as Pictures

    called.clear()
    Pictures.new("RGB", (4, 4)).save(tmp_path / "plate.png")
    return tmp_path


def test_a_helper_makes_what_is_shared_and_writes_nothing(folder: Path, second: pytest.MonkeyPatch) -> None:
    result = run(graph(folder), cache=str(folder / "cache"), device="cpu")
    assert result.exit_code == 0
    assert called == ["measure, 3 frames"]
    assert [path.name for path in folder.iterdir()] == ["plate.png"]


def test_the_first_process_does_it_all(folder: Path, second: pytest.MonkeyPatch) -> None:
    second.setenv("RANK", "0")
    assert run(graph(folder), cache=str(folder / "cache"), device="cpu").exit_code == 0
    assert called == ["measure, 3 frames", "print"]
    assert len(list((folder / "out").glob("p.*.png"))) == 3


def test_what_the_first_finds_in_the_cache_nobody_makes(folder: Path, second: pytest.MonkeyPatch) -> None:
    second.setenv("RANK", "0")
    run(graph(folder), cache=str(folder / "cache"), device="cpu")
    (folder / "out/scale.txt").unlink()
    called.clear()
    for rank in ("1", "0"):
        second.setenv("RANK", rank)
        assert run(graph(folder), cache=str(folder / "cache"), device="cpu").exit_code == 0
    assert called == ["print"]


def test_a_graph_without_anything_shared_is_not_for_helpers(folder: Path, second: pytest.MonkeyPatch) -> None:
    assert run(graph(folder, with_measure=False), cache=str(folder / "cache"), device="cpu").exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["plate.png"]


def test_a_helper_says_nothing_but_its_faults(swatches: Call, tmp_path: Path, second: pytest.MonkeyPatch) -> None:
    ended = swatches("run", "--stats", "stats.json", "--progress", "plain")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert not (tmp_path / "stats.json").exists()
    assert not (tmp_path / "out").exists()
    ended = swatches("run", "--var", "nonsense=1")
    assert ended.code == 2
    assert ended.err.startswith("process 2 of 2: ")
