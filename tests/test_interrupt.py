"""Runs that are killed, terminated or interrupted, in processes of their own: clean, quick, and to be gone on with."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COUNT = 40

Launch = Callable[..., subprocess.Popen[str]]

NODES = """
import time
from pathlib import Path

import torch

from rotonodes import Clip, Frame, Image, Key, Monitor, Node, OutputPath, param
from rotonodes.errors import Interrupted
from rotonodes.values.frames import FilePattern
from rotonodes.io.files import atomic_write, write_sidecar


class Plate(Node):
    \"""A picture that takes its time.\"""

    seconds: float = param(0.02, help="how long a frame takes", pixels=False)

    def process(self, frame: Frame) -> Image:
        time.sleep(self.seconds)
        return Image(torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(int(frame))))


class SlowWrite(Node):
    \"""Writes in two halves, with a pause between them.\"""

    path: OutputPath = param(help="the files", pixels=False)
    pause: float = param(0.02, help="how long", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def process(self, image: Image, frame: Frame, key: Key) -> Path:
        (path,) = self.writes(frame)
        data = image.data.numpy().tobytes()
        with atomic_write(path) as hidden:
            hidden.write_bytes(data[:100])
            time.sleep(self.pause)
            hidden.write_bytes(data)
        write_sidecar(path, key)
        return Path(path)


class Stuck(Node):
    \"""Sleeps where nobody can wake it.\"""

    def process(self, image: Image) -> Image:
        time.sleep(60)
        return image


class Patient(Node):
    \"""A long node that asks whether it should stop.\"""

    path: OutputPath = param(help="the file", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, image: Clip[Image], monitor: Monitor, key: Key) -> Path:
        for _ in image:
            pass
        Path("training").touch()
        while not monitor.stopping():
            time.sleep(0.01)
        raise Interrupted("stopped; the checkpoint stays")
"""

GRAPH = """
rotonodes: 1
frames: 1-40
nodes:
  plate: {type: Plate}
  write: {type: SlowWrite, in: plate, path: "out/a.####.bin"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nodes.py").write_text(NODES)
    (tmp_path / "g.yaml").write_text(GRAPH)
    return tmp_path


def command(*more: str) -> list[str]:
    return [sys.executable, str(ROOT / "cli.py"), "run", "g.yaml", "--nodes", "nodes.py", "--progress", "plain", "--device", "cpu", *more]


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command(*more), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def launch(folder: Path) -> Iterator[Launch]:
    """Starts runs of the graph; none of them outlives the test."""
    with contextlib.ExitStack() as stack:

        def launched(*more: str) -> subprocess.Popen[str]:
            process = stack.enter_context(start(folder, *more))
            stack.callback(process.kill)
            return process

        yield launched


def finish(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    process = start(folder, *more)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def frames(folder: Path) -> list[Path]:
    return sorted((folder / "out").glob("a.*.bin"))


def wait_for(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Until it has happened; fails when the run ends before."""
    deadline = time.monotonic() + 40
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


def leftovers(folder: Path) -> list[str]:
    """Hidden files that are no sidecars of finished ones."""
    return [p.name for p in folder.rglob(".*") if p.is_file() and not (p.name.endswith(".bin.key") and p.with_name(p.name[1:-4]).exists())]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in frames(folder)}


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an uninterrupted run makes."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "nodes.py").write_text(NODES)
    (folder / "g.yaml").write_text(GRAPH)
    done = finish(folder, "--set", "plate.seconds=0", "--set", "write.pause=0")
    assert done.returncode == 0, done.stderr
    return contents(folder)


@pytest.fixture
def running(folder: Path, launch: Launch) -> subprocess.Popen[str]:
    """A run that has some frames behind it, and most before it."""
    process = launch()
    wait_for(lambda: len(frames(folder)) >= 4, process)
    return process


def test_a_killed_run_resumes_and_ends_identical(folder: Path, running: subprocess.Popen[str], wanted: dict[str, bytes]) -> None:
    running.kill()
    running.communicate()
    done = contents(folder)
    assert 4 <= len(done) < COUNT
    assert {name: wanted[name] for name in done} == done, "a file that is there is whole"
    stamps = {path.name: path.stat().st_mtime_ns for path in frames(folder)}
    signed = {path.name for path in frames(folder) if path.with_name(f".{path.name}.key").exists()}
    resumed = finish(folder, "--set", "plate.seconds=0", "--set", "write.pause=0")
    assert resumed.returncode == 0, resumed.stderr
    assert contents(folder) == wanted
    again = {path.name: path.stat().st_mtime_ns for path in frames(folder)}
    assert signed and {name: again[name] for name in signed} == {name: stamps[name] for name in signed}, (
        "finished frames are not made again"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_run_cleanly(
    folder: Path, running: subprocess.Popen[str], wanted: dict[str, bytes], number: signal.Signals, code: int
) -> None:
    running.send_signal(number)
    _, err = running.communicate(timeout=5)
    assert running.returncode == code
    assert "Traceback" not in err
    done = contents(folder)
    assert 4 <= len(done) < COUNT
    assert {name: wanted[name] for name in done} == done
    assert leftovers(folder) == []
    assert finish(folder, "--set", "plate.seconds=0", "--set", "write.pause=0").returncode == 0
    assert contents(folder) == wanted


def test_a_stuck_node_cannot_hold_the_process(folder: Path, launch: Launch) -> None:
    graph = GRAPH + "  stuck: {type: Stuck, in: plate}\n" + '  other: {type: SlowWrite, in: stuck, path: "other/a.####.bin"}\n'
    (folder / "g.yaml").write_text(graph)
    process = launch("--set", "write.pause=30")
    wait_for(lambda: list(folder.rglob("out/.*")), process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)
    assert process.returncode == 143
    assert leftovers(folder) == []


def test_a_second_signal_ends_it_at_once(folder: Path, launch: Launch) -> None:
    process = launch("--set", "write.pause=30")
    wait_for(lambda: list(folder.rglob("out/.*")), process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "stopping" not in (line := process.stderr.readline()):
        assert line, "the run ended without a word"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=3)
    assert process.returncode == 130
    assert leftovers(folder) == []


def test_a_long_node_learns_that_it_should_stop(folder: Path, launch: Launch) -> None:
    (folder / "g.yaml").write_text(GRAPH.partition("  write")[0] + "  learn: {type: Patient, in: plate, path: model.bin}\n")
    process = launch("--set", "plate.seconds=0")
    wait_for((folder / "training").exists, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=5)
    assert process.returncode == 143
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_run_has_begun(folder: Path, number: signal.Signals) -> None:
    """While modules are imported and the graph is read, too, the exit code says what happened."""
    (folder / "nodes.py").write_text("from pathlib import Path\nimport time\nPath('importing').touch()\ntime.sleep(30)\n" + NODES)
    with start(folder) as process:
        wait_for((folder / "importing").exists, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (128 + number, "")
